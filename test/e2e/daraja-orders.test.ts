import { setTimeout as delay } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import type { ResultEvent } from '../../src/domain/result-event.ts';
import { createProducer } from '../../src/jobs/producer.ts';
import type { OrderInput } from '../../src/jobs/validate-order.ts';
import { readResults } from '../../src/results/replay.ts';
import type { LedgerEntry, SimulatedOrder } from '../../src/simulator/simulator.ts';
import { testRedis, testRedisUrl } from '../support/redis.ts';
import { startRunningService } from '../support/running-service.ts';

const count = 1_000;
/** About 15 s on an idle machine; ten times that is no fault of the orders. */
const withinMs = 120_000;

/** Mulberry32: the same orders in every run. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

type Timeline = SimulatedOrder['timeline'];
const fates: readonly (readonly [share: number, Timeline])[] = [
  [0.5, [{ afterMs: 0, state: 'paid' }]],
  [
    0.15,
    [
      { afterMs: 0, state: 'pending' },
      { afterMs: 1_500, state: 'paid' },
    ],
  ],
  [
    0.05,
    [
      { afterMs: 0, state: 'not-found' },
      { afterMs: 1_500, state: 'paid' },
    ],
  ],
  [0.1, [{ afterMs: 0, state: 'failed:cancelled' }]],
  [0.1, [{ afterMs: 0, state: 'failed:rejected' }]],
  [0.05, [{ afterMs: 0, state: 'expired' }]],
  [0.05, [{ afterMs: 0, state: 'partly-paid' }]],
];

function fateOf(drawn: number): Timeline {
  let left = drawn;
  for (const [share, timeline] of fates) {
    if (left < share) return timeline;
    left -= share;
  }
  return [{ afterMs: 0, state: 'paid' }];
}

/** Results that are delayed, lost (10 %), duplicated (10 %) or early (5 %), in every shape that was seen. */
function scriptOf(nth: number, random: () => number): SimulatedOrder {
  const trouble = random();
  const shapes = ['list', 'numbers', 'strings', 'spaced-keys', 'missing-values', 'repeated-keys'] as const;
  return {
    provider: 'daraja',
    reference: `S${String(nth).padStart(9, '0')}`,
    amount: '100.00',
    timeline: fateOf(random()),
    daraja: {
      shape: shapes[Math.floor(random() * shapes.length)] ?? 'list',
      resultDelayMs: Math.floor(random() * 500),
      ...(trouble < 0.1 ? { lose: 'first' } : {}),
      ...(trouble >= 0.1 && trouble < 0.2 ? { duplicate: 1 + Math.floor(random() * 3) } : {}),
      ...(trouble >= 0.2 && trouble < 0.25 ? { early: true } : {}),
      ...(trouble >= 0.25 && trouble < 0.27 ? { queueTimeout: 'first' } : {}),
    },
  };
}

/** The one right verdict for what became of the payment. */
function rightVerdict({ finalState, amountPaid, receipt }: LedgerEntry): object {
  switch (finalState) {
    case 'paid':
      return { status: 'paid', reason: null, amountReceived: amountPaid, receipt, amountVerified: true };
    case 'partly-paid':
      return { status: 'unresolved', reason: 'underpaid', amountReceived: amountPaid };
    case 'failed:cancelled':
      return { status: 'failed', reason: 'cancelled' };
    case 'failed:rejected':
      return { status: 'failed', reason: 'rejected' };
    case 'expired':
      return { status: 'expired', reason: 'timed-out' };
    default:
      throw new Error(`No order of this test ends ${finalState}.`);
  }
}

test('1,000 daraja orders whose results are delayed, lost, duplicated and early all end with the right verdict, each published once', async () => {
  const running = await startRunningService({
    accounts: 'daraja',
    environment: {
      DARAJA_RESULT_TIMEOUT_MS: '2500',
      DARAJA_RATE_PER_SECOND: '5000',
      DARAJA_DEADLINE_MS: '600000',
      DARAJA_INITIAL_INTERVAL_MS: '500',
      DARAJA_MAX_INTERVAL_MS: '1000',
    },
  });
  const { simulator, prefix } = running;
  const producer = createProducer({ redis: testRedisUrl(), prefix, timeoutMs: 30_000 });
  onTestFinished(async () => {
    await producer.close();
    await running.close();
  });

  const random = randomFrom(20_260_115);
  const scripts = Array.from({ length: count }, (_, nth) => scriptOf(nth, random));
  const orders = scripts.map(
    ({ reference }): OrderInput => ({ orderId: `o-${reference}`, account: 'daraja', reference, amount: 100 }),
  );
  for (const script of scripts) simulator.script(script);
  const enqueued = await producer.enqueueMany(orders);
  expect(enqueued.every(({ outcome }) => outcome === 'new')).toBe(true);

  const events = await eventsOf(prefix, count, withinMs);
  // Copies that are still on their way must not be told a second time.
  await delay(1_000);
  expect(await testRedis().xlen(`{${prefix}}:results`)).toBe(count);
  const verdicts = new Map(events.map((event) => [event.subject, event]));
  expect(verdicts.size).toBe(count);
  const ledger = simulator.ledger();
  for (const entry of ledger) {
    const event = verdicts.get(`o-${entry.reference}`);
    expect(event?.data, entry.reference).toMatchObject(rightVerdict(entry));
    expect(event?.stateversion).toBe(1);
  }
  // The script was played: queries were lost and sent again, and results came in several copies.
  expect(ledger.filter(({ queries, results }) => queries > results).length).toBeGreaterThan(count / 20);
  expect(ledger.filter(({ queries, results }) => results > queries).length).toBeGreaterThan(count / 20);
});

/** The first `wanted` results, as far as they come in time. */
async function eventsOf(prefix: string, wanted: number, ms: number): Promise<ResultEvent[]> {
  const events: ResultEvent[] = [];
  const signal = AbortSignal.timeout(ms);
  for await (const { event } of readResults({ redis: testRedisUrl(), prefix, follow: true, signal })) {
    events.push(event);
    if (events.length === wanted) break;
  }
  return events;
}
