import { crc32 } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { readServiceSettings } from '../../src/config/config.ts';
import { newKey } from '../../src/config/new-key.ts';
import { runCommand } from '../support/command-line.ts';
import { sha256 } from '../support/running-service.ts';

test('key new prints a key once, and the entry that lets it in', async () => {
  const flags = [
    '--name',
    'shop',
    '--scope',
    'orders:write,orders:read',
    '--account',
    'jenga',
    '--expires',
    '2099-01-01',
  ];
  const { code, stdout, stderr } = await runCommand(['key', 'new', ...flags]);
  expect(code).toBe(0);
  const [key = '', entry = '', ...rest] = stdout.split('\n');
  expect(rest).toEqual(['']);
  expect(key).toMatch(/^pp_live_[0-9A-Za-z]{49}$/);
  expect(stderr).not.toContain(key);
  expect(readServiceSettings({ API_KEYS: `[${entry}]` }).apiKeys).toEqual([
    {
      name: 'shop',
      sha256: sha256(key),
      scopes: ['orders:write', 'orders:read'],
      accounts: ['jenga'],
      expiresAt: Date.UTC(2099, 0, 1),
    },
  ]);
});

test('every key has another secret, and a checksum by which a scanner knows it', () => {
  const keys = Array.from({ length: 200 }, () => newKey().key);
  expect(new Set(keys).size).toBe(keys.length);
  const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
  for (const key of keys) {
    expect(key).toMatch(/^pp_live_[0-9A-Za-z]{49}$/);
    const checksum = [...key.slice(-6)].reduce((sum, digit) => sum * 62 + digits.indexOf(digit), 0);
    expect(checksum).toBe(crc32(key.slice(0, -6)));
  }
});

describe.concurrent('wrong usage: exit code 2, one sentence, nothing printed', () => {
  const good = ['--name', 'shop', '--scope', 'orders:read'];
  test.each([
    ['no name', ['--scope', 'orders:read'], /--name/],
    ['no scope', ['--name', 'shop'], /--scope/],
    ['a name that is none', ['--name', 'A shop', '--scope', 'orders:read'], /A name must consist of a-z/],
    ['an unknown scope', ['--name', 'shop', '--scope', 'orders:read,all'], /The scopes are orders:write/],
    ['an account that is none', [...good, '--account', 'Jenga'], /Give account ids/],
    ['an end that is none', [...good, '--expires', 'tomorrow'], /a date or an RFC 3339 time/],
    ['an end that is past', [...good, '--expires', '2020-01-01'], /is in the past/],
  ])('%s', async (_what, flags, sentence) => {
    const { code, stdout, stderr } = await runCommand(['key', 'new', ...flags]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(sentence);
  });
});
