import { describe, expect, test } from 'vitest';
import { type Evidence, remember } from '../../src/domain/evidence.ts';
import { doubts, failureReasons, type Reading, type Verdict } from '../../src/domain/order.ts';
import { buildEvent } from '../../src/domain/result-event.ts';
import { explain } from '../../src/orders/explain.ts';
import { paymentFactsOf } from '../../src/orders/payment-facts.ts';
import type { OrderRecord } from '../../src/orders/record.ts';
import { viewOf } from '../../src/orders/view.ts';
import { anOrder, aProgress, aReading, createdAt } from '../support/builders.ts';

const at = createdAt + 10_000;

/** An order whose last reading led to its verdict; the `later` ones came after it. */
function aRecord(
  verdict: Verdict,
  readings: readonly Reading[],
  later: readonly Reading[] = [],
): OrderRecord {
  const history = [...readings, ...later].reduce<Evidence[]>((so, one) => remember(so, one), []);
  return {
    order: anOrder(),
    progress: aProgress.closed({ ...verdict, at }),
    history,
    revision: 2,
    nextPollAt: null,
    query: null,
    hints: 0,
    hintsSeen: 0,
    hintAt: null,
    callbacks: [],
    acknowledgement: null,
  } as unknown as OrderRecord;
}

const paid: Verdict = { status: 'paid', reason: null };

describe('an explanation', () => {
  test('states the amount that arrived if the provider reported it', () => {
    const text = explain(aRecord(paid, [aReading.paid({ at, amountReceivedMinor: 300 })]));
    expect(text).toBe(
      'Paid: the provider confirmed the payment with receipt SH90HU7FO2; KES 3.00 arrived, KES 2.00 was expected.',
    );
  });

  test('does not claim a verified amount if the provider did not report one', () => {
    const unverified = aReading.paid({ at, amountReceivedMinor: null, receipt: null });
    const text = explain(aRecord(paid, [unverified]));
    expect(text).not.toMatch(/at least|arrived,|receipt/);
    expect(text).toMatch(/how much arrived is not known, so the amount of KES 2\.00 is not verified/);
  });

  test('takes no receipt or amount from an answer that the verdict is not based on', () => {
    const foreign = aReading.doubtful('reference-mismatch', { at: at - 5_000, receipt: 'FOREIGN123' });
    const unverified = aReading.paid({ at, amountReceivedMinor: null, receipt: null });
    const late = aReading.doubtful('underpaid', { at: at + 5_000, receipt: 'LATER12345' });
    const record = aRecord(paid, [foreign, unverified], [late]);
    expect(explain(record)).not.toMatch(/FOREIGN|LATER|1\.00/);
    expect(paymentFactsOf(record)).toEqual({
      ...{ amountVerified: false, receipt: null, amountReceived: null, otherAmount: null },
    });
  });

  test('of an underpaid order states how much arrived, and in which other currency', () => {
    const underpaid: Verdict = { status: 'unresolved', reason: 'underpaid' };
    expect(explain(aRecord(underpaid, [aReading.doubtful('underpaid', { at })]))).toContain(
      'less money arrived than was asked for: KES 1.00 of KES 2.00.',
    );
    const other: Verdict = { status: 'unresolved', reason: 'currency-mismatch' };
    const text = explain(aRecord(other, [aReading.doubtful('currency-mismatch', { at })]));
    expect(text).toContain('UGX 2.00 instead of KES 2.00');
    expect(text).not.toContain('KES 2.00 of');
  });

  test('mentions a status override that the verdict depends on', () => {
    expect(explain(aRecord(paid, [aReading.paid({ at, overridden: true })]))).toContain('STATUS_OVERRIDES');
  });

  test.each(failureReasons)("of a failure (%s) repeats the provider's reason", (reason) => {
    const verdict: Verdict = { status: 'failed', reason };
    expect(explain(aRecord(verdict, [aReading.failed({ at, reason })]))).toMatch(
      /^Not paid: the provider says that \w/,
    );
  });
});

describe('the view of an order has the same payment facts as its last result', () => {
  const verdicts: [string, Verdict, Reading][] = [
    ['paid', paid, aReading.paid({ at })],
    ['paid, amount not told', paid, aReading.paid({ at, amountReceivedMinor: null })],
    ...doubts.map((reason): [string, Verdict, Reading] => [
      reason,
      { status: 'unresolved', reason },
      aReading.doubtful(reason, { at }),
    ]),
    [
      'contradiction by a failure',
      { status: 'unresolved', reason: 'contradiction' },
      aReading.failed({ at }),
    ],
    ['deadline', { status: 'unresolved', reason: 'deadline' }, aReading.pending({ at })],
    ['failed', { status: 'failed', reason: 'rejected' }, aReading.failed({ at })],
  ];
  test.each(verdicts)('%s', (_name, verdict, reading) => {
    const record = aRecord(verdict, [reading]);
    const { data } = buildEvent(record.order, record.progress, verdict, reading, record.history, at);
    const { amountVerified, receipt, amountReceived } = data;
    expect(viewOf(record)).toMatchObject({ amountVerified, receipt, amountReceived });
  });
});
