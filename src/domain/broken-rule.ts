import type { z } from 'zod';

/** What zod's own messages begin with; those of our schemas say what to do already. */
const ofZod = /^(?:Invalid |Too (?:small|big)|Unrecognized key)/;

const kinds: { readonly [expected: string]: string } = {
  ...{ string: 'a string', number: 'a number', int: 'a whole number', boolean: 'true or false' },
  ...{ array: 'a list', object: 'an object', record: 'an object', date: 'a time' },
};

const formats: { readonly [format: string]: string } = {
  ...{ datetime: 'an RFC 3339 time such as 2026-11-27T09:00:00Z', date: 'a date such as 2026-11-27' },
  ...{
    url: 'a URL',
    email: 'an email address',
    uuid: 'a UUID',
    ipv4: 'an IPv4 address',
    ipv6: 'an IPv6 address',
  },
};

/** The rule that a value breaks, as the rest of a sentence: "must be at least 1". Never contains the value. */
export function brokenRule(issue: z.core.$ZodIssue): string {
  if (!ofZod.test(issue.message)) return issue.message.replace(/\.$/, '');
  switch (issue.code) {
    case 'invalid_type':
      return `must be ${kinds[issue.expected] ?? `a ${issue.expected}`}`;
    case 'too_small':
      return limit(issue, Number(issue.minimum), issue.inclusive === false ? 'more than' : 'at least');
    case 'too_big':
      return limit(issue, Number(issue.maximum), issue.inclusive === false ? 'less than' : 'at most');
    case 'invalid_value':
      return issue.values.length === 1
        ? `must be ${String(issue.values[0])}`
        : `must be one of ${issue.values.map(String).join(', ')}`;
    case 'invalid_format':
      return formats[issue.format] === undefined
        ? 'does not have the required form'
        : `must be ${formats[issue.format]}`;
    case 'not_multiple_of':
      return `must be a multiple of ${issue.divisor}`;
    case 'unrecognized_keys':
      return `has unknown fields: ${issue.keys
        .slice(0, 10)
        .map((key) => JSON.stringify(key.slice(0, 40)))
        .join(', ')}`;
    default:
      return 'is not valid';
  }
}

function limit({ origin }: { readonly origin: string }, bound: number, words: string): string {
  const unit = { string: 'character', array: 'entry', set: 'entry', map: 'entry', file: 'byte' }[origin];
  if (unit === undefined) return `must be ${words} ${bound}`;
  const plural = unit === 'entry' ? 'entries' : `${unit}s`;
  return `must have ${words} ${bound} ${bound === 1 ? unit : plural}`;
}
