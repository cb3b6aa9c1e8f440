import { randomBytes } from 'node:crypto';
import type { ProviderId } from '../src/simulator/simulator.ts';
import type { Random } from '../test/support/random.ts';

/** A payment that a forger knows of. */
export interface KnownPayment {
  readonly provider: ProviderId;
  readonly reference: string;
  readonly amount: string;
}

/** What is posted, and where. */
export interface Forged {
  readonly path: string;
  readonly body: string | Buffer;
}

/** What a forger may send who knows our addresses, and at the worst the account's token too. */
export function forge(random: Random, token: string, { provider, reference, amount }: KnownPayment): Forged {
  const path = `/callbacks/${provider}/${token}`;
  const lie = JSON.stringify(claimOf(provider, reference, amount));
  // Daraja's answers come under one-time tokens: a guess is all that a forger has.
  const guess = `/callbacks/daraja/${randomBytes(32).toString('hex')}.${random.pick(['result', 'timeout'])}`;
  switch (random.between(0, 9)) {
    case 0:
      return { path: `/callbacks/${provider}/${randomBytes(12).toString('hex')}`, body: lie };
    case 1:
      return { path, body: `{"\u0000":${random.next()}` };
    case 2:
      return { path, body: Buffer.alloc(random.pick([257, 300, 2_000]) * 1_024, '7') };
    case 3:
      return { path, body: '['.repeat(20_000) };
    case 4:
      return { path: `/callbacks/no-such-account/${token}`, body: lie };
    case 5:
    case 6:
      return { path: guess, body: lie };
    default:
      return { path: provider === 'daraja' ? guess : path, body: lie };
  }
}

/** A body of the provider's own form that says "paid in full". */
function claimOf(provider: ProviderId, reference: string, amount: string): object {
  switch (provider) {
    case 'jenga':
      return { callbackType: 'IPN', customer: { reference }, transaction: { amount, status: 'SUCCESS' } };
    case 'daraja-stk':
      return { Body: { stkCallback: { CheckoutRequestID: reference, ResultCode: 0, ResultDesc: 'ok' } } };
    case 'daraja': {
      const ResultParameter = [
        { Key: 'TransactionStatus', Value: 'Completed' },
        { Key: 'Amount', Value: amount },
        { Key: 'ReceiptNo', Value: reference },
      ];
      return { Result: { ResultCode: 0, ResultDesc: 'ok', ResultParameters: { ResultParameter } } };
    }
    case 'vexora':
      return { tradeNo: reference, mpesaReceiptNumber: reference, status: '0000', amount };
    case 'lipia':
      return { response: { ExternalReference: reference, Status: 'Success', Amount: amount }, status: true };
    case 'tanda':
      return { trackingId: reference, reference, status: 'S000000', result: { ref: 'FORGED1234' } };
    default:
      return { id: reference, reference, transaction: { id: reference }, status: 'SUCCESS', amount };
  }
}
