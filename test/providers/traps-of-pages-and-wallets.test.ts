import { describe, expect, test } from 'vitest';
import type { Reading } from '../../src/domain/order.ts';
import { providers } from '../../src/providers/index.ts';
import { readAnswer } from '../../src/providers/read-answer.ts';
import { bytes, changed } from '../support/provider-contract.ts';
import { type FixtureOrder, sampleNow } from '../support/provider-fixtures.ts';
import { fixturesOf } from './fixtures/index.ts';

// The traps that came with hosted pages and more wallets: providers.md section 8, from 14 on. One test for each, over the
// providers that it can catch.

function known(id: string) {
  const provider = providers.get(id);
  const fixtures = fixturesOf.get(id);
  if (provider === undefined || fixtures === undefined) throw new Error(`Unknown provider ${id}.`);
  return { provider, fixtures };
}

function read(id: string, body: unknown, httpStatus = 200, order?: FixtureOrder): Reading {
  const { provider, fixtures } = known(id);
  const settings = provider.settings.parse(fixtures.settings);
  const answer = { httpStatus, headers: {}, body: bytes(body) };
  return readAnswer(provider, answer, order ?? fixtures.order, { at: sampleNow, source: 'poll', settings });
}

/** The paid sample of a provider with other values at dotted paths. */
function paidWith(id: string, fields: { readonly [path: string]: unknown }): object {
  return Object.entries(fields).reduce(
    (body, [path, value]) => changed(body, path, value),
    known(id).fixtures.paid,
  );
}

const unpaidPesapal = {
  status_code: 0,
  payment_status_description: 'INVALID',
  status: '500',
  error: { error_type: 'api_error', code: 'payment_details_not_found', message: 'Pending Payment' },
};

describe('trap 14: an error can be the normal "not yet", or our own configuration', () => {
  test.each([200, 400, 404, 500])('pesapal: an unpaid order is pending (HTTP %i)', (httpStatus) => {
    expect(read('pesapal', paidWith('pesapal', unpaidPesapal), httpStatus).kind).toBe('pending');
  });

  test.each(['NOT_ALLOWED', 'NOT_ALLOWED_TARGET_ENVIRONMENT', 'INVALID_CURRENCY'])(
    'mtn-momo: HTTP 500 with %s refuses the request, and is no outage',
    (code) => expect(read('mtn-momo', { code, message: 'x' }, 500).kind).toBe('refused'),
  );

  test('pawapay and airtel-money: not found comes with HTTP 200', () => {
    expect(read('pawapay', { status: 'NOT_FOUND' }).kind).toBe('not-found');
    const unknown = { status: { code: '200', success: false, result_code: 'ESB000045' } };
    expect(read('airtel-money', unknown).kind).toBe('not-found');
  });

  test.each([400, 404])('paystack: an unknown reference (HTTP %i)', (httpStatus) => {
    const body = {
      status: false,
      message: 'Transaction reference not found.',
      code: 'transaction_not_found',
    };
    expect(read('paystack', body, httpStatus).kind).toBe('not-found');
  });
});

describe('trap 15: the same word on two levels', () => {
  test.each([
    ['airtel-money', { 'data.transaction.status': 'SUCCESS' }, 'unrecognised'],
    ['airtel-money', { 'data.transaction.status': 'TIP' }, 'pending'],
    ['airtel-money', { 'status.success': false, 'status.message': 'FAILED' }, 'paid'],
    ['kopokopo', { 'data.attributes.status': 'Received' }, 'pending'],
    ['paystack', { 'data.status': 'pending' }, 'pending'],
    ['paystack', { 'data.status': null }, 'unrecognised'],
    ['paystack', { 'data.status': true }, 'unrecognised'],
    ['pesapal', { status_code: 200 }, 'unrecognised'],
    ['pesapal', { status_code: null }, 'unrecognised'],
    ['pawapay', { 'data.status': 'FOUND' }, 'unrecognised'],
    ['pawapay', { 'data.status': 'PROCESSING' }, 'pending'],
  ] as const)('%s: %j', (id, fields, kind) => {
    expect(read(id, paidWith(id, fields)).kind).toBe(kind);
  });
});

describe('trap 16: a receipt on one that is not paid', () => {
  test.each([
    ['mtn-momo', 'PENDING', 'pending'],
    ['pawapay', 'PROCESSING', 'pending'],
    ['paystack', 'abandoned', 'pending'],
    ['pesapal', 0, 'pending'],
    ['airtel-money', 'TIP', 'pending'],
    ['airtel-money', 'TF', 'failed'],
    ['kopokopo', 'Pending', 'pending'],
  ] as const)('%s: everything of a paid one, and the word %j', (id, word, kind) => {
    expect(read(id, changed(known(id).fixtures.paid, known(id).fixtures.at.word, word)).kind).toBe(kind);
  });

  test('pesapal: a declined card', () => {
    const declined = paidWith('pesapal', { status_code: 2, payment_status_description: 'Failed' });
    expect(read('pesapal', declined)).toMatchObject({ kind: 'failed', certainty: 'soft' });
  });
});

describe('trap 17: gross, net and requested', () => {
  test('paystack: the amount is in cents, and what was asked for does not count', () => {
    const order = { ...known('paystack').fixtures.order, amountMinor: 30_050 };
    const fields = { 'data.amount': 30_049, 'data.requested_amount': 30_050 };
    expect(read('paystack', paidWith('paystack', fields), 200, order)).toMatchObject({
      kind: 'paid',
      doubt: 'underpaid',
      amountReceivedMinor: 30_049,
    });
  });

  test.each(['mtn-momo', 'pawapay', 'pesapal', 'kopokopo'])('%s: major units', (id) => {
    const { order } = known(id).fixtures;
    expect(read(id, known(id).fixtures.paid)).toMatchObject({ amountReceivedMinor: order.amountMinor });
  });

  test('pawapay v1: what was deposited counts, not what was requested', () => {
    const { depositId } = (known('pawapay').fixtures.paid as { data: { depositId: string } }).data;
    const deposit = {
      depositId,
      status: 'COMPLETED',
      requestedAmount: '123.0000',
      depositedAmount: '100.0000',
      currency: 'KES',
      correspondentIds: { MPESA_FINAL: 'NEF61H8J60' },
    };
    expect(read('pawapay', [deposit])).toMatchObject({ kind: 'paid', doubt: 'underpaid' });
  });

  test('airtel-money: an amount beside it is not believed', () => {
    const paid = paidWith('airtel-money', { 'data.transaction.amount': 1_000_000 });
    expect(read('airtel-money', paid)).toMatchObject({ doubt: null, amountReceivedMinor: null });
  });
});

describe('trap 18: "abandoned" and "invalid" are no endings, and failures of hosted pages are soft', () => {
  test.each(['abandoned', 'ongoing', 'queued', 'send_otp', 'open_url'])('paystack: %s is pending', (word) => {
    expect(read('paystack', paidWith('paystack', { 'data.status': word })).kind).toBe('pending');
  });

  test.each(['paystack', 'pesapal', 'kopokopo', 'airtel-money'])('%s: no failure is firm', (id) => {
    const { provider, fixtures } = known(id);
    const firm = [...provider.payment].filter(([, row]) => 'certainty' in row && row.certainty === 'firm');
    expect(firm).toEqual([]);
    expect(read(id, fixtures.failed)).toMatchObject({ kind: 'failed', certainty: 'soft' });
  });

  test.each([
    ['paystack', { 'data.status': 'reversed' }],
    ['pesapal', { status_code: 3, payment_status_description: 'Reversed' }],
  ])('%s: reversed was paid once', (id, fields) => {
    expect(read(id, paidWith(id, fields)).kind).toBe('unrecognised');
  });
});

describe('trap 19: short tokens', () => {
  const auth = (id: string) => known(id).provider.auth;

  test('pesapal: five minutes, whatever the answer says, and less where it says so', () => {
    expect(auth('pesapal')?.maxLifetimeMs).toBe(300_000);
    const grant = (expiryDate: unknown) => auth('pesapal')?.grant({ token: 'abc', expiryDate }, sampleNow);
    expect(grant('2024-08-09T13:24:50.5177702Z')).toEqual({ token: 'abc', lifetimeMs: 120_517 });
    for (const said of ['2024-08-09T13:00:00Z', '', null, 5]) {
      expect(grant(said)).toEqual({ token: 'abc', lifetimeMs: null });
    }
  });

  test('pesapal: HTTP 200 without a token is no grant, and refuses the credentials', () => {
    const error = { error_type: 'api_error', code: 'invalid_consumer_key_or_secret_provided', message: '' };
    expect(auth('pesapal')?.grant({ error, status: '500', token: null }, sampleNow)).toBeNull();
    expect(auth('pesapal')?.isRefusal?.({ error, status: '500' }, 200)).toBe(true);
    expect(auth('pesapal')?.isRefusal?.({ status: '500' }, 200)).toBe(false);
  });

  test('airtel-money: three minutes, given as a text, renewed half a minute before', () => {
    const granted = auth('airtel-money')?.grant({ access_token: 'abc', expires_in: '180' }, sampleNow);
    expect(granted).toEqual({ token: 'abc', lifetimeMs: 180_000 });
    expect(auth('airtel-money')?.renewBeforeMs).toBe(30_000);
    expect(auth('airtel-money')?.defaultLifetimeMs).toBe(180_000);
  });
});

describe('trap 20: advice to give up is not taken', () => {
  test('pawapay: not found stays not found, and so does MTN’s', () => {
    expect(read('pawapay', { status: 'NOT_FOUND' }).kind).toBe('not-found');
    expect(read('pawapay', []).kind).toBe('not-found');
    expect(read('mtn-momo', { code: 'RESOURCE_NOT_FOUND', message: 'x' }, 404).kind).toBe('not-found');
  });
});

test.each([
  ['lists', '[', ']'],
  ['objects', '{"a":', '}'],
])('errors of Kopo Kopo that are %s nested without end leave the order as it is', (_label, open, close) => {
  const nested = `${open.repeat(50_000)}0${close.repeat(50_000)}`;
  const withErrors = (status: string) =>
    JSON.stringify(
      paidWith('kopokopo', {
        'data.attributes.status': status,
        'data.attributes.event': { resource: null, errors: 'NESTED' },
      }),
    ).replace('"NESTED"', nested);
  expect(read('kopokopo', withErrors('Pending'))).toMatchObject({ kind: 'pending', providerMessage: '' });
  expect(read('kopokopo', withErrors('Failed'))).toMatchObject({ kind: 'failed', certainty: 'soft' });
});
