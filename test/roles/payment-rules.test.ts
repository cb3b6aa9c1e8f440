import { describe, expect, test } from 'vitest';
import { readConfig } from '../../src/config/config.ts';
import { providers } from '../../src/providers/index.ts';
import { accountInfo, paymentRules } from '../../src/roles/account-info.ts';

// Which payments are one, whatever account asks and with whatever credentials.

const stk = { CONSUMER_KEY: 'key-of-one', CONSUMER_SECRET: 'secret-of-one', PASSKEY: 'pass-of-one' };
const environment = {
  PUBLIC_URL: 'https://pay.example',
  ...settings('jenga', { API_KEY: 'key-one', MERCHANT_CODE: '4030178858', CONSUMER_SECRET: 'secret-one' }),
  ...settings('again', { API_KEY: 'key-two', MERCHANT_CODE: '4030178858', CONSUMER_SECRET: 'secret-two' }),
  ...settings('other', { API_KEY: 'key-one', MERCHANT_CODE: '4030:1788', CONSUMER_SECRET: 'secret-one' }),
  ...settings('stk', { ...stk, SHORT_CODE: '600310' }),
  ...settings('till', { ...stk, SHORT_CODE: '600311' }),
  ...settings('lipia', { API_KEY: 'key-of-lipia' }),
  ...settings('vexora', { BASE_URL: 'https://v.example', MERCHANT_NO: '7', APP_SECRET: 'secret-of-v' }),
  ACCOUNTS: 'jenga,again=jenga,other=jenga,stk=daraja-stk,till=daraja-stk,lipia,vexora',
};

function settings(account: string, values: { [name: string]: string }) {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [`${account.toUpperCase()}_${name}`, value]),
  );
}

const rules = new Map(
  readConfig(environment).accounts.map((account) => [
    account.id,
    { ...paymentRules(account), told: accountInfo(account) },
  ]),
);
const referencesOf = (account: string) => rules.get(account)?.references;
const receiptsOf = (account: string, receipt: string) => rules.get(account)?.receiptsLike(receipt);

describe('references', () => {
  test('belong to the merchant: other credentials of the same one see the same payments', () => {
    expect(referencesOf('jenga')).toBe('jenga:4030178858');
    expect(referencesOf('again')).toBe(referencesOf('jenga'));
    expect(referencesOf('other')).toBe('jenga:4030%3A1788');
  });

  test('that a provider makes up are unique at all of it', () => {
    expect([referencesOf('stk'), referencesOf('till')]).toEqual(['daraja-stk', 'daraja-stk']);
  });

  test('are known to producers as the workers know them', () => {
    for (const { references, told } of rules.values()) expect(told.referenceScope).toBe(references);
  });
});

describe('receipts', () => {
  test('of M-Pesa are one system, whichever provider passes them on and however it spells them', () => {
    const all = ['jenga', 'again', 'lipia', 'vexora'].map((account) => receiptsOf(account, 'SH90HU7FO2'));
    expect(new Set(all)).toEqual(new Set(['mpesa-ke']));
    expect(receiptsOf('lipia', 'sh90hu7fo2')).toBe('mpesa-ke');
  });

  test('of another form are known to their provider only', () => {
    expect(receiptsOf('lipia', 'fv9n_TDX')).toBe('lipia');
    expect(receiptsOf('again', '173456789')).toBe('jenga');
  });

  test.each(['C36*******67', 'SH9XXXXXO2', 'MP210603.****.L06941'])(
    'that are masked identify none: %s',
    (receipt) => {
      for (const account of ['jenga', 'lipia', 'vexora']) expect(receiptsOf(account, receipt)).toBeNull();
    },
  );
});

test.each([...providers])('the merchant of %s is named by settings that are no secret', (_, provider) => {
  for (const name of provider.merchant) {
    const setting = provider.settings.shape[name] as { meta(): { secret?: boolean } | undefined } | undefined;
    expect(setting?.meta()?.secret).not.toBe(true);
  }
});
