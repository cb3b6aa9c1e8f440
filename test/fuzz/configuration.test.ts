import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { accountSettings } from '../../src/config/account-settings.ts';
import { ConfigError, readConfig, readServiceSettings, variableName } from '../../src/config/config.ts';
import { serviceSettings } from '../../src/config/settings.ts';
import { providers } from '../../src/providers/index.ts';
import { parseOverrides } from '../../src/providers/overrides.ts';
import { connectRedis } from '../../src/redis/connection.ts';
import { isRedisUrl, redisAddress } from '../../src/redis/url.ts';
import { fixturesOf } from '../providers/fixtures/index.ts';
import { hostileDocuments, hostileValues } from './hostile.ts';

const ids = [...fixturesOf.keys()];

/** A configuration of every provider that answers at once. */
const good: { [name: string]: string } = {
  ACCOUNTS: ids.join(','),
  ...Object.fromEntries(
    [...fixturesOf].flatMap(([id, { settings }]) =>
      Object.entries(settings).map(([name, value]) => [variableName(name, id), String(value)]),
    ),
  ),
};

/** Every variable, with an account that reads it; those that all accounts have are read by the first one. */
const variables = ids.map((id, nth): readonly [string, string[]] => {
  const own = Object.keys(providers.get(id)?.settings.shape ?? {});
  const names = nth === 0 ? [...Object.keys(accountSettings.shape), ...own] : own;
  const ofService =
    nth === 0 ? ['ACCOUNTS', ...Object.keys(serviceSettings.shape).map((name) => variableName(name))] : [];
  return [id, [...ofService, ...names.map((name) => variableName(name, id))]];
});

/** The faults of an environment; anything but a list of faults is a crash. */
function faultsOf(environment: { [name: string]: string }): readonly string[] {
  try {
    readConfig(environment);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
}

/** Texts that an environment can hold: no NUL, no half characters. */
const texts = hostileValues
  .map(([, json]) => (json.startsWith('"') ? String(JSON.parse(json)) : json))
  .map((text) => text.replaceAll('\u0000', '').toWellFormed());

describe('a configuration', () => {
  test('that is good has no fault', () => {
    expect(faultsOf(good)).toEqual([]);
  });

  test('with hostile text in any variable is read, or its faults are reported without that text', () => {
    const marker = 'marker-that-nobody-prints';
    const marked = [`redis://user:${marker}@`, `http://${marker} x`, `${marker}${'x'.repeat(600)}`];
    const printed: string[] = [];
    for (const [id, names] of variables) {
      for (const variable of names) {
        for (const text of [...texts, ...marked]) {
          // One account at a time: what is wrong with one hides nothing of the others.
          const faults = faultsOf({ ...good, ACCOUNTS: id, [variable]: text });
          if (faults.some((fault) => fault.includes(marker))) printed.push(`${variable}=${text}`);
        }
      }
    }
    expect(printed).toEqual([]);
  });

  test('of random text in any variables is read, or its faults are reported', () => {
    const text = fc.oneof(fc.string({ maxLength: 30 }), fc.constantFrom(...texts), fc.double().map(String));
    const environment = fc.dictionary(fc.constantFrom(...variables.flatMap(([, names]) => names)), text, {
      maxKeys: 6,
    });
    fc.assert(
      fc.property(environment, (given) => {
        faultsOf({ ...good, ...given });
      }),
      { numRuns: 100 },
    );
  });

  test.each([
    ['JENGA_WATCH_MS', '1000,1e300'],
    ['JENGA_TIMEOUT_MS', '3000000000'],
    ['SWEEP_INTERVAL_MS', '3000000000'],
    ['SHUTDOWN_MS', '3000000000'],
    ['JENGA_RATE_PER_SECOND', '1e400'],
    ['JENGA_FACTOR', 'Infinity'],
    ['PORT', '0x1F90000'],
    ['TRUSTED_PROXIES', 'nonsense'],
  ])('%s=%s, which no timer or server bears, is a fault', (variable, text) => {
    expect(faultsOf({ ...good, [variable]: text })).toEqual([expect.stringContaining(variable)]);
  });
});

describe('STATUS_OVERRIDES', () => {
  test('of any document is read, or its faults are reported', () => {
    for (const [name, document] of hostileDocuments) {
      const json = typeof document === 'string' ? document : Buffer.from(document).toString('latin1');
      const parsed = parseOverrides(json, providers);
      const isEmpty =
        'overrides' in parsed && [...parsed.overrides.values()].every((words) => words.size === 0);
      expect('faults' in parsed || isEmpty, name).toBe(true);
    }
  });

  test('with hostile words and meanings never changes a documented word', () => {
    for (const [, json] of hostileValues) {
      const texts = [`{"jenga":${json}}`, `{"jenga":{"X":${json}}}`, `{"jenga":{"X":{"reading":${json}}}}`];
      const keys = json.startsWith('"') ? [`{${json}:{}}`, `{"jenga":{${json}:{"reading":"paid"}}}`] : [];
      for (const text of [...texts, ...keys]) {
        const parsed = parseOverrides(text, providers);
        const words = 'overrides' in parsed ? [...(parsed.overrides.get('jenga')?.keys() ?? [])] : [];
        expect(words.filter((word) => providers.get('jenga')?.payment.has(word))).toEqual([]);
      }
    }
  });

  test.each(['/', '/dev/null', 'no-such-file', '\u0000', 'x'.repeat(5_000)])(
    'as the path %j is a fault',
    (path) => {
      expect(faultsOf({ ...good, STATUS_OVERRIDES: path }).length).toBeGreaterThan(0);
    },
  );

  test('in a file of any content is read, or its faults are reported', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'payment-poller-test-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const path = join(folder, 'overrides.json');
    for (const [name, document] of hostileDocuments) {
      await writeFile(path, document);
      expect(() => faultsOf({ ...good, STATUS_OVERRIDES: path }), name).not.toThrow();
    }
  });
});

describe('a Redis URL', () => {
  const part = fc.constantFrom(
    ...[
      'redis',
      'rediss',
      '+sentinel',
      '+cluster',
      '://',
      ':',
      '@',
      '/',
      ',',
      '%',
      '%zz',
      '%40',
      '[',
      ']',
      '::1',
    ],
    ...['127.0.0.1', 'h', '6379', '99999', '0', '16', '?', '#', ' ', '\u0000', '\ud800', 'secret-word', '//'],
  );
  const url = fc.array(part, { maxLength: 12 }).map((parts) => parts.join(''));

  test('of any form is taken or refused, and a refusal does not repeat it', () => {
    fc.assert(
      fc.property(url, (text) => {
        if (isRedisUrl(text)) return;
        try {
          connectRedis(text, 'prompt').disconnect();
          expect.unreachable(text);
        } catch (error) {
          expect(String(error)).not.toContain('secret-word');
        }
        try {
          readServiceSettings({ REDIS_URL: text });
        } catch (error) {
          expect(error).toBeInstanceOf(ConfigError);
          expect(String(error)).not.toContain('secret-word');
        }
      }),
      { numRuns: 1_000 },
    );
  });

  test('is shown without what stands before the host, however it is written', () => {
    const credentials = fc.string({ unit: fc.constantFrom(...'aZ0:@/%?#[]., '), maxLength: 20 });
    fc.assert(
      fc.property(credentials, (before) => {
        expect(redisAddress(`redis://${before}secret-word${before}@h:1/0`)).toBe('redis://h:1/0');
      }),
      { numRuns: 1_000 },
    );
  });
});
