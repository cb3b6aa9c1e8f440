import type { Verdict } from './order.ts';

/** `asking`: no verdict yet. `watching`: the verdict may still change. `closed`: no more polls. */
export type Phase = 'asking' | 'watching' | 'closed';

/** A soft reading that waits for a second one to confirm it. */
export interface Candidate {
  readonly kind: 'paid' | 'failed' | 'expired';
  /** When its answer was considered, epoch ms: the provider had said so by then, and not necessarily when it was asked. */
  readonly at: number;
}

/** What is known about an order so far. */
export interface Progress {
  readonly phase: Phase;
  /** Version of the last published event; 0 before the first. */
  readonly stateversion: number;
  /** The last published verdict. */
  readonly verdict: (Verdict & { readonly at: number }) | null;
  /** When the watch began: at the last verdict, or at an earlier one once `restartLimit` corrections were published. */
  readonly watchedSince: number | null;
  readonly candidate: Candidate | null;
  /** True once any reading, even a doubtful one, said that our money arrived. From then on nothing is `failed`. */
  readonly moneySeen: boolean;
  readonly polls: number;
  readonly lastPolledAt: number | null;
  /** Polls that got a usable answer about the order. */
  readonly answeredPolls: number;
  readonly lastAnsweredAt: number | null;
  /** Verdicts before the last one, oldest first; absent while there are none. */
  readonly earlier?: readonly PublishedVerdict[];
  /** When the order was withdrawn; absent if it was not. It gets no poll after that, whatever is pushed to us. */
  readonly withdrawnAt?: number;
}

/** A verdict as it was published. */
export type PublishedVerdict = Verdict & { readonly at: number; readonly stateversion: number };

/** The progress of an order that was just accepted. */
export const freshProgress: Progress = {
  phase: 'asking',
  stateversion: 0,
  verdict: null,
  watchedSince: null,
  candidate: null,
  moneySeen: false,
  polls: 0,
  lastPolledAt: null,
  answeredPolls: 0,
  lastAnsweredAt: null,
};

/** After this many corrections, a new verdict no longer restarts the watch. */
const restartLimit = 10;
/** Earlier verdicts kept per order. */
const earlierLimit = 10;

/** The progress with a further published verdict. */
export function publishing(known: Progress, verdict: Verdict, now: number): Progress {
  // Otherwise a provider that keeps contradicting itself would be polled forever.
  const since = known.stateversion < restartLimit ? now : watchedSince(known);
  return {
    ...known,
    ...(known.verdict !== null && { earlier: withEarlier(known, known.verdict) }),
    stateversion: known.stateversion + 1,
    verdict: { ...verdict, at: now },
    watchedSince: since,
  };
}

function withEarlier({ earlier = [], stateversion }: Progress, verdict: Verdict & { readonly at: number }) {
  const { status, reason, at } = verdict;
  return [...earlier, { status, reason, at, stateversion }].slice(-earlierLimit);
}

/** Falls back to the last verdict: records of an earlier version have no `watchedSince`. */
export function watchedSince(known: Progress): number | null {
  return known.watchedSince ?? known.verdict?.at ?? null;
}
