import { describe, expect, test, vi } from 'vitest';
import { aReading } from '../support/builders.ts';
import { fileOf, mpesaRow, mpesaStatement, noon, openShop, reconcile } from './support.ts';

// Far above what they take: the machine may be busy with other things.
vi.setConfig({ testTimeout: 90_000 });

const at = noon + 8_000;
const deadline = aReading.pending({ at: noon + 600_000 });
const paid = (receipt: string) => aReading.paid({ at, receipt, amountReceivedMinor: 10_000 });
const amountUnknown = (receipt: string) =>
  aReading.paid({ at, receipt, doubt: 'amount-unknown', amountReceivedMinor: null });

/** A shop with an order of each kind: known by reference, known by receipt, and paid. */
async function openOrders() {
  const shop = await openShop();
  await shop.order({ orderId: 'named', reference: 'ws_CO_1' }, deadline);
  await shop.order({ orderId: 'known', reference: 'ws_CO_2' }, amountUnknown('SIM0000002'));
  await shop.order({ orderId: 'paid', reference: 'ws_CO_3' }, paid('SIM0000003'));
  return { shop, before: await shop.results() };
}

const orders = ['named', 'known', 'paid'];
const later = '2026-01-15 13:00:08';
const payment = (nth: number) =>
  mpesaRow({ receipt: `SIM000000${nth}`, amount: '100.00', account: orders[nth - 1] ?? '' });
const each = (row: (nth: number) => string) => [1, 2, 3].flatMap((nth) => [payment(nth), row(nth)]);

/** A row of the M-Pesa portal, cell by cell. */
function cells(given: {
  receipt: string;
  withdrawn: string;
  details?: string;
  status?: string;
  linked?: string;
}) {
  const { receipt, withdrawn, details = '', status = 'Completed', linked = '' } = given;
  return `${receipt},${later},${later},${details},${status},,${withdrawn},0.00,true,Organization Reversal,,${linked},`;
}

describe.concurrent('payments that a statement takes back', () => {
  test('under the reference of the order, with a receipt of its own', async () => {
    const { shop, before } = await openOrders();
    const { findings, stderr } = await reconcile(
      shop,
      mpesaStatement(
        ...each((nth) =>
          mpesaRow({
            ...{ receipt: `SIM000001${nth}`, amount: '100.00', account: orders[nth - 1] ?? '' },
            ...{ reverses: '', time: later },
          }),
        ),
      ),
      '--apply',
    );
    expect(findings).toEqual({ named: 'reversed', known: 'reversed', paid: 'reversed' });
    expect(stderr).toContain('ALARM: order paid');
    expect(await shop.results()).toEqual(before);
  });

  test('under its reference, and the bank does not call it a reversal', async () => {
    const shop = await openShop();
    await shop.order({ orderId: 'known', reference: 'ws_CO_2' }, amountUnknown('SIM0000002'));
    const before = await shop.results();
    const rows = ['15/01/2026,SIM0000002,PAY,,100.00', '15/01/2026,known,CORRECTION,100.00,'];
    const text = ['Transaction Date,Transaction Reference,Narrative,Debit,Credit', ...rows, ''].join('\n');
    const { findings } = await reconcile(shop, text, '--apply');
    expect(findings).toEqual({ known: 'reversed' });
    expect(await shop.results()).toEqual(before);
  });

  test('a reversal of another payment of the same account number takes nothing back', async () => {
    const { shop } = await openOrders();
    const { findings } = await reconcile(
      shop,
      mpesaStatement(
        payment(2),
        mpesaRow({ receipt: 'SIM0000012', amount: '100.00', account: 'known', reverses: 'SIM0000009' }),
      ),
      '--apply',
    );
    expect(findings).toMatchObject({ known: 'settled', 'row 3': 'unknown-to-us' });
  });

  test('by a text that names its receipt or its reference', async () => {
    const { shop, before } = await openOrders();
    const details = (nth: number) => `Reversal of SIM000000${nth}`;
    const { findings } = await reconcile(
      shop,
      mpesaStatement(
        ...each((nth) => cells({ receipt: `SIM000001${nth}`, withdrawn: '-100.00', details: details(nth) })),
      ),
      '--apply',
    );
    expect(findings).toMatchObject({ named: 'unclear', known: 'unclear', paid: 'unclear' });
    const rows = ['15/01/2026,named,PAY,,100.00', '16/01/2026,REV001,REVERSAL named,100.00,'];
    const text = ['Transaction Date,Transaction Reference,Narrative,Debit,Credit', ...rows, ''].join('\n');
    expect((await reconcile(shop, text, '--apply')).findings).toMatchObject({ named: 'unclear' });
    expect(await shop.results()).toEqual(before);
  });

  test('without a sign, where one column has all amounts', async () => {
    const { shop, before } = await openOrders();
    const columns = { receipt: 'R', time: 'T', reference: 'A', amount: 'Sum', type: 'Type' };
    const mapping = fileOf(JSON.stringify({ columns }), 'json');
    const rows = [1, 2, 3].flatMap((nth) => [
      `SIM000000${nth},2026-01-15 12:00:08,${orders[nth - 1]},100.00,Payment`,
      `SIM000000${nth},${later},${orders[nth - 1]},100.00,Reversal`,
    ]);
    const text = ['R,T,A,Sum,Type', ...rows, ''].join('\n');
    const { findings, code } = await reconcile(shop, text, '--apply', '--mapping', mapping);
    expect(findings).toEqual({ named: 'unclear', known: 'unclear', paid: 'unclear' });
    expect(code).toBe(1);
    expect(await shop.results()).toEqual(before);
  });

  test('by a row whose status says so; an attempt to take back that failed changes nothing', async () => {
    const { shop, before } = await openOrders();
    const row = (status: string) => (nth: number) => {
      const receipt = `SIM000000${nth}`;
      return cells({ receipt, withdrawn: '-100.00', status, linked: receipt });
    };
    const taken = await reconcile(shop, mpesaStatement(...each(row('Reversed'))), '--apply');
    expect(taken.findings).toEqual({ named: 'reversed', known: 'reversed', paid: 'reversed' });
    expect(taken.stderr).toContain('ALARM: order paid');
    const open = await reconcile(shop, mpesaStatement(...each(row('Pending'))), '--apply');
    expect(open.findings).toEqual({ named: 'unclear', known: 'unclear', paid: 'unclear' });
    expect(await shop.results()).toEqual(before);
    const failed = await reconcile(shop, mpesaStatement(...each(row('Declined'))), '--apply');
    expect(failed.findings).toMatchObject({ named: 'settled', known: 'settled' });
  });

  test.for([
    ['its amount', { withdrawn: '####', linked: true }],
    ['the receipt of the reversal', { receipt: '2.54712E+11', withdrawn: '-100.00', linked: true }],
    ['nothing, but it has no receipt of its own', { receipt: '', withdrawn: '-100.00', linked: true }],
  ] as const)('by a line of which one cannot read %s', async ([, { linked, ...given }]) => {
    const { shop, before } = await openOrders();
    const { findings } = await reconcile(
      shop,
      mpesaStatement(
        ...each((nth) =>
          cells({ receipt: `SIM000001${nth}`, ...given, linked: linked ? `SIM000000${nth}` : '' }),
        ),
      ),
      '--apply',
    );
    expect(findings).toMatchObject({ named: 'unclear', known: 'unclear', paid: 'unclear' });
    expect(await shop.results()).toEqual(before);
  });
});
