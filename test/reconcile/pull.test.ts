import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { pullCommand } from '../../src/commands/pull.ts';
import { machineClock } from '../../src/domain/clock.ts';
import { unresolvedOf } from '../../src/orders/unresolved.ts';
import { createAccessTokens } from '../../src/providers/access-token.ts';
import { readPull } from '../../src/providers/daraja-pull.ts';
import { providers } from '../../src/providers/index.ts';
import { receiptScope } from '../../src/providers/payment-scope.ts';
import type { Provider } from '../../src/providers/provider.ts';
import { createTransport } from '../../src/providers/transport.ts';
import { pullOnce } from '../../src/reconcile/pull/pull.ts';
import { createPullClient } from '../../src/reconcile/pull/pull-client.ts';
import { pullRows } from '../../src/reconcile/pull/pull-rows.ts';
import { startPullSchedule } from '../../src/reconcile/pull/pull-schedule.ts';
import { simulatorCredentials, startSimulator } from '../../src/simulator/simulator.ts';
import { aPolicy, aReading } from '../support/builders.ts';
import { capturedTerminal } from '../support/captured-terminal.ts';
import { until } from '../support/waiting.ts';
import { openShop } from './support.ts';

// Far above what they take: the machine may be busy with other things.
vi.setConfig({ testTimeout: 90_000 });

/** An account at the simulator, whose pulls can be run. */
async function setup(id: 'daraja' | 'daraja-stk' = 'daraja-stk') {
  const simulator = await startSimulator();
  const shop = await openShop(id, { referenceScope: id });
  const provider = providers.get(id) as Provider;
  const settings = { ...simulatorCredentials[id], baseUrl: `${simulator.url}/daraja` };
  const transport = createTransport({ timeoutMs: 30_000, maxBodyBytes: 1e6, connections: 4 });
  const tokens = createAccessTokens({
    ...{ redis: shop.redis, key: shop.keys.token(id), settings, transport },
    auth: provider.auth as NonNullable<Provider['auth']>,
  });
  onTestFinished(async () => {
    await transport.close();
    await simulator.close();
  });
  const contradicted: string[] = [];
  const pull = (byReference = false) =>
    pullOnce({
      ...{ send: createPullClient(transport, tokens), byReference, currencies: ['KES'], ratePerSecond: 100 },
      settings: { baseUrl: settings.baseUrl, shortCode: String(settings.shortCode) },
      signal: new AbortController().signal,
      unresolved: () => unresolvedOf(shop.redis, shop.keys, id),
      settling: {
        ...{ store: shop.store, account: id, provider, policy: aPolicy(), clock: machineClock },
        payments: {
          isShared: false,
          references: id,
          receiptsLike: (receipt) => receiptScope(provider, receipt),
        },
        observer: { published() {}, contradiction() {}, neglected() {} },
        contradicts: async (orderId) => void contradicted.push(orderId),
        reschedule: async () => {},
      },
    });
  /** An order that we know nothing of, and the simulator's truth about it. */
  const order = async (reference: string, amount: string, state: 'paid' | 'failed:cancelled' = 'paid') => {
    const createdAt = Date.now() - 3_600_000;
    simulator.script({ provider: id, reference, amount, timeline: [{ afterMs: 0, state }] });
    await shop.order(
      { orderId: `ord-${reference}`, reference, amountMinor: 10_000, createdAt },
      aReading.pending({ at: createdAt + 600_000 }),
    );
  };
  return { simulator, shop, pull, order };
}

describe('pulled payments', () => {
  test('settle by receipt, page by page, once, with supersedes', async () => {
    const { simulator, shop, pull, order } = await setup('daraja');
    for (let nth = 0; nth < 230; nth += 1) {
      const reference = `ws_CO_other_${nth}`;
      simulator.script({
        provider: 'daraja-stk',
        reference,
        amount: '5.00',
        timeline: [{ afterMs: 0, state: 'paid' }],
      });
    }
    await order('SH90HU7FO2', '100.00');
    await order('SH90HU7FO3', '60.00');
    await order('SH90HU7FO4', '100.00', 'failed:cancelled');
    expect(await pull()).toEqual({
      ...{ outcome: 'rows', rows: 232, settled: 2, possible: [], skipped: 0, failure: null },
    });
    expect(await shop.verdicts('ord-SH90HU7FO2')).toEqual(['unresolved/deadline', 'paid/null']);
    expect(await shop.verdicts('ord-SH90HU7FO3')).toEqual(['unresolved/deadline', 'unresolved/underpaid']);
    // That it is not in the list proves nothing.
    expect(await shop.verdicts('ord-SH90HU7FO4')).toEqual(['unresolved/deadline']);
    const [, event] = (await shop.results()).filter(({ subject }) => subject === 'ord-SH90HU7FO2');
    expect(event).toMatchObject({
      supersedes: 'ord-SH90HU7FO2:1',
      data: { evidence: [{ source: 'statement' }] },
    });
    expect(await pull()).toMatchObject({ settled: 0 });
    expect(await shop.results()).toHaveLength(5);
  });

  test('by reference and amount: evidence for a person, and a verdict only where the account says so', async () => {
    const { shop, pull, order } = await setup();
    await order('ws_CO_1', '100.00');
    expect(await pull()).toMatchObject({ settled: 0, possible: ['ord-ws_CO_1'] });
    expect(await pull(true)).toMatchObject({ settled: 1, possible: [] });
    expect(await shop.verdicts('ord-ws_CO_1')).toEqual(['unresolved/deadline', 'paid/null']);
  });

  test('without unresolved orders nobody is asked; an ended token is renewed', async () => {
    const { simulator, pull, order } = await setup();
    expect(await pull()).toMatchObject({ outcome: 'no-orders' });
    expect(simulator.requests()['daraja-stk'].paths).toEqual({});
    await order('ws_CO_1', '100.00', 'failed:cancelled');
    expect(await pull()).toMatchObject({ outcome: 'nothing', failure: null });
    simulator.expireTokens('daraja-stk');
    expect(await pull()).toMatchObject({ outcome: 'nothing', failure: null });
  });
});

test('pulled rows that take payments back, or cannot be read, are kept; a page that is given again ends it', async () => {
  const row = (more: object) => ({
    ...{ transactionId: 'SIM0000001', trxDate: '2026-01-15T12:00:08Z', amount: '100.00' },
    ...{ billreference: 'ord-1', transactiontype: 'Pay Bill', ...more },
  });
  const given = [
    row({}),
    row({ transactiontype: 'Pay Bill Reversal' }),
    row({ amount: '-100.00' }),
    row({ amount: '####' }),
    row({ transactionId: 'SIM000***1' }),
  ];
  const body = Buffer.from(JSON.stringify({ ResponseCode: '1000', Response: [given] }));
  const { rows, skipped, failure } = await pullRows(
    {
      send: async (_request, read) => ({ answer: read({ httpStatus: 200, headers: {}, body }), body }),
      settings: { baseUrl: 'http://localhost', shortCode: '600997' },
      ...{ ratePerSecond: 1_000, signal: new AbortController().signal },
    },
    ...([0, 1] as const),
  );
  const kinds = Array.from({ length: rows.size }, (_, nth) => rows.row(nth)).map(
    ({ kind, receipt, amountMinor }) => [kind, receipt, amountMinor],
  );
  expect(kinds).toEqual([
    ['payment', 'SIM0000001', 10_000],
    ['reversal', 'SIM0000001', 10_000],
    ['reversal', 'SIM0000001', 10_000],
    ['uncertain', 'SIM0000001', 0],
    ['uncertain', '', 0],
  ]);
  expect({ skipped, failure }).toEqual({ skipped: 2, failure: 'a page was given again' });
});

test('the answers of the API', () => {
  const answer = (httpStatus: number, body: unknown) =>
    readPull({
      httpStatus,
      headers: {},
      body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
    });
  const row = {
    transactionId: 'SH90HU7FO2',
    trxDate: '2026-01-15T12:00:00Z',
    amount: 168,
    msisdn: '2547****678',
  };
  expect(answer(200, { ResponseCode: '1000', Response: [[row, { amount: 1 }]] })).toMatchObject({
    ...{
      kind: 'rows',
      skipped: 1,
      rows: [{ transactionId: 'SH90HU7FO2', amount: '168', billreference: '' }],
    },
  });
  expect(answer(200, { ResponseCode: 1001, Response: [[]] })).toEqual({ kind: 'nothing' });
  expect(answer(500, 'nothing found')).toEqual({ kind: 'nothing' });
  expect(answer(401, '')).toEqual({ kind: 'token' });
  expect(answer(200, '<html>')).toEqual({ kind: 'failed', reason: 'HTTP 200, no code' });
  expect(answer(400, { errorCode: '400.001.001' })).toEqual({
    kind: 'failed',
    reason: 'HTTP 400, 400.001.001',
  });
});

test('the scheduler runs one pull after the other, and stops', async () => {
  const shop = await openShop();
  let runs = 0;
  const failures: Error[] = [];
  const schedule = await startPullSchedule({
    ...{ redis: shop.redis, keys: shop.keys, account: 'daraja-stk', everyMs: 50 },
    ...{ lockDurationMs: 30_000, stalledIntervalMs: 5_000 },
    async pull() {
      runs += 1;
      if (runs === 1) throw new Error('the first one fails');
    },
    failed: (error) => failures.push(error),
  });
  await until('two runs', () => runs >= 2);
  await schedule.close();
  expect(failures.map(({ message }) => message)).toContain('the first one fails');
});

test('pull register registers the short code of an account', async () => {
  const { simulator, shop } = await setup();
  const settings = Object.entries({
    ...simulatorCredentials['daraja-stk'],
    baseUrl: `${simulator.url}/daraja`,
  });
  const variables = settings.map(([name, value]) => [
    `DARAJA_STK_${name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`,
    String(value),
  ]);
  const environment = { ...shop.env, ACCOUNTS: 'daraja-stk', ...Object.fromEntries(variables) };
  const register = async () => {
    const { terminal, output, errors } = capturedTerminal(environment);
    let code = -1;
    await pullCommand(terminal, (exit) => {
      code = exit;
    }).parseAsync(
      [
        'register',
        '--account',
        'daraja-stk',
        '--nominated-number',
        '254700000000',
        '--callback-url',
        'https://example.com/x',
      ],
      { from: 'user' },
    );
    return { code, text: output() + errors() };
  };
  expect(await register()).toEqual({ code: 0, text: '600997 is registered\n' });
  expect(await register()).toEqual({ code: 0, text: '600997 was registered before\n' });
});
