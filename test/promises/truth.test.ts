import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { faultKinds } from '../../src/simulator/words.ts';
import { referenceOf, type Story, setupWorld, toldOf } from '../support/service-run.ts';
import { until } from '../support/waiting.ts';

const synchronous = ['jenga', 'daraja-stk', 'vexora', 'lipia', 'tanda'] as const;
const paidAtOnce: Story['timeline'] = [{ afterMs: 0, state: 'paid' }];

test('1. Doubt is never failure', async () => {
  const { start, follow, asked, rescript, verdicts, events, simulator } = await setupWorld({
    accounts: synchronous.join(','),
    settings: {
      ...{ TIMEOUT_MS: '1500', MAX_BODY_BYTES: '50000' },
      ...{ INITIAL_INTERVAL_MS: '700', MAX_INTERVAL_MS: '700' },
    },
  });
  await start();
  const doubtful = synchronous.flatMap((provider): Story[] => [
    ...faultKinds.map((kind) => ({
      ...{ provider, orderId: `${provider}-${kind}`, timeline: paidAtOnce },
      script: { faults: [{ kind }] },
    })),
    ...(['not-found', { word: 'FAILED_MAYBE' }, { word: 'Cancelled!' }] as const).map((state, n) => ({
      ...{ provider, orderId: `${provider}-word-${n}` },
      timeline: [{ afterMs: 0, state }],
    })),
  ]);
  await follow(...doubtful);
  await asked(...doubtful);
  for (const provider of synchronous) simulator.expireTokens(provider);
  await asked(...doubtful);
  expect(await events()).toEqual([]);
  rescript(...doubtful.map((story) => ({ ...story, timeline: paidAtOnce, script: {} })));
  expect(toldOf(await verdicts(doubtful.length))).toEqual(
    Object.fromEntries(doubtful.map(({ orderId }) => [orderId, ['paid']])),
  );
  for (const provider of synchronous) expect(simulator.requests()[provider].faulted).toBeGreaterThan(14);
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
      // Lipia returns the merchant's own identifier only if it was given.
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
  const confirmAfterMs = 4_000;
  const { start, follow, asked, rescript, verdicts, store } = await setupWorld({
    accounts: 'lipia,jenga',
    settings: { CONFIRM_AFTER_MS: String(confirmAfterMs) },
  });
  await start();
  const cancelled = (orderId: string): Story[] =>
    (['lipia', 'jenga'] as const).map((provider) => ({
      ...{ provider, orderId: `${provider}-${orderId}` },
      timeline: [{ afterMs: 0, state: 'failed:cancelled' }],
    }));
  // A cancellation that turns into paid before the second reading is not published.
  await follow(...cancelled('flips'), ...cancelled('stays'));
  await asked(...cancelled('flips'));
  rescript(...cancelled('flips').map((story) => ({ ...story, timeline: paidAtOnce })));
  const all = await verdicts(4);
  expect(toldOf(all)).toEqual({
    ...{ 'lipia-flips': ['paid'], 'jenga-flips': ['paid'] },
    ...{ 'lipia-stays': ['failed/cancelled'], 'jenga-stays': ['failed/cancelled'] },
  });
  for (const provider of ['lipia', 'jenga']) {
    const stays = all.find(({ subject }) => subject === `${provider}-stays`)?.data;
    expect(stays?.polls).toBeGreaterThanOrEqual(2);
    expect(stays?.evidence).toMatchObject([{ reading: 'failed', certainty: 'soft' }]);
    const record = await store.read(`${provider}-stays`);
    expect(record?.progress.phase).toBe('watching');
    // Equal readings in a row are one entry of the history.
    const [agreed] = record?.history ?? [];
    const apartMs = Date.parse(agreed?.at ?? '') - Date.parse(agreed?.firstAt ?? '');
    expect(apartMs).toBeGreaterThanOrEqual(confirmAfterMs);
  }
});

test('6. Late truth is told', async () => {
  const { start, follow, asked, rescript, verdicts, events, store, simulator } = await setupWorld({
    accounts: 'jenga,lipia',
    settings: { DEADLINE_MS: '4000' },
  });
  await start();
  const first: Story[] = [
    { provider: 'jenga', orderId: 'cancelled', timeline: [{ afterMs: 0, state: 'failed:cancelled' }] },
    { provider: 'lipia', orderId: 'expired', timeline: [{ afterMs: 0, state: 'expired' }] },
    { provider: 'jenga', orderId: 'pending', timeline: [{ afterMs: 0, state: 'pending' }] },
    { provider: 'lipia', orderId: 'not-found', timeline: [{ afterMs: 0, state: 'not-found' }] },
    { provider: 'lipia', orderId: 'underpaid', timeline: paidAtOnce, script: { amountPaid: '1.00' } },
  ];
  const kept: Story = { provider: 'jenga', orderId: 'kept', timeline: paidAtOnce };
  await follow(...first, kept);
  await verdicts(6);
  // Paid is never revoked, and the order is polled no more.
  rescript({ ...kept, timeline: [{ afterMs: 0, state: 'failed:cancelled' }] });
  rescript(...first.map((story) => ({ ...story, timeline: paidAtOnce, script: {} })));
  await asked(...first);
  expect(toldOf(await verdicts(11))).toEqual({
    cancelled: ['failed/cancelled', 'paid'],
    expired: [expect.stringMatching(/^expired\//), 'paid'],
    pending: ['unresolved/deadline', 'paid'],
    'not-found': ['unresolved/deadline', 'paid'],
    underpaid: ['unresolved/underpaid', 'paid'],
    kept: ['paid'],
  });
  for (const { orderId } of first) {
    const [one, two] = await events(orderId);
    expect([one?.id, one?.supersedes]).toEqual([`${orderId}:1`, undefined]);
    expect([two?.id, two?.supersedes]).toEqual([`${orderId}:2`, `${orderId}:1`]);
    expect((await store.read(orderId))?.progress.phase).toBe('closed');
  }
  const { key } = referenceOf('jenga', 'kept');
  expect(simulator.ledger().find(({ reference }) => reference === key)?.polls).toBe(0);
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
