import { describe, expect, test } from 'vitest';
import { deliveryOf } from '../consumers.ts';
import { type ExpectedVerdict, expectedVerdictOf } from '../expected.ts';
import { type Case, judge, type StreamEntry } from '../judge.ts';
import { type Occasion, occasionsOf } from '../occasions.ts';

const orderId = 'chaos:7.000001';
/** The question, its answer, and the verdict; the customer cancelled long before, paid a second before, and the deadline was over. */
const askedAt = Date.parse('2026-11-22T10:00:00.000Z');
const settledAt = askedAt + 20;
const paidAt = askedAt - 1_000;
const deadlineAt = askedAt - 500;
const occasions: readonly Occasion[] = [
  { status: 'failed', reason: 'cancelled', fromAt: askedAt - 9_000, untilAt: paidAt },
  { status: 'paid', reason: null, fromAt: paidAt, untilAt: Number.POSITIVE_INFINITY },
  { status: 'unresolved', reason: 'deadline', fromAt: deadlineAt, untilAt: Number.POSITIVE_INFINITY },
];
const facts = {
  ...{
    orderId,
    account: 'jenga',
    provider: 'jenga',
    reference: 'OR1',
    amountExpected: '2.00',
    currency: 'KES',
  },
  createdAt: '2026-11-22T09:59:00.000Z',
  metadata: { index: 1 },
};
const paid: ExpectedVerdict = {
  status: 'paid',
  reason: null,
  receipt: 'SH90',
  amountReceived: '2.00',
  amountVerified: true,
};
const unpaid: ExpectedVerdict = {
  status: 'failed',
  reason: 'cancelled',
  receipt: null,
  amountReceived: null,
  amountVerified: false,
};
const deadline: ExpectedVerdict = { ...unpaid, status: 'unresolved', reason: 'deadline' };

/** One entry of the stream, as the product writes it. */
function entry(
  version: number,
  expected: ExpectedVerdict,
  changes: { [field: string]: unknown } = {},
): StreamEntry {
  const {
    id = `${orderId}:${version}`,
    at = askedAt,
    settled = settledAt,
    evidence,
    source,
    ...data
  } = changes;
  const supersedes = version === 1 ? [] : ['supersedes', `${orderId}:${version - 1}`];
  const time = new Date(Number(settled)).toISOString();
  const body = {
    ...facts,
    ...{ providerStatus: null, providerMessage: null, polls: 1, answeredPolls: 1, lastAnsweredAt: null },
    settledAt: time,
    evidence: evidence ?? [
      { source: source ?? 'poll', at: new Date(Number(at)).toISOString(), reading: 'any' },
    ],
    ...expected,
    ...data,
  };
  return {
    streamId: `${Number(settled)}-${version}`,
    fields: [
      ...['specversion', '1.0', 'id', String(id), 'source', 'payment-poller/jenga'],
      ...['type', `payment.${expected.status}`, 'subject', orderId, 'time', time],
      ...['datacontenttype', 'application/json', 'stateversion', String(version), ...supersedes],
      ...['data', JSON.stringify(body)],
    ],
  };
}

/** Cancelled, and asked about while it was. */
const cancelled = (version: number, changes: { [field: string]: unknown } = {}) =>
  entry(version, unpaid, { at: askedAt - 5_000, settled: askedAt - 4_900, ...changes });

function caseOf(changes: Partial<Case> = {}): Case {
  const alone = { payment: null, refusedFor: null } as const;
  return { orderId, isOurs: true, facts, expected: paid, occasions, ...alone, ...changes };
}

function verdict(entries: readonly StreamEntry[], changes: Partial<Case> = {}) {
  const one = caseOf(changes);
  const { counts, problems } = judge([one], entries);
  const found = Object.entries(counts).filter(([, count]) => count > 0);
  return { class: found.map(([name, count]) => `${count} ${name}`).join(', '), why: problems[0]?.why ?? '' };
}

describe('the judge calls it', () => {
  test('a match when the last verdict is the expected one', () => {
    expect(verdict([entry(1, paid)])).toEqual({ class: '1 match', why: '' });
    expect(verdict([entry(1, deadline), entry(2, paid)]).class).toBe('1 match');
    expect(verdict([cancelled(1), entry(2, paid)]).class).toBe('1 match');
    expect(verdict([cancelled(1)], { expected: unpaid }).class).toBe('1 match');
  });

  test('missing when an order of ours has no verdict, or only that its deadline passed', () => {
    expect(verdict([]).class).toBe('1 missing');
    expect(verdict([entry(1, deadline)]).class).toBe('1 missing');
  });

  test('nothing at all when an order without a verdict was never ours', () => {
    expect(verdict([], { isOurs: false }).class).toBe('');
  });

  test('by its name too when an order that was never acknowledged is published', () => {
    expect(verdict([cancelled(1)], { isOurs: false }).class).toBe('1 mismatch');
  });

  test.each<[string, StreamEntry[], Partial<Case>]>([
    ['status', [cancelled(1)], {}],
    ['reason', [cancelled(1)], { expected: { ...unpaid, reason: 'wrong-pin' } }],
    ['receipt', [entry(1, paid, { receipt: 'OTHER1' })], {}],
    ['amount', [entry(1, paid, { amountReceived: '1.00' })], {}],
    ['amount, that nobody verified', [entry(1, paid, { amountVerified: false })], {}],
    ['receipt though it is unpaid', [cancelled(1, { receipt: 'SH90' })], { expected: unpaid }],
  ])('a mismatch when the last verdict has another %s', (_, entries, changes) => {
    expect(verdict(entries, changes).class).toBe('1 mismatch');
  });

  test('a duplicate when one id stands there twice', () => {
    expect(verdict([entry(1, paid), entry(1, paid)]).class).toBe('1 duplicate');
    expect(verdict([cancelled(1), entry(2, paid), cancelled(1)]).class).toBe('1 duplicate');
  });

  test.each<[string, StreamEntry[]]>([
    ['one version has two contents', [entry(1, paid), entry(1, paid, { polls: 2 })]],
    ['a version is left out', [entry(2, paid)]],
    ['versions go backwards', [cancelled(1), entry(3, paid), entry(2, deadline)]],
    ['a verdict follows paid', [entry(1, paid), entry(2, deadline)]],
    ['an id is at odds with its version', [entry(1, paid, { id: `${orderId}:9` })]],
    ['it is about another amount', [entry(1, paid, { amountExpected: '1.00' })]],
    ['it is about another reference', [entry(1, paid, { reference: { tradeNo: 'OR1' } })]],
    ['it lost what the checkout had added', [entry(1, paid, { metadata: {} })]],
  ])('conflicting when %s', (_, entries) => {
    expect(verdict(entries).class).toBe('1 conflicting');
  });

  test.each<[string, StreamEntry]>([
    ['failed, asked after the money had come', entry(1, unpaid)],
    [
      'failed before the customer had cancelled',
      cancelled(1, { at: askedAt - 9_500, settled: askedAt - 9_400 }),
    ],
    [
      'expired, which the provider never said',
      entry(1, { ...unpaid, status: 'expired', reason: 'timed-out' }),
    ],
    ['failed for a reason that the provider never gave', cancelled(1, { reason: 'rejected' })],
    [
      'unresolved for a doubt that nobody had',
      entry(1, { ...unpaid, status: 'unresolved', reason: 'underpaid' }),
    ],
    ['the deadline, before it', entry(1, deadline, { at: deadlineAt - 200, settled: deadlineAt - 100 })],
    ['the deadline, unasked since', entry(1, deadline, { at: deadlineAt - 1 })],
    ['the deadline, on the verdict of a push', entry(1, deadline, { source: 'callback' })],
    ['anything without evidence', cancelled(1, { evidence: [] })],
    ['anything before it was asked', cancelled(1, { settled: askedAt - 6_000 })],
  ])('conflicting when it said %s, though the expected came later', (_, lie) => {
    expect(verdict([lie, entry(2, paid)]).class).toBe('1 conflicting');
  });

  test('a match when the deadline was published upon the pushed answer to a question that was asked after it', () => {
    const taken = { source: 'poll', at: new Date(askedAt - 100).toISOString(), reading: 'pending' };
    const pushed = { source: 'callback', at: new Date(askedAt).toISOString(), reading: 'not-found' };
    expect(verdict([entry(1, deadline, { evidence: [taken, pushed] }), entry(2, paid)]).class).toBe(
      '1 match',
    );
    const tooEarly = { ...taken, at: new Date(deadlineAt - 1).toISOString() };
    expect(verdict([entry(1, deadline, { evidence: [tooEarly, pushed] }), entry(2, paid)]).class).toBe(
      '1 conflicting',
    );
  });

  test('conflicting when paid was said before the money came, though it did', () => {
    const early = entry(1, paid, { at: paidAt - 200, settled: paidAt - 100 });
    expect(verdict([early]).why).toContain('asked for at another time');
  });

  test('conflicting when a soft verdict was read once, a match when it was read twice', () => {
    const reading = { source: 'poll', reading: 'failed', certainty: 'soft' };
    const at = (ms: number) => new Date(askedAt - ms).toISOString();
    const once = [{ ...reading, at: at(5_000) }];
    const twice = [{ ...reading, at: at(6_500) }, ...once];
    const merged = [{ ...reading, at: at(5_000), firstAt: at(6_500), count: 2 }];
    const soon = [{ ...reading, at: at(5_400) }, ...once];
    const classes = [once, soon, twice, merged].map(
      (evidence) => verdict([cancelled(1, { evidence })], { expected: unpaid }).class,
    );
    expect(classes).toEqual(['1 conflicting', '1 conflicting', '1 match', '1 match']);
  });

  test('conflicting when an entry cannot be read, or nobody handed its order in', () => {
    expect(verdict([{ streamId: '1-0', fields: ['subject', orderId] }, entry(1, paid)]).class).toBe(
      '1 match, 1 conflicting',
    );
    expect(verdict([entry(1, paid)], { orderId: 'another' }).class).toBe('1 missing, 1 conflicting');
  });
});

describe('of orders that speak of one payment', () => {
  const [first, second] = ['chaos:7.000001', 'chaos:7.000002'];
  const used: ExpectedVerdict = {
    ...paid,
    status: 'unresolved',
    reason: 'receipt-used',
    amountVerified: false,
  };
  const sharer = (id: string, changes: Partial<Case> = {}) =>
    caseOf({ orderId: id, facts: { ...facts, orderId: id }, payment: 'jenga SH90', ...changes });
  const pair = [sharer(first), sharer(second)];
  const owned = { source: 'poll', at: new Date(askedAt).toISOString(), reading: 'paid', usedBy: 'OWNER' };
  /** A verdict about one of the two, at a place of the stream. */
  const verdict = (
    id: string,
    place: number,
    expected: ExpectedVerdict,
    changes: { [field: string]: unknown } = {},
  ) => {
    const { owner = '', ...others } = changes;
    const { fields } = entry(1, expected, { orderId: id, ...others });
    const renamed = fields.map((field) => field.replaceAll(orderId, id).replace('OWNER', String(owner)));
    return { streamId: `${settledAt}-${place}`, fields: renamed };
  };
  const named = (id: string, place: number, owner: string) =>
    verdict(id, place, used, { evidence: [owned], owner });
  const judged = (entries: readonly StreamEntry[], cases: readonly Case[] = pair) => {
    const { counts, problems } = judge(cases, entries);
    return {
      match: counts.match,
      problems: problems.map((problem) => `${problem.orderId} ${problem.class}`),
    };
  };

  test('the first is paid, whichever it is, and the other one names who has the payment', () => {
    expect(judged([verdict(first, 1, paid), named(second, 2, first)])).toEqual({ match: 2, problems: [] });
    expect(judged([verdict(second, 1, paid), named(first, 2, second)])).toEqual({ match: 2, problems: [] });
  });

  test('a second one that is paid too conflicts', () => {
    expect(judged([verdict(first, 1, paid), verdict(second, 2, paid)])).toEqual({
      match: 1,
      problems: [`${second} conflicting`],
    });
  });

  test('a doubt before anybody was paid, or one that does not name the owner, conflicts', () => {
    const early = [named(second, 1, first), verdict(first, 2, paid)];
    const nameless = [verdict(first, 1, paid), verdict(second, 2, used)];
    for (const entries of [early, nameless]) {
      expect(judged(entries)).toEqual({ match: 1, problems: [`${second} conflicting`] });
    }
  });

  test('an order that has its payment for itself is never in that doubt', () => {
    expect(judged([named(first, 1, second)], [sharer(first)]).problems).toEqual([`${first} conflicting`]);
  });

  test('a refusal stands when the order that it names was paid, and nothing was said of the refused one', () => {
    const refused = [sharer(first), sharer(second, { isOurs: false, refusedFor: first })];
    expect(judged([verdict(first, 1, paid)], refused)).toEqual({ match: 2, problems: [] });
    expect(judged([verdict(first, 1, paid), named(second, 2, first)], refused).problems).toEqual([
      `${second} conflicting`,
    ]);
    expect(judged([verdict(first, 1, deadline)], refused).problems).toContain(`${second} conflicting`);
    const others = { ...facts, orderId: first, reference: 'OR2' };
    const elsewhere = [sharer(first, { facts: others }), refused[1] as Case];
    expect(judged([verdict(first, 1, paid, { reference: 'OR2' })], elsewhere).problems).toEqual([
      `${second} conflicting`,
    ]);
  });
});

describe('of an id that is used again', () => {
  const later = '2026-11-22T10:30:00.000Z';
  const lives = [caseOf(), caseOf({ facts: { ...facts, createdAt: later } })];

  test('each order has its own versions', () => {
    const counts = judge(lives, [entry(1, paid), entry(1, paid, { createdAt: later })]).counts;
    expect(counts).toMatchObject({ match: 2, duplicate: 0, conflicting: 0 });
  });

  test('what one of them lacks is not made up for by the other one', () => {
    expect(judge(lives, [entry(1, paid)]).counts).toMatchObject({ match: 1, missing: 1 });
    expect(judge(lives, [entry(1, paid), entry(1, paid)]).counts).toMatchObject({ missing: 1, duplicate: 1 });
  });
});

describe('where the clocks of the workers are wrong', () => {
  const cancelsAt = askedAt - 9_000;
  const at = (ms: number) => new Date(askedAt - ms).toISOString();
  const soft = { source: 'poll', certainty: 'soft', reading: 'failed', at: at(5_000), firstAt: at(6_500) };
  const heard = (streamMs: number, { fields }: StreamEntry, expected: ExpectedVerdict) =>
    verdict([{ streamId: `${streamMs}-0`, fields }], { expected }).class;

  test('the stream tells whether a soft verdict waited for its second reading, whatever the verdict states', () => {
    const verdict = cancelled(1, { evidence: [soft] });
    expect(heard(cancelsAt + 999, verdict, unpaid)).toBe('1 conflicting');
    expect(heard(cancelsAt + 1_001, verdict, unpaid)).toBe('1 match');
  });

  test('the stream tells whether the provider had said it at all', () => {
    expect(heard(paidAt - 1, entry(1, paid), paid)).toBe('1 conflicting');
    expect(heard(paidAt + 1, entry(1, paid), paid)).toBe('1 match');
  });

  test('the stream tells whether the deadline had passed', () => {
    expect(heard(deadlineAt - 1, entry(1, deadline), deadline)).toBe('1 conflicting');
    expect(heard(deadlineAt + 1, entry(1, deadline), deadline)).toBe('1 match');
  });

  test('a verdict from a time that is still to come conflicts', () => {
    expect(heard(settledAt, entry(1, paid, { settled: settledAt + 60_000 }), paid)).toBe('1 conflicting');
  });
});

describe('the expected verdict', () => {
  const ledger = {
    provider: 'jenga',
    reference: 'OR1',
    amount: '2.00',
    amountPaid: '2.00',
    receipt: 'SH90',
  } as const;

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
    expect(expectedVerdictOf({}, { ...ledger, finalState, ...changes })).toMatchObject({ status, reason });
  });

  test('cannot be more than what a provider tells', () => {
    const blind = expectedVerdictOf(
      {},
      { ...ledger, provider: 'daraja-stk', finalState: 'partly-paid', amountPaid: '1.00' },
    );
    expect(blind).toEqual({ ...paid, receipt: null, amountReceived: null, amountVerified: false });
  });

  test('of an answer about another payment, or a payout, is never paid', () => {
    const state = { ...ledger, finalState: 'paid' } as const;
    expect(expectedVerdictOf({ answeredReference: 'X' }, state)).toMatchObject({
      reason: 'reference-mismatch',
      receipt: 'SH90',
    });
    expect(expectedVerdictOf({ answeredReference: 'X' }, { ...state, reference: 'SH90' }).receipt).toBe('X');
    expect(expectedVerdictOf({ direction: 'out' }, { ...state, provider: 'tanda' }).reason).toBe(
      'wrong-direction',
    );
  });
});

describe('what may be said about an order', () => {
  test('is what its provider says, while it says so, and the deadline', () => {
    const ledger = {
      provider: 'jenga',
      reference: 'OR1',
      amount: '2.00',
      amountPaid: '2.00',
      receipt: 'SH90',
    } as const;
    const timeline = [
      { afterMs: 0, state: 'pending' },
      { afterMs: 300, state: 'failed:cancelled' },
      { afterMs: 900, state: { word: 'ODD' } },
      { afterMs: 1_000, state: 'paid' },
    ] as const;
    const found = occasionsOf(
      { timeline: [...timeline] },
      { ...ledger, finalState: 'paid', finalAt: 51_000 },
      60_000,
    );
    expect(found).toEqual([
      { status: 'failed', reason: 'cancelled', fromAt: 50_300, untilAt: 50_900 },
      { status: 'paid', reason: null, fromAt: 51_000, untilAt: Number.POSITIVE_INFINITY },
      { status: 'unresolved', reason: 'deadline', fromAt: 60_000, untilAt: Number.POSITIVE_INFINITY },
    ]);
  });
});

describe('what subscribers handled', () => {
  test('is complete when each result was handled, or a newer one of its order', () => {
    expect(deliveryOf(['a:1', 'a:2', 'b:1'], ['a:2', 'b:1', 'b:1'])).toEqual({
      skipped: [],
      stepsBack: [],
      invented: [],
      repeats: 1,
    });
  });

  test('is not when one was passed over, handled after a newer one, or never published', () => {
    expect(deliveryOf(['a:1', 'a:2'], ['a:1']).skipped).toEqual(['a:2']);
    expect(deliveryOf(['a:1', 'a:2'], ['a:2', 'a:1']).stepsBack).toEqual(['a:1']);
    expect(deliveryOf(['a:1'], ['a:1', 'a:2']).invented).toEqual(['a:2']);
  });
});
