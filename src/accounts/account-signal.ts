import { isAnswered, type Reading } from '../domain/order.ts';

/**
 * What a reading says about the health of its account, independent of the order.
 * - `failed`: no answer, an outage, throttling, refused credentials.
 * - `answered`: the account works, even if this order was refused: a bad reference is not the account's fault.
 * - `nothing`: a query was only acknowledged; its answer is still to come.
 */
export type AccountSignal = 'failed' | 'answered' | 'nothing';

/** Classifies a reading for the account's circuit breaker. */
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
