import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Evidence, evidenceOf, historyLimit, remember, toEvidence } from '../../src/domain/evidence.ts';
import type { Reading } from '../../src/domain/order.ts';
import { aReading, createdAt, deepFreeze, everyReading } from '../support/builders.ts';

function historyOf(...readings: Reading[]): Evidence[] {
  return readings.reduce<Evidence[]>((history, reading) => remember(history, reading), []);
}

const at = (seconds: number) => createdAt + seconds * 1_000;
const time = (seconds: number) => new Date(at(seconds)).toISOString();

describe('toEvidence', () => {
  it('keeps what a paid answer said', () => {
    expect(toEvidence(aReading.paid({ at: at(8) }))).toEqual({
      source: 'poll',
      at: '2026-01-15T09:00:08.000Z',
      httpStatus: 200,
      reading: 'paid',
      certainty: 'firm',
      providerStatus: 'Paid',
      providerMessage: 'The order is Paid',
      receipt: 'SH90HU7FO2',
      amountReceived: '2.00',
      bodySha256: 'a'.repeat(64),
    });
  });

  it('names the doubt of a paid answer, and omits missing fields', () => {
    expect(toEvidence(aReading.doubtful('underpaid'))).toMatchObject({
      reason: 'underpaid',
      amountReceived: '1.00',
    });
    expect(toEvidence(aReading.doubtful('receipt-missing'))).not.toHaveProperty('receipt');
    expect(toEvidence(aReading.doubtful('amount-unknown'))).not.toHaveProperty('amountReceived');
  });

  it('records that a configured override gave the status its meaning', () => {
    expect(toEvidence(aReading.failed({ overridden: true }))).toMatchObject({
      reading: 'failed',
      reason: 'rejected',
      overridden: true,
    });
  });

  it('says when the query was sent that a pushed answer is about', () => {
    const pushed = aReading.pending({ source: 'callback', at: at(9), askedAt: at(8) });
    expect(toEvidence(pushed)).toMatchObject({ at: time(9), askedAt: time(8) });
    expect(toEvidence(aReading.pending({ source: 'callback', at: at(9) }))).not.toHaveProperty('askedAt');
  });

  it.each(Object.entries(everyReading))('is plain JSON: %s', (_, make) => {
    const evidence = toEvidence(make(createdAt));
    expect(JSON.parse(JSON.stringify(evidence))).toEqual(evidence);
  });
});

describe('remember', () => {
  it('counts a repetition, with the first and the last time', () => {
    const history = historyOf(
      aReading.pending({ at: at(8) }),
      aReading.pending({ at: at(13), bodySha256: 'b'.repeat(64) }),
      aReading.pending({ at: at(20) }),
    );
    expect(history).toHaveLength(1);
    expect(history[0]).toMatchObject({ reading: 'pending', count: 3, firstAt: time(8), at: time(20) });
  });

  it('counts the same answer to two queries as a repetition, with the later query', () => {
    const history = historyOf(
      aReading.pending({ source: 'callback', at: at(9), askedAt: at(8) }),
      aReading.pending({ source: 'callback', at: at(20), askedAt: at(19) }),
    );
    expect(history).toMatchObject([{ count: 2, at: time(20), askedAt: time(19) }]);
  });

  it.each<[string, Partial<ReturnType<typeof aReading.softFailed>>]>([
    ['another reason', { reason: 'wrong-pin' }],
    ['another word of the provider', { providerStatus: 'CANCELLED' }],
    ['another HTTP status', { httpStatus: 202 }],
    ['another source', { source: 'callback' }],
    ['another certainty', { certainty: 'firm' }],
    ['a meaning by override', { overridden: true }],
  ])('adds an entry for %s', (_, change) => {
    expect(historyOf(aReading.softFailed(), aReading.softFailed(change))).toHaveLength(2);
  });

  it('adds an entry for another amount or receipt', () => {
    const readings = [
      aReading.doubtful('underpaid'),
      aReading.doubtful('underpaid', { amountReceivedMinor: 150 }),
      aReading.doubtful('underpaid', { amountReceivedMinor: 150, receipt: 'SH90HU7FO3' }),
    ];
    expect(historyOf(...readings)).toHaveLength(3);
  });

  const anyReadings = fc.array(
    fc.tuple(fc.constantFrom(...Object.values(everyReading)), fc.integer({ min: 0, max: 1_000_000 })),
    { maxLength: 200 },
  );
  const limits = fc.integer({ min: 1, max: 60 });

  it('is bounded, ends with the latest reading, and changes nothing that it is given', () => {
    fc.assert(
      fc.property(anyReadings, limits, (steps, limit) => {
        let history: Evidence[] = [];
        for (const [make, seconds] of steps) {
          const reading = make(at(seconds));
          history = remember(deepFreeze(history), deepFreeze(reading), limit);
          expect(history.length).toBeLessThanOrEqual(limit);
          expect(history.at(-1)).toMatchObject(toEvidence(reading));
        }
      }),
    );
  });

  it('keeps all readings up to the limit', () => {
    fc.assert(
      fc.property(anyReadings, (steps) => {
        const history = steps.reduce<Evidence[]>((all, [make, s]) => remember(all, make(at(s)), 1_000), []);
        const counted = history.reduce((sum, { count }) => sum + (count ?? 1), 0);
        expect(counted).toBe(steps.length);
      }),
    );
  });

  it('drops non-final readings before final ones', () => {
    let history = historyOf(aReading.doubtful('receipt-missing', { at: at(8) }));
    for (let i = 0; i < 2 * historyLimit; i += 1) {
      history = remember(history, i % 2 === 0 ? aReading.pending() : aReading.unavailable());
    }
    expect(history).toHaveLength(historyLimit);
    expect(history[0]).toMatchObject({ reading: 'paid', reason: 'receipt-missing', at: time(8) });
  });
});

describe('evidenceOf', () => {
  it('bases paid on the proof alone, not on an earlier answer about another payment', () => {
    const history = historyOf(
      aReading.doubtful('reference-mismatch', { at: at(8) }),
      aReading.pending({ at: at(13) }),
      aReading.paid({ at: at(20) }),
    );
    const evidence = evidenceOf({ status: 'paid', reason: null }, history);
    expect(evidence.map((entry) => entry.at)).toEqual([time(20)]);
  });

  it.each([
    ['failed', { status: 'failed', reason: 'rejected' }, aReading.failed({ at: at(20) })],
    ['expired', { status: 'expired', reason: 'timed-out' }, aReading.expired({ at: at(20) })],
    [
      'underpaid',
      { status: 'unresolved', reason: 'underpaid' },
      aReading.doubtful('underpaid', { at: at(20) }),
    ],
  ] as const)('rests a firm %s on the one word that said so', (_, verdict, reading) => {
    const history = historyOf(aReading.softFailed({ at: at(8) }), aReading.pending({ at: at(13) }), reading);
    expect(evidenceOf(verdict, history).map((entry) => entry.at)).toEqual([time(20)]);
  });

  it('bases a soft failure on both readings', () => {
    const history = historyOf(
      aReading.softFailed({ at: at(8) }),
      aReading.unavailable({ at: at(13) }),
      aReading.softFailed({ at: at(20), reason: 'wrong-pin' }),
    );
    const evidence = evidenceOf({ status: 'failed', reason: 'wrong-pin' }, history);
    expect(evidence.map((entry) => [entry.at, entry.reason])).toEqual([
      [time(8), 'cancelled'],
      [time(20), 'wrong-pin'],
    ]);
  });

  it('shows both times when the two readings were the same in a row', () => {
    const history = historyOf(aReading.softExpired({ at: at(8) }), aReading.softExpired({ at: at(20) }));
    expect(evidenceOf({ status: 'expired', reason: 'timed-out' }, history)).toMatchObject([
      { count: 2, firstAt: time(8), at: time(20) },
    ]);
  });

  it('bases a soft doubt on soft readings', () => {
    const history = historyOf(
      aReading.doubtful('underpaid', { at: at(8) }),
      aReading.doubtful('receipt-missing', { at: at(13) }),
      aReading.doubtful('receipt-missing', { at: at(23) }),
    );
    const evidence = evidenceOf({ status: 'unresolved', reason: 'receipt-missing' }, history);
    expect(evidence.map((entry) => entry.reason)).toEqual(['receipt-missing']);
  });

  it('shows both sides of a contradiction, and only these', () => {
    const history = historyOf(
      aReading.doubtful('receipt-missing', { at: at(8) }),
      aReading.unavailable({ at: at(13) }),
      aReading.failed({ at: at(20) }),
    );
    const evidence = evidenceOf({ status: 'unresolved', reason: 'contradiction' }, history);
    expect(evidence.map((entry) => entry.reading)).toEqual(['paid', 'failed']);
  });

  it('shows both sides of a contradiction however much was unknown in between', () => {
    let history = historyOf(aReading.doubtful('receipt-missing', { at: at(8) }));
    for (let i = 0; i < 100; i += 1) {
      history = remember(history, i % 2 === 0 ? aReading.pending() : aReading.unavailable());
    }
    history = remember(history, aReading.failed({ at: at(20) }));
    const evidence = evidenceOf({ status: 'unresolved', reason: 'contradiction' }, history);
    expect(evidence.map((entry) => entry.reading)).toEqual(['paid', 'failed']);
  });

  it('shows the last answers before a deadline, whatever they were', () => {
    const readings = Object.values(everyReading).map((make, index) => make(at(index)));
    const history = historyOf(...readings);
    const evidence = evidenceOf({ status: 'unresolved', reason: 'deadline' }, history);
    expect(evidence).toEqual(history.slice(-5));
  });

  it('always ends with the reading that led to the verdict', () => {
    const verdicts = [
      { status: 'paid', reason: null },
      { status: 'failed', reason: 'cancelled' },
      { status: 'unresolved', reason: 'underpaid' },
    ] as const;
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(...Object.values(everyReading)), { minLength: 1, maxLength: 80 }),
        fc.constantFrom(...verdicts),
        (makers, verdict) => {
          const history = historyOf(...makers.map((make, index) => make(at(index))));
          const evidence = evidenceOf(verdict, history);
          expect(evidence.at(-1)).toBe(history.at(-1));
          expect(evidence.length).toBeLessThanOrEqual(5);
        },
      ),
    );
  });
});
