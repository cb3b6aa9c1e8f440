import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AccountInfo } from '../../src/accounts/accounts.ts';
import type { Order } from '../../src/domain/order.ts';
import { defaultSchedule } from '../../src/domain/schedule.ts';
import { type Fault, validateOrder } from '../../src/jobs/validate-order.ts';
import { providers } from '../../src/providers/index.ts';
import { createdAt } from '../support/builders.ts';

const now = createdAt + 1_000;

function account(provider: string, currency = 'KES'): AccountInfo {
  return { provider, currency, schedule: defaultSchedule, callbacks: false, sharedReferences: false };
}

const accounts = new Map([
  ['jenga', account('jenga')],
  ['vexora', account('vexora')],
  ['shop-ug', account('jenga', 'UGX')],
  ['daraja', account('daraja')],
  ['left-over', account('a-provider-of-a-newer-version')],
]);

/** The required fields of an order. */
const least = { orderId: 'ord-1', account: 'jenga', reference: 'OR28922980077', amount: '2.00' };

function validate(input: unknown): { order?: Order; faults?: readonly Fault[] } {
  return validateOrder(input, accounts, providers, now);
}

function accepted(fields: object): Order {
  const { order, faults } = validate({ ...least, ...fields });
  if (order === undefined) throw new Error(`Refused: ${JSON.stringify(faults)}`);
  return order;
}

/** The paths of all faults, once each, sorted. */
function faultyPaths(input: unknown): string[] {
  const { faults = [] } = validate(input);
  return [...new Set(faults.map(({ path }) => path))].sort();
}

describe('an order', () => {
  it('has four required fields, and defaults from its account', () => {
    expect(accepted({})).toEqual({
      orderId: 'ord-1',
      account: 'jenga',
      provider: 'jenga',
      reference: 'OR28922980077',
      amountMinor: 200,
      currency: 'KES',
      createdAt: now,
      schedule: defaultSchedule,
      metadata: {},
    });
    expect(accepted({ account: 'shop-ug' })).toMatchObject({ provider: 'jenga', currency: 'UGX' });
  });

  it.each([
    ['"2.00"', '2.00', 200],
    ['"2.5"', '2.5', 250],
    ['"300"', '300', 30_000],
    ['"0.01"', '0.01', 1],
    ['2', 2, 200],
    ['2.5', 2.5, 250],
    ['1.1', 1.1, 110],
    ['the largest exact amount', '90071992547409.91', Number.MAX_SAFE_INTEGER],
  ])('may be of %s', (_, amount, amountMinor) => {
    expect(accepted({ amount }).amountMinor).toBe(amountMinor);
  });

  it.each([
    ['three decimals', '2.005'],
    ['three decimals, even of nothing: it may mean two thousand', '2.000'],
    ['three decimals in a number', 0.125],
    ['the dust of binary fractions', 0.1 + 0.2],
    ['nothing', '0.00'],
    ['zero', 0],
    ['minus zero', -0],
    ['a negative number', -1],
    ['a negative text', '-1.00'],
    ['a plus sign', '+1.00'],
    ['an exponent', '1e3'],
    ['a number that prints with an exponent', 1e21],
    ['a tiny number', 5e-324],
    ['NaN', Number.NaN],
    ['Infinity', Number.POSITIVE_INFINITY],
    ['a thousands separator', '1,000.00'],
    ['a decimal comma', '1,50'],
    ['a blank', ' 2.00'],
    ['a line feed', '2.00\n'],
    ['a currency', 'KES 2.00'],
    ['no whole part', '.50'],
    ['no decimals after the point', '2.'],
    ['hexadecimal', '0x10'],
    ['other digits', '٢'],
    ['an empty text', ''],
    ['more than is exact', '90071992547409.92'],
    ['an object', { value: '2.00' }],
    ['an object that cannot be printed', { toString: 1, valueOf: 1 }],
    ['a list', ['2.00']],
    ['null', null],
    ['a boolean', true],
  ])('is refused with an amount of %s', (_, amount) => {
    expect(faultyPaths({ ...least, amount })).toEqual(['amount']);
  });

  it('never loses or invents a cent', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), (minor) => {
        const text = String(minor).padStart(3, '0');
        expect(accepted({ amount: `${text.slice(0, -2)}.${text.slice(-2)}` }).amountMinor).toBe(minor);
      }),
    );
  });

  it.each([
    ['of one character', 'a'],
    ['of 128', 'x'.repeat(128)],
    ['of every kind of character', 'AZaz09._:-'],
    ['that is no property', '__proto__'],
  ])('may have an id %s', (_, orderId) => {
    expect(accepted({ orderId }).orderId).toBe(orderId);
  });

  it.each([
    ['empty', ''],
    ['over-long', 'x'.repeat(129)],
    ['with a blank', 'ord 1'],
    ['with a brace, which would change its slot', '{ord}'],
    ['with a line feed at the end', 'ord-1\n'],
    ['with another script', 'örd'],
    ['that is a number', 1],
    ['that is null', null],
  ])('is refused with an id %s', (_, orderId) => {
    expect(faultyPaths({ ...least, orderId })).toEqual(['orderId']);
  });

  it.each([
    ['unknown', 'no-such'],
    ['of a property of Object', 'constructor'],
    ['that is no property', '__proto__'],
    ['of a provider that is gone', 'left-over'],
    ['in capitals', 'JENGA'],
    ['that is a number', 5],
  ])('is refused with an account %s', (_, id) => {
    expect(faultyPaths({ ...least, account: id })).toEqual(['account']);
  });

  it('lists the known accounts', () => {
    const { faults } = validate({ ...least, account: 'no-such' });
    expect(faults?.[0]?.message).toContain('jenga, vexora');
  });

  it.each([
    ['a text', 'vexora', 'SH90HU7FO2'],
    ['an object', 'vexora', { tradeNo: 'T1' }],
    ['a text', 'jenga', 'OR28922980077'],
  ])('may be known by %s at %s', (_, id, reference) => {
    expect(accepted({ account: id, reference }).reference).toEqual(reference);
  });

  it.each([
    ['daraja', 'qwer1234ty '],
    ['daraja', 'QWER 1234 TY'],
    ['daraja', { transactionId: '\tqwer1234ty' }],
    ['vexora', 'ｑｗｅｒ１２３４ｔｙ'],
    ['vexora', 'qwer\u00a01234\u200bty'],
  ])('a receipt typed at %s as %j is kept as M-Pesa spells it', (id, typed) => {
    const { reference } = accepted({ account: id, reference: typed });
    expect(reference).toEqual(typeof typed === 'string' ? 'QWER1234TY' : { transactionId: 'QWER1234TY' });
  });

  it.each([
    '0712345678',
    'QWER1234T',
    'QWER1234TYU',
    'QWER-234TY',
    'OR28922980077',
    'ws_CO_1912',
    '1234567890',
  ])('what cannot be a receipt is refused: %s', (reference) => {
    for (const account of ['daraja', 'vexora']) {
      expect(faultyPaths({ ...least, account, reference })).toEqual(['reference']);
    }
    const { faults } = validate({ ...least, account: 'vexora', reference });
    expect(faults?.[0]?.message).toBe(
      'is not a valid vexora reference: expected an M-Pesa receipt (ten letters and digits, such as SH90HU7FO2), or {"tradeNo": "…"} with the merchant number of the payment',
    );
  });

  it.each([
    ['an object', 'jenga', { tradeNo: 'T1' }],
    ['an empty text', 'jenga', ''],
    ['a text that leaves its place in a path', 'jenga', '..'],
    ['a control character', 'jenga', 'OR\u0000'],
    ['a lone surrogate', 'jenga', 'OR\ud800'],
    ['an over-long text', 'jenga', 'x'.repeat(129)],
    ['a number', 'jenga', 5],
    ['a list', 'jenga', ['OR1']],
    ['null', 'jenga', null],
    ['another key', 'vexora', { trackingId: 'T1' }],
    ['one key too many', 'vexora', { tradeNo: 'T1', shortCode: '1' }],
    ['a hidden key', 'vexora', JSON.parse('{"tradeNo":"T1","__proto__":"x"}')],
    ['only a hidden key', 'vexora', JSON.parse('{"__proto__":"x"}')],
    ['a number inside', 'vexora', { tradeNo: 1 }],
    ['an empty object', 'vexora', {}],
  ])('is refused when known by %s at %s', (_, id, reference) => {
    const paths = faultyPaths({ ...least, account: id, reference });
    expect(paths).toHaveLength(1);
    expect(paths[0]).toMatch(/^reference(?:\.|$)/);
  });

  it('may name the currency of its account, and no other', () => {
    expect(accepted({ currency: 'KES' }).currency).toBe('KES');
    for (const currency of ['UGX', 'kes', 'KSH1', '', 404, null]) {
      expect(faultyPaths({ ...least, currency })).toEqual(['currency']);
    }
  });

  it('may use any currency of its account; the fault lists them', () => {
    const several = { ...account('jenga'), currencies: ['KES', 'UGX'] };
    const known = new Map([...accounts, ['several', several]]);
    const validate = (input: object) => validateOrder({ ...least, ...input }, known, providers, now);
    expect(validate({ account: 'several', currency: 'UGX' })).toMatchObject({ order: { currency: 'UGX' } });
    expect(validate({ account: 'several' })).toMatchObject({ order: { currency: 'KES' } });
    const message = (input: object) => {
      const result = validate(input);
      return 'faults' in result ? result.faults.map((fault) => `${fault.path} ${fault.message}`) : [];
    };
    expect(message({ account: 'several', currency: 'EUR' })).toEqual([
      'currency must be one of KES, UGX, the currencies of this account',
    ]);
    expect(message({ currency: 'EUR' })).toEqual(['currency must be KES, the only currency of this account']);
  });

  it.each([
    ['RFC 3339', '2026-01-15T09:00:00Z', createdAt],
    ['RFC 3339 with an offset', '2026-01-15T12:00:00+03:00', createdAt],
    ['epoch milliseconds', createdAt, createdAt],
    ['a clock that is a little ahead', now + 600_000, now + 600_000],
    ['long ago, handed over late', createdAt - 30 * 86_400_000, createdAt - 30 * 86_400_000],
  ])('may have been created at: %s', (_, at, expected) => {
    expect(accepted({ createdAt: at }).createdAt).toBe(expected);
  });

  it.each([
    ['the future', now + 600_001],
    ['the future, in words', '2026-01-15T09:10:01.001Z'],
    ['the end of time', Number.MAX_SAFE_INTEGER],
    ['a day that does not exist', '2026-02-30T00:00:00Z'],
    ['a local time', '2026-01-15T09:00:00'],
    ['a date', '2026-01-15'],
    ['a fraction', createdAt + 0.5],
    ['a negative number', -1],
    ['null', null],
    ['an empty text', ''],
  ])('is refused when created at: %s', (_, at) => {
    expect(faultyPaths({ ...least, createdAt: at })).toEqual(['createdAt']);
  });

  it('may override parts of the schedule', () => {
    expect(accepted({ schedule: { deadlineMs: 60_000, factor: 1 } }).schedule).toEqual({
      ...defaultSchedule,
      deadlineMs: 60_000,
      factor: 1,
    });
    expect(accepted({ schedule: { deadlineMs: undefined } }).schedule).toEqual(defaultSchedule);
  });

  it.each([
    ['schedule.deadlineMs', { deadlineMs: 0 }],
    ['schedule.deadlineMs', { deadlineMs: 367 * 86_400_000 }],
    ['schedule.firstPollAfterMs', { firstPollAfterMs: -1 }],
    ['schedule.initialIntervalMs', { initialIntervalMs: 0 }],
    ['schedule.maxIntervalMs', { maxIntervalMs: 1.5 }],
    ['schedule.maxIntervalMs', { maxIntervalMs: '30000' }],
    ['schedule.factor', { factor: 0.9 }],
    ['schedule.factor', { factor: 11 }],
    ['schedule.jitter', { jitter: 0.6 }],
    ['schedule.jitter', { jitter: Number.NaN }],
    ['schedule', { every: 5 }],
    ['schedule', JSON.parse('{"__proto__":{"factor":1}}')],
    ['schedule', 5],
    ['schedule', null],
  ])('is refused with a bad %s', (path, schedule) => {
    expect(faultyPaths({ ...least, schedule })).toEqual([path]);
  });

  it('keeps metadata unchanged, up to 4096 bytes of JSON', () => {
    const metadata = { cart: { items: [1, 'två', null, true] }, note: 'x'.repeat(4_000) };
    expect(accepted({ metadata }).metadata).toEqual(metadata);
    const overhead = JSON.stringify({ note: '' }).length;
    expect(accepted({ metadata: { note: 'x'.repeat(4_096 - overhead) } })).toBeDefined();
    expect(faultyPaths({ ...least, metadata: { note: 'x'.repeat(4_097 - overhead) } })).toEqual(['metadata']);
  });

  it('counts metadata in bytes, not in characters', () => {
    expect(faultyPaths({ ...least, metadata: { note: '€'.repeat(1_400) } })).toEqual(['metadata']);
  });

  it.each([
    ['a list', [1]],
    ['a text', 'cart'],
    ['null', null],
    ['a function', { call: () => 1 }],
    ['a bigint', { id: 1n }],
    ['NaN', { id: Number.NaN }],
  ])('is refused with metadata that is, or holds, %s', (_, metadata) => {
    const paths = faultyPaths({ ...least, metadata });
    expect(paths).toHaveLength(1);
    expect(paths[0]).toMatch(/^metadata(?:\.|$)/);
  });

  it.each([100, 2_000, 100_000])('is refused without an exception with metadata nested %i deep', (depth) => {
    const metadata = { deep: JSON.parse(`${'['.repeat(depth)}${']'.repeat(depth)}`) };
    expect(faultyPaths({ ...least, metadata })).toEqual(['metadata']);
  });

  it('is refused without an exception with circular metadata', () => {
    const metadata: { self?: unknown } = {};
    metadata.self = metadata;
    expect(faultyPaths({ ...least, metadata })).toEqual(['metadata']);
  });

  it.each(['{"__proto__":{"polluted":true},"cart":"c1"}', '{"cart":[{"__proto__":1}]}'])(
    'is refused with a metadata key `__proto__`, which would vanish: %s',
    (metadata) => {
      const { faults } = validate({ ...least, metadata: JSON.parse(metadata) });
      expect(faults).toEqual([
        { path: 'metadata', message: 'has a field named __proto__, which cannot be kept; rename it' },
      ]);
      expect('polluted' in {}).toBe(false);
    },
  );

  it('keeps a metadata key `constructor`', () => {
    const metadata = { constructor: { prototype: 1 }, cart: 'c1' };
    expect(accepted({ metadata }).metadata).toEqual(metadata);
  });

  it('is refused with unknown fields, which the fault names', () => {
    const { faults } = validate({ ...least, amout: '2.00', phone: '254700000000' });
    expect(faults).toEqual([{ path: '', message: 'has unknown fields: "amout", "phone"' }]);
  });

  it('is refused with a field `__proto__`', () => {
    const input = JSON.parse(`${JSON.stringify(least).slice(0, -1)},"__proto__":{"amount":"9"}}`);
    expect(faultyPaths(input)).toEqual(['']);
  });

  it('must have its required fields as own properties', () => {
    const input = JSON.parse(`{"__proto__":${JSON.stringify(least)}}`);
    expect(faultyPaths(input)).toEqual(expect.arrayContaining(['account', 'amount', 'orderId', 'reference']));
  });

  it.each([null, undefined, 'order', 5, [], [least], () => least])('is refused when it is %s', (input) => {
    expect(faultyPaths(input)).toContain('');
  });
});

describe('the faults of an order', () => {
  it('are all reported at once', () => {
    const input = {
      orderId: 'ord 1',
      account: 'no-such',
      reference: 5,
      amount: '-1',
      currency: 'kes',
      createdAt: 'yesterday',
      schedule: { factor: 0 },
      metadata: [],
      phone: '254700000000',
    };
    expect(faultyPaths(input)).toEqual([
      ...['', 'account', 'amount', 'createdAt', 'currency'],
      ...['metadata', 'orderId', 'reference', 'schedule.factor'],
    ]);
  });

  it('do not hide each other, whichever check reports them', () => {
    const byAccount = {
      reference: { tradeNo: 'T1' },
      currency: 'UGX',
      amount: '0',
      createdAt: now + 700_000,
    };
    const input = { ...least, ...byAccount, orderId: 'ord 1' };
    expect(faultyPaths(input)).toEqual(['amount', 'createdAt', 'currency', 'orderId', 'reference']);
  });

  it('say which fields are missing', () => {
    expect(validate({}).faults).toEqual(
      ['orderId', 'account', 'reference', 'amount'].map((path) => ({ path, message: 'is missing' })),
    );
  });

  it('never contain a value: it may be personal data', () => {
    const personal = '254712345678';
    const inputs = [
      { orderId: `${personal} ` },
      { account: personal },
      { account: `no-${personal}` },
      { reference: { msisdn: personal } },
      { reference: [personal] },
      { account: 'vexora', reference: { tradeNo: 'T1', msisdn: personal } },
      { amount: `KES ${personal}` },
      { currency: personal },
      { createdAt: personal },
      { createdAt: Number(personal) * 1_000 },
      { schedule: { factor: Number(personal) } },
      { schedule: personal },
      { metadata: personal },
      { metadata: { note: personal.repeat(500) } },
      { phone: personal },
    ];
    for (const fields of inputs) {
      const { faults = [] } = validate({ ...least, ...fields });
      expect(faults).not.toEqual([]);
      expect(JSON.stringify(faults)).not.toContain(personal);
    }
  });

  it('are reported for any input; nothing is thrown', () => {
    const anyFields = fc.dictionary(
      fc.oneof(
        fc.constantFrom(...['orderId', 'account', 'reference', 'amount', 'currency']),
        fc.constantFrom(...['createdAt', 'schedule', 'metadata', '__proto__', 'constructor', 'toString']),
      ),
      fc.oneof(fc.jsonValue(), fc.anything()),
    );
    fc.assert(
      fc.property(fc.oneof(anyFields, fc.anything()), fc.boolean(), (drawn, isComplete) => {
        const input = isComplete && typeof drawn === 'object' ? { ...least, ...drawn } : drawn;
        const { order, faults } = validate(input);
        expect((order === undefined) !== (faults === undefined)).toBe(true);
        expect(faults).not.toEqual([]);
      }),
      { numRuns: 2_000 },
    );
  });
});
