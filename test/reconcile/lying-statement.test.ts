import { describe, expect, test, vi } from 'vitest';
import type { Reading } from '../../src/domain/order.ts';
import { aReading } from '../support/builders.ts';
import { testRedis, testRedisUrl } from '../support/redis.ts';
import { shopOn } from '../support/shop.ts';
import { fileOf, mpesaRow, mpesaStatement, noon, openShop, reconcile } from './support.ts';

// Far above what they take: the machine may be busy with other things.
vi.setConfig({ testTimeout: 90_000 });

const at = noon + 8_000;
const deadline = aReading.pending({ at: noon + 600_000 });
const paid = (receipt: string, more: object = {}): Reading =>
  aReading.paid({ at, receipt, amountReceivedMinor: 10_000, ...more });
const amountUnknown = (receipt: string) =>
  paid(receipt, { doubt: 'amount-unknown', amountReceivedMinor: null });

describe.concurrent('reconcile --apply with a statement that lies', () => {
  test('a receipt that belongs to another order', async () => {
    const shop = await openShop();
    await shop.order({ orderId: 'owner', reference: 'ws_CO_1' }, amountUnknown('SIM0000001'));
    await shop.order({ orderId: 'thief', reference: 'ws_CO_2' }, deadline);
    await shop.order({ orderId: 'paid', reference: 'ws_CO_3' }, paid('SIM0000003'));
    await shop.order({ orderId: 'other', reference: 'ws_CO_4' }, aReading.failed({ at }));
    const before = await shop.results();
    const { findings } = await reconcile(
      shop,
      mpesaStatement(
        mpesaRow({ receipt: 'SIM0000001', amount: '100.00', account: 'thief' }),
        mpesaRow({ receipt: 'SIM0000003', amount: '100.00', account: 'other' }),
      ),
      '--apply',
    );
    expect(findings).toEqual({ owner: 'unclear', thief: 'unclear', other: 'unclear' });
    expect(await shop.results()).toEqual(before);
  });

  test('an amount that is too small', async () => {
    const shop = await openShop();
    await shop.order({ orderId: 'by-reference', reference: 'ws_CO_1' }, deadline);
    await shop.order({ orderId: 'by-receipt', reference: 'ws_CO_2' }, amountUnknown('SIM0000002'));
    await shop.order({ orderId: 'paid', reference: 'ws_CO_3' }, paid('SIM0000003'));
    const { findings } = await reconcile(
      shop,
      mpesaStatement(
        mpesaRow({ receipt: 'SIM0000001', amount: '99.99', account: 'by-reference' }),
        mpesaRow({ receipt: 'SIM0000002', amount: '0.01' }),
        mpesaRow({ receipt: 'SIM0000003', amount: '99.99' }),
      ),
      '--apply',
    );
    expect(findings).toEqual({
      ...{ 'by-reference': 'other-amount', 'by-receipt': 'settled', paid: 'other-amount' },
    });
    expect(await shop.verdicts('by-reference')).toEqual(['unresolved/deadline']);
    expect(await shop.verdicts('by-receipt')).toEqual(['unresolved/amount-unknown', 'unresolved/underpaid']);
    expect(await shop.verdicts('paid')).toEqual(['paid/null']);
  });

  test('a reversal that names the receipt only: what was taken back pays no order', async () => {
    const shop = await openShop();
    for (const [nth, orderId] of ['late', 'part', 'failed', 'paid'].entries()) {
      const reading = orderId === 'failed' ? aReading.failed({ at }) : deadline;
      await shop.order(
        { orderId, reference: `ws_CO_${nth}` },
        orderId === 'paid' ? paid('SIM0000003') : reading,
      );
    }
    const before = await shop.results();
    const { findings, stderr } = await reconcile(
      shop,
      mpesaStatement(
        ...['late', 'part', 'failed', 'paid'].flatMap((account, nth) => [
          mpesaRow({ receipt: `SIM000000${nth}`, amount: '100.00', account }),
          mpesaRow({
            receipt: `SIM000001${nth}`,
            amount: account === 'part' ? '40.00' : '100.00',
            reverses: `SIM000000${nth}`,
            time: '2026-01-15 15:00:00',
          }),
        ]),
      ),
      '--apply',
    );
    expect(findings).toEqual({ late: 'reversed', part: 'unclear', paid: 'reversed' });
    expect(stderr).toContain('ALARM: order paid');
    expect(await shop.results()).toEqual(before);
  });

  test('the same receipt twice, with different amounts, or for different orders', async () => {
    const shop = await openShop();
    const orders = ['by-reference', 'by-receipt', 'one', 'two', 'again'];
    for (const [nth, orderId] of orders.entries())
      await shop.order(
        { orderId, reference: `ws_CO_${nth}` },
        orderId === 'by-receipt' ? amountUnknown('SIM0000002') : deadline,
      );
    const before = await shop.results();
    const { findings } = await reconcile(
      shop,
      mpesaStatement(
        mpesaRow({ receipt: 'SIM0000001', amount: '100.00', account: 'by-reference' }),
        mpesaRow({ receipt: 'SIM0000001', amount: '60.00', account: 'by-reference' }),
        mpesaRow({ receipt: 'SIM0000002', amount: '100.00' }),
        mpesaRow({ receipt: 'SIM0000002', amount: '60.00' }),
        mpesaRow({ receipt: 'SIM0000003', amount: '100.00', account: 'one' }),
        mpesaRow({ receipt: 'SIM0000003', amount: '100.00', account: 'two' }),
        mpesaRow({ receipt: 'SIM0000004', amount: '100.00', account: 'again' }),
        mpesaRow({ receipt: 'SIM0000004', amount: '100.00', account: 'nobody' }),
      ),
      '--apply',
    );
    expect(findings).toEqual(Object.fromEntries(orders.map((orderId) => [orderId, 'unclear'])));
    expect(await shop.results()).toEqual(before);
  });

  test('more rows of one reference than can be told apart', async () => {
    const shop = await openShop();
    await shop.order({ orderId: 'one', reference: 'ws_CO_1' }, deadline);
    const before = await shop.results();
    const rows = Array.from({ length: 80 }, (_, nth) =>
      mpesaRow({
        receipt: `SIM00000${String(nth).padStart(2, '0')}`,
        // The first and the last have the amount of the order.
        amount: nth === 0 || nth === 79 ? '100.00' : '7.00',
        account: 'one',
      }),
    );
    const { lines } = await reconcile(shop, mpesaStatement(...rows), '--apply');
    expect(lines.one).toMatchObject({ finding: 'unclear', note: 'too many rows have its reference' });
    expect(await shop.results()).toEqual(before);
  });

  test('another currency, in its own column or beside the amount', async () => {
    const shop = await openShop();
    for (const nth of [1, 2, 3])
      await shop.order(
        { orderId: `ord-${nth}`, reference: `ws_CO_${nth}` },
        nth === 3 ? amountUnknown('SIM0000003') : deadline,
      );
    const mapping = fileOf(
      JSON.stringify({
        columns: { receipt: 'Code', time: 'Time', reference: 'Account', amount: 'Sum', currency: 'Cur' },
      }),
      'json',
    );
    const time = '2026-01-15 12:00:08';
    const { findings, lines } = await reconcile(
      shop,
      [
        'Code,Time,Account,Sum,Cur',
        `SIM0000001,${time},ord-1,100.00,UGX`,
        `SIM0000002,${time},ord-2,USD 100.00,`,
        `SIM0000003,${time},ord-3,100.00,UGX`,
        '',
      ].join('\n'),
      ...['--apply', '--mapping', mapping],
    );
    expect(findings).toEqual({
      ...{ 'ord-1': 'other-amount', 'row 3': 'unreadable', 'ord-2': 'unclear', 'ord-3': 'settled' },
    });
    expect(lines['row 3']?.note).toBe('the amount is in USD, and the row in KES');
    expect(await shop.verdicts('ord-1')).toEqual(['unresolved/deadline']);
    expect(await shop.verdicts('ord-2')).toEqual(['unresolved/deadline']);
    expect(await shop.verdicts('ord-3')).toEqual([
      'unresolved/amount-unknown',
      'unresolved/currency-mismatch',
    ]);
  });

  test('a row about an order of another account', async () => {
    const shop = await openShop();
    const other = await shopOn(testRedis(), testRedisUrl(), shop.prefix, 'tanda');
    await other.order({ orderId: 'theirs', reference: 'T-1' }, deadline);
    await shop.order({ orderId: 'ours', reference: 'ws_CO_1' }, deadline);
    const before = await shop.results();
    const { findings } = await reconcile(
      shop,
      mpesaStatement(mpesaRow({ receipt: 'SIM0000001', amount: '100.00', account: 'theirs' })),
      '--apply',
    );
    // The row has the amount and the time of our own order too: for a person to look at.
    expect(findings).toEqual({ ours: 'possible', 'row 2': 'unknown-to-us' });
    expect(await shop.results()).toEqual(before);
  });

  test('a payment from before the order, with its account number', async () => {
    const shop = await openShop();
    await shop.order({ orderId: 'one', reference: 'ws_CO_1', metadata: { number: 'A77' } }, deadline);
    const before = await shop.results();
    const { findings } = await reconcile(
      shop,
      mpesaStatement(
        mpesaRow({ receipt: 'SIM0000001', amount: '100.00', account: 'A77', time: '2026-01-15 09:30:08' }),
      ),
      ...['--apply', '--account-number', 'number'],
    );
    expect(findings).toEqual({ one: 'possible', 'row 2': 'unknown-to-us' });
    expect(await shop.results()).toEqual(before);
  });

  test('a payment some hours before the order, on a full quarter of an hour', async () => {
    const shop = await openShop();
    await shop.order({ orderId: 'one', reference: 'ws_CO_1', metadata: { number: 'A77' } }, deadline);
    const before = await shop.results();
    const { findings } = await reconcile(
      shop,
      mpesaStatement(
        mpesaRow({ receipt: 'SIM0000001', amount: '100.00', account: 'A77', time: '2026-01-14 16:00:00' }),
      ),
      ...['--apply', '--account-number', 'number'],
    );
    expect(findings).toEqual({ one: 'possible', 'row 2': 'unknown-to-us' });
    expect(await shop.results()).toEqual(before);
  });

  test('another receipt than the one by which we know the payment', async () => {
    const shop = await openShop();
    await shop.order({ orderId: 'paid', reference: 'ws_CO_1' }, paid('SIM0000001'));
    await shop.order({ orderId: 'known', reference: 'ws_CO_2' }, amountUnknown('SIM0000002'));
    const before = await shop.results();
    const { findings, code } = await reconcile(
      shop,
      mpesaStatement(
        mpesaRow({ receipt: 'SIM0000008', amount: '100.00', account: 'paid' }),
        mpesaRow({ receipt: 'SIM0000009', amount: '100.00', account: 'known' }),
      ),
      '--apply',
    );
    expect({ findings, code }).toEqual({ findings: { paid: 'unclear', known: 'unclear' }, code: 1 });
    expect(await shop.results()).toEqual(before);
  });

  test('a payment, and a reversal, of orders that are older than the statement', async () => {
    const shop = await openShop();
    const createdAt = noon - 30 * 86_400_000;
    await shop.order({ orderId: 'paid', reference: 'ws_CO_1', createdAt }, paid('SIM0000001'));
    await shop.order({ orderId: 'known', reference: 'ws_CO_2', createdAt }, amountUnknown('SIM0000002'));
    const { findings, stderr } = await reconcile(
      shop,
      mpesaStatement(
        mpesaRow({ receipt: 'SIM0000011', amount: '100.00', reverses: 'SIM0000001' }),
        mpesaRow({ receipt: 'SIM0000002', amount: '100.00' }),
      ),
      '--apply',
    );
    expect(findings).toEqual({ paid: 'reversed', known: 'settled' });
    expect(stderr).toContain('ALARM: order paid');
  });

  test('a row without a receipt, which could pay an order of another account too', async () => {
    const shop = await openShop();
    await shop.order({ orderId: 'one', reference: 'ws_CO_1', metadata: { number: 'A77' } }, deadline);
    const before = await shop.results();
    const columns = { time: 'T', reference: 'A', amount: 'Sum', receipt: 'R' };
    const mapping = fileOf(JSON.stringify({ columns }), 'json');
    const { findings } = await reconcile(
      shop,
      'T,A,Sum,R\n2026-01-15 12:00:08,A77,100.00,FT26/0001\n',
      ...['--apply', '--mapping', mapping, '--account-number', 'number'],
    );
    expect(findings).toEqual({ one: 'paid' });
    expect(await shop.results()).toEqual(before);
  });

  test('a quotation mark in the name of the payer, which swallows the rows below', async () => {
    const shop = await openShop();
    const amountMinor = 1_000_000;
    await shop.order({ orderId: 'evil', reference: 'ws_CO_1', amountMinor }, amountUnknown('SIM0000001'));
    await shop.order({ orderId: 'below', reference: 'ws_CO_2', amountMinor }, deadline);
    await shop.order({ orderId: 'last', reference: 'ws_CO_3' }, deadline);
    const named = (receipt: string, amount: string, account: string, name: string) =>
      mpesaRow({ receipt, amount, account })
        .replace('Pay Bill Online', name)
        .replaceAll(`"${amount}"`, amount)
        .replace('""', '');
    const { findings } = await reconcile(
      shop,
      mpesaStatement(
        named('SIM0000001', '1.00', 'evil', '"EVIL'),
        named('SIM0000002', '10000.00', 'below', 'JOE "JJ"'),
        named('SIM0000003', '100.00', 'last', 'JOE'),
      ),
      '--apply',
    );
    expect(findings).toEqual({ evil: 'unclear', below: 'unclear', last: 'settled', 'row 2': 'unreadable' });
    expect(await shop.verdicts('evil')).toEqual(['unresolved/amount-unknown']);
  });

  test.for(['Status', 'Result'])(
    'a column that may be a status, and is not understood: %s',
    async (column) => {
      const shop = await openShop();
      await shop.order({ orderId: 'one', reference: 'ws_CO_1' }, deadline);
      const text = [
        `Transaction Date,Transaction Reference,Narrative,Debit,Credit,${column}`,
        '15/01/2026,one,PAY,,100.00,Failed',
        '',
      ].join('\n');
      const { code, stderr } = await reconcile(shop, text, '--apply');
      expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(`"${column}"`) });
    },
  );

  test('failed attempts, where the mapping file does not say which rows are payments', async () => {
    const shop = await openShop();
    const mapping = fileOf(
      JSON.stringify({ columns: { receipt: 'Code', time: 'Time', amount: 'Sum', status: 'State' } }),
      'json',
    );
    const text = 'Code,Time,Sum,State\nSIM0000001,2026-01-15 12:00:08,100.00,Failed\n';
    const { code, stderr } = await reconcile(shop, text, '--apply', '--mapping', mapping);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining('completed') });
  });
});
