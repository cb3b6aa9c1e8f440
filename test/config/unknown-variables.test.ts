import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { unknownVariables } from '../../src/config/unknown-variables.ts';
import { providers } from '../../src/providers/index.ts';

const accounts = { ACCOUNTS: 'jenga,shop2=lipia,daraja' };

function told(environment: { readonly [name: string]: string }) {
  return unknownVariables({ ...accounts, ...environment }).map(
    ({ variable, text }) => `${variable} -> ${/did you mean (\w+)/.exec(text)?.[1]}`,
  );
}

test.each([
  ['JENGA_RATE_PER_SECND', 'JENGA_RATE_PER_SECOND'],
  ['JENGA_RATE_LIMIT_PER_SECOND', 'JENGA_RATE_PER_SECOND'],
  ['SHOP2_APIKEY', 'SHOP2_API_KEY'],
  ['DARAJA_IDENTIFIER', 'DARAJA_IDENTIFIER_TYPE'],
  ['SHUTDWN_MS', 'SHUTDOWN_MS'],
  ['SHUTDONW_MS', 'SHUTDOWN_MS'],
  ['REDIS_URI', 'REDIS_URL'],
  ['BORD_PASWORD', 'BOARD_PASSWORD'],
  ['JENGAS_API_KEY', 'JENGA_API_KEY'],
])('%s: %s was meant', (variable, name) => {
  expect(told({ [variable]: '5' })).toEqual([`${variable} -> ${name}`]);
});

test('what belongs to others is left alone', () => {
  const others = [
    'PATH',
    'HOME',
    'HOSTNAME',
    'LANG',
    'USER',
    'PWD',
    'SHLVL',
    'TERM',
    'NODE_ENV',
    'NODE_OPTIONS',
  ];
  const more = [
    'npm_config_prefix',
    'REDIS_PORT',
    'REDIS_HOST',
    'KUBERNETES_PORT',
    'DATABASE_URL',
    'API_KEY',
    '_',
  ];
  expect(told(Object.fromEntries([...others, ...more].map((name) => [name, 'x'])))).toEqual([]);
});

test('nor are empty variables, nor settings of accounts that are not served at present', () => {
  expect(told({ JENGA_RATE_PER_SECND: ' ', DARAJA_STK_PASSKEY: 'x', TANDA_CLIENT_ID: 'x' })).toEqual([]);
});

test('no setting that there is counts as misspelt', () => {
  const example = readFileSync(join(import.meta.dirname, '../..', '.env.example'), 'utf8');
  const names = [...example.matchAll(/^#?([A-Z][A-Z0-9_]*)=/gm)].map(([, name = '']) => name);
  expect(names.length).toBeGreaterThan(80);
  const environment = Object.fromEntries(names.map((name) => [name, 'x']));
  for (const id of [...providers.keys(), [...providers.keys()].join()])
    expect(unknownVariables({ ...environment, ACCOUNTS: id })).toEqual([]);
});

test('a value is never repeated', () => {
  expect(JSON.stringify(unknownVariables({ ...accounts, JENGA_API_KEI: 'hunter2' }))).not.toContain(
    'hunter2',
  );
});
