import type { Reason, VerdictStatus } from '../src/domain/order.ts';
import { type LedgerEntry, type SimulatedOrder, simulatedProvider } from '../src/simulator/simulator.ts';

/** The last verdict that the stream must hold about an order. */
export interface ExpectedVerdict {
  readonly status: VerdictStatus;
  readonly reason: Reason | null;
  readonly receipt: string | null;
  readonly amountReceived: string | null;
  readonly amountVerified: boolean;
}

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
    const { traits } = simulatedProvider(provider);
    const said = {
      receipt: traits.receipt ? receipt : null,
      amountReceived: traits.amount ? amountPaid : null,
      amountVerified: false,
    };
    const doubt = doubtOf(simulated, ledger, !traits.amount || Number(amountPaid) >= Number(ledger.amount));
    return doubt === null
      ? { ...said, status: 'paid', reason: null, amountVerified: traits.amount }
      : { ...said, status: 'unresolved', reason: doubt };
  }
  const [family = ''] = finalState.split(':');
  const { outcomes } = simulatedProvider(provider);
  const [status, reason] = outcomes[finalState] ?? outcomes[family] ?? ['failed', null];
  return { ...nothingSaid, status, reason: reason as Reason | null };
}

/** The last verdict that an order must get whose payment is on the provider's statement. Pure. */
export function expectedByStatement(
  { receipt }: { readonly receipt: string },
  amount: string,
): ExpectedVerdict {
  return { status: 'paid', reason: null, receipt, amountReceived: amount, amountVerified: true };
}

const nothingSaid = { receipt: null, amountReceived: null, amountVerified: false } as const;

function doubtOf(
  { answeredReference, direction }: Pick<SimulatedOrder, 'answeredReference' | 'direction'>,
  { provider }: Pick<LedgerEntry, 'provider'>,
  isEnough: boolean,
): Reason | null {
  if (answeredReference !== undefined) return 'reference-mismatch';
  if (direction === 'out' && simulatedProvider(provider).traits.payouts) return 'wrong-direction';
  return isEnough ? null : 'underpaid';
}
