import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import {
  type ConfigError,
  readConfig,
  readServiceSettings,
  secretVariables,
} from '../../src/config/config.ts';
import { fileVariable } from '../../src/config/secret-files.ts';
import { unknownVariables } from '../../src/config/unknown-variables.ts';
import { providers } from '../../src/providers/index.ts';

const folder = mkdtempSync(join(tmpdir(), 'payment-poller-secrets-'));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const lipia = { ACCOUNTS: 'shop=lipia', LIPIA_BASE_URL: '' };

function faultsOf(environment: { readonly [name: string]: string }): readonly string[] {
  try {
    readConfig(environment);
    return [];
  } catch (error) {
    return (error as ConfigError).faults;
  }
}

test('a secret may be in a file, whose final line break is no part of it', () => {
  const config = readConfig({
    ...lipia,
    SHOP_API_KEY_FILE: file('key', 'a-key-from-a-file\n'),
    REDIS_URL_FILE: file('redis', 'redis://:secret@127.0.0.1:6390\n'),
    SHOP_CALLBACK_PASSWORD_FILE: file('password', 'callback-password'),
    SHOP_CALLBACK_USERNAME: 'gateway',
  });
  expect(config.accounts[0]?.settings.apiKey).toBe('a-key-from-a-file');
  expect(config.redisUrl).toContain(':secret@127.0.0.1:6390');
  expect(config.accounts[0]?.callbacks.basic).toEqual({ username: 'gateway', password: 'callback-password' });
});

test('commands that need no accounts read the files of the service', () => {
  const path = file('redis-2', 'redis://127.0.0.1:6391');
  expect(readServiceSettings({ REDIS_URL_FILE: path }).redisUrl).toContain('6391');
});

test('every secret setting of every account can be in a file', () => {
  const variables = secretVariables(
    [...providers.values()].map((provider) => ({ id: provider.id, provider })),
  );
  expect(variables).toContain('BOARD_PASSWORD');
  expect(variables).toContain('JENGA_CALLBACK_TOKEN');
  expect(variables).toContain('DARAJA_CONSUMER_SECRET');
  expect(variables).not.toContain('PORT');
  // Spelt right, so no warning.
  const environment = Object.fromEntries(variables.map((variable) => [fileVariable(variable), 'x']));
  expect(unknownVariables({ ACCOUNTS: [...providers.keys()].join(','), ...environment })).toEqual([]);
});

test('what cannot be used is a fault among the others, which never shows what is in the file', () => {
  const both = file('both', 'a-secret-in-a-file');
  const faults = faultsOf({
    ...lipia,
    PORT: 'x',
    SHOP_API_KEY_FILE: join(folder, 'not-there'),
    REDIS_URL_FILE: file('empty', ' \n'),
    SHOP_CALLBACK_TOKEN: 'a-token-of-the-environment',
    SHOP_CALLBACK_TOKEN_FILE: both,
    SHOP_CALLBACK_PASSWORD_FILE: file('large', 'p'.repeat(70_000)),
  });
  const text = faults.join('\n');
  expect(text).toContain('SHOP_API_KEY_FILE names a file that cannot be read (ENOENT)');
  expect(text).toContain('REDIS_URL_FILE names an empty file');
  expect(text).toContain('SHOP_CALLBACK_TOKEN and SHOP_CALLBACK_TOKEN_FILE are both set');
  expect(text).toContain('SHOP_CALLBACK_PASSWORD_FILE names a file with more than 65536 characters');
  expect(text).toContain('PORT');
  expect(text).not.toContain('a-secret-in-a-file');
  expect(text).not.toContain('ppp');
});
