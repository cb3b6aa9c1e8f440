import { isAnswered, type Reading } from '../domain/order.ts';

/**
 * What an answer says about its account, whatever it says about the order.
 * - `failed`: no answer, an outage, throttling, refused credentials.
 * - `answered`: it was answered, also when this one order was refused: a bad reference is no fault of the account.
 * - `nothing`: a query was only taken, and its answer is still to come.
 */
export type AccountSignal = 'failed' | 'answered' | 'nothing';

export function accountSignal(reading: Reading): AccountSignal {
  switch (reading.kind) {
    case 'unavailable':
      return reading.aboutOrder ? 'answered' : 'failed';
    case 'refused':
      return reading.credentials ? 'failed' : 'answered';
    case 'pending':
      return isAnswered(reading) ? 'answered' : 'nothing';
    case 'paid':
    case 'failed':
    case 'expired':
    case 'not-found':
    case 'unrecognised':
      return 'answered';
  }
}
