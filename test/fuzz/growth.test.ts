import { describe, expect, test } from 'vitest';
import { isSameSecret, keyDigestOf } from '../../src/api/api-keys.ts';
import { createRedaction } from '../../src/api/ui/redact-personal-data.ts';
import { readLines } from '../../src/commands/read-lines.ts';
import { ConfigError, readConfig, variableName } from '../../src/config/config.ts';
import { toMinor } from '../../src/domain/money.ts';
import { accountIdPattern, orderIdPattern } from '../../src/domain/order.ts';
import { parseEvent } from '../../src/domain/result-event.ts';
import { defaultSchedule } from '../../src/domain/schedule.ts';
import { validateOrder } from '../../src/jobs/validate-order.ts';
import { createLog } from '../../src/observability/log.ts';
import { parseAnswerToken } from '../../src/orders/begin-query.ts';
import { newRecordFields, parseRecord } from '../../src/orders/codec.ts';
import { providers } from '../../src/providers/index.ts';
import { redactSecrets } from '../../src/providers/known-secrets.ts';
import { retryAfterMs } from '../../src/providers/open-reading.ts';
import { parseOverrides } from '../../src/providers/overrides.ts';
import type { Provider } from '../../src/providers/provider.ts';
import { parseJson, readAnswer, rejectsToken } from '../../src/providers/read-answer.ts';
import { redact } from '../../src/providers/redact.ts';
import { isoTime, nairobiTime } from '../../src/providers/time.ts';
import { isRedisUrl, redisAddress } from '../../src/redis/url.ts';
import { darajaResultFixtures } from '../providers/fixtures/daraja.ts';
import { fixturesOf } from '../providers/fixtures/index.ts';
import { anOrder } from '../support/builders.ts';
import { growthOf, growthOfStream, mostGrowth, usedMs } from '../support/growth.ts';
import { sampleNow } from '../support/provider-fixtures.ts';
import { pathsOf, valueAt, withRaw } from './hostile.ts';

/** What regular expressions stumble over: runs, alternations and near misses of what they look for. */
const units = [
  ...['a', '0', ' ', '-', '.', ',', ':', '/', '@', '(', '[', '"', '\\', '=', '+', '%', '*'],
  ...['\n', '\r', '\u00a0', '\u200b', '\ud800', 'a-', 'a:', '0-', '0.', '0,', '@/', ' 1', '07', '254(0)'],
  ...['token - ', 'Bearer ', 'spike-', '/callbacks/', 'a=', '%2'],
];
/** Where the run stands. */
const places: readonly (readonly [before: string, after: string])[] = [
  ['', '!'],
  ['redis://h', 'x'],
  ['Bearer ', ' '],
];

/** The inputs for which a parser grows as the square of their length, or worse. */
function slowInputs(parse: (text: string) => unknown, wrap = (text: string) => text): string[] {
  return places.flatMap(([before, after]) =>
    units.flatMap((unit) => {
      const make = (length: number) => wrap(before + unit.repeat(length / unit.length) + after);
      return growthOf(parse, make) < mostGrowth ? [] : [JSON.stringify([before, unit, after])];
    }),
  );
}

const accounts = new Map([
  [
    'lipia',
    {
      provider: 'lipia',
      currency: 'KES',
      schedule: defaultSchedule,
      callbacks: false,
      sharedReferences: false,
    },
  ],
]);
const input = {
  orderId: 'o',
  account: 'lipia',
  reference: 'r',
  amount: '1',
  currency: 'KES',
  createdAt: 'c',
};
const silent = createLog('error', { write() {} });
const redaction = createRedaction(['phone']);
const secrets = ['simulated-secret', 'aaaaaaaaaaaaaaaa', '0000000000000000'];

const parsers: { readonly [name: string]: (text: string) => unknown } = {
  redact,
  hide: (text) => redactSecrets(text, secrets),
  redisAddress,
  isRedisUrl,
  nairobiTime,
  isoTime,
  toMinor,
  parseAnswerToken,
  orderIdPattern: (text) => orderIdPattern.test(text),
  accountIdPattern: (text) => accountIdPattern.test(text),
  retryAfterMs: (text) => retryAfterMs(text, 0),
  'the API key of a request': (text) => keyDigestOf({ headers: { authorization: text } } as never),
  isSameSecret: (text) => isSameSecret(text, 'secret'),
  'an order': (text) =>
    Object.keys(input).map((name) => validateOrder({ ...input, [name]: text }, accounts, providers, 0)),
  'metadata of an order': (text) =>
    validateOrder({ ...input, metadata: { [text]: text } }, accounts, providers, 0),
  'the redaction of the board': (text) => redaction.json({ [text]: text }),
  'an error in the log': (text) => silent.error({ err: new Error(text) }),
  parseOverrides: (text) =>
    parseOverrides(`{"jenga":{${JSON.stringify(text)}:{"reading":"paid"}}}`, providers),
  'an event': (text) =>
    attempt(() => parseEvent(['id', text, 'source', text, 'time', text, 'type', text, 'data', '{}'])),
  'a record': (text) =>
    attempt(() => parseRecord('o', { ...newRecordFields(anOrder(), 1), amountMinor: text, phase: text })),
};

function attempt(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return error;
  }
}

test.each(Object.entries(parsers))('%s grows with its input, and no faster', (_name, parse) => {
  expect(slowInputs(parse)).toEqual([]);
});

const answered = [...fixturesOf, ['daraja', darajaResultFixtures] as const];

describe.each(answered)('the answers of %s', (id, fixtures) => {
  const provider = providers.get(id) as Provider;
  const settings = provider.settings.parse(fixtures.settings);
  /** A paid body all of whose texts are this one. */
  const bodyOf = (text: string) => {
    const json = JSON.stringify(text);
    return JSON.stringify(fixtures.paid, (_key, value: unknown) =>
      typeof value === 'string' ? '@' : value,
    ).replaceAll('"@"', () => json);
  };
  const parse = (body: string) => {
    const answer = { httpStatus: 200, headers: {}, body: Buffer.from(body) };
    const options = { at: sampleNow, source: 'poll', settings } as const;
    readAnswer(provider, answer, fixtures.order, id === 'daraja' ? { ...options, pushed: true } : options);
    rejectsToken(provider, answer);
    const pushed = provider.callback?.body.safeParse(parseJson(answer.body));
    if (pushed?.success) provider.callback?.aliases(pushed.data);
  };

  test('grow with their texts, and no faster', () => {
    expect(slowInputs(parse, bodyOf)).toEqual([]);
  });

  test('grow with the number of their parts, and no faster', () => {
    const containers = pathsOf(fixtures.paid).filter((path) => Array.isArray(valueAt(fixtures.paid, path)));
    for (const path of ['extra', ...containers]) {
      const part = JSON.stringify((valueAt(fixtures.paid, path) as unknown[] | undefined)?.[0] ?? {});
      const make = (length: number) =>
        withRaw(fixtures.paid, path, `[${`${part},`.repeat(length / 4)}${part}]`);
      expect(growthOf(parse, make), path).toBeLessThan(mostGrowth);
    }
  });
});

test.each([
  ['redisUrl', undefined],
  ['publicUrl', undefined],
  ['baseUrl', 'lipia'],
  ['watchMs', 'lipia'],
  ['callbackAddresses', 'lipia'],
])('the setting %s grows with its text, and no faster', (name, account) => {
  expect(slowInputs(configured(variableName(name, account)))).toEqual([]);
});

/** Reads a configuration with this text in a variable. */
function configured(variable: string) {
  return (text: string) => {
    try {
      readConfig({ ACCOUNTS: 'lipia', LIPIA_API_KEY: 'x', [variable]: text });
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
    }
  };
}

test('lines grow with their text, and no faster, however it is cut', async () => {
  const cpuMsOfLines = async (length: number) => {
    async function* chunks() {
      for (let nth = 0; nth < length; nth += 1) yield nth % 2 === 0 ? '\r' : 'x';
    }
    const startedAt = process.threadCpuUsage();
    for await (const _ of readLines(chunks(), 1_000_000));
    return usedMs(startedAt);
  };
  expect(await growthOfStream(cpuMsOfLines)).toBeLessThan(mostGrowth);
});
