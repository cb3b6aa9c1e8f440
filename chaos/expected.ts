import type { Reason, VerdictStatus } from '../src/domain/order.ts';
import type { LedgerEntry, ProviderId, SimulatedOrder } from '../src/simulator/simulator.ts';

/** The last verdict that the stream must hold about an order. */
export interface ExpectedVerdict {
  readonly status: VerdictStatus;
  readonly reason: Reason | null;
  readonly receipt: string | null;
  readonly amountReceived: string | null;
  readonly amountVerified: boolean;
}

type Unpaid = Readonly<Record<string, readonly ['failed' | 'expired', Reason]>>;

/**
 * What each provider's statuses for an end without money mean, written down from the documents a second time, so that the
 * adapters are not judged by themselves. The simulator uses one status for several ends where the provider has but one.
 */
const unpaid: Readonly<Record<ProviderId, Unpaid>> = {
  jenga: { failed: ['failed', 'cancelled'], expired: ['expired', 'timed-out'] },
  daraja: {
    'failed:cancelled': ['failed', 'cancelled'],
    failed: ['failed', 'rejected'],
    expired: ['expired', 'timed-out'],
  },
  'daraja-stk': {
    'failed:cancelled': ['failed', 'cancelled'],
    'failed:insufficient-funds': ['failed', 'insufficient-funds'],
    'failed:wrong-pin': ['failed', 'wrong-pin'],
    'failed:limit-exceeded': ['failed', 'limit-exceeded'],
    'failed:rejected': ['failed', 'not-reached'],
    'expired:not-reached': ['expired', 'not-reached'],
    expired: ['expired', 'timed-out'],
  },
  vexora: {
    'failed:limit-exceeded': ['failed', 'limit-exceeded'],
    failed: ['failed', 'rejected'],
    expired: ['failed', 'rejected'],
  },
  lipia: {
    'failed:cancelled': ['failed', 'cancelled'],
    'failed:insufficient-funds': ['failed', 'insufficient-funds'],
    'failed:wrong-pin': ['failed', 'wrong-pin'],
    'failed:limit-exceeded': ['failed', 'limit-exceeded'],
    'failed:rejected': ['failed', 'rejected'],
    'expired:not-reached': ['expired', 'not-reached'],
    expired: ['expired', 'timed-out'],
  },
  tanda: {
    'failed:insufficient-funds': ['failed', 'insufficient-funds'],
    failed: ['failed', 'rejected'],
    expired: ['failed', 'rejected'],
  },
};

/** The last verdict that an order must get, by the simulator's ledger. Pure. */
export function expectedVerdictOf(
  simulated: Pick<SimulatedOrder, 'answeredReference' | 'direction'>,
  ledger: Pick<LedgerEntry, 'provider' | 'reference' | 'finalState' | 'amount' | 'amountPaid' | 'receipt'>,
): ExpectedVerdict {
  const { provider, finalState, amountPaid } = ledger;
  // Where an order is asked about by its receipt, an answer about another payment tells the other one's.
  const isByReceipt = ledger.receipt === ledger.reference;
  const receipt = isByReceipt ? (simulated.answeredReference ?? ledger.receipt) : ledger.receipt;
  if (finalState === 'not-found' || finalState === 'pending' || finalState === 'unknown') {
    return { ...nothingSaid, status: 'unresolved', reason: 'deadline' };
  }
  if (finalState === 'paid' || finalState === 'partly-paid') {
    // The STK query gives neither the amount nor the receipt.
    const isBlind = provider === 'daraja-stk';
    const said = {
      receipt: isBlind ? null : receipt,
      amountReceived: isBlind ? null : amountPaid,
      amountVerified: false,
    };
    const doubt = doubtOf(simulated, ledger, isBlind || Number(amountPaid) >= Number(ledger.amount));
    return doubt === null
      ? { ...said, status: 'paid', reason: null, amountVerified: !isBlind }
      : { ...said, status: 'unresolved', reason: doubt };
  }
  const [family = ''] = finalState.split(':');
  const [status, reason] = unpaid[provider][finalState] ?? unpaid[provider][family] ?? ['failed', null];
  return { ...nothingSaid, status, reason };
}

const nothingSaid = { receipt: null, amountReceived: null, amountVerified: false } as const;

function doubtOf(
  { answeredReference, direction }: Pick<SimulatedOrder, 'answeredReference' | 'direction'>,
  { provider }: Pick<LedgerEntry, 'provider'>,
  isEnough: boolean,
): Reason | null {
  if (answeredReference !== undefined) return 'reference-mismatch';
  // Only these two answer about payouts too, and say so.
  if (direction === 'out' && (provider === 'daraja' || provider === 'tanda')) return 'wrong-direction';
  return isEnough ? null : 'underpaid';
}
