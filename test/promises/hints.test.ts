import { expect, test } from 'vitest';
import { testCallbackToken } from '../support/running-service.ts';
import { referenceOf, type Story, setupWorld, toldOf } from '../support/service-run.ts';
import { until } from '../support/service-until.ts';

test('8. A callback is a hint, a poll is the proof', async () => {
  const hinted = ['jenga', 'vexora', 'lipia', 'tanda', 'daraja-stk'] as const;
  const { start, follow, verdicts, events, url, simulator, store } = await setupWorld({
    accounts: [...hinted, 'daraja'].join(','),
    // Nobody is polled by himself between the first poll and the deadline.
    settings: { INITIAL_INTERVAL_MS: '20000', MAX_INTERVAL_MS: '20000', MIN_HINT_INTERVAL_MS: '50' },
  });
  await start();
  const door = (account: string, token = testCallbackToken) => `${url}/callbacks/${account}/${token}`;
  const callback = (provider: Story['provider'], form: 'genuine' | 'forged', afterMs: number) => ({
    callbacks: [{ url: door(provider), form, afterMs, copies: 3 }],
  });
  await follow(
    ...hinted.flatMap((provider): Story[] => [
      {
        ...{ provider, orderId: `${provider}-genuine` },
        timeline: [
          { afterMs: 0, state: 'pending' },
          { afterMs: 400, state: 'paid' },
        ],
        script: callback(provider, 'genuine', 500),
      },
      {
        ...{ provider, orderId: `${provider}-forged` },
        timeline: [{ afterMs: 0, state: 'pending' }],
        script: callback(provider, 'forged', 500),
      },
    ]),
    // Its answers come by the same door, under a token of one query.
    { provider: 'daraja', orderId: 'daraja-paid', timeline: [{ afterMs: 0, state: 'paid' }] },
    {
      ...{ provider: 'daraja', orderId: 'daraja-silent', timeline: [{ afterMs: 0, state: 'paid' }] },
      script: { daraja: { lose: true } },
    },
  );
  const all = await verdicts(hinted.length + 1, 8_000);
  expect(toldOf(all)).toEqual({
    ...Object.fromEntries(hinted.map((provider) => [`${provider}-genuine`, ['paid']])),
    'daraja-paid': ['paid'],
  });
  for (const provider of hinted) {
    // The hint was taken: the provider was asked, and its own word counted.
    await until(`${provider} to be asked again`, () => {
      const { key } = referenceOf(provider, `${provider}-forged`);
      return (simulator.ledger().find(({ reference }) => reference === key)?.polls ?? 0) >= 2;
    });
  }
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
