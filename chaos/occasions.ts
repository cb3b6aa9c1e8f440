import type { Reason, VerdictStatus } from '../src/domain/order.ts';
import type { LedgerEntry, SimulatedOrder } from '../src/simulator/simulator.ts';
import { confirmAfterMs } from './environment.ts';
import { truthOf } from './expected.ts';

/** A verdict that something gave rise to, from when until when it did. Epoch milliseconds. */
export interface Occasion {
  readonly status: VerdictStatus;
  readonly reason: Reason | null;
  readonly fromAt: number;
  readonly untilAt: number;
}

/**
 * Whose clock tells when a question was asked and a word was said: `theirs`, as the word itself says, or that of the results
 * `stream`, where the clocks of the workers are not to be believed.
 */
export type Clock = 'theirs' | 'stream';

/** What a word on the stream says about its own ground. */
export interface Word {
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
  ledger: Parameters<typeof truthOf>[1] & Pick<LedgerEntry, 'finalAt'>,
  deadlineAt: number,
): Occasion[] {
  const { timeline } = simulated;
  const scriptedAt = ledger.finalAt - (timeline.at(-1)?.afterMs ?? 0);
  const said = timeline.map(({ state, afterMs }, index): Occasion => {
    const finalState = typeof state === 'string' ? state : 'unknown';
    const { status, reason } = truthOf(simulated, { ...ledger, finalState });
    const nextMs = timeline[index + 1]?.afterMs ?? Number.POSITIVE_INFINITY;
    return { status, reason, fromAt: scriptedAt + afterMs, untilAt: scriptedAt + nextMs };
  });
  const deadline: Occasion = {
    ...{ status: 'unresolved', reason: 'deadline' },
    ...{ fromAt: deadlineAt, untilAt: Number.POSITIVE_INFINITY },
  };
  return [...said.filter(({ reason }) => reason !== 'deadline'), deadline];
}

/** No answer is older than this when it becomes a word, whatever the clocks say. */
const oldestAnswerMs = 10_000;

/**
 * Why a word should not have been said, `null` when it had its ground: the provider said so between our question and the
 * word, or the deadline had passed when it was asked. A soft word needs two readings.
 *
 * @param heardAt when it could be read, by a clock that is right, in place of what the word says of its own times
 */
export function groundless(
  word: Word,
  occasions: readonly Occasion[],
  heardAt: number | null = null,
): string | null {
  const { status, reason, evidence } = word;
  const said = `${status}/${reason}`;
  const decisive = evidence.at(-1);
  const toldAt = heardAt ?? Date.parse(word.settledAt);
  const readAt = heardAt ?? Date.parse(String(decisive?.at));
  if (decisive === undefined || !Number.isFinite(readAt) || readAt > toldAt)
    return `${said} without evidence`;
  const possible = occasions.filter((one) => one.status === status && one.reason === reason);
  if (possible.length === 0) return `${said}, for which there was never an occasion`;
  if (reason === 'deadline') {
    // A worker whose clock is ahead meets the deadline as much too early: it has no other clock to read.
    if (heardAt !== null) return null;
    const lastAskedAt = Math.max(...evidence.map(askedAtOf));
    return lastAskedAt >= (possible[0]?.fromAt ?? 0) ? null : `${said} without a question after the deadline`;
  }
  const askedAt = heardAt === null ? askedAtOf(decisive) : heardAt - oldestAnswerMs;
  if (!possible.some(({ fromAt, untilAt }) => fromAt <= toldAt && askedAt < untilAt)) {
    return `${said} from an answer that was asked for at another time than the provider said so`;
  }
  if (decisive.certainty !== 'soft') return null;
  const firstAt =
    heardAt === null ? firstReadAt(evidence) : Math.min(...possible.map(({ fromAt }) => fromAt));
  return readAt - firstAt >= confirmAfterMs ? null : `${said}, a soft word that was read once`;
}

/** An answer that was pushed does not say when its question was asked; that the question was taken is evidence of its own. */
function askedAtOf({ source, at }: Word['evidence'][number]): number {
  return source === 'poll' ? Date.parse(String(at)) : Number.NEGATIVE_INFINITY;
}

function firstReadAt(evidence: Word['evidence']): number {
  const first = evidence[0];
  return Date.parse(String(first?.firstAt ?? first?.at));
}
