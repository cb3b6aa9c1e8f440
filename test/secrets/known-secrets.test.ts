import { describe, expect, test } from 'vitest';
import { providers } from '../../src/providers/index.ts';
import { redactSecrets, secretNames, secretsOf } from '../../src/providers/known-secrets.ts';
import type { Provider } from '../../src/providers/provider.ts';
import { readAnswer } from '../../src/providers/read-answer.ts';
import { redact } from '../../src/providers/redact.ts';
import { pathsOf, withRaw } from '../fuzz/hostile.ts';
import { fixturesOf } from '../providers/fixtures/index.ts';
import { sampleNow } from '../support/provider-fixtures.ts';

/** An error in the form of every provider at once. */
function errorOf(said: string) {
  return {
    ...{ status: said, code: said, message: said, msg: said, description: said, category: 'x' },
    ...{ errorCode: said, errorMessage: said, success: false, error: { code: said } },
  };
}

function isObject(body: unknown): body is object {
  return typeof body === 'object' && body !== null;
}

describe.each([...fixturesOf])('%s', (id, fixtures) => {
  const provider = providers.get(id) as Provider;
  const settings = provider.settings.parse(fixtures.settings);

  test('has secrets among its settings', () => {
    expect(secretsOf(provider, settings).length).toBeGreaterThan(0);
  });

  test('repeats no credential of ours, and no token of any form', () => {
    const objects = fixtures.answers.map(({ body }) => body).filter((body) => isObject(body));
    for (const secret of [...secretsOf(provider, settings), 'short.token']) {
      const said = `we do not know ${secret} here`;
      // The documented answers, with this text in the place of each value in turn.
      const bodies = objects.flatMap((body) =>
        pathsOf(body).map((path) => withRaw(body, path, JSON.stringify(said))),
      );
      const shown = [JSON.stringify(errorOf(said)), ...bodies].flatMap((body) =>
        [200, 400, 401, 500].map((httpStatus) => {
          const answer = { httpStatus, headers: {}, body: Buffer.from(body) };
          const options = { at: sampleNow, source: 'poll', settings, token: 'short.token' } as const;
          const reading = readAnswer(provider, answer, fixtures.order, options);
          expect(JSON.stringify(reading)).not.toContain(secret);
          return `${reading.providerMessage} ${reading.providerStatus}`;
        }),
      );
      expect(shown.some((text) => text.includes('[secret]'))).toBe(true);
    }
  });
});

/** How a gateway may print what we sent. */
const disguises: readonly (readonly [string, (secret: string) => string])[] = [
  ['as it is', (secret) => secret],
  ['in capitals', (secret) => secret.toUpperCase()],
  ['with an invisible character inside', (secret) => `${secret.slice(0, 4)}\u200b${secret.slice(4)}`],
  ['in full-width characters', (secret) => secret.replace(/[!-~]/g, widened)],
];

function widened(character: string): string {
  return String.fromCharCode(character.charCodeAt(0) + 0xfee0);
}

describe.each([...fixturesOf])('%s', (id, fixtures) => {
  const provider = providers.get(id) as Provider;
  const token = 'a1b2c3-d4e5f6';
  const settings = Object.fromEntries(
    Object.entries(provider.settings.parse(fixtures.settings)).map(([name, value]) => [
      name,
      secretNames(provider.settings).includes(name) && typeof value === 'string' ? 'Secret-Nr-123' : value,
    ]),
  );

  test.each(disguises)('a secret alone in place of any value is not shown %s', (_name, disguise) => {
    for (const secret of ['Secret-Nr-123', token]) {
      for (const body of [fixtures.paid, fixtures.failed]) {
        for (const path of pathsOf(body)) {
          const text = withRaw(body, path, JSON.stringify(disguise(secret)));
          const answer = { httpStatus: 200, headers: {}, body: Buffer.from(text) };
          const reading = readAnswer(provider, answer, fixtures.order, {
            ...{ at: sampleNow, source: 'poll', settings, token },
          });
          expect(JSON.stringify(reading).toLowerCase(), path).not.toContain(secret.toLowerCase());
        }
      }
    }
  });
});

test('a secret is hidden as often as it stands there, and taken literally', () => {
  expect(redactSecrets('a.b+c a.b+c axb+c', ['a.b+c'])).toBe('[secret] [secret] axb+c');
  expect(redactSecrets('nothing', [])).toBe('nothing');
});

test.each([
  '254\u00a0711\u00a0223\u00a0344',
  '+254.711.223.344',
  '(0711) 223-344',
  '0711.223.344',
  '254\u2011711\u2011223\u2011344',
  '+254 (711) 223-344',
  '0711 22 33 44',
])('the number %s is hidden', (number) => {
  expect(redact(`Sent to ${number}, thank you`)).not.toMatch(/\d/);
});
