import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { providers } from '../../src/providers/index.ts';
import type { Provider } from '../../src/providers/provider.ts';
import { readAnswer } from '../../src/providers/read-answer.ts';
import { otherReadings } from '../../src/providers/repeated-keys.ts';
import { bytes } from '../support/provider-contract.ts';
import { type ProviderFixtures, sampleNow } from '../support/provider-fixtures.ts';
import { fixturesOf } from './fixtures/index.ts';

describe('JSON as another parser would read it', () => {
  test.each([
    ['{"a":1,"b":{"a":2},"c":[{"a":3},{"a":4}]}', []],
    ['{"a":1,"a":2}', [{ a: 1 }]],
    ['{"a":1,"a":2,"a":3}', [{ a: 1 }, { a: 2 }]],
    ['{"a":1,"\\u0061":2}', [{ a: 1 }]],
    ['{"x":{"a":"\\"{","a":"}"},"a":[1,{"b":1,"b":2}]}', [{ x: { a: '"{' }, a: [1, { b: 1 }] }]],
    [
      '{"a":1,"a":2,"b":1,"b":2,"b":3}',
      [
        { a: 1, b: 1 },
        { a: 2, b: 2 },
      ],
    ],
    ['["a","a",{"a":"a"}]', []],
    ['"a"', []],
  ])('%s', (text, expected) => {
    expect(otherReadings(text)?.map((other) => JSON.parse(other, undropped) as unknown)).toEqual(expected);
  });

  /** Leaves out what was renamed. */
  function undropped(this: unknown, key: string, value: unknown): unknown {
    return key === '\u0000repeated' ? undefined : value;
  }

  test('a key that is repeated without end is not followed', () => {
    expect(otherReadings(`{${'"a":1,'.repeat(100)}"a":2}`)).toBeNull();
  });

  test('whatever is written once is read one way', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(otherReadings(JSON.stringify(JSON.parse(text)))).toEqual([]);
      }),
    );
  });
});

describe.each([...fixturesOf])('%s', (id, fixtures) => {
  const provider = providers.get(id) as Provider;

  /** The body with another value for its deciding field too, before or behind the one that it has. */
  function twice({ at }: ProviderFixtures, body: object, word: string, isFirst: boolean): string {
    const key = JSON.stringify(at.word.split('.').at(-1));
    const field = new RegExp(`${key}:"[^"]*"`, 'g');
    const text = JSON.stringify(body);
    const [last = ''] = [...text.matchAll(field)].map(([found]) => found).slice(-1);
    const start = text.lastIndexOf(last);
    const pair = isFirst ? `${key}:"${word}",${last}` : `${last},${key}:"${word}"`;
    return text.slice(0, start) + pair + text.slice(start + last.length);
  }

  function read(text: string) {
    const settings = provider.settings.parse(fixtures.settings);
    const answer = { httpStatus: 200, headers: {}, body: bytes(text) };
    return readAnswer(provider, answer, fixtures.order, { at: sampleNow, source: 'poll', settings });
  }

  function wordOf(body: object): string {
    return String(
      fixtures.at.word.split('.').reduce<unknown>((at, key) => Reflect.get(at as object, key), body),
    );
  }

  test.each([true, false])(
    'paid and failed in one body decide nothing, whichever is first (%s)',
    (isFirst) => {
      const word = { paid: wordOf(fixtures.paid), failed: wordOf(fixtures.failed) };
      for (const [body, other] of [
        [fixtures.paid, word.failed],
        [fixtures.failed, word.paid],
      ] as const) {
        const reading = read(twice(fixtures, body, other, isFirst));
        expect(['failed', 'expired']).not.toContain(reading.kind);
        if (reading.kind === 'paid') expect(reading.doubt).not.toBeNull();
      }
    },
  );

  test('a text that stands there twice takes nothing away', () => {
    const text = JSON.stringify(fixtures.paid).replace(
      /^\{/,
      '{"message":"x","ResultDesc":"y","unknown":1,"unknown":2,',
    );
    expect(read(text)).toMatchObject({ kind: 'paid', doubt: null });
  });
});
