import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createRequestPacer, transitMs } from '../../src/providers/request-pacer.ts';

const promisesRun = () => new Promise((resolve) => setImmediate(resolve));

/** Requests that come after these gaps, in virtual time, with timers that fire so much too late. Returns when each was sent. */
async function sendAll(ratePerSecond: number, gaps: readonly number[], lateMs: readonly number[]) {
  let now = 0;
  let slept = 0;
  const timers: { readonly at: number; readonly fire: () => void }[] = [];
  const pacer = createRequestPacer(
    ratePerSecond,
    () => now,
    (ms) =>
      new Promise<void>((fire) => {
        timers.push({ at: now + ms + (lateMs[slept++ % lateMs.length] ?? 0), fire });
      }),
  );
  const sent: { readonly nth: number; readonly at: number }[] = [];
  async function passUntil(until: number) {
    for (;;) {
      await promisesRun();
      timers.sort((a, b) => a.at - b.at);
      const [timer] = timers;
      if (timer === undefined || timer.at > until) break;
      timers.shift();
      now = Math.max(now, timer.at);
      timer.fire();
    }
    if (Number.isFinite(until)) now = until;
  }
  let cameAt = 0;
  for (const [nth, gap] of gaps.entries()) {
    cameAt += gap;
    await passUntil(cameAt);
    const turn = pacer.turn();
    if (turn === null) sent.push({ nth, at: now });
    else void turn.then(() => sent.push({ nth, at: now }));
  }
  await passUntil(Number.POSITIVE_INFINITY);
  return sent;
}

describe('requests within the limit of their account', () => {
  test('in no second do more arrive, however they come and however late timers are', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(fc.integer({ min: 1, max: 12 }), fc.double({ min: 0.2, max: 12, noNaN: true })),
        fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 700 })), { minLength: 1, maxLength: 40 }),
        fc.array(fc.oneof(fc.constant(0), fc.double({ min: -0.9, max: 300, noNaN: true })), { minLength: 1 }),
        fc.array(fc.double({ min: 0, max: transitMs, maxExcluded: true, noNaN: true }), { minLength: 1 }),
        async (ratePerSecond, gaps, lateMs, transits) => {
          const sent = await sendAll(ratePerSecond, gaps, lateMs);
          expect(sent.map(({ nth }) => nth)).toEqual(gaps.map((_, nth) => nth));
          const arrived = sent
            .map(({ at }, nth) => at + (transits[nth % transits.length] ?? 0))
            .sort((a, b) => a - b);
          for (const [nth, at] of arrived.entries()) {
            const within = arrived.slice(nth).filter((other) => other < at + 1_000).length;
            expect(within).toBeLessThanOrEqual(Math.ceil(ratePerSecond));
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  test('nothing waits while there is room', async () => {
    const sent = await sendAll(5, [0, 0, 0, 0, 0, 2_000, 0], [0]);
    expect(sent.map(({ at }) => at)).toEqual([0, 0, 0, 0, 0, 2_000, 2_000]);
  });

  test('one that is closed holds nothing back', async () => {
    const pacer = createRequestPacer(0.001);
    expect(pacer.turn()).toBeNull();
    const [second, third] = [pacer.turn(), pacer.turn()];
    pacer.close();
    await Promise.all([second, third]);
  });
});
