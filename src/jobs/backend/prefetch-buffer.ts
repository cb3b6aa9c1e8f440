import { setImmediate as immediate } from 'node:timers/promises';
import type { JobJson } from 'bullmq';
import { type Clock, machineClock } from '../../domain/clock.ts';
import type { Taken, Turns } from './poll-exchange.ts';

/** What BullMQ makes of a job, or of there being none now. */
export type Granted =
  | [job: JobJson, jobId: string, limitedMs: 0, nextDueAt: 0]
  | [job: null, jobId: null, limitedMs: number, nextDueAt: 0];

/** The jobs of one worker: those that its slots work on, and those taken ahead for the slots that are free. */
export interface JobSupply {
  /** A job that has been taken ahead; asks nobody. */
  ahead(): Granted;
  /** Sees to it that there is a job for a slot that has just become free, if there is one at all. */
  ask(): Promise<void>;
  /** A slot works on this job no more. */
  release(jobId: string): void;
  /** This job is on its way out of the worker until the promise settles, which is returned. */
  leave<T>(jobId: string, left: Promise<T>): Promise<T>;
  /** Takes jobs ahead for free slots. Says when the next one is due (0: unknown), or `null` when there is no need to wait. */
  fill(): Promise<number | null>;
  isFull(): boolean;
  /** The jobs that slots work on. */
  working(): string[];
  /** Gives back the jobs taken ahead, for which nobody will ask any more. */
  giveBack(): Promise<void>;
}

/** Taken ahead by one worker at most, so that others get their share of a burst. */
const aheadLimit = 25;

/**
 * A turn that took so long may have been sent twice: ioredis does that when a connection is lost, a tenth of a second later,
 * and the first reply, with the jobs that it locked, is lost.
 */
const slowTurnMs = 50;
/** From a slow turn to the look for what it left behind. A Redis that is slow for being busy is not asked more often. */
const lookAfterMs = 1_000;

/**
 * @param slots of the worker
 * @param usableMs how long after it was asked for a job may be begun: its lock must last until the worker prolongs it
 */
export function createJobSupply(
  turns: Turns,
  slots: number,
  usableMs: number,
  clock: Clock = machineClock,
): JobSupply {
  const held = new Set<string>();
  const leaving = new Set<string>();
  const stock: { readonly job: JobJson; readonly usableUntil: number }[] = [];
  let asking = 0;
  let limitedUntil = 0;
  let isLookPlanned = false;
  let looked: Promise<void> = Promise.resolve();

  const limitedMs = () => Math.ceil(Math.max(0, limitedUntil - performance.now()));
  const taken = () => held.size + asking + stock.length;

  async function take(most: number): Promise<Taken> {
    asking += most;
    const askedAt = performance.now();
    const usableUntil = askedAt + usableMs;
    try {
      const turn = await turns.take(most);
      limitedUntil = turn.limitedMs > 0 ? performance.now() + turn.limitedMs : 0;
      for (const job of turn.jobs) stock.push({ job, usableUntil });
      return turn;
    } finally {
      asking -= most;
      if (performance.now() - askedAt >= slowTurnMs) planLook();
    }
  }

  /** One look at a time, for all slow turns before it. */
  function planLook(): void {
    if (isLookPlanned) return;
    isLookPlanned = true;
    setTimeout(() => {
      looked = looked.then(() => {
        isLookPlanned = false;
        // Failed, it leaves the strays to the end of their locks, or to the look after the next slow turn.
        return giveBackStrays().catch(() => {});
      });
    }, lookAfterMs).unref();
  }

  /** Gives back the jobs that are locked for us without our knowing; otherwise they would wait for the end of their locks. */
  async function giveBackStrays(): Promise<void> {
    const known = knownIds();
    const locked = await turns.locked();
    // What the turns before this look took is known a moment later.
    await immediate();
    for (const jobId of knownIds()) known.add(jobId);
    const now = clock.now();
    await Promise.all(locked.filter((id) => !known.has(id)).map((id) => turns.letGo(id, now)));
  }

  function knownIds(): Set<string> {
    return new Set([...held, ...leaving, ...stock.map(({ job }) => job.id)]);
  }

  return {
    ahead() {
      for (let first = stock.shift(); first !== undefined; first = stock.shift()) {
        const { job, usableUntil } = first;
        if (usableUntil >= performance.now()) {
          held.add(job.id);
          return [job, job.id, 0, 0];
        }
        // Redis was away for long, or we were. If the lock has run out, the job is somebody else's already.
        turns.letGo(job.id, clock.now()).catch(() => {});
      }
      return [null, null, limitedMs(), 0];
    },
    async ask() {
      if (stock.length === 0) await take(1);
    },
    release: (jobId) => void held.delete(jobId),
    leave(jobId, left) {
      leaving.add(jobId);
      return left.finally(() => leaving.delete(jobId));
    },
    async fill() {
      if (stock.length > 0) return null;
      const { nextDueAt } = await take(Math.min(Math.max(slots - taken(), 1), aheadLimit));
      return stock.length > 0 || limitedMs() > 0 ? null : nextDueAt;
    },
    working: () => [...held].filter((jobId) => !leaving.has(jobId)),
    isFull: () => taken() >= slots,
    async giveBack() {
      const now = clock.now();
      await Promise.all(stock.splice(0).map(({ job }) => turns.letGo(job.id, now)));
    },
  };
}
