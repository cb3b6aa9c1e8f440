import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type ChanceFinal,
  type DuePoll,
  patienceMs,
  patienceOf,
  pollClasses,
  pollClassOf,
  pollClassOfPatience,
} from '../../src/domain/poll-class.ts';
import type { Phase } from '../../src/domain/progress.ts';
import { anOrder, createdAt } from '../support/builders.ts';

const order = anOrder();
const candidate = { kind: 'failed', at: createdAt } as const;
const poll = (phase: Phase, other: Partial<DuePoll> = {}): DuePoll => ({
  ...{ order, progress: { phase, candidate: null, lastAnsweredAt: null }, isRequested: false },
  ...other,
});
const soft = (phase: Phase) => poll(phase, { progress: { phase, candidate, lastAnsweredAt: null } });
/** Last answered so long after its creation. */
const answered = (ms: number) =>
  poll('asking', { progress: { phase: 'asking', candidate: null, lastAnsweredAt: createdAt + ms } });
const always =
  (chance: number | null): ChanceFinal =>
  () =>
    chance;

describe('the class of a poll', () => {
  test.each([
    ['requested by a callback or a person', poll('asking', { isRequested: true }), 10_000, 'requested', 0],
    ['requested during the watch', poll('watching', { isRequested: true }), 900_000, 'requested', 0],
    ['at the deadline', poll('asking'), 600_000, 'deadline', 1_000],
    ['after the deadline', poll('asking'), 700_000, 'deadline', 1_000],
    ['while the prompt is on the phone', poll('asking'), 10_000, 'likely', 5_000],
    ['to confirm a soft answer', soft('asking'), 400_000, 'likely', 5_000],
    ['when the prompt is gone', poll('asking'), 180_000, 'older', 120_000],
    ['a minute before the deadline', poll('asking'), 540_000, 'older', 60_000],
    ['right before the deadline', poll('asking'), 599_999, 'older', 1_000],
    ['to confirm a correction', soft('watching'), 900_000, 'older', 120_000],
    ['of the watch', poll('watching'), 720_000, 'watch', 1_800_000],
    ['of a closed order', poll('closed'), 720_000, 'watch', 1_800_000],
  ] as const)('%s', (_, due, afterMs, expected, patience) => {
    expect(pollClassOf(due, createdAt + afterMs)).toBe(expected);
    expect(patienceOf(due, createdAt + afterMs)).toBe(patience);
  });

  test.each([
    ['a good chance, and a customer who waits', 0.1, 10_000, 'likely'],
    ['hardly a chance, though a customer may wait', 0.09, 10_000, 'older'],
    ['a good chance that few wait for', 0.3, 180_000, 'older'],
    ['nearly certain, though few still wait', 0.4, 180_000, 'likely'],
    ['certain, at the deadline', 1, 600_000, 'deadline'],
    ['no chance, at the deadline', 0, 600_000, 'deadline'],
    ['unknown, while a customer waits', null, 179_999, 'likely'],
    ['unknown, after that', null, 180_000, 'older'],
  ] as const)('by the chance that its payment has become final: %s', (_, chance, afterMs, expected) => {
    expect(pollClassOf(poll('asking'), createdAt + afterMs, always(chance))).toBe(expected);
  });

  test('the chance is that since the last answer', () => {
    const asked: (readonly number[])[] = [];
    const chance = (...between: number[]) => {
      asked.push(between);
      return 1;
    };
    pollClassOf(answered(20_000), createdAt + 30_000, chance);
    pollClassOf(poll('asking'), createdAt + 8_000, chance);
    // An answer of before, by another clock.
    pollClassOf(answered(-5), createdAt + 8_000, chance);
    expect(asked).toEqual([
      [20_000, 30_000],
      [0, 8_000],
      [0, 8_000],
    ]);
  });

  test('the chance changes nothing for requested polls, confirmations and the watch', () => {
    for (const chance of [0, 1]) {
      const at = createdAt + 10_000;
      expect(pollClassOf(poll('asking', { isRequested: true }), at, always(chance))).toBe('requested');
      expect(pollClassOf(soft('asking'), at, always(chance))).toBe('likely');
      expect(pollClassOf(poll('watching'), at, always(chance))).toBe('watch');
    }
  });

  test('is known by its patience, which a job carries as whole seconds', () => {
    for (const each of pollClasses.slice(1)) {
      expect(pollClassOfPatience(patienceMs[each])).toBe(each);
      expect(patienceMs[each] % 1_000).toBe(0);
      expect(patienceMs[each] / 1_000).toBeLessThan(4_096);
    }
    // An order's first poll.
    expect(pollClassOfPatience(0)).toBe('likely');
    // Shortened by the deadline.
    expect(pollClassOfPatience(60_000)).toBe('older');
  });
});

describe('no class starves', () => {
  const phases = fc.constantFrom<Phase>('asking', 'watching');
  const anyPoll = fc
    .record({
      ...{ phase: phases, ageMs: fc.integer({ min: 0, max: 900_000 }), isRequested: fc.boolean() },
      chance: fc.option(fc.double({ min: 0, max: 1, noNaN: true })),
    })
    .map(({ phase, ageMs, isRequested, chance }) => {
      return { ageMs, chance, poll: poll(phase, { isRequested }) };
    });

  test('a poll is only overtaken by those that come due within its patience', () => {
    const arrivals = fc.array(fc.tuple(fc.integer({ min: 0, max: 4_000 }), anyPoll), {
      minLength: 1,
      maxLength: 200,
    });
    fc.assert(
      fc.property(arrivals, fc.integer({ min: 1, max: 4_000 }), (given, everyMs) => {
        let at = 0;
        const waiting = given.map(([gapMs, { ageMs, chance, poll: one }]) => {
          at += gapMs;
          const due = { ...one, order: { ...order, createdAt: at - ageMs } };
          const patience = patienceOf(due, at, always(chance));
          return { dueAt: at, rankAt: at + patience, patience };
        });
        const left = new Set(waiting);
        // One poll may start every so often; the one that counts as due first does.
        for (let now = 0; left.size > 0; now += everyMs) {
          const due = [...left].filter(({ dueAt }) => dueAt <= now);
          const [first] = due.toSorted((a, b) => a.rankAt - b.rankAt);
          if (first === undefined) continue;
          left.delete(first);
          for (const passed of due) {
            if (passed !== first) expect(first.dueAt).toBeLessThanOrEqual(passed.dueAt + passed.patience);
          }
        }
      }),
      { numRuns: 100 },
    );
  });

  test('an order without a verdict never counts as due after its deadline', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 599_000 }), fc.constantFrom(null, 0, 1), (ageMs, chance) => {
        const at = createdAt + ageMs;
        expect(at + patienceOf(poll('asking'), at, always(chance))).toBeLessThanOrEqual(createdAt + 600_000);
      }),
    );
  });
});
