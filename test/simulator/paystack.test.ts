import { describe, expect, it } from 'vitest';
import { isRefused } from '../../src/providers/callback-rules.ts';
import { providers } from '../../src/providers/index.ts';
import { type SimulatedOrder, type State, simulatorCredentials } from '../../src/simulator/simulator.ts';
import { merchant } from './merchant.ts';
import { setup } from './support.ts';

const reference = 're4lyvq3s3';
const authorization = `Bearer ${simulatorCredentials.paystack.secretKey}`;
const script: SimulatedOrder = {
  provider: 'paystack',
  reference,
  amount: '300.50',
  receipt: 'NEF61H8J60',
  timeline: [{ afterMs: 0, state: 'paid' }],
};

async function told(state: State, more: Partial<SimulatedOrder> = {}) {
  const { simulator, fetch } = await setup();
  simulator.script({ ...script, ...more, timeline: [{ afterMs: 0, state }] });
  return fetch(`/paystack/transaction/verify/${reference}`, { headers: { authorization } });
}

describe('Paystack', () => {
  it('prints amounts in cents, what was requested beside what came', async () => {
    const data = {
      ...{ domain: 'test', status: 'success', reference, receipt_number: 'NEF61H8J60' },
      ...{ amount: 15_025, requested_amount: 30_050, currency: 'KES', channel: 'mobile_money' },
    };
    const json = { status: true, message: 'Verification successful', data };
    expect(await told('paid', { amountPaid: '150.25' })).toMatchObject({ status: 200, json });
  });

  it.each<[State, string]>([
    ['failed:insufficient-funds', 'failed'],
    ['failed:cancelled', 'failed'],
    ['failed:wrong-pin', 'failed'],
    ['failed:limit-exceeded', 'failed'],
    ['failed:rejected', 'failed'],
    ['expired:not-reached', 'failed'],
    ['expired', 'failed'],
    [{ word: 'reversed' }, 'reversed'],
  ])('prints %j as %s, and the outer status is true', async (state, status) => {
    const data = { status, receipt_number: null, paid_at: null };
    expect(await told(state)).toMatchObject({ status: 200, json: { status: true, data } });
  });

  it('calls what waits abandoned and ongoing by turns', async () => {
    const { simulator, fetch } = await setup();
    const words = [];
    for (const each of ['a', 'b']) {
      simulator.script({ ...script, reference: each, timeline: [{ afterMs: 0, state: 'pending' }] });
      const { json } = await fetch(`/paystack/transaction/verify/${each}`, { headers: { authorization } });
      words.push((json as { data: { status: string } }).data.status);
    }
    expect(words).toEqual(['abandoned', 'ongoing']);
  });

  it('knows no other reference, and no other key', async () => {
    const { fetch } = await setup();
    const ask = (header: string) =>
      fetch('/paystack/transaction/verify/nope', { headers: { authorization: header } });
    const unknown = { status: false, code: 'transaction_not_found' };
    expect(await ask(authorization)).toMatchObject({ status: 400, json: unknown });
    expect(await ask('Bearer x')).toMatchObject({
      status: 401,
      json: { status: false, message: 'Invalid key' },
    });
  });

  it('signs its callbacks over the raw body, so that the adapter takes them', async () => {
    const { simulator } = await setup();
    const shop = await merchant();
    simulator.script({ ...script, callbacks: [{ afterMs: 0, url: shop.url, form: 'genuine' }] });
    const { text, json, headers, path } = await shop.next();
    expect(json).toMatchObject({ event: 'charge.success', data: { status: 'success', reference } });
    const { callback } = providers.get('paystack') ?? {};
    if (callback === undefined) throw new Error('Paystack has callbacks.');
    const push = {
      ...{ method: 'POST', authority: headers.host ?? '', target: path, headers },
      rawBody: Buffer.from(text),
    };
    const account = simulatorCredentials.paystack;
    expect(isRefused(callback, push, account, json, 0)).toBe(false);
    expect(isRefused(callback, { ...push, rawBody: Buffer.from(`${text} `) }, account, json, 0)).toBe(true);
    expect(isRefused(callback, { ...push, headers: {} }, account, json, 0)).toBe(true);
    expect(callback.aliases(json)).toContain(reference);
  });

  it('is asked again when a refund or a dispute is reported', () => {
    const { callback } = providers.get('paystack') ?? {};
    const aliasesOf = (data: object) => callback?.aliases(callback.body.parse({ event: 'x', data }));
    expect(aliasesOf({ transaction_reference: reference, status: 'processed' })).toContain(reference);
    expect(aliasesOf({ transaction: { reference }, status: 'awaiting-merchant-feedback' })).toContain(
      reference,
    );
  });
});
