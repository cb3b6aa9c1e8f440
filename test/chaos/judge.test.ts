import { describe, expect, test } from 'vitest';
import { type Truth, truthOf } from '../../bench/chaos/expected.ts';
import { type Case, judge, type StreamEntry } from '../../bench/chaos/judge.ts';
import { account } from '../../bench/chaos/scenarios/subscribers-killed.ts';

const orderId = 'drill:7.000001';
const askedAt = Date.parse('2026-11-22T10:00:00.000Z');
const paid: Truth = {
  status: 'paid',
  reason: null,
  receipt: 'SH90',
  amountReceived: '2.00',
  amountVerified: true,
};
const unpaid: Truth = {
  status: 'failed',
  reason: 'cancelled',
  receipt: null,
  amountReceived: null,
  amountVerified: false,
};

/** One entry of the stream, as the product writes it. */
function entry(version: number, truth: Truth, changes: { [field: string]: unknown } = {}): StreamEntry {
  const { id = `${orderId}:${version}`, at = askedAt, note = '', ...data } = changes;
  const supersedes = version === 1 ? [] : ['supersedes', `${orderId}:${version - 1}`];
  const body = {
    ...{
      orderId,
      account: 'jenga',
      provider: 'jenga',
      reference: 'OR1',
      amountExpected: '2.00',
      currency: 'KES',
    },
    ...{ providerStatus: null, providerMessage: null, polls: 1, answeredPolls: 1, lastAnsweredAt: null },
    ...{ createdAt: '2026-11-22T09:59:00.000Z', settledAt: '2026-11-22T10:00:00.000Z', metadata: { note } },
    evidence: [{ source: 'poll', at: new Date(Number(at)).toISOString(), reading: truth.status }],
    ...truth,
    ...data,
  };
  return {
    streamId: `${version}-0`,
    fields: [
      ...['specversion', '1.0', 'id', String(id), 'source', 'payment-poller/jenga'],
      ...['type', `payment.${truth.status}`, 'subject', orderId, 'time', '2026-11-22T10:00:00.000Z'],
      ...['datacontenttype', 'application/json', 'stateversion', String(version), ...supersedes],
      ...['data', JSON.stringify(body)],
    ],
  };
}

function verdict(entries: readonly StreamEntry[], changes: Partial<Case> = {}) {
  const one: Case = { orderId, acknowledged: true, truth: paid, paidAt: askedAt - 1_000, ...changes };
  const { counts, faults } = judge([one], entries);
  const [found] = Object.entries(counts).filter(([, count]) => count > 0);
  return { class: found?.[0], why: faults[0]?.why ?? '' };
}

const deadline: Truth = { ...unpaid, status: 'unresolved', reason: 'deadline' };

describe('the judge calls it', () => {
  test('a match when the last word is the truth', () => {
    expect(verdict([entry(1, paid)]).class).toBe('match');
    expect(verdict([entry(1, deadline), entry(2, paid)]).class).toBe('match');
    expect(verdict([entry(1, unpaid)], { truth: unpaid, paidAt: null }).class).toBe('match');
  });

  test('missing when an acknowledged order has no word, or only that its deadline passed', () => {
    expect(verdict([]).class).toBe('missing');
    expect(verdict([entry(1, deadline)]).class).toBe('missing');
  });

  test('nothing at all when an order without a word was never acknowledged', () => {
    expect(verdict([], { acknowledged: false }).class).toBeUndefined();
  });

  test.each<[string, StreamEntry[]]>([
    ['another status', [entry(1, { ...paid, status: 'unresolved', reason: 'underpaid' })]],
    ['another receipt', [entry(1, paid, { receipt: 'OTHER1' })]],
    ['another amount', [entry(1, paid, { amountReceived: '1.00' })]],
    ['an amount that nobody verified', [entry(1, paid, { amountVerified: false })]],
  ])('a mismatch when the last word has %s', (_, entries) => {
    expect(verdict(entries).class).toBe('mismatch');
  });

  test('a mismatch when the reason is another one', () => {
    const rejected = entry(1, { ...unpaid, reason: 'rejected' });
    expect(verdict([rejected], { truth: unpaid, paidAt: null }).class).toBe('mismatch');
  });

  test('a duplicate when one id stands there twice', () => {
    expect(verdict([entry(1, paid), entry(1, paid)]).class).toBe('duplicate');
  });

  test.each<[string, StreamEntry[], Partial<Case>]>([
    ['one version has two contents', [entry(1, paid), entry(1, paid, { note: 'other' })], {}],
    ['a version is left out', [entry(2, paid)], {}],
    ['versions go backwards', [entry(1, deadline), entry(3, paid), entry(2, deadline)], {}],
    ['a word follows paid', [entry(1, paid), entry(2, deadline)], {}],
    ['an id is at odds with its version', [entry(1, paid, { id: `${orderId}:9` })], {}],
    [
      'failed was published though the money was there when it was asked',
      [entry(1, unpaid), entry(2, paid)],
      {},
    ],
    ['paid was published and no money ever came', [entry(1, paid), entry(2, unpaid)], { paidAt: null }],
    ['an entry cannot be read', [{ streamId: '1-0', fields: ['subject', orderId] }, entry(1, paid)], {}],
    ['an order is told of that nobody handed in', [entry(1, paid)], { orderId: 'another' }],
  ])('conflicting when %s', (_, entries, changes) => {
    const { counts } = judge(
      [{ orderId, acknowledged: true, truth: paid, paidAt: askedAt - 1_000, ...changes }],
      entries,
    );
    expect(counts.conflicting).toBe(1);
  });

  test('a match when failed was asked before the money came, and corrected', () => {
    const early = entry(1, unpaid, { at: askedAt - 5_000 });
    expect(verdict([early, entry(2, paid)]).class).toBe('match');
  });
});

describe('the truth', () => {
  const ledger = { provider: 'jenga', amount: '2.00', amountPaid: '2.00', receipt: 'SH90' } as const;

  test.each([
    ['paid', {}, 'paid', null],
    ['partly-paid', { amountPaid: '1.00' }, 'unresolved', 'underpaid'],
    ['paid', { amountPaid: '1.99' }, 'unresolved', 'underpaid'],
    ['paid', { amountPaid: '20.00' }, 'paid', null],
    ['pending', {}, 'unresolved', 'deadline'],
    ['not-found', {}, 'unresolved', 'deadline'],
    ['unknown', {}, 'unresolved', 'deadline'],
    ['failed:wrong-pin', {}, 'failed', 'cancelled'],
    ['expired', {}, 'expired', 'timed-out'],
    ['expired', { provider: 'tanda' }, 'failed', 'rejected'],
    ['failed:limit-exceeded', { provider: 'vexora' }, 'failed', 'limit-exceeded'],
  ] as const)('of an order that ends %s with %j is %s, %s', (finalState, changes, status, reason) => {
    expect(truthOf({}, { ...ledger, finalState, ...changes })).toMatchObject({ status, reason });
  });

  test('cannot be more than what a provider tells', () => {
    const blind = truthOf(
      {},
      { ...ledger, provider: 'daraja-stk', finalState: 'partly-paid', amountPaid: '1.00' },
    );
    expect(blind).toEqual({ ...paid, receipt: null, amountReceived: null, amountVerified: false });
  });

  test('of an answer about another payment, or a payout, is never paid', () => {
    const state = { ...ledger, finalState: 'paid' } as const;
    expect(truthOf({ answeredReference: 'X' }, state).reason).toBe('reference-mismatch');
    expect(truthOf({ direction: 'out' }, { ...state, provider: 'tanda' }).reason).toBe('wrong-direction');
  });
});

describe('what subscribers handled', () => {
  test('is complete when each result was handled, or a newer one of its order', () => {
    expect(account(['a:1', 'a:2', 'b:1'], ['a:2', 'b:1', 'b:1'])).toEqual({
      skipped: [],
      stepsBack: [],
      repeats: 1,
    });
  });

  test('is not when one was passed over, or handled after a newer one', () => {
    expect(account(['a:1', 'a:2'], ['a:1']).skipped).toEqual(['a:2']);
    expect(account(['a:1', 'a:2'], ['a:2', 'a:1']).stepsBack).toEqual(['a:1']);
  });
});
