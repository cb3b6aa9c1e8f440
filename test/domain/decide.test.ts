import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deadlineAnswerMs } from '../../src/domain/awaited-answer.ts';
import { type Decision, decide, type Policy } from '../../src/domain/decide.ts';
import {
  doubts,
  failureReasons,
  isAnswered,
  type Order,
  type Reading,
  type Verdict,
} from '../../src/domain/order.ts';
import type { Progress } from '../../src/domain/progress.ts';
import { deadlineAt, firstPollAt, nextPollAt } from '../../src/domain/schedule.ts';
import {
  anOrder,
  aPolicy,
  aProgress,
  aReading,
  aSchedule,
  createdAt,
  deepFreeze,
  everyReading,
  type ReadingName,
} from '../support/builders.ts';
import { askAgainBy, eventsOf, noPast, type Past, tell } from '../support/verdict-model.ts';

/** The middle of the jitter. */
const noJitter = 0.5;

/** `decide` on frozen inputs, twice: it must neither change them nor depend on anything else. */
function decideTwice(
  order: Order,
  before: Progress,
  reading: Reading,
  policy: Policy,
  now: number,
  random: number,
): Decision {
  deepFreeze([order, before, reading, policy]);
  const decision = decide(order, before, reading, policy, now, random);
  const again = decide(order, before, reading, policy, now, random);
  if (JSON.stringify(again) !== JSON.stringify(decision)) expect(again).toEqual(decision);
  return decision;
}

function told(verdict: Verdict | null): string | null {
  return verdict === null ? null : `${verdict.status}/${verdict.reason}`;
}

describe('decide, every reading in every state', () => {
  const now = createdAt + 300_000;
  const order = anOrder();
  const policy = aPolicy();
  const said = (status: Verdict['status'], reason: Verdict['reason'], at = now - 120_000) => ({
    status,
    reason,
    at,
  });

  const states = {
    asking: aProgress.asking(),
    'asking, failed (soft) read 10 s ago': aProgress.asking({
      candidate: { kind: 'failed', at: now - 10_000 },
    }),
    'asking, failed (soft) read 4 s ago': aProgress.asking({
      candidate: { kind: 'failed', at: now - 4_000 },
    }),
    'watching after the deadline': aProgress.watching(said('unresolved', 'deadline')),
    'watching after underpaid': aProgress.watching(said('unresolved', 'underpaid'), { moneySeen: true }),
    'watching after failed (soft)': aProgress.watching(said('failed', 'cancelled')),
    'watching after expired (soft)': aProgress.watching(said('expired', 'timed-out')),
    'closed as failed': aProgress.closed(said('failed', 'rejected')),
    'closed as paid': aProgress.closed(said('paid', null), { moneySeen: true }),
  } as const satisfies { readonly [name: string]: Progress };
  type State = keyof typeof states;

  /**
   * What is published (or `-`), and then:
   * `ask` at the usual interval · `confirm` 10 s after this reading · `wait` for the time of the standing confirmation ·
   * `watch` at the first step after this verdict · `watch on` at the next step after the last one · `close` ·
   * `alarm` and stay closed. Written from sections 2 to 4 of the contract.
   */
  type Expected = `${string} > ${'ask' | 'confirm' | 'wait' | 'watch' | 'watch on' | 'close' | 'alarm'}`;
  type Row = readonly [
    asking: Expected,
    old: Expected,
    young: Expected,
    deadline: Expected,
    underpaid: Expected,
    failed: Expected,
    expired: Expected,
    closed: Expected,
    paid: Expected,
  ];

  const silent: Row = [
    ...(['- > ask', '- > ask', '- > ask'] as const),
    ...(['- > watch on', '- > watch on', '- > watch on', '- > watch on'] as const),
    ...(['- > close', '- > close'] as const),
  ];
  /** An unusable answer, so the candidate keeps waiting for its confirmation. */
  const unanswered = silent.with(2, '- > wait') as unknown as Row;

  const table: { readonly [name in ReadingName]: Row } = {
    'paid, proven': [
      ...(['paid/null > close', 'paid/null > close', 'paid/null > close'] as const),
      ...(['paid/null > close', 'paid/null > close', 'paid/null > close', 'paid/null > close'] as const),
      ...(['paid/null > close', '- > close'] as const),
    ],
    'paid, underpaid': [
      'unresolved/underpaid > watch',
      'unresolved/underpaid > watch',
      'unresolved/underpaid > watch',
      'unresolved/underpaid > watch',
      '- > watch on',
      'unresolved/underpaid > watch',
      'unresolved/underpaid > watch',
      'unresolved/underpaid > watch',
      '- > alarm',
    ],
    'paid, another currency': [
      ...(['unresolved/currency-mismatch > watch', 'unresolved/currency-mismatch > watch'] as const),
      ...(['unresolved/currency-mismatch > watch', 'unresolved/currency-mismatch > watch'] as const),
      ...(['unresolved/currency-mismatch > watch', 'unresolved/currency-mismatch > watch'] as const),
      ...(['unresolved/currency-mismatch > watch', 'unresolved/currency-mismatch > watch'] as const),
      '- > alarm',
    ],
    // The provider has the money, but another order was paid by it: published whatever the verdict before.
    'paid, receipt used': [
      'unresolved/receipt-used > watch',
      'unresolved/receipt-used > watch',
      'unresolved/receipt-used > watch',
      'unresolved/receipt-used > watch',
      'unresolved/receipt-used > watch',
      'unresolved/receipt-used > watch',
      'unresolved/receipt-used > watch',
      'unresolved/receipt-used > watch',
      '- > close',
    ],
    'paid, receipt missing (soft)': [
      ...(['- > confirm', '- > confirm', '- > confirm'] as const),
      ...(['- > confirm', '- > confirm', '- > confirm', '- > confirm'] as const),
      // Money after a final "failed": needs confirmation.
      ...(['- > confirm', '- > close'] as const),
    ],
    // It is about another payment, so it does not retract a verdict about ours.
    'paid, reference mismatch': [
      'unresolved/reference-mismatch > watch',
      'unresolved/reference-mismatch > watch',
      'unresolved/reference-mismatch > watch',
      'unresolved/reference-mismatch > watch',
      ...(['- > watch on', '- > watch on', '- > watch on', '- > close', '- > close'] as const),
    ],
    'failed, firm': [
      'failed/rejected > close',
      'failed/rejected > close',
      'failed/rejected > close',
      'failed/rejected > close',
      'unresolved/contradiction > watch',
      '- > close',
      'failed/rejected > close',
      '- > close',
      '- > alarm',
    ],
    'failed, soft': [
      '- > confirm',
      'failed/cancelled > watch',
      '- > wait',
      '- > confirm',
      'unresolved/contradiction > watch',
      '- > watch on',
      '- > watch on',
      '- > close',
      '- > alarm',
    ],
    'expired, soft': [
      '- > confirm',
      '- > confirm',
      '- > confirm',
      '- > confirm',
      'unresolved/contradiction > watch',
      '- > watch on',
      '- > watch on',
      '- > close',
      '- > alarm',
    ],
    'expired, firm': [
      'expired/timed-out > close',
      'expired/timed-out > close',
      'expired/timed-out > close',
      'expired/timed-out > close',
      'unresolved/contradiction > watch',
      'expired/timed-out > close',
      '- > close',
      'expired/timed-out > close',
      '- > alarm',
    ],
    pending: silent,
    'not found': silent,
    unrecognised: unanswered,
    unavailable: unanswered,
    'unavailable, Retry-After 60 s': unanswered,
    refused: unanswered,
    'pending, answer to be pushed': unanswered,
  };

  const cases = Object.entries(table).flatMap(([name, row]) =>
    Object.keys(states).map((state, column) => [name, state, row[column]] as [ReadingName, State, Expected]),
  );

  it.each(cases)('%s | %s: %s', (name, state, expected) => {
    const before = states[state];
    const reading = everyReading[name](now);
    const decision = decideTwice(order, before, reading, policy, now, noJitter);
    const [publish, then] = expected.split(' > ') as [string, string];

    expect(told(decision.publish)).toBe(publish === '-' ? null : publish);
    expect(decision.contradictsPaid).toBe(then === 'alarm');
    expect(decision.progress.stateversion).toBe(before.stateversion + (publish === '-' ? 0 : 1));
    expect(decision.progress.verdict).toEqual(
      decision.publish === null ? before.verdict : { ...decision.publish, at: now },
    );
    const awaitedUntil = reading.kind === 'pending' ? reading.awaitedUntil : undefined;
    const usual = awaitedUntil ?? nextPollAt(order, before.polls + 1, now, noJitter);
    const nextByThen: { readonly [then: string]: number | null } = {
      ask: usual,
      confirm: now + 10_000,
      wait: now - 4_000 + 10_000,
      watch: now + 120_000,
      'watch on': now - 120_000 + 600_000,
      close: null,
      alarm: null,
    };
    const asked = reading.kind === 'unavailable' ? now + (reading.retryAfterMs ?? 0) : 0;
    const next = nextByThen[then] ?? null;
    expect(decision.nextPollAt).toBe(next === null ? null : Math.max(next, asked));
    expect(decision.progress.phase === 'closed').toBe(next === null);
  });

  it('has a row for every reading and a cell for every state', () => {
    expect(Object.keys(table)).toEqual(Object.keys(everyReading));
    for (const row of Object.values(table)) expect(row).toHaveLength(Object.keys(states).length);
  });
});

/** Decides on a sequence of readings of one order, and compares each decision with the model. */
interface Story {
  readonly progress: Progress;
  readonly past: Past;
  readonly next: Decision['nextPollAt'];
  readonly published: Verdict | null;
}

function begin(order: Order): Story {
  return { progress: aProgress.fresh, past: noPast, next: firstPollAt(order), published: null };
}

function read(
  order: Order,
  policy: Policy,
  story: Story,
  reading: Reading,
  now: number,
  random = noJitter,
  decideOn = decide,
): Story {
  const decision = decideOn(order, story.progress, reading, policy, now, random);
  const { progress, publish } = decision;
  return {
    progress,
    past: tell(story.past, reading, order, policy, now),
    next: decision.nextPollAt,
    published: publish,
  };
}

function expectAsModel(story: Story, now: number): void {
  const expected = story.past.told.at(-1) ?? null;
  const askBy = askAgainBy(story.past, now);
  if (told(story.published) === expected && (story.next ?? 0) <= askBy) return;
  const shown = story.past.readings.map(({ kind, at, ...rest }) => ({
    kind,
    afterMs: at - createdAt,
    ...rest,
  }));
  throw new Error(
    `Published ${told(story.published)}, the contract says ${expected}, after ${eventsOf(story.past)}; ` +
      `asked again after ${(story.next ?? now) - now} ms, the contract says at most ${askBy - now}:\n` +
      JSON.stringify(shown, null, 1),
  );
}

describe('decide, every sequence of readings', () => {
  // Polls at 8, 13 and 20 s, the third at the deadline; a watch of two steps, its end repeated until 60 s after.
  const brief = anOrder({ schedule: aSchedule({ deadlineMs: 20_000 }) });
  const passed = anOrder({ schedule: aSchedule({ deadlineMs: 1_000 }), createdAt: createdAt - 60_000 });
  const settings = [
    ['deadline at the third poll', brief, aPolicy({ confirmAfterMs: 5_000, watchMs: [10_000, 30_000] }), 5],
    ['confirmation slower than polls', brief, aPolicy({ confirmAfterMs: 12_000, watchMs: [10_000] }), 4],
    ['far deadline', anOrder(), aPolicy(), 4],
    ['handed over after the deadline', passed, aPolicy({ watchMs: [5_000, 20_000] }), 4],
    ['no watch', brief, aPolicy({ watchMs: [] }), 4],
  ] as const satisfies readonly (readonly [string, Order, Policy, number])[];

  it.each(settings)('publishes what the model says: %s', (_, order, policy, length) => {
    deepFreeze([order, policy]);
    let sequences = 0;
    function walk(story: Story, left: number): void {
      if (left === 0 || story.next === null) {
        sequences += 1;
        return;
      }
      const now = Math.max(story.next, createdAt);
      for (const make of Object.values(everyReading)) {
        const after = read(order, policy, story, make(now), now);
        expectAsModel(after, now);
        walk(after, left - 1);
      }
    }
    walk(begin(order), length);
    expect(sequences).toBeGreaterThan(0);
  });
});

describe('decide, any history', () => {
  const facts = { at: fc.constant(0) };
  const reading: fc.Arbitrary<Reading> = fc.oneof(
    fc.constantFrom(...Object.values(everyReading)).map((make) => make(0)),
    fc.constantFrom(...doubts).map((doubt) => aReading.doubtful(doubt)),
    fc.record({ ...facts, reason: fc.constantFrom(...failureReasons) }).map(aReading.softFailed),
    fc.record({ ...facts, reason: fc.constantFrom(...failureReasons) }).map(aReading.failed),
    fc.integer({ min: 0, max: 3_600_000 }).map((ms) => aReading.throttled(ms)),
    fc.integer({ min: 1, max: 60_000 }).map((awaitedUntil) => aReading.pending({ awaitedUntil })),
  );

  /** One reading, and when it is decided on. */
  const step = fc.record({
    reading,
    // A hint makes the poll come early: now, or anywhere between now and its time.
    early: fc.option(fc.double({ min: 0, max: 1, noNaN: true }), { freq: 3, nil: null }),
    // A busy worker, or a dead one.
    lateMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 60_000 })),
    // Decided on again after another process moved the order, or after Redis was away.
    decidedAfterMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 15_000 })),
    // Now and then a row of a statement, or the result of a query of ours, pushed to us: how long ago it was sent, where
    // that is known.
    pushed: fc.oneof(
      { weight: 8, arbitrary: fc.constant(null) },
      { weight: 1, arbitrary: fc.constant('statement' as const) },
      { weight: 1, arbitrary: fc.record({}) },
      { weight: 1, arbitrary: fc.record({ sentBeforeMs: fc.integer({ min: 0, max: 20_000 }) }) },
    ),
    random: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  });

  const scenario = fc.record({
    order: fc
      .record({
        firstPollAfterMs: fc.integer({ min: 1, max: 20_000 }),
        initialIntervalMs: fc.integer({ min: 1, max: 60_000 }),
        factor: fc.double({ min: 1, max: 3, noNaN: true }),
        maxIntervalMs: fc.integer({ min: 1, max: 120_000 }),
        jitter: fc.double({ min: 0, max: 0.5, noNaN: true }),
        deadlineMs: fc.oneof(fc.integer({ min: 1, max: 120_000 }), fc.constant(600_000)),
      })
      .map((schedule) => anOrder({ schedule })),
    policy: fc.record({
      confirmAfterMs: fc.constantFrom(1, 3_000, 10_000, 90_000),
      watchMs: fc.constantFrom([], [1], [30_000], [10_000, 20_000, 40_000], aPolicy().watchMs),
    }),
    steps: fc.array(step, { minLength: 1, maxLength: 40 }),
  });
  type Scenario = typeof scenario extends fc.Arbitrary<infer T> ? T : never;

  interface Moment {
    readonly before: Progress;
    readonly story: Story;
    readonly reading: Reading;
    readonly now: number;
  }

  function play({ order, policy, steps }: Scenario): Moment[] {
    deepFreeze([order, policy]);
    const moments: Moment[] = [];
    let story = begin(order);
    let now = createdAt;
    for (const { early, lateMs, decidedAfterMs, pushed, random, ...one } of steps) {
      // Closed: an answer that was still on its way.
      const due = story.next ?? now;
      const askedAt = early === null ? due + lateMs : now + Math.floor(early * Math.max(due - now, 0));
      const at = Math.max(now, askedAt);
      now = at + decidedAfterMs;
      const reading = readAt(one.reading, at, pushed);
      const before = story.progress;
      story = read(order, policy, story, reading, now, random, decideTwice);
      moments.push({ before, story, reading, now });
    }
    return moments;
  }

  /** A reading that was drawn as if made at 0. */
  function readAt(
    drawn: Reading,
    at: number,
    pushed: { readonly sentBeforeMs?: number } | 'statement' | null,
  ): Reading {
    if (pushed === 'statement') {
      const source = pushed;
      // A statement only knows of payments, and its word is firm, also about one that was taken back.
      return drawn.kind === 'paid'
        ? { ...drawn, at, source, certainty: 'firm' }
        : { ...aReading.doubtful('contradiction', { at, source, certainty: 'firm' }), receipt: 'SH90HU7FO2' };
    }
    const source = pushed === null ? ('poll' as const) : ('callback' as const);
    const asked = pushed?.sentBeforeMs === undefined ? {} : { askedAt: at - pushed.sentBeforeMs };
    if (drawn.kind !== 'pending' || drawn.awaitedUntil === undefined)
      return { ...drawn, at, source, ...asked };
    // That a query was taken is no answer to it.
    return { ...drawn, at, source, awaitedUntil: at + drawn.awaitedUntil };
  }

  function forAll(check: (moments: Moment[], scenario: Scenario) => void, numRuns: number): void {
    fc.assert(
      fc.property(scenario, (drawn) => check(play(drawn), drawn)),
      { numRuns },
    );
  }

  it('keeps every promise that is pure', () => {
    forAll((moments, drawn) => {
      for (const [index, moment] of moments.entries()) {
        expectAsModel(moment.story, moment.now);
        checkVerdict(moments, index, drawn);
        checkNextPoll(moment, drawn);
      }
      checkStream(moments);
    }, 12_000);
  });

  function checkVerdict(moments: readonly Moment[], index: number, { order, policy }: Scenario): void {
    const { story, reading } = moments[index] as Moment;
    const verdict = story.published;
    if (verdict?.status === 'paid') assert(isProven(reading), 'paid is proven');
    if (verdict?.reason === 'deadline') {
      assert(askedAtOf(reading) >= deadlineAt(order), 'no order expires unasked');
    }
    if (verdict?.status !== 'failed' && verdict?.status !== 'expired') return;
    assert(reading.kind === verdict.status && reading.reason === verdict.reason, 'doubt is never failure');
    const earlier = moments.slice(0, index);
    assert(!earlier.some((one) => sawMoney(one.reading)), 'nothing fails after our money was seen');
    if (reading.certainty === 'firm') return;
    const other = earlier.findLastIndex(
      (one) => isAnswered(one.reading) && one.reading.kind !== reading.kind,
    );
    const agreed = earlier
      .slice(other + 1)
      .some(
        (one) => one.reading.kind === reading.kind && askedAtOf(reading) - one.now >= policy.confirmAfterMs,
      );
    assert(agreed, 'soft failures are asked twice');
  }

  function askedAtOf({ source, at, askedAt = 0 }: Reading): number {
    return source === 'poll' ? at : askedAt;
  }

  function isProven(reading: Reading): boolean {
    return reading.kind === 'paid' && reading.doubt === null;
  }

  function sawMoney(reading: Reading): boolean {
    if (reading.kind !== 'paid') return false;
    return reading.doubt !== 'reference-mismatch' && reading.doubt !== 'wrong-direction';
  }

  function checkNextPoll({ story, reading, now }: Moment, { order, policy }: Scenario): void {
    const { next, progress } = story;
    assert((next === null) === (progress.phase === 'closed'), 'asked again unless closed');
    if (next !== null) {
      assert(Number.isSafeInteger(next) && next >= now, 'a next poll is a time that is not past');
      // At once only for the deadline's own poll.
      assert(next > now || (progress.phase === 'asking' && now >= deadlineAt(order)), 'no hot loop');
      if (reading.kind === 'unavailable') {
        assert(next >= now + (reading.retryAfterMs ?? 0), 'Retry-After pushes later, never earlier');
      } else if (progress.phase === 'asking') {
        // Or the answer to the deadline's own poll is awaited.
        const isTaken =
          reading.kind === 'pending' && reading.source === 'poll' && reading.at >= deadlineAt(order);
        const awaitedUntil = isTaken ? Math.min(reading.awaitedUntil ?? 0, reading.at + deadlineAnswerMs) : 0;
        assert(next <= Math.max(deadlineAt(order), now, awaitedUntil), 'a poll is made at the deadline');
      }
      return;
    }
    const { verdict } = progress;
    assert(verdict !== null, 'no order is closed without a verdict');
    const isFinal = verdict.status === 'paid' || isFirmlyUnpaid(reading);
    const watchEnd = verdict.at + (policy.watchMs.at(-1) ?? 0);
    assert(isFinal || now >= watchEnd || isClosedAlready(story), 'nothing is closed while it may still turn');
  }

  function isFirmlyUnpaid(reading: Reading): boolean {
    return (reading.kind === 'failed' || reading.kind === 'expired') && reading.certainty === 'firm';
  }

  /** An answer that arrived after a firm reading had closed the order. */
  function isClosedAlready({ past }: Story): boolean {
    return past.readings.some(isFirmlyUnpaid);
  }

  function checkStream(moments: readonly Moment[]): void {
    let last: Verdict | null = null;
    for (const { before, story, now } of moments) {
      const { published, progress } = story;
      const step = published === null ? 0 : 1;
      assert(progress.stateversion === before.stateversion + step, 'one version per event');
      if (published === null) {
        assert(told(progress.verdict) === told(before.verdict), 'no verdict without an event');
        continue;
      }
      assert(last?.status !== 'paid', 'paid never steps down');
      assert(told(last) !== told(published), 'no event repeats the last one');
      assert(progress.verdict?.at === now, 'the watch counts from the verdict');
      last = published;
    }
  }

  function assert(holds: boolean, promise: string): asserts holds {
    if (!holds) throw new Error(`Broken: ${promise}.`);
  }

  it('counts polls and usable answers', () => {
    forAll((moments) => {
      const { progress } = (moments.at(-1) as Moment).story;
      const readings = moments.map(({ reading }) => reading);
      const answered = readings.filter((one) => isAnswered(one) && one.source !== 'statement');
      expect(progress.polls).toBe(readings.filter(({ source }) => source === 'poll').length);
      expect(progress.answeredPolls).toBe(answered.length);
      expect(progress.lastAnsweredAt).toBe(answered.at(-1)?.at ?? null);
    }, 500);
  });

  it('closes every order without new readings after a bounded number of polls', () => {
    const quiet = fc.constantFrom(
      ...[everyReading.pending, everyReading['not found'], everyReading.unrecognised],
      ...[everyReading.unavailable, everyReading.refused, everyReading['unavailable, Retry-After 60 s']],
      ...[everyReading['failed, soft'], everyReading['paid, underpaid']],
      ...[everyReading['paid, receipt missing (soft)'], everyReading['expired, soft']],
    );
    fc.assert(
      fc.property(scenario, quiet, (drawn, make) => {
        const order = anOrder();
        const policy = { ...drawn.policy, watchMs: aPolicy().watchMs };
        const moments = play({ ...drawn, order, policy });
        let { story, now } = moments.at(-1) as Moment;
        let polls = 0;
        while (story.next !== null) {
          now = Math.max(now, story.next);
          const decision = decide(order, story.progress, make(now), policy, now, noJitter);
          story = { ...story, progress: decision.progress, next: decision.nextPollAt };
          polls += 1;
          // To the deadline about 25, seven steps of the watch, hourly between them and for a last week where no poll is
          // answered, and the few that confirm.
          expect(polls).toBeLessThan(isAnswered(make(0)) ? 40 : 400);
        }
        expect(story.progress.verdict).not.toBeNull();
      }),
      { numRuns: 300 },
    );
  });
});

describe('decide, around the deadline', () => {
  const order = anOrder();
  const policy = aPolicy();
  const deadline = deadlineAt(order);

  it('promise 7: does not expire an order on an answer from before the deadline, but polls at once', () => {
    const onItsWay = aReading.pending({ at: deadline - 1 });
    const decision = decide(order, aProgress.asking(), onItsWay, policy, deadline + 3_000, noJitter);
    expect(decision.publish).toBeNull();
    expect(decision.nextPollAt).toBe(deadline + 3_000);
  });

  it('promise 7: does not count a pushed result as a poll', () => {
    const pushed = aReading.pending({ at: deadline + 1, source: 'callback' });
    const decision = decide(order, aProgress.asking(), pushed, policy, deadline + 1, noJitter);
    expect(decision.publish).toBeNull();
    expect(decision.nextPollAt).toBe(deadline + 1);
  });

  it('promise 7: publishes unresolved/deadline at a poll exactly at the deadline', () => {
    const decision = decide(
      order,
      aProgress.asking(),
      aReading.refused({ at: deadline }),
      policy,
      deadline,
      0,
    );
    expect(decision.publish).toEqual({ status: 'unresolved', reason: 'deadline' });
    expect(decision.nextPollAt).toBe(deadline + 120_000);
  });

  it("promise 7: waits for the answer to the deadline's own query, at most five minutes", () => {
    const taken = (awaitMs: number) => aReading.pending({ at: deadline, awaitedUntil: deadline + awaitMs });
    const before = aProgress.asking({ lastPolledAt: deadline - 30_000 });
    const minute = 60_000;
    for (const [awaitMs, waitMs] of [
      [4 * minute, 4 * minute],
      [60 * minute, 5 * minute],
    ] as const) {
      const first = decide(order, before, taken(awaitMs), policy, deadline + 300, noJitter);
      expect(first.publish).toBeNull();
      expect(first.nextPollAt).toBe(deadline + waitMs);

      // It never arrived: the next query ends the wait, whether or not its answer is pushed.
      const at = deadline + waitMs;
      const again = aReading.pending({ at, awaitedUntil: at + 4 * minute });
      const second = decide(order, first.progress, again, policy, at, noJitter);
      expect(told(second.publish)).toBe('unresolved/deadline');
    }
  });

  it('promise 7: counts the pushed answer to a query sent after the deadline as its poll', () => {
    const at = deadline + 60_000;
    const asked = aProgress.asking({ lastPolledAt: deadline });
    const answer = aReading.pending({ at, source: 'callback', askedAt: deadline });
    const decision = decide(order, asked, answer, policy, at, noJitter);
    expect(told(decision.publish)).toBe('unresolved/deadline');
    expect(decision.progress.lastAnsweredAt).toBe(at);

    const older = aReading.pending({ at, source: 'callback', askedAt: deadline - 1 });
    expect(decide(order, asked, older, policy, at, noJitter).publish).toBeNull();
  });

  it('promise 5: a soft reading at the deadline is not final; its confirmation follows as a correction', () => {
    const first = decide(
      order,
      aProgress.asking(),
      aReading.softFailed({ at: deadline }),
      policy,
      deadline,
      0,
    );
    expect(told(first.publish)).toBe('unresolved/deadline');
    expect(first.nextPollAt).toBe(deadline + 10_000);

    const at = deadline + 10_000;
    const second = decide(order, first.progress, aReading.softFailed({ at }), policy, at, 0);
    expect(told(second.publish)).toBe('failed/cancelled');
    expect(second.progress.stateversion).toBe(2);
    expect(second.nextPollAt).toBe(at + 120_000);
  });

  it('promise 5: a slow answer may be as young as its arrival: its confirmation counts from there', () => {
    const [at, slowMs] = [createdAt + 60_000, 9_000];
    const soft = aReading.softFailed({ at });
    const first = decide(order, aProgress.asking(), soft, policy, at + slowMs, 0);
    expect(first.nextPollAt).toBe(at + slowMs + 10_000);

    const tooEarly = at + slowMs + 9_999;
    const second = decide(order, first.progress, { ...soft, at: tooEarly }, policy, tooEarly + 5_000, 0);
    expect(second.publish).toBeNull();
    const late = at + slowMs + 10_000;
    expect(
      told(decide(order, second.progress, { ...soft, at: late }, policy, late + slowMs, 0).publish),
    ).toBe('failed/cancelled');
  });

  it('promise 5: a pushed answer confirms only what was heard before its own question was sent', () => {
    const at = createdAt + 60_000;
    const soft = aReading.softFailed({ at, source: 'callback' });
    const { progress } = decide(order, aProgress.asking(), soft, policy, at, 0);
    const again = { ...soft, at: at + 30_000 };
    const publishOf = (reading: Reading) => decide(order, progress, reading, policy, reading.at, 0).publish;

    expect(publishOf(again)).toBeNull();
    expect(publishOf({ ...again, askedAt: at + 9_999 })).toBeNull();
    expect(told(publishOf({ ...again, askedAt: at + 10_000 }))).toBe('failed/cancelled');
  });

  it('promise 5: the age of a candidate counts only from the last jump of the clock', () => {
    const at = createdAt + 60_000;
    const before = aProgress.asking({ candidate: { kind: 'failed', at: at - 600_000 } });
    const unsure = aPolicy({ steadySince: at - 9_000 });
    const first = decide(order, before, aReading.softFailed({ at }), unsure, at, 0);
    expect(first.publish).toBeNull();
    expect(first.nextPollAt).toBe(at + 1_000);
    const second = decide(
      order,
      first.progress,
      aReading.softFailed({ at: at + 1_000 }),
      unsure,
      at + 1_000,
      0,
    );
    expect(told(second.publish)).toBe('failed/cancelled');
  });

  it('cuts a confirmation that would cross the deadline', () => {
    const at = deadline - 3_000;
    const decision = decide(order, aProgress.asking(), aReading.softFailed({ at }), policy, at, 0);
    expect(decision.nextPollAt).toBe(deadline);
  });
});

describe('decide, the end of the watch', () => {
  const policy = aPolicy({ watchMs: [60_000, 86_400_000] });
  const day = 86_400_000;
  const verdict = { status: 'unresolved', reason: 'deadline', at: createdAt } as const;
  const before = aProgress.watching(verdict);

  it('closes on a usable answer that says nothing new', () => {
    const at = createdAt + day;
    expect(decide(anOrder(), before, aReading.pending({ at }), policy, at, 0).nextPollAt).toBeNull();
  });

  it('repeats an unanswered poll every hour until twice the watch', () => {
    for (const afterMs of [day, day + 3_600_000, 2 * day - 1]) {
      const at = createdAt + afterMs;
      expect(decide(anOrder(), before, aReading.unavailable({ at }), policy, at, 0).nextPollAt).toBe(
        at + 3_600_000,
      );
    }
    const at = createdAt + 2 * day;
    expect(decide(anOrder(), before, aReading.unavailable({ at }), policy, at, 0).nextPollAt).toBeNull();
  });

  it('does not use up a step of the watch with an unanswered poll, and retries it within the hour', () => {
    const hour = 3_600_000;
    const watched = aProgress.watching({ ...verdict, at: createdAt });
    for (const make of [aReading.unavailable, aReading.refused, aReading.unrecognised]) {
      // Steps of 2 min, 10 min, 1 h, 6 h, 24 h and 72 h: the next one, or an hour, whichever comes first.
      const steps = [
        ...[
          [2, 10],
          [10, 60],
          [60, 120],
          [360, 420],
          [1_440, 1_500],
          [1_500, 1_560],
          [4_320, 4_380],
        ],
        ...[[10_079, 10_080]],
      ] as const;
      for (const [atMinute, nextMinute] of steps) {
        const at = createdAt + atMinute * 60_000;
        const decision = decide(anOrder(), watched, make({ at }), aPolicy(), at, 0);
        expect(decision.publish).toBeNull();
        expect(decision.nextPollAt).toBe(createdAt + nextMinute * 60_000);
      }
      const at = createdAt + 72 * hour;
      const answered = decide(anOrder(), watched, aReading.pending({ at }), aPolicy(), at, 0);
      expect(answered.nextPollAt).toBe(createdAt + 7 * 24 * hour);
    }
  });

  it('retries an unanswered confirmation with exponential backoff, up to an hour', () => {
    const hour = 3_600_000;
    let at = createdAt + 72 * hour;
    const firstAt = at;
    const watched = aProgress.watching({ ...verdict, at: createdAt });
    let decision = decide(anOrder(), watched, aReading.doubtful('receipt-missing', { at }), aPolicy(), at, 0);
    const afterMs: number[] = [];
    for (let nth = 0; nth < 12; nth += 1) {
      at = decision.nextPollAt ?? Number.NaN;
      decision = decide(anOrder(), decision.progress, aReading.unavailable({ at }), aPolicy(), at, 0);
      afterMs.push((decision.nextPollAt ?? Number.NaN) - at);
    }
    expect(afterMs.slice(0, 4)).toEqual([10_000, 20_000, 40_000, 80_000]);
    expect(Math.max(...afterMs)).toBe(hour);

    at = decision.nextPollAt ?? Number.NaN;
    const confirmed = decide(
      ...([
        anOrder(),
        decision.progress,
        aReading.doubtful('receipt-missing', { at }),
        aPolicy(),
        at,
        0,
      ] as const),
    );
    expect(told(confirmed.publish)).toBe('unresolved/receipt-missing');
    expect(at - firstAt).toBeLessThan(8 * hour);
  });

  it('polls again when a pushed answer was lost during the watch', () => {
    const at = createdAt + 3 * day;
    const watched = aProgress.watching({ ...verdict, at: createdAt });
    const taken = aReading.pending({ at, awaitedUntil: at + 2 * 3_600_000 });
    // Not before the query counts as lost, by the provider's own result timeout.
    expect(decide(anOrder(), watched, taken, aPolicy(), at, 0).nextPollAt).toBe(at + 2 * 3_600_000);
    const sooner = aReading.pending({ at, awaitedUntil: at + 240_000 });
    expect(decide(anOrder(), watched, sooner, aPolicy(), at, 0).nextPollAt).toBe(at + 3_600_000);
  });

  it('promise 6: starts anew with every correction', () => {
    const at = createdAt + day;
    const decision = decide(anOrder(), before, aReading.doubtful('underpaid', { at }), policy, at, 0);
    expect(told(decision.publish)).toBe('unresolved/underpaid');
    expect(decision.nextPollAt).toBe(at + 60_000);
  });

  it('promise 6: a soft reading on the last poll is still confirmed', () => {
    const at = createdAt + day;
    const decision = decide(anOrder(), before, aReading.softFailed({ at }), policy, at, 0);
    expect(decision.nextPollAt).toBe(at + 10_000);
  });
});
