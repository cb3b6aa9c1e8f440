import { expect, test } from 'vitest';
import { ConfigError, readServiceSettings } from '../../src/config/config.ts';
import { isWeakPassword } from '../../src/config/weak-password.ts';
import { isPlainPublicUrl } from '../../src/roles/api-role.ts';

test.each([
  'passwordpassword',
  'PasswordPassword',
  'Password1234!',
  'password-2026!',
  'admin-admin-admin',
  'aaaaaaaaaaaa',
  'abababababab',
  'abcabcabcabca',
  '123456789012',
  'changemechangeme',
  'qwertyqwerty1',
  'operator12345',
  'payment-poller',
])('%s is too easily guessed', (password) => {
  expect(isWeakPassword(password)).toBe(true);
  expect(() => readServiceSettings({ BOARD_PASSWORD: password })).toThrow(ConfigError);
  expect(() => readServiceSettings({ BOARD_PASSWORD: password })).not.toThrow(password);
});

test.each([
  'open sesame, please',
  'correct horse battery',
  'recognisable-board-password',
  'Tz8kQ1_vW0xR',
  'hVn3yqLs0pXKZJm2f9aB',
  'mwana mbuzi chai barabara',
])('%s is taken', (password) => expect(isWeakPassword(password)).toBe(false));

test.each([
  ['http://pay.example', true],
  ['http://10.0.0.1:8080/x', true],
  ['https://pay.example', false],
  ['http://localhost:8080', false],
  ['http://127.0.0.1:8080', false],
  ['http://[::1]:8080', false],
  [undefined, false],
])('what is said to PUBLIC_URL=%s can be overheard: %s', (url, expected) => {
  expect(isPlainPublicUrl(url)).toBe(expected);
});
