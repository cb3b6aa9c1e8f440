import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { freshProgress } from '../../../src/domain/progress.ts';
import {
  binCount,
  binOf,
  chanceFinalOf,
  edgeMs,
  noCompletionTimes,
  shareFinal,
  sightingOf,
  spread,
  weightOf,
} from '../../../src/workers/adaptive/completion-times.ts';
import { anOrder, aReading, createdAt } from '../../support/builders.ts';

const times = fc.double({ min: 0, max: 1e10, noNaN: true });

describe('bins', () => {
  test('every time lies in its bin', () => {
    fc.assert(
      fc.property(times, (ms) => {
        const bin = binOf(ms);
        expect(bin).toBeGreaterThanOrEqual(0);
        expect(bin).toBeLessThan(binCount);
        if (bin > 0) expect(ms).toBeGreaterThan(edgeMs(bin - 1));
        if (bin < binCount - 1) expect(ms).toBeLessThanOrEqual(edgeMs(bin));
      }),
    );
  });

  test('an edge belongs to the bin that it ends', () => {
    for (let bin = 0; bin < binCount; bin += 1) expect(binOf(edgeMs(bin))).toBe(bin);
  });

  test('an order that is spread stays one order, within its interval', () => {
    fc.assert(
      fc.property(times, times, (a, b) => {
        const [from, to] = [Math.min(a, b), Math.max(a, b)];
        const shares = [...spread(from, to)];
        expect(shares.reduce((sum, [, share]) => sum + share, 0)).toBeCloseTo(1, 6);
        expect(Math.min(...shares.map(([bin]) => bin))).toBeGreaterThanOrEqual(binOf(from));
        expect(Math.max(...shares.map(([bin]) => bin))).toBeLessThanOrEqual(binOf(to));
      }),
    );
  });

  test('the share that is final grows from 0 to all but those that never are', () => {
    const bins = noCompletionTimes().bins;
    for (const [bin, share] of spread(8_000, 13_000)) bins[bin] = 3 * share;
    const known = { bins, never: 1 };
    const final = shareFinal(known);
    expect(weightOf(known)).toBeCloseTo(4);
    expect([0, 7_000, 1e9].map((ms) => Number(final(ms).toFixed(6)))).toEqual([0, 0, 0.75]);
    expect(final(10_500)).toBeCloseTo(0.375, 2);
    fc.assert(fc.property(times, times, (a, b) => final(Math.min(a, b)) <= final(Math.max(a, b))));
  });

  test('the chance to be final leaves out what was final before', () => {
    const { bins } = noCompletionTimes();
    for (const [bin, share] of spread(10_000, 20_000)) bins[bin] = 8 * share;
    const chance = chanceFinalOf({ bins, never: 2 });
    expect(chance(0, 15_000)).toBeCloseTo(0.4, 2);
    // Of the ten orders six are left, and four of them become final.
    expect(chance(15_000, 20_000)).toBeCloseTo(4 / 6, 1);
    expect([chance(25_000, 60_000), chance(20_000, 10_000)]).toEqual([0, 0]);
    const known = chanceFinalOf({ bins, never: 0 });
    expect(known(1e9, 2e9)).toBe(0);
    fc.assert(
      fc.property(times, times, (a, b) => {
        expect(known(a, b)).toBeGreaterThanOrEqual(0);
        expect(known(a, b)).toBeLessThanOrEqual(1);
      }),
    );
  });

  test('of nothing, nothing is final', () => expect(shareFinal(noCompletionTimes())(1e6)).toBe(0));
});

describe('what a reading tells', () => {
  const order = anOrder();
  const at = (ms: number) => ({ at: createdAt + ms });
  const seenPending = { ...freshProgress, lastAnsweredAt: createdAt + 8_000 };

  test('the first final word: after the last answer without it', () => {
    expect(sightingOf(order, seenPending, null, aReading.paid(at(13_000)))).toEqual({
      fromMs: 8_000,
      toMs: 13_000,
    });
    expect(sightingOf(order, freshProgress, null, aReading.failed(at(8_000)))).toEqual({
      fromMs: 0,
      toMs: 8_000,
    });
  });

  test('a callback says when, if it came since', () => {
    const hinted = (ms: number) => sightingOf(order, seenPending, createdAt + ms, aReading.paid(at(13_000)));
    expect(hinted(12_000)).toEqual({ fromMs: 12_000, toMs: 12_000 });
    expect(hinted(7_000)).toEqual({ fromMs: 8_000, toMs: 13_000 });
    expect(hinted(14_000)).toEqual({ fromMs: 8_000, toMs: 13_000 });
  });

  test('a status that was seen already, and every word after the verdict, tells nothing', () => {
    const candidate = { kind: 'failed', at: createdAt + 8_000 } as const;
    expect(sightingOf(order, { ...seenPending, candidate }, null, aReading.failed(at(18_000)))).toBeNull();
    expect(
      sightingOf(order, { ...seenPending, phase: 'watching' }, null, aReading.paid(at(18_000))),
    ).toBeNull();
  });

  test('what is not final tells something only at the deadline, and only when it is an answer', () => {
    const late = at(order.schedule.deadlineMs);
    expect(sightingOf(order, seenPending, null, aReading.pending(at(13_000)))).toBeNull();
    expect(sightingOf(order, seenPending, null, aReading.pending(late))).toBe('never');
    expect(sightingOf(order, seenPending, null, aReading.unavailable(late))).toBeNull();
    expect(
      sightingOf(order, seenPending, null, aReading.pending({ ...late, source: 'callback' })),
    ).toBeNull();
  });
});
