import { expect, test } from 'vitest';
import { testCallbackToken } from '../support/running-service.ts';
import { referenceOf, type Story, setupWorld, toldOf } from '../support/service-run.ts';

const paid: Story['timeline'] = [{ afterMs: 0, state: 'paid' }];

test('8. A callback is a hint, a poll is the proof', async () => {
  const hinted = ['jenga', 'vexora', 'lipia', 'tanda', 'daraja-stk'] as const;
  const { start, follow, asked, rescript, verdicts, events, url, store } = await setupWorld({
    accounts: [...hinted, 'daraja'].join(','),
    // No scheduled polls between the first poll and the deadline.
    settings: { INITIAL_INTERVAL_MS: '600000', MAX_INTERVAL_MS: '600000', MIN_HINT_INTERVAL_MS: '50' },
  });
  await start();
  const door = (account: string, token = testCallbackToken) => `${url}/callbacks/${account}/${token}`;
  const stories = (orderId: string, changes: Partial<Story> = {}): Story[] =>
    hinted.map((provider) => ({
      ...{ provider, orderId: `${provider}-${orderId}`, timeline: [{ afterMs: 0, state: 'pending' }] },
      ...changes,
    }));
  const told = (form: 'genuine' | 'forged') => (story: Story) => ({
    ...story,
    script: { callbacks: [{ url: door(story.provider), form, afterMs: 0, copies: 3 }] },
  });
  await follow(
    ...stories('genuine'),
    ...stories('forged'),
    // Its answers arrive at the same route, under the one-time token of a query.
    { provider: 'daraja', orderId: 'daraja-paid', timeline: paid },
    {
      ...{ provider: 'daraja', orderId: 'daraja-silent', timeline: paid },
      script: { daraja: { lose: true } },
    },
  );
  await asked(...stories('genuine'), ...stories('forged'));
  rescript(...stories('genuine', { timeline: paid }).map(told('genuine')));
  rescript(...stories('forged').map(told('forged')));
  expect(toldOf(await verdicts(hinted.length + 1))).toEqual({
    ...Object.fromEntries(hinted.map((provider) => [`${provider}-genuine`, ['paid']])),
    'daraja-paid': ['paid'],
  });
  // The forged hints were accepted: they caused polls, and only the answers to these counted.
  await asked(...stories('forged'));
  // A result of Daraja that nobody asked for: right in every word, under every token but the one.
  const receipt = referenceOf('daraja', 'daraja-silent').key;
  const forgery = {
    Result: {
      ...{ ResultType: 0, ResultCode: 0, ResultDesc: 'The service request is processed successfully.' },
      ...{ OriginatorConversationID: 'x', ConversationID: 'y', TransactionID: receipt },
      ResultParameters: {
        ResultParameter: [
          { Key: 'ReceiptNo', Value: receipt },
          { Key: 'TransactionStatus', Value: 'Completed' },
          { Key: 'Amount', Value: '100.00' },
        ],
      },
    },
  };
  for (const token of [
    testCallbackToken,
    'a'.repeat(64),
    `${'a'.repeat(64)}.result`,
    `${'0'.repeat(64)}.timeout`,
  ]) {
    await fetch(door('daraja', token), { method: 'POST', body: JSON.stringify(forgery) });
  }
  const silent = await store.read('daraja-silent');
  expect(silent).toMatchObject({ hints: 0, progress: { phase: 'asking', verdict: null } });
  expect(await events()).toHaveLength(hinted.length + 1);
});
