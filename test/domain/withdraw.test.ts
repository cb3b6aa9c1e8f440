import { describe, expect, test } from 'vitest';
import { decide } from '../../src/domain/decide.ts';
import { toEvidence } from '../../src/domain/evidence.ts';
import type { Progress } from '../../src/domain/progress.ts';
import { resultEventSchema } from '../../src/domain/result-event.ts';
import { withdraw } from '../../src/domain/withdraw.ts';
import {
  anOrder,
  aPolicy,
  aProgress,
  aReading,
  createdAt,
  everyReading,
  type ReadingName,
} from '../support/builders.ts';

const now = createdAt + 60_000;
const order = anOrder();
const at = createdAt + 30_000;

/** The progress after it was withdrawn; fails if it was not. */
function withdrawn(before: Progress): Progress {
  const result = withdraw(order, before, [], now);
  if (result.outcome !== 'withdrawn') throw new Error(result.outcome);
  return result.progress;
}

test.each<[string, Progress, number]>([
  ['that has no verdict', aProgress.asking(), 1],
  ['that was never polled', aProgress.fresh, 1],
  ['whose failure may still turn', aProgress.watching({ status: 'failed', reason: 'cancelled', at }), 2],
  ['that is unresolved', aProgress.watching({ status: 'unresolved', reason: 'deadline', at }), 2],
])('an order %s is withdrawn with the next version, and closed', (_state, before, version) => {
  const result = withdraw(order, before, [], now);
  expect(result).toMatchObject({
    outcome: 'withdrawn',
    progress: { phase: 'closed', withdrawnAt: now, stateversion: version },
    event: {
      id: `ord-1:${version}`,
      type: 'payment.unresolved',
      data: { status: 'unresolved', reason: 'withdrawn', amountReceived: null, polls: before.polls },
    },
  });
  if (result.outcome === 'withdrawn') expect(() => resultEventSchema.parse(result.event)).not.toThrow();
});

test.each<[string, Progress, string]>([
  ['paid', aProgress.closed({ status: 'paid', reason: null, at }), 'paid'],
  ['failed for good', aProgress.closed({ status: 'failed', reason: 'rejected', at }), 'closed'],
  [
    'unresolved after its watch',
    aProgress.closed({ status: 'unresolved', reason: 'deadline', at }),
    'closed',
  ],
  ['withdrawn before', withdrawn(aProgress.asking()), 'same'],
  ['paid after it was withdrawn', paidLate(), 'paid'],
])('of an order that is %s nothing changes', (_state, before, outcome) => {
  expect(withdraw(order, before, [], now)).toEqual({ outcome });
});

function paidLate(): Progress {
  const late = aReading.paid({ at: now, source: 'callback' });
  return decide(order, withdrawn(aProgress.asking()), late, aPolicy(), now, 0.5).progress;
}

test('the event says what money had arrived, and the earlier verdict is kept', () => {
  const underpaid = toEvidence(aReading.doubtful('underpaid', { at }));
  const before = aProgress.watching({ status: 'unresolved', reason: 'underpaid', at }, { moneySeen: true });
  expect(
    withdraw(order, before, [underpaid, toEvidence(aReading.pending({ at: at + 1 }))], now),
  ).toMatchObject({
    event: { data: { amountReceived: '1.00', receipt: 'SH90HU7FO2', evidence: [{ reading: 'paid' }] } },
    progress: { earlier: [{ stateversion: 1, status: 'unresolved', reason: 'underpaid', at }] },
  });
});

describe('after it was withdrawn', () => {
  test.each(Object.keys(everyReading) as ReadingName[])('%s starts no poll', (name) => {
    let progress = withdrawn(aProgress.asking());
    for (const later of [now, now + 60_000, now + 120_000]) {
      const decision = decide(order, progress, everyReading[name](later), aPolicy(), later, 0.5);
      expect(decision).toMatchObject({ nextPollAt: null, progress: { phase: 'closed', withdrawnAt: now } });
      progress = decision.progress;
    }
  });

  test('proof of payment is published as a correction; an answer without news is not', () => {
    const before = withdrawn(aProgress.asking());
    const paid = decide(order, before, aReading.paid({ at: now }), aPolicy(), now, 0.5);
    expect(paid).toMatchObject({ publish: { status: 'paid' }, progress: { stateversion: 2 } });
    const pending = decide(order, before, aReading.pending({ at: now }), aPolicy(), now, 0.5);
    expect(pending).toMatchObject({ publish: null, progress: { stateversion: 1 } });
  });
});
