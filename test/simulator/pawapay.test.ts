import { describe, expect, it } from 'vitest';
import { isRefused } from '../../src/providers/callback-rules.ts';
import { providers } from '../../src/providers/index.ts';
import { type SimulatedOrder, type State, simulatedProvider } from '../../src/simulator/simulator.ts';
import { merchant } from './merchant.ts';
import { setup } from './support.ts';

const depositId = '8917c345-4791-4285-a416-62f24b6982db';
const authorization = 'Bearer simulated-pawapay-api-token';

const script: SimulatedOrder = {
  provider: 'pawapay',
  reference: depositId,
  amount: '123.00',
  receipt: 'NEF61H8J60',
  timeline: [{ afterMs: 0, state: 'paid' }],
};

async function told(
  state: State,
  { version = '/v2', ...more }: Partial<SimulatedOrder> & { version?: string } = {},
) {
  const { simulator, fetch } = await setup();
  simulator.script({ ...script, ...more, timeline: [{ afterMs: 0, state }] });
  return fetch(`/pawapay${version}/deposits/${depositId}`, { headers: { authorization } });
}

describe('pawaPay', () => {
  it('prints a paid deposit as the documents do', async () => {
    const data = {
      depositId,
      status: 'COMPLETED',
      amount: '123.00',
      currency: 'KES',
      country: 'KEN',
      payer: { type: 'MMO', accountDetails: { phoneNumber: '254712345678', provider: 'MPESA_KEN' } },
      providerTransactionId: 'NEF61H8J60',
    };
    expect(await told('paid')).toMatchObject({ status: 200, json: { status: 'FOUND', data } });
  });

  it.each<[State, string, string | undefined]>([
    ['pending', 'PROCESSING', undefined],
    ['failed:insufficient-funds', 'FAILED', 'INSUFFICIENT_BALANCE'],
    ['failed:cancelled', 'FAILED', 'PAYMENT_NOT_APPROVED'],
    ['failed:wrong-pin', 'FAILED', 'PAYMENT_NOT_APPROVED'],
    ['failed:limit-exceeded', 'FAILED', 'PAYER_LIMIT_REACHED'],
    ['failed:rejected', 'FAILED', 'UNSPECIFIED_FAILURE'],
    ['expired:not-reached', 'FAILED', 'PAYER_NOT_FOUND'],
    ['expired', 'FAILED', 'PAYMENT_NOT_APPROVED'],
    [{ word: 'IN_RECONCILIATION' }, 'IN_RECONCILIATION', undefined],
  ])('prints %j as %s %s, without a transaction id', async (state, status, failureCode) => {
    const { json } = await told(state);
    const failureReason = failureCode && { failureCode };
    expect(json).toMatchObject({
      status: 'FOUND',
      data: { status, ...(failureReason && { failureReason }) },
    });
    expect(json).not.toHaveProperty('data.providerTransactionId');
  });

  it('answers version 1 with a list, four decimals, and what came in only when it came', async () => {
    const paid = { requestedAmount: '123.0000', depositedAmount: '50.0000' };
    expect(await told('paid', { version: '', amountPaid: '50.00' })).toMatchObject({
      json: [{ status: 'COMPLETED', ...paid, correspondentIds: { MPESA_FINAL: 'NEF61H8J60' } }],
    });
    const { json } = await told('pending', { version: '' });
    expect(json).toMatchObject([{ status: 'SUBMITTED' }]);
    expect(json).not.toHaveProperty('0.depositedAmount');
  });

  it('names a payout as one', async () => {
    const { json } = await told('paid', { direction: 'out' });
    expect(json).toMatchObject({ data: { payoutId: depositId, recipient: { type: 'MMO' } } });
    expect(json).not.toHaveProperty('data.depositId');
  });

  it('knows no other deposit, and no other token', async () => {
    const { fetch } = await setup();
    const path = `/deposits/${depositId}`;
    const ask = (at: string, token = authorization) =>
      fetch(`/pawapay${at}`, { headers: { authorization: token } });
    expect(await ask(`/v2${path}`)).toMatchObject({ status: 200, json: { status: 'NOT_FOUND' } });
    expect(await ask(path)).toMatchObject({ status: 200, json: [] });
    const failureReason = { failureCode: 'AUTHENTICATION_ERROR' };
    expect(await ask(`/v2${path}`, 'Bearer x')).toMatchObject({ status: 401, json: { failureReason } });
  });

  it('signs its callbacks, flat and without an outer status, so that the adapter takes them', async () => {
    const { simulator } = await setup();
    const shop = await merchant();
    const url = `${shop.url}/callbacks/pawapay/t`;
    simulator.script({ ...script, callbacks: [{ afterMs: 0, url, form: 'genuine' }] });
    const { text, json, headers, path } = await shop.next();
    expect(json).toMatchObject({ depositId, status: 'COMPLETED' });
    const { callback, settings } = providers.get('pawapay') ?? {};
    const account = settings?.parse({
      apiToken: 'x',
      ...simulatedProvider('pawapay').settings('http://127.0.0.1:1', ''),
    });
    const push = {
      ...{ method: 'POST', authority: headers.host ?? '', target: path, headers },
      rawBody: Buffer.from(text),
    };
    if (callback === undefined) throw new Error('pawaPay has callbacks.');
    expect(isRefused(callback, push, account, json, Date.now())).toBe(false);
    expect(
      isRefused(callback, { ...push, rawBody: Buffer.from(`${text} `) }, account, json, Date.now()),
    ).toBe(true);
    expect(isRefused(callback, { ...push, headers: {} }, account, json, Date.now())).toBe(true);
    expect(callback.aliases(json)).toEqual([depositId]);
  });
});
