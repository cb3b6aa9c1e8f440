import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Evidence, remember } from '../../src/domain/evidence.ts';
import {
  doubts,
  failureReasons,
  type Json,
  type Order,
  type Reason,
  type Reference,
  verdictStatuses,
} from '../../src/domain/order.ts';
import { freshProgress, type Progress } from '../../src/domain/progress.ts';
import { canonicalReference, newRecordFields, parseRecord, progressFields } from '../../src/orders/codec.ts';
import { anOrder, createdAt, everyReading, hasEscapedKey } from '../support/builders.ts';

const instant = fc.integer({ min: 0, max: 8_640_000_000_000 });
const count = fc.integer({ min: 0, max: 1_000_000 });
const reasons: readonly Reason[] = ['deadline', ...doubts, ...failureReasons];

const anyProgress: fc.Arbitrary<Progress> = fc.record({
  phase: fc.constantFrom('asking' as const, 'watching' as const, 'closed' as const),
  stateversion: count,
  verdict: fc.option(
    fc.record({
      status: fc.constantFrom(...verdictStatuses),
      reason: fc.option(fc.constantFrom(...reasons)),
      at: instant,
    }),
  ),
  watchedSince: fc.option(instant),
  candidate: fc.option(
    fc.record({ kind: fc.constantFrom('paid' as const, 'failed' as const, 'expired' as const), at: instant }),
  ),
  moneySeen: fc.boolean(),
  polls: count,
  lastPolledAt: fc.option(instant),
  answeredPolls: count,
  lastAnsweredAt: fc.option(instant),
});

const anyText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom('\ud800', 'a\udfffb', '__proto__', '\u0000', '"', '\\', '\u2028'),
);
const anyKey = anyText.filter((key) => !hasEscapedKey({ [key]: '' }));
const anyReference: fc.Arbitrary<Reference> = fc.oneof(anyText, fc.dictionary(anyKey, anyText));
const anyMetadata = fc
  .dictionary(anyKey, fc.jsonValue())
  .filter((metadata) => !hasEscapedKey(metadata))
  // JSON has no -0.
  .map((metadata) => JSON.parse(JSON.stringify(metadata)) as { [key: string]: Json });

const anyHistory: fc.Arbitrary<Evidence[]> = fc
  .array(
    fc.tuple(
      fc.constantFrom(...Object.values(everyReading)),
      instant,
      anyText,
      fc.constantFrom({}, { askedAt: 1_768_467_608_000 }),
    ),
    { maxLength: 60 },
  )
  .map((steps) =>
    steps.reduce<Evidence[]>(
      (history, [make, at, providerMessage, pushed]) =>
        remember(history, { ...make(at), providerMessage, ...pushed }),
      [],
    ),
  );

function fieldsOf(order: Order, progress: Progress = freshProgress, history: readonly Evidence[] = []) {
  return {
    ...newRecordFields(order, 1_768_467_608_000),
    ...progressFields({ progress, history }),
    revision: '7',
  };
}

describe('the record of an order', () => {
  it('survives a round trip, whatever its progress', () => {
    fc.assert(
      fc.property(anyProgress, anyHistory, (progress, history) => {
        const record = parseRecord('ord-1', fieldsOf(anOrder(), progress, history));
        expect(record?.progress).toEqual(progress);
        expect(record?.history).toEqual(history);
        expect(record?.revision).toBe(7);
        expect(record?.nextPollAt).toBe(1_768_467_608_000);
      }),
    );
  });

  it('survives a round trip, whatever the order', () => {
    fc.assert(
      fc.property(anyReference, anyMetadata, (reference, metadata) => {
        const order = anOrder({ reference, metadata });
        const record = parseRecord(order.orderId, fieldsOf(order));
        // As JSON: an own key `__proto__` counts, which equality would overlook.
        expect(JSON.stringify(record?.order.metadata)).toBe(JSON.stringify(metadata));
        expect(canonicalReference(record?.order.reference ?? '')).toBe(canonicalReference(reference));
        expect({ ...record?.order, reference, metadata }).toEqual(order);
      }),
    );
  });

  it('holds only text that survives a round trip through Redis', () => {
    fc.assert(
      fc.property(anyReference, anyMetadata, anyHistory, (reference, metadata, history) => {
        const fields = fieldsOf(anOrder({ reference, metadata }), freshProgress, history);
        for (const value of Object.values(fields)) expect(value.isWellFormed()).toBe(true);
      }),
    );
  });

  it('starts fresh, at a revision of its own', () => {
    const order = anOrder();
    const fields = newRecordFields(order, createdAt + 8_000);
    expect(fields).toMatchObject({ version: '2', progress: '[0,0,0]', history: '[]' });
    expect(parseRecord(order.orderId, fields)).toMatchObject({
      order,
      progress: freshProgress,
      history: [],
      revision: expect.any(Number),
      nextPollAt: createdAt + 8_000,
    });
    const revisions = Array.from({ length: 20 }, () => newRecordFields(order, createdAt).revision);
    expect(new Set(revisions).size).toBe(20);
  });

  it('has no next poll once closed', () => {
    expect(parseRecord('ord-1', { ...fieldsOf(anOrder()), nextPollAt: '' })?.nextPollAt).toBeNull();
  });

  it('is null for a missing hash', () => {
    expect(parseRecord('ord-1', {})).toBeNull();
  });

  it('is rejected if a newer version wrote it; the message names the order and what to do', () => {
    const fields = { ...fieldsOf(anOrder()), version: '3' };
    expect(() => parseRecord('ord-1', fields)).toThrow(/ord-1 has version 3.*upgrade/);
  });

  it('is rejected if its phase is unknown', () => {
    expect(() => parseRecord('ord-1', { ...fieldsOf(anOrder()), phase: 'paused' })).toThrow();
  });
});

describe('canonicalReference', () => {
  it('is equal for equal references, whatever the order of their keys', () => {
    fc.assert(
      fc.property(fc.dictionary(anyText, anyText), (reference) => {
        const reversed = Object.fromEntries(Object.entries(reference).reverse());
        expect(canonicalReference(reversed)).toBe(canonicalReference(reference));
      }),
    );
  });

  it('differs for different references', () => {
    fc.assert(
      fc.property(anyReference, anyReference, (a, b) => {
        const isSame = JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));
        expect(canonicalReference(a) === canonicalReference(b)).toBe(isSame);
      }),
    );
  });

  it.each([
    ['a text and an object that prints alike', '{"tradeNo":"T1"}', { tradeNo: 'T1' }],
    ['upper and lower case', 'ORD', 'ord'],
    ['a missing key', { trackingId: 'T1', shortCode: '1' }, { trackingId: 'T1' }],
    ['a key that is no property', JSON.parse('{"__proto__":"T1"}'), {}],
  ] as [string, Reference, Reference][])('tells apart %s', (_, a, b) => {
    expect(canonicalReference(a)).not.toBe(canonicalReference(b));
  });

  function sorted(reference: Reference): unknown {
    return typeof reference === 'string' ? reference : Object.entries(reference).sort();
  }
});
