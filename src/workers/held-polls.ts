import { type ChanceFinal, type DuePoll, patienceOf } from '../domain/poll-class.ts';
import type { PollPath } from '../jobs/backend/poll-path.ts';

/** What a worker knows of the orders that it holds, so that it can say how valuable the next poll of each is. */
export interface HeldPolls {
  /** The path, which notes what passes along it. */
  readonly path: PollPath;
  /** How much later than `at` the next poll of this job's order counts as due where polls are scarce. */
  patienceOf(jobId: string, at: number): number;
  /** The worker holds the job no longer. */
  forget(jobId: string): void;
}

/**
 * @param late called with the milliseconds by which a poll begins later than it counted as due
 * @param chanceFinal what is known of the account's completion times
 */
export function holdPolls(
  path: PollPath,
  now: () => number,
  late: (ms: number) => void = () => {},
  chanceFinal?: ChanceFinal,
): HeldPolls {
  const held = new Map<string, DuePoll>();
  return {
    path: {
      ...path,
      async begin(jobId, orderId) {
        const begun = await path.begin(jobId, orderId);
        if (begun.record === null) return begun;
        const { order, progress, nextPollAt } = begun.record;
        const poll = { order, progress, isRequested: false };
        held.set(jobId, poll);
        if (nextPollAt !== null)
          late(Math.max(0, now() - nextPollAt - patienceOf(poll, nextPollAt, chanceFinal)));
        return begun;
      },
      async finish(jobId, step) {
        const settled = await path.finish(jobId, step);
        const { nextPollAt } = settled.outcome === 'settled' ? settled : { nextPollAt: null };
        // Earlier than decided: a poll was requested meanwhile.
        const isRequested = nextPollAt !== null && step.nextPollAt !== null && nextPollAt < step.nextPollAt;
        held.set(jobId, { order: step.record.order, progress: step.progress, isRequested });
        return settled;
      },
    },
    patienceOf(jobId, at) {
      const poll = held.get(jobId);
      return poll === undefined ? 0 : patienceOf(poll, at, chanceFinal);
    },
    forget: (jobId) => void held.delete(jobId),
  };
}
