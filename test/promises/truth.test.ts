import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { faultKinds } from '../../src/simulator/words.ts';
import { referenceOf, type Story, setupWorld, toldOf } from '../support/service-run.ts';
import { until } from '../support/service-until.ts';

const synchronous = ['jenga', 'daraja-stk', 'vexora', 'lipia', 'tanda'] as const;
const paidAtOnce: Story['timeline'] = [{ afterMs: 0, state: 'paid' }];

test('1. Doubt is never failure', async () => {
  const { start, follow, verdicts, simulator } = await setupWorld({
    accounts: synchronous.join(','),
    settings: { TIMEOUT_MS: '300', MAX_BODY_BYTES: '50000' },
  });
  await start();
  const sickMs = 900;
  const stories = synchronous.flatMap((provider): Story[] => [
    ...faultKinds.map((kind) => ({
      ...{ provider, orderId: `${provider}-${kind}`, timeline: paidAtOnce },
      script: { faults: [{ fromMs: 0, untilMs: sickMs, kind }] },
    })),
    ...(['not-found', { word: 'FAILED_MAYBE' }, { word: 'Cancelled!' }] as const).map((state, n) => ({
      ...{ provider, orderId: `${provider}-word-${n}` },
      timeline: [
        { afterMs: 0, state },
        { afterMs: sickMs, state: 'paid' as const },
      ],
    })),
  ]);
  await follow(...stories);
  await delay(sickMs / 2); // In the middle of it all tokens die as well.
  for (const provider of synchronous) simulator.expireTokens(provider);
  const events = await verdicts(stories.length);
  expect(toldOf(events)).toEqual(Object.fromEntries(stories.map(({ orderId }) => [orderId, ['paid']])));
  for (const provider of synchronous) expect(simulator.requests()[provider].faulted).toBeGreaterThan(10);
});

test('4. Paid is proven', async () => {
  const { start, follow, verdicts } = await setupWorld({ accounts: synchronous.join(',') });
  await start();
  const withAmount = ['jenga', 'vexora', 'lipia', 'tanda'] as const;
  const story = (provider: Story['provider'], name: string, script: Story['script'] = {}): Story => {
    return { provider, orderId: `${provider}-${name}`, timeline: paidAtOnce, script };
  };
  await follow(
    ...withAmount.flatMap((provider) => [
      story(provider, 'exact'),
      story(provider, 'more', { amountPaid: '100.01' }),
      story(provider, 'less', { amountPaid: '99.99' }),
    ]),
    ...synchronous.map((provider) => {
      const other = referenceOf(provider, 'somebody else').key;
      const both = provider === 'tanda' ? { externalReference: other } : {};
      // Lipia repeats only what the merchant called the order, so it must have been told.
      const order = provider === 'lipia' ? { reference: bothOfLipia(`${provider}-foreign`) } : {};
      return { ...story(provider, 'foreign', { answeredReference: other, ...both }), order };
    }),
    story('daraja-stk', 'exact'),
  );
  const events = await verdicts(4 * 3 + 5 + 1);
  const told = toldOf(events);
  for (const provider of withAmount) {
    expect(told[`${provider}-exact`], provider).toEqual(['paid']);
    expect(told[`${provider}-more`], provider).toEqual(['paid']);
    expect(told[`${provider}-less`], provider).toEqual(['unresolved/underpaid']);
  }
  for (const provider of synchronous) {
    expect(told[`${provider}-foreign`]?.[0], provider).toBe('unresolved/reference-mismatch');
  }
  const byId = new Map(events.map(({ subject, data }) => [subject, data]));
  for (const provider of withAmount) {
    expect(byId.get(`${provider}-exact`)).toMatchObject({
      ...{ amountVerified: true, amountExpected: '100.00', amountReceived: '100.00' },
      receipt: expect.stringMatching(/^[A-Z0-9]{4,}/i),
    });
    expect(byId.get(`${provider}-less`)).toMatchObject({ amountReceived: '99.99' });
  }
  expect(byId.get('daraja-stk-exact')).toMatchObject({
    ...{ status: 'paid', amountVerified: false, amountReceived: null },
  });
});

test('5. Soft failures are asked twice', async () => {
  const { start, follow, verdicts, store, events } = await setupWorld({ accounts: 'lipia,jenga' });
  await start();
  await follow(
    // A cancel that flips before the second reading never was one.
    ...(['lipia', 'jenga'] as const).flatMap((provider): Story[] => [
      {
        ...{ provider, orderId: `${provider}-flips` },
        timeline: [
          { afterMs: 0, state: 'failed:cancelled' },
          { afterMs: 140, state: 'paid' },
        ],
      },
      {
        ...{ provider, orderId: `${provider}-stays` },
        timeline: [{ afterMs: 0, state: 'failed:cancelled' }],
      },
    ]),
  );
  const all = await verdicts(4);
  const told = toldOf(all);
  for (const provider of ['lipia', 'jenga']) {
    const flips = told[`${provider}-flips`] ?? [];
    expect(flips.at(-1), provider).toBe('paid');
    expect(told[`${provider}-stays`], provider).toEqual(['failed/cancelled']);
    const stays = all.find(({ subject }) => subject === `${provider}-stays`)?.data;
    expect(stays?.polls).toBeGreaterThanOrEqual(2);
    const record = await store.read(`${provider}-stays`);
    expect(record?.progress.phase).toBe('watching');
    // Two readings that agree, 150 ms apart: the history counts them.
    const [first] = record?.history ?? [];
    expect(Date.parse(first?.at ?? '') - Date.parse(first?.firstAt ?? '')).toBeGreaterThanOrEqual(140);
  }
  expect((await events()).filter(({ subject }) => subject.endsWith('stays'))).toHaveLength(2);
});

test('6. Late truth is told', async () => {
  const { start, follow, verdicts, events, store } = await setupWorld({
    accounts: 'jenga,lipia',
    settings: { DEADLINE_MS: '500' },
  });
  await start();
  const paidLate = (state: Story['timeline'][number]['state']): Story['timeline'] => [
    { afterMs: 0, state },
    { afterMs: 1_300, state: 'paid' },
  ];
  await follow(
    { provider: 'jenga', orderId: 'cancelled', timeline: paidLate('failed:cancelled') },
    { provider: 'lipia', orderId: 'expired', timeline: paidLate('expired') },
    { provider: 'jenga', orderId: 'pending', timeline: paidLate('pending') },
    { provider: 'lipia', orderId: 'not-found', timeline: paidLate('not-found') },
    // Paid never steps down.
    {
      ...{ provider: 'jenga', orderId: 'reversed' },
      timeline: [
        { afterMs: 0, state: 'paid' },
        { afterMs: 1_300, state: 'failed:cancelled' },
      ],
      order: { schedule: { deadlineMs: 30_000 } },
    },
  );
  const all = await verdicts(9);
  expect(toldOf(all)).toEqual({
    cancelled: ['failed/cancelled', 'paid'],
    expired: ['expired/timed-out', 'paid'],
    pending: ['unresolved/deadline', 'paid'],
    'not-found': ['unresolved/deadline', 'paid'],
    reversed: ['paid'],
  });
  for (const orderId of ['cancelled', 'expired', 'pending', 'not-found']) {
    const [first, second] = await events(orderId);
    expect([first?.id, first?.supersedes]).toEqual([`${orderId}:1`, undefined]);
    expect([second?.id, second?.supersedes]).toEqual([`${orderId}:2`, `${orderId}:1`]);
    expect((await store.read(orderId))?.progress.phase).toBe('closed');
  }
});

test('7. No order expires unasked', async () => {
  const { start, follow, verdicts, events, simulator } = await setupWorld({
    accounts: 'jenga',
    settings: { DEADLINE_MS: '400', INITIAL_INTERVAL_MS: '100', MAX_INTERVAL_MS: '100' },
  });
  // Handed in while nobody polls: the deadline passes, and nobody says a word.
  await start(['api']);
  const down = { faults: [{ fromMs: 0, kind: 'http-503' as const }] };
  await follow(
    { provider: 'jenga', orderId: 'nobody-polled', timeline: [{ afterMs: 0, state: 'pending' }] },
    { provider: 'jenga', orderId: 'down', timeline: paidAtOnce, script: down },
  );
  await delay(600);
  expect(await events()).toEqual([]);
  await start(['worker'], { PORT: '0' });
  const all = await verdicts(2);
  expect(toldOf(all)).toEqual({
    'nobody-polled': ['unresolved/deadline'],
    down: ['unresolved/deadline'],
  });
  const [asked, down1] = ['nobody-polled', 'down'].map(
    (id) => all.find(({ subject }) => subject === id)?.data,
  );
  expect(asked).toMatchObject({ polls: 1, answeredPolls: 1, lastAnsweredAt: expect.any(String) });
  expect(down1).toMatchObject({ polls: 1, answeredPolls: 0, lastAnsweredAt: null });
  expect(down1?.evidence).toMatchObject([{ reading: 'unavailable', httpStatus: 503 }]);
  for (const data of [asked, down1]) {
    const deadline = Date.parse(data?.createdAt ?? '') + 400;
    expect(Date.parse(data?.evidence.at(-1)?.at ?? '')).toBeGreaterThanOrEqual(deadline);
  }
  await until('the watch to go on', () => simulator.ledger().every(({ polls }) => polls >= 2));
});

function bothOfLipia(orderId: string) {
  const { key } = referenceOf('lipia', orderId);
  return { transactionReference: key, externalReference: key };
}
