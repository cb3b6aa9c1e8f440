import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { isRefused, type Push as Received } from '../../src/providers/callback-rules.ts';
import { providers } from '../../src/providers/index.ts';
import type { Provider } from '../../src/providers/provider.ts';
import { parseJson } from '../../src/providers/read-answer.ts';
import { bytes } from '../support/provider-contract.ts';
import { fixturesOf } from './fixtures/index.ts';

const page = 'providers.md';

/** A push whose signature, if any, is in its body. */
const unsignedPush: Received = {
  method: 'POST',
  authority: 'merchant.example',
  target: '/callbacks/shop/token',
  headers: {},
  rawBody: new Uint8Array(),
};

/** A push as it is documented, and the names under which it speaks of its order. */
interface Push {
  readonly name: string;
  readonly provider: string;
  readonly page: string;
  readonly body: unknown;
  readonly names: readonly string[];
}

const vexoraNotify = {
  platFormTradeNo: '8b1a9953c4611296a827abf8c47804d7',
  tradeNo: 'T2024070100001',
  amount: '100.00',
  status: '0000',
  mpesaReceiptNumber: 'SG12ABCDEF',
  message: 'SUCCESS',
  successTime: '2024-07-01 10:00:00',
};

const pushes: readonly Push[] = [
  ...[...fixturesOf].flatMap(([provider, fixtures]) =>
    (fixtures.pushes ?? []).map((push): Push => ({ ...push, provider, page })),
  ),
  {
    name: 'Jenga IPN',
    provider: 'jenga',
    page: `${page} section 1: customer.reference is ours, transaction.reference the receipt`,
    body: {
      callbackType: 'IPN',
      customer: { name: 'John Doe', mobileNumber: '254712345678', reference: 'OR28922980077' },
      transaction: {
        date: '2024-08-09 16:22:50.197',
        reference: 'SH90HU7FO2',
        paymentMode: 'MPESA',
        amount: '2.00',
        status: 'SUCCESS',
      },
      bank: { reference: 'NONE', transactionType: 'C', account: null },
    },
    names: ['OR28922980077', 'SH90HU7FO2'],
  },
  {
    name: 'Jenga IPN of a failure',
    provider: 'jenga',
    page: `${page} section 1: both outcomes are sent`,
    body: {
      callbackType: 'IPN',
      customer: { reference: 'OR28922980077' },
      transaction: { status: 'FAILED' },
    },
    names: ['OR28922980077'],
  },
  {
    name: 'Jenga IPN of the old gateway',
    provider: 'jenga',
    page: `${page} section 1: null reference, leading blank, receipt in additionalInfo`,
    body: {
      callbackType: 'IPN',
      customer: { name: 'John Doe', mobileNumber: '254712345678', reference: null },
      transaction: {
        reference: ' OR28922980077',
        amount: '2',
        additionalInfo: 'MPS 254712345678 SH90HU7FO2',
      },
      bank: 'NONE',
    },
    names: ['OR28922980077'],
  },
  {
    name: 'Jenga IPN with a blank before the reference',
    provider: 'jenga',
    page: `${page} section 1: leading blank in the reference`,
    body: { customer: { reference: ' OR28922980077' } },
    names: ['OR28922980077'],
  },
  {
    name: 'Jenga push of an STK payment',
    provider: 'jenga',
    page: `${page} section 1: keyed by transactionReference`,
    body: { status: true, code: 3, transactionReference: 'OR28922980077', telco: 'SAFARICOM' },
    names: ['OR28922980077'],
  },
  {
    name: 'STK callback of a success',
    provider: 'daraja-stk',
    page: `${page} section 2.3`,
    body: {
      Body: {
        stkCallback: {
          MerchantRequestID: '29115-34620561-1',
          CheckoutRequestID: 'ws_CO_191220191020363925',
          ResultCode: 0,
          ResultDesc: 'The service request is processed successfully.',
          CallbackMetadata: {
            Item: [
              { Name: 'Amount', Value: 1.0 },
              { Name: 'MpesaReceiptNumber', Value: 'NLJ7RT61SV' },
              { Name: 'Balance' },
              { Name: 'TransactionDate', Value: 20191219102115 },
              { Name: 'PhoneNumber', Value: '2547****678' },
            ],
          },
        },
      },
    },
    names: ['ws_CO_191220191020363925'],
  },
  {
    name: 'STK callback of a cancel',
    provider: 'daraja-stk',
    page: `${page} section 2.3: no metadata`,
    body: {
      Body: {
        stkCallback: {
          MerchantRequestID: '29115-34620561-1',
          CheckoutRequestID: 'ws_CO_191220191020363925',
          ResultCode: 1032,
          ResultDesc: 'Request cancelled by user.',
        },
      },
    },
    names: ['ws_CO_191220191020363925'],
  },
  {
    name: 'Vexora notify',
    provider: 'vexora',
    page: `${page} section 3: the inner object`,
    body: vexoraNotify,
    names: ['T2024070100001', 'SG12ABCDEF'],
  },
  {
    name: 'Vexora notify with a receipt in lower case',
    provider: 'vexora',
    page: `${page} section 3`,
    body: { ...vexoraNotify, mpesaReceiptNumber: 'sg12abcdef ' },
    names: ['T2024070100001', 'SG12ABCDEF'],
  },
  {
    name: 'Vexora notify before there is a receipt',
    provider: 'vexora',
    page: `${page} section 3`,
    body: { ...vexoraNotify, mpesaReceiptNumber: null, status: '0015', amount: 3.0 },
    names: ['T2024070100001'],
  },
  {
    name: 'Lipia callback, nested',
    provider: 'lipia',
    page: `${page} section 4: mixed case, may lack the Lipia reference`,
    body: {
      response: {
        Amount: 5,
        ExternalReference: 'INV-009',
        MpesaReceiptNumber: 'SG12ABCDEF',
        Phone: '254712345678',
        ResultCode: 0,
        ResultDesc: 'The service request is processed successfully.',
        Status: 'Success',
      },
      status: true,
    },
    names: ['INV-009'],
  },
  {
    name: 'Lipia callback, flat',
    provider: 'lipia',
    page: `${page} section 4: without Status`,
    body: { TransactionReference: '65f2c1a4e7b3d80012345678', ResultCode: 1032, ResultDesc: 'x' },
    names: ['65f2c1a4e7b3d80012345678'],
  },
  {
    name: 'Tanda IPN',
    provider: 'tanda',
    page: `${page} section 5`,
    body: {
      trackingId: '5e6b0e0a-3f4c-4b7e-9c53-0d3a5a1b2c3d',
      transactionId: 'TXN1',
      reference: 'INV-7',
      status: 'S000000',
      message: 'Successful.',
      timestamp: '2024-08-09T13:22:50Z',
      result: { ref: 'SG12ABCDEF' },
    },
    names: ['5e6b0e0a-3f4c-4b7e-9c53-0d3a5a1b2c3d', 'INV-7'],
  },
];

function rulesOf(id: string) {
  const provider = providers.get(id) as Provider;
  const rules = provider.callback;
  if (rules === undefined) throw new Error(`${id} takes no callbacks.`);
  return { provider, rules };
}

/** What the door makes of a push. */
function namesIn(id: string, body: unknown): string[] {
  const { rules } = rulesOf(id);
  const parsed = rules.body.safeParse(parseJson(bytes(body)));
  if (!parsed.success) return [];
  return rules.aliases(parsed.data).filter((name) => name != null && name !== '') as string[];
}

describe('every documented push names its order', () => {
  test.each(pushes.map((push) => [push.name, push] as const))('%s', (_name, push) => {
    expect(namesIn(push.provider, push.body)).toEqual(push.names);
  });

  test('none is missing', () => {
    const asked = [...providers.values()]
      .filter(({ asyncResult }) => asyncResult === undefined)
      .map(({ id }) => id);
    expect(new Set(pushes.map(({ provider }) => provider))).toEqual(new Set(asked));
  });

  test.each([
    ['jenga', { status: 200, contentType: 'text/plain', body: '' }],
    ['daraja-stk', { contentType: 'application/json', body: '{"ResultCode":0,"ResultDesc":"Accepted"}' }],
    ['daraja', { contentType: 'application/json', body: '{"ResultCode":0,"ResultDesc":"Accepted"}' }],
    ['vexora', { contentType: 'text/plain', body: 'OK' }],
    ['lipia', { contentType: 'text/plain', body: '' }],
    ['tanda', { contentType: 'text/plain', body: '' }],
  ])('%s hears what it wants to hear', (id, { contentType, body }) => {
    expect(rulesOf(id).rules.reply).toEqual({ contentType, body });
  });

  test('the names of a push are the names of an order', () => {
    const order = (id: string, reference: unknown) => {
      const { provider } = rulesOf(id);
      return provider.aliases(provider.reference.parse(reference));
    };
    expect(order('jenga', 'OR28922980077')).toEqual(['OR28922980077']);
    expect(order('vexora', { tradeNo: 'T2024070100001' })).toEqual(['T2024070100001']);
    expect(order('vexora', 'SG12ABCDEF')).toEqual(['SG12ABCDEF']);
    expect(
      order('lipia', { transactionReference: '65f2c1a4e7b3d80012345678', externalReference: 'INV-009' }),
    ).toEqual(['65f2c1a4e7b3d80012345678', 'INV-009']);
  });
});

describe('garbage names nothing and throws nothing', () => {
  const garbage: readonly unknown[] = [
    '',
    'null',
    'true',
    '5',
    '"OR28922980077"',
    '[]',
    '[{"trackingId":"x"}]',
    '{}',
    '{"Body":',
    '<xml/>',
    { customer: 'OR1', transaction: [], Body: 5, response: 'x', tradeNo: {}, trackingId: [] },
    {
      customer: { reference: { toString: 'x' } },
      Body: { stkCallback: [] },
      response: { ExternalReference: 5.5 },
    },
    {
      customer: { reference: true },
      Body: { stkCallback: { CheckoutRequestID: 1e30 } },
      trackingId: 5.5,
      reference: {},
    },
    '{"__proto__":{"trackingId":"x","reference":"y","tradeNo":"z","TransactionReference":"v"}}',
    '{"constructor":{"prototype":{"trackingId":"x"}}}',
    '['.repeat(100_000),
    `${'{"response":'.repeat(20_000)}1${'}'.repeat(20_000)}`,
    new Uint8Array([0xff, 0xfe, 0x00]),
  ];

  test.each([...providers.keys()])('%s', (id) => {
    for (const body of garbage) expect(namesIn(id, body), JSON.stringify(body).slice(0, 60)).toEqual([]);
  });
});

describe('Vexora: signatures', () => {
  const { provider, rules } = rulesOf('vexora');
  const secret = 'sample-secret';
  const signed = (fields: object, text: string) => ({
    ...fields,
    sign: createHash('md5').update(text).digest('hex'),
  });
  // Sorted by key, `key=value` with nothing between, the secret at the end (providers.md section 3).
  const joined =
    'amount=100.00message=SUCCESSmpesaReceiptNumber=SG12ABCDEFplatFormTradeNo=8b1a9953c4611296a827abf8c47804d7' +
    'status=0000successTime=2024-07-01 10:00:00tradeNo=T2024070100001';

  function isSigned(body: object, more: object = {}): boolean {
    const settings = provider.settings.parse({
      ...fixturesOf.get('vexora')?.settings,
      appSecret: secret,
      ...more,
    });
    return !isRefused(rules, unsignedPush, settings, rules.body.parse(body), 0);
  }

  test('a right one counts, in the position of the account', () => {
    expect(isSigned(signed(vexoraNotify, joined + secret))).toBe(true);
    expect(isSigned(signed(vexoraNotify, secret + joined), { signPosition: 'prepend' })).toBe(true);
    expect(isSigned(signed(vexoraNotify, secret + joined))).toBe(false);
  });

  test('a wrong one is refused, whatever is required', () => {
    const wrong = [
      { ...vexoraNotify, sign: 'x' },
      { ...vexoraNotify, sign: '0'.repeat(32) },
      { ...vexoraNotify, sign: 0 },
      signed(vexoraNotify, joined),
      signed({ ...vexoraNotify, tradeNo: 'T2' }, joined + secret),
      signed({ ...vexoraNotify, extra: '1' }, joined + secret),
      signed(vexoraNotify, (joined + secret).toUpperCase()),
    ];
    for (const body of wrong) {
      expect(isSigned(body)).toBe(false);
      expect(isSigned(body, { callbackSign: 'required' })).toBe(false);
    }
  });

  test('without one it is a hint, unless the account requires it', () => {
    for (const sign of [undefined, null, '']) {
      expect(isSigned({ ...vexoraNotify, sign })).toBe(true);
      expect(isSigned({ ...vexoraNotify, sign }, { callbackSign: 'required' })).toBe(false);
    }
  });

  test('empty fields are not signed, and a sign that hides in another type is none', () => {
    expect(isSigned(signed({ ...vexoraNotify, remark: '', other: null }, joined + secret))).toBe(true);
    expect(isSigned({ ...vexoraNotify, sign: { a: 1 } }, { callbackSign: 'required' })).toBe(false);
    expect(isSigned({ ...vexoraNotify, sign: [] }, { callbackSign: 'required' })).toBe(false);
  });
});
