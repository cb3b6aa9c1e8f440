import { describe, expect, test, vi } from 'vitest';
import { createDailyReports, rangeOf, reportBody } from '../../src/api/ui/report.ts';
import { reportCommand } from '../../src/commands/report.ts';
import { noon, openShop, type Shop } from '../reconcile/support.ts';
import { aReading } from '../support/builders.ts';
import { capturedTerminal } from '../support/captured-terminal.ts';
import { until } from '../support/waiting.ts';

// Far above what they take: the machine may be busy with other things.
vi.setConfig({ testTimeout: 90_000 });

async function report(shop: Shop, ...flags: string[]) {
  const { terminal, output } = capturedTerminal(shop.env);
  await reportCommand(terminal, () => {}).parseAsync(flags, { from: 'user' });
  return output();
}

const day = '2026-01-15';
const at = noon + 8_000;

async function aDay() {
  const shop = await openShop('jenga', { referenceScope: 'jenga:shop' });
  const order = (orderId: string, ...readings: Parameters<Shop['settle']>[1][]) =>
    shop.order({ orderId, reference: `OR-${orderId}` }, ...readings);
  const paid = (receipt: string, amountReceivedMinor: number | null) =>
    aReading.paid({ at, receipt, amountReceivedMinor });
  await order('one', paid('SIM0000001', 10_000));
  await order('two', aReading.failed({ at }), paid('SIM0000002', 12_000));
  await order('blind', paid('SIM0000003', null));
  await order('failed', aReading.failed({ at }));
  await order('expired', aReading.expired({ at }));
  await order('late', aReading.pending({ at: noon + 600_000 }));
  await order('less', aReading.doubtful('underpaid', { at }));
  await order('open');
  // The same hour in UTC, the day before and after in Nairobi.
  await shop.order({ orderId: 'before', reference: 'b', createdAt: Date.UTC(2026, 0, 14, 20, 59, 59) });
  await shop.order({ orderId: 'after', reference: 'a', createdAt: Date.UTC(2026, 0, 15, 21, 0, 0) });
  await shop.redis.hset(shop.keys.order('damaged'), { account: 'jenga', createdAt: noon, version: '2' });
  return shop;
}

describe.concurrent('report', () => {
  test('counts the orders of a local day, as JSON, CSV and text', async () => {
    const shop = await aDay();
    const json = JSON.parse(await report(shop, '--day', day, '--json'));
    expect(json).toEqual({
      ...{ day, timeZone: 'Africa/Nairobi', unreadableOrders: 1 },
      accounts: [
        {
          ...{
            account: 'jenga',
            currency: 'KES',
            orders: 8,
            paid: 3,
            failed: 1,
            expired: 1,
            unresolved: 2,
            open: 1,
          },
          ...{ corrections: 1, expected: '300.00', received: '220.00', unverified: '100.00' },
          reasons: { deadline: 1, underpaid: 1 },
          oldestUnresolved: { orderId: 'less', since: new Date(at).toISOString() },
        },
      ],
    });
    const csv = await report(shop, '--day', day, '--csv');
    expect(csv.split('\r\n')[1]).toBe(
      `${day},jenga,KES,8,3,1,1,2,1,1,300.00,220.00,100.00,"1 deadline, 1 underpaid",less,2026-01-15T09:00:08.000Z`,
    );
    const text = await report(shop, '--day', day);
    expect(text).toContain('Orders created on 2026-01-15 (Africa/Nairobi)');
    expect(text).toContain('jenga: unresolved are 1 deadline, 1 underpaid');
    expect(
      JSON.parse(await report(shop, '--day', day, '--timezone', 'UTC', '--json')).accounts[0].orders,
    ).toBe(9);
  });

  test('a day that is none', async () => {
    const shop = await openShop();
    await expect(report(shop, '--day', '2026-02-31')).rejects.toThrow(
      '--day takes yesterday, today or a date',
    );
  });

  test('the page shows the same, and counts once for all who look', async () => {
    const shop = await aDay();
    const daily = createDailyReports(shop.redis, shop.keys, new AbortController().signal);
    const range = rangeOf(day, 'Africa/Nairobi', Date.now());
    await until('the orders are counted', () => daily(range));
    const [one, other] = await Promise.all([daily(range), daily(range)]);
    expect(one).toBe(other);
    const { html } = reportBody(range, one, 'Africa/Nairobi');
    expect(html).toContain('Orders created on 2026-01-15');
    expect(html).toContain('1 deadline, 1 underpaid');
    expect(html).toContain('href="/orders/less"');
    expect(reportBody(range, null, 'Africa/Nairobi').html).toContain('being counted');
    expect(rangeOf('nonsense', 'UTC', Date.UTC(2026, 0, 16, 12)).day).toBe(day);
  });
});
