import type { Reason, VerdictStatus } from '../src/domain/order.ts';
import type { LedgerEntry, SimulatedOrder } from '../src/simulator/simulator.ts';
import { confirmAfterMs } from './environment.ts';
import { expectedVerdictOf } from './expected.ts';

/** A verdict that something gave rise to, from when until when it did. Epoch milliseconds. */
export interface Occasion {
  readonly status: VerdictStatus;
  readonly reason: Reason | null;
  readonly fromAt: number;
  readonly untilAt: number;
}

/** What a verdict on the stream says about its own ground. */
export interface PublishedVerdict {
  readonly status: string;
  readonly reason: string | null;
  readonly settledAt: string;
  readonly evidence: readonly { readonly [field: string]: unknown }[];
}

/**
 * Every verdict that may be published about an order, and when: what the provider was scripted to say, step by step, and
 * from the deadline on that nothing final came. Pure.
 */
export function occasionsOf(
  simulated: Pick<SimulatedOrder, 'timeline' | 'answeredReference' | 'direction'>,
  ledger: Parameters<typeof expectedVerdictOf>[1] & Pick<LedgerEntry, 'finalAt'>,
  deadlineAt: number,
): Occasion[] {
  const { timeline } = simulated;
  const scriptedAt = ledger.finalAt - (timeline.at(-1)?.afterMs ?? 0);
  const said = timeline.map(({ state, afterMs }, index): Occasion => {
    const finalState = typeof state === 'string' ? state : 'unknown';
    const { status, reason } = expectedVerdictOf(simulated, { ...ledger, finalState });
    const nextMs = timeline[index + 1]?.afterMs ?? Number.POSITIVE_INFINITY;
    return { status, reason, fromAt: scriptedAt + afterMs, untilAt: scriptedAt + nextMs };
  });
  const deadline: Occasion = {
    ...{ status: 'unresolved', reason: 'deadline' },
    ...{ fromAt: deadlineAt, untilAt: Number.POSITIVE_INFINITY },
  };
  return [...said.filter(({ reason }) => reason !== 'deadline'), deadline];
}

/** No verdict states a time so far ahead of the stream, whatever the clocks of the workers say. */
const mostAheadMs = 10_000;
/** The clock of a worker follows that of Redis from behind: by the fastest round trip so far, which is slow on a busy machine. */
const mostBehindMs = 500;

/**
 * Why a verdict should not have been published, `null` when it had its ground: the provider said so between our question and the
 * verdict, or the deadline had passed when it was asked. A soft verdict needs two readings. The times that the verdict states are
 * held against the stream, whose clock is right: a verdict cannot be published before there was a ground for it.
 *
 * @param heardAt when it could be read, epoch milliseconds
 */
export function groundless(
  verdict: PublishedVerdict,
  occasions: readonly Occasion[],
  heardAt: number,
): string | null {
  const { status, reason, evidence } = verdict;
  const said = `${status}/${reason}`;
  const settledAt = Date.parse(verdict.settledAt);
  const decisive = evidence.at(-1);
  const readAt = Date.parse(String(decisive?.at));
  if (decisive === undefined || !Number.isFinite(readAt) || readAt > settledAt)
    return `${said} without evidence`;
  if (settledAt > heardAt + mostAheadMs) return `${said} at ${verdict.settledAt}, which was still to come`;
  const possible = occasions.filter((one) => one.status === status && one.reason === reason);
  if (possible.length === 0) return `${said}, for which there was never an occasion`;
  const firstAt = Math.min(...possible.map(({ fromAt }) => fromAt));
  if (reason === 'deadline') {
    const lastAskedAt = Math.max(...evidence.map(askedAtOf));
    return Math.min(lastAskedAt, heardAt) >= firstAt ? null : `${said} without a question after the deadline`;
  }
  const [askedAt, knownAt] = [askedAtOf(decisive), Math.min(settledAt + mostBehindMs, heardAt)];
  if (!possible.some(({ fromAt, untilAt }) => fromAt <= knownAt && askedAt < untilAt)) {
    return `${said} from an answer that was asked for at another time than the provider said so`;
  }
  if (decisive.certainty !== 'soft') return null;
  const waitedMs = Math.min(readAt - firstReadAt(evidence), heardAt - firstAt);
  return waitedMs >= confirmAfterMs ? null : `${said}, a soft verdict that was read once`;
}

/** An answer that was pushed may be as old as its question. Where that is not known, it may be any age. */
function askedAtOf({ source, at, askedAt }: PublishedVerdict['evidence'][number]): number {
  if (source === 'poll') return Date.parse(String(at));
  return askedAt === undefined ? Number.NEGATIVE_INFINITY : Date.parse(String(askedAt));
}

function firstReadAt(evidence: PublishedVerdict['evidence']): number {
  const first = evidence[0];
  return Date.parse(String(first?.firstAt ?? first?.at));
}
