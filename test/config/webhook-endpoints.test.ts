import { describe, expect, test } from 'vitest';
import { ConfigError, readServiceSettings } from '../../src/config/config.ts';
import { testSecret } from '../webhooks/receiver.ts';

const good = { name: 'shop', url: 'https://shop.example/hook', secrets: [testSecret] };

function read(...entries: readonly unknown[]) {
  return readServiceSettings({ WEBHOOKS: JSON.stringify(entries) }).webhooks;
}

function faultOf(...entries: readonly unknown[]): string {
  try {
    read(...entries);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
  }
  return 'no fault';
}

test('endpoints are read, by default for all accounts and types', () => {
  expect(readServiceSettings({}).webhooks).toEqual([]);
  expect(read(good)).toEqual([{ ...good, accounts: null, types: null }]);
  const chosen = { accounts: ['jenga'], types: ['payment.paid'] };
  expect(read({ ...good, ...chosen, secrets: [testSecret, testSecret] })).toMatchObject([chosen]);
  expect(read({ ...good, url: 'http://shop:3000/hook' })).toHaveLength(1);
});

describe('a faulty endpoint is refused', () => {
  test.each<[string, object, RegExp]>([
    ['another scheme', { url: 'ftp://shop.example/' }, /endpoint "shop": url must be an https URL/],
    ['no URL', { url: 'shop.example' }, /url must be an https URL/],
    [
      'credentials in the URL',
      { url: 'https://u:hidden@shop.example/' },
      /must not contain a user or password/,
    ],
    ['no secret', { secrets: [] }, /secrets must contain a secret/],
    ['three secrets', { secrets: [testSecret, testSecret, testSecret] }, /two secrets at most/],
    ['a short secret', { secrets: ['whsec_aGlkZGVu'] }, /payment-poller webhooks new makes one/],
    ['a secret without prefix', { secrets: [`hidden${testSecret}`] }, /of the form whsec_/],
    ['a secret that is not base64', { secrets: [`whsec_${'*'.repeat(44)}`] }, /of the form whsec_/],
    ['an unknown type', { types: ['payment.hidden'] }, /types must be one of payment\.paid/],
    ['no accounts', { accounts: [] }, /omit it for all/],
    ['an unknown field', { hidden: 1 }, /may only have the fields name, url, secrets, accounts and types/],
    ['a bad name', { name: 'Hidden One' }, /endpoint 1 of the list: name must consist of/],
  ])('%s', (_what, change, message) => {
    const fault = faultOf({ ...good, ...change });
    expect(fault).toMatch(message);
    expect(fault).not.toMatch(/hidden/i);
    expect(fault).not.toContain(testSecret.slice(6));
  });

  test('a name that is used twice', () => {
    expect(faultOf(good, good)).toMatch(/endpoint "shop": this name is used twice/);
  });
});
