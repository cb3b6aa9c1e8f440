import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Evidence, remember } from '../../src/domain/evidence.ts';
import type { Json, Order, Reading, Verdict } from '../../src/domain/order.ts';
import type { Progress } from '../../src/domain/progress.ts';
import { buildEvent, eventFields, parseEvent, type ResultEvent } from '../../src/domain/result-event.ts';
import { anOrder, aProgress, aReading, createdAt, hasEscapedKey } from '../support/builders.ts';

const settledAt = createdAt + 20_000;

function anEvent({
  order = anOrder(),
  reading = aReading.paid({ at: settledAt }),
  verdict = { status: 'paid', reason: null },
  stateversion = 1,
  before = [],
  progress = {},
}: {
  readonly order?: Order;
  readonly reading?: Reading;
  readonly verdict?: Verdict;
  readonly stateversion?: number;
  readonly before?: readonly Evidence[];
  readonly progress?: Partial<Progress>;
} = {}): ResultEvent {
  const known = aProgress.closed({ ...verdict, at: settledAt }, { stateversion, polls: 3, ...progress });
  return buildEvent(order, known, verdict, reading, remember(before, reading), settledAt);
}

function namesOf(fields: readonly string[]): (string | undefined)[] {
  return fields.filter((_, index) => index % 2 === 0);
}

function dataOf(event: ResultEvent): string {
  return eventFields(event).at(-1) ?? '';
}

describe('a result', () => {
  it('has the documented fields', () => {
    const fields = eventFields(anEvent());
    expect(fields.slice(0, -1)).toEqual([
      ...['specversion', '1.0'],
      ...['id', 'ord-1:1'],
      ...['source', 'payment-poller/jenga'],
      ...['type', 'payment.paid'],
      ...['subject', 'ord-1'],
      ...['time', '2026-01-15T09:00:20.000Z'],
      ...['datacontenttype', 'application/json'],
      ...['stateversion', '1'],
      'data',
    ]);
    expect(JSON.parse(fields.at(-1) ?? '')).toEqual({
      orderId: 'ord-1',
      account: 'jenga',
      provider: 'jenga',
      reference: 'OR28922980077',
      status: 'paid',
      reason: null,
      amountExpected: '2.00',
      amountReceived: '2.00',
      currency: 'KES',
      amountVerified: true,
      receipt: 'SH90HU7FO2',
      providerStatus: 'Paid',
      providerMessage: 'The order is Paid',
      polls: 3,
      answeredPolls: 2,
      lastAnsweredAt: '2026-01-15T09:00:13.000Z',
      createdAt: '2026-01-15T09:00:00.000Z',
      settledAt: '2026-01-15T09:00:20.000Z',
      evidence: [
        {
          source: 'poll',
          at: '2026-01-15T09:00:20.000Z',
          httpStatus: 200,
          reading: 'paid',
          certainty: 'firm',
          providerStatus: 'Paid',
          providerMessage: 'The order is Paid',
          receipt: 'SH90HU7FO2',
          amountReceived: '2.00',
          bodySha256: 'a'.repeat(64),
        },
      ],
      metadata: {},
    });
  });

  it('has its data in the documented order', () => {
    expect(Object.keys(JSON.parse(dataOf(anEvent())))).toEqual([
      ...['orderId', 'account', 'provider', 'reference', 'status', 'reason'],
      ...['amountExpected', 'amountReceived', 'currency', 'amountVerified', 'receipt'],
      ...['providerStatus', 'providerMessage', 'polls', 'answeredPolls', 'lastAnsweredAt'],
      ...['createdAt', 'settledAt', 'evidence', 'metadata'],
    ]);
  });

  it('names the superseded result only on a correction', () => {
    expect(namesOf(eventFields(anEvent()))).not.toContain('supersedes');
    const correction = eventFields(anEvent({ stateversion: 3 }));
    expect(namesOf(correction)).toEqual([
      ...['specversion', 'id', 'source', 'type', 'subject', 'time', 'datacontenttype'],
      ...['stateversion', 'supersedes', 'data'],
    ]);
    expect(correction[correction.indexOf('supersedes') + 1]).toBe('ord-1:2');
  });

  it.each([
    ['payment.failed', { status: 'failed', reason: 'rejected' }, aReading.failed()],
    ['payment.expired', { status: 'expired', reason: 'timed-out' }, aReading.expired()],
    ['payment.unresolved', { status: 'unresolved', reason: 'deadline' }, aReading.unavailable()],
  ] as const)('of type %s claims no money', (type, verdict, reading) => {
    const event = anEvent({ verdict, reading });
    expect(event.type).toBe(type);
    expect(event.data).toMatchObject({
      ...verdict,
      amountReceived: null,
      amountVerified: false,
      receipt: null,
    });
  });

  it('promise 4: says when the amount could not be verified', () => {
    const event = anEvent({ reading: aReading.paid({ amountReceivedMinor: null }) });
    expect(event.data).toMatchObject({ status: 'paid', amountReceived: null, amountVerified: false });
  });

  it('promise 4: never gives an amount of another currency under that of the order', () => {
    const event = anEvent({
      verdict: { status: 'unresolved', reason: 'currency-mismatch' },
      reading: aReading.doubtful('currency-mismatch'),
    });
    expect(event.data).toMatchObject({ currency: 'KES', amountReceived: null, amountVerified: false });
    expect(event.data.evidence[0]).toMatchObject({ otherAmount: 'UGX 2.00' });
    expect(event.data.evidence[0]).not.toHaveProperty('amountReceived');
  });

  it('promise 4: states the amount received of an underpaid order, unverified', () => {
    const event = anEvent({
      verdict: { status: 'unresolved', reason: 'underpaid' },
      reading: aReading.doubtful('underpaid'),
    });
    expect(event.data).toMatchObject({
      amountExpected: '2.00',
      amountReceived: '1.00',
      amountVerified: false,
      receipt: 'SH90HU7FO2',
    });
  });

  it('promise 7: states at a deadline how many polls were answered, and when the last one was', () => {
    const unasked = { answeredPolls: 0, lastAnsweredAt: null };
    const verdict = { status: 'unresolved', reason: 'deadline' } as const;
    const event = anEvent({ verdict, reading: aReading.unavailable(), progress: unasked });
    expect(event.data).toMatchObject({ polls: 3, ...unasked });
  });
});

describe('parseEvent', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom('\ud800', 'a\udfffb', '\u0000', '"\\'),
  );
  /** `__proto__` has its own test: the reader's schema leaves it out. */
  const metadata = fc
    .dictionary(text, fc.jsonValue({ stringUnit: 'binary' }))
    .filter((drawn) => !hasEscapedKey(drawn) && !JSON.stringify(drawn).includes('__proto__'))
    // JSON has no -0.
    .map((drawn) => JSON.parse(JSON.stringify(drawn)) as { [key: string]: Json });

  it('survives a round trip', () => {
    fc.assert(
      fc.property(text, metadata, fc.integer({ min: 1, max: 9 }), (words, drawn, stateversion) => {
        const reading = aReading.paid({ providerMessage: words, providerStatus: words });
        const event = anEvent({
          order: anOrder({ reference: words, metadata: drawn }),
          reading,
          stateversion,
        });
        expect(parseEvent(eventFields(event))).toEqual(event);
      }),
    );
  });

  it('is written in text that survives the way to Redis and back, lone surrogates included', () => {
    fc.assert(
      fc.property(text, metadata, (words, drawn) => {
        const reading = aReading.paid({ providerMessage: words });
        const event = anEvent({ order: anOrder({ reference: { ref: words }, metadata: drawn }), reading });
        for (const field of eventFields(event)) expect(field.isWellFormed()).toBe(true);
      }),
    );
  });

  it('handles a metadata key `__proto__` as data', () => {
    const hostile = JSON.parse('{"__proto__":{"polluted":true},"deep":{"__proto__":{"polluted":true}}}');
    const event = anEvent({ order: anOrder({ metadata: hostile }) });
    expect(dataOf(event)).toContain('"metadata":{"__proto__":{"polluted":true}');
    const { metadata: read } = parseEvent(eventFields(event)).data;
    expect(Object.getPrototypeOf(read)).toBe(Object.prototype);
    expect('polluted' in read).toBe(false);
    expect('polluted' in {}).toBe(false);
  });

  it('reads fields that a newer version added', () => {
    const fields = [...eventFields(anEvent()), 'traceparent', '00-1-2-01'];
    expect(parseEvent(fields).id).toBe('ord-1:1');
  });

  it.each([
    ['another type', ['type', 'payment.refunded']],
    ['no version', ['stateversion', '0']],
    ['data that is no JSON', ['data', '{']],
    ['data without a status', ['data', '{}']],
    ['another spec', ['specversion', '2.0']],
  ])('refuses an entry with %s', (_, change) => {
    expect(() => parseEvent([...eventFields(anEvent()), ...change])).toThrow();
  });

  it('rejects an entry that payment-poller did not write', () => {
    expect(() => parseEvent(['hello', 'world'])).toThrow();
    expect(() => parseEvent([])).toThrow();
  });
});
