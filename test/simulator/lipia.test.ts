import { describe, expect, it } from 'vitest';
import type { State } from '../../src/simulator/simulator.ts';
import { merchant } from './merchant.ts';
import { setup } from './support.ts';

const reference = '64f1a2b3c4d5e6f7a8b9c0d1';

/** The seed's answers, with this test's times and ids. */
function seed(
  Status: string,
  status: boolean,
  text: string,
  ResultDesc: string,
  ResultCode: number,
  receipt: string,
) {
  return {
    success: true,
    status: 'success',
    message: `Payment status: ${text}`,
    customerMessage: text,
    data: {
      response: {
        Amount: 100,
        ExternalReference: 'order_123',
        MerchantRequestID: '12345-67890-12345-00001',
        MpesaReceiptNumber: receipt,
        Phone: '254712345678',
        ResultCode,
        ResultDesc,
        Metadata: { order_id: '12345', customer_name: 'John Doe' },
        Status,
        TransactionDate: '2024-08-09T13:22:37.300Z',
      },
      status,
    },
    timestamp: '2024-08-09T13:22:38.300Z',
  };
}

const [pending, done] = ['Payment is still being processed', 'Payment completed successfully'];
const wrongText = 'The initiator information is invalid';

describe('Lipia', () => {
  it.each<[State, ReturnType<typeof seed>]>([
    ['pending', seed('PENDING', false, pending, pending, 0, '')],
    ['paid', seed('SUCCESS', true, done, done, 0, 'NEF61H8J60')],
    ['failed:insufficient-funds', seed('FAILED', false, 'Payment failed', wrongText, 1, '')],
  ])('prints %j as the seed does', async (state, expected) => {
    const { simulator, clock, ask } = await setup();
    simulator.script({
      provider: 'lipia',
      reference,
      amount: '100.00',
      receipt: 'NEF61H8J60',
      externalReference: 'order_123',
      metadata: { order_id: '12345', customer_name: 'John Doe' },
      timeline: [{ afterMs: 0, state }],
    });
    clock.at += 1_000;
    const answer = await ask.lipia(reference);
    expect(answer.status).toBe(200);
    expect(answer.text).toBe(JSON.stringify(expected));
  });

  it.each([
    ['failed:cancelled', 'FAILED', 1032],
    ['failed:wrong-pin', 'FAILED', 2001],
    ['failed:limit-exceeded', 'FAILED', 4],
    ['failed:rejected', 'FAILED', 9999],
    ['expired:not-reached', 'FAILED', 1037],
    ['expired', 'FAILED', 1019],
    [{ word: 'REVERSED' }, 'REVERSED', 0],
  ] as const)('prints %j as %s with ResultCode %i', async (state, Status, ResultCode) => {
    const { simulator, ask } = await setup();
    simulator.script({ provider: 'lipia', reference, amount: '100.00', timeline: [{ afterMs: 0, state }] });
    const data = { status: false, response: { Status, ResultCode, MpesaReceiptNumber: '' } };
    expect(await ask.lipia(reference)).toMatchObject({ status: 200, json: { success: true, data } });
  });

  it('prints the seed’s error bodies', async () => {
    const { ask } = await setup();
    const error = {
      code: 'NOT_FOUND',
      field: 'reference',
      location: 'query',
      value: 'nope',
      expected: 'Valid transaction reference',
    };
    const unknown = { success: false, status: 'error', message: 'Transaction not found', error };
    expect(await ask.lipia('nope')).toMatchObject({ status: 404, json: unknown });
    expect(await ask.lipia('')).toMatchObject({ status: 400, json: { error: { code: 'VALIDATION_ERROR' } } });
    expect(await ask.lipia(reference, 'wrong')).toMatchObject({ status: 401, json: { success: false } });
  });

  it('pushes the nested form in mixed case and the flat one without a status', async () => {
    const { simulator } = await setup();
    const shop = await merchant();
    const callbacks = [
      { afterMs: 0, url: shop.url, form: 'genuine' as const },
      { afterMs: 5, url: shop.url, form: 'genuine' as const, shape: 'flat' as const },
    ];
    const timeline = [{ afterMs: 0, state: 'failed:cancelled' as const }];
    simulator.script({ provider: 'lipia', reference, amount: '100.00', timeline, callbacks });
    expect((await shop.next()).json).toMatchObject({
      response: { Status: 'Failed', ResultCode: 1032 },
      status: false,
    });
    const flat = await shop.next();
    expect(flat.json).toMatchObject({ TransactionReference: reference, ResultCode: 1032 });
    expect(flat.json).not.toHaveProperty('Status');
  });
});
