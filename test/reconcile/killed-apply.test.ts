import { expect, test, vi } from 'vitest';
import type { Reading } from '../../src/domain/order.ts';
import { aReading } from '../support/builders.ts';
import { startCommand } from '../support/command-line.ts';
import { fileOf, mpesaRow, mpesaStatement, noon, openShop, type Shop } from './support.ts';

// Far above what they take: the machine may be busy with other things.
vi.setConfig({ testTimeout: 300_000 });

const orders = 90;
const receiptOf = (nth: number) => `SIM${String(nth).padStart(7, '0')}`;
const idOf = (nth: number) => `ord-${nth}`;

/** Orders that ended in every way without money, each with its payment on the statement. */
async function openOrders(shop: Shop): Promise<string> {
  const readings: readonly (Reading | null)[] = [
    aReading.pending({ at: noon + 600_000 }),
    aReading.failed({ at: noon + 8_000 }),
    null,
  ];
  const all = Array.from({ length: orders }, (_, nth) => nth);
  await Promise.all(
    all.map((nth) => {
      const reading = readings[nth % readings.length];
      return shop.order({ orderId: idOf(nth), reference: `ws_CO_${nth}` }, ...(reading ? [reading] : []));
    }),
  );
  return fileOf(
    mpesaStatement(
      ...all.map((nth) => mpesaRow({ receipt: receiptOf(nth), amount: '100.00', account: idOf(nth) })),
    ),
  );
}

function apply(shop: Shop, file: string) {
  const args = ['reconcile', '--account', 'daraja-stk', '--statement', file, '--json', '--apply'];
  return startCommand(args, { env: shop.env });
}

/** Every order was paid once, by its own receipt, as the next version of what was said of it. */
async function expectPaidOnce(shop: Shop): Promise<void> {
  const results = Map.groupBy(await shop.results(), ({ subject }) => subject);
  const first = ['unresolved', 'failed'];
  for (let nth = 0; nth < orders; nth += 1) {
    const said = results.get(idOf(nth)) ?? [];
    const before = nth % 3 < 2 ? [first[nth % 3]] : [];
    expect(said.map(({ data }) => data.status)).toEqual([...before, 'paid']);
    const last = said.at(-1);
    expect(last?.supersedes).toBe(before.length > 0 ? `${idOf(nth)}:1` : undefined);
    expect(last?.data).toMatchObject({ receipt: receiptOf(nth), amountReceived: '100.00' });
  }
  expect(results.size).toBe(orders);
}

test('--apply is killed halfway, and run again: every order is settled once', async () => {
  const shop = await openShop();
  const file = await openOrders(shop);
  const killed = apply(shop, file);
  await killed.printed(/"finding":"settled"/);
  killed.kill('SIGKILL');
  await killed.ended;
  const again = await apply(shop, file).ended;
  expect(again).toMatchObject({ code: 0, stderr: '' });
  await expectPaidOnce(shop);
  // Nothing is left to be done.
  const third = await apply(shop, file).ended;
  expect(JSON.parse(third.stdout)).toMatchObject({ summary: { findings: { agrees: { count: orders } } } });
});

test('two --apply at once: every order is settled once', async () => {
  const shop = await openShop();
  const file = await openOrders(shop);
  const runs = await Promise.all([apply(shop, file).ended, apply(shop, file).ended]);
  for (const run of runs) expect(run).toMatchObject({ code: 0, stderr: '' });
  await expectPaidOnce(shop);
});
