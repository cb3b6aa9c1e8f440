import { describe, expect, test, vi } from 'vitest';
import type { Reading } from '../../src/domain/order.ts';
import { countContradicted } from '../../src/orders/contradicted.ts';
import {
  fileOf,
  type Line,
  mpesaRow,
  mpesaStatement,
  noon,
  openShop,
  reconcile,
  runReconcile,
} from '../reconcile/support.ts';
import { aReading } from '../support/builders.ts';

// Far above what they take: the machine may be busy with other things.
vi.setConfig({ testTimeout: 90_000 });

const at = noon + 8_000;
const paid = (receipt: string, more: object = {}): Reading =>
  aReading.paid({ at, receipt, amountReceivedMinor: 10_000, ...more });
const deadline = aReading.pending({ at: noon + 600_000 });

describe.concurrent('reconcile', () => {
  test('every kind of difference is found, and nothing is changed', async () => {
    const shop = await openShop();
    await shop.order({ orderId: 'agrees', reference: 'ws_CO_1' }, paid('SIM0000001'));
    await shop.order({ orderId: 'late', reference: 'ws_CO_2' }, deadline);
    await shop.order({ orderId: 'failed', reference: 'ws_CO_3' }, aReading.failed({ at }));
    await shop.order({ orderId: 'less', reference: 'ws_CO_4' }, paid('SIM0000004'));
    await shop.order({ orderId: 'reversed', reference: 'ws_CO_5' }, paid('SIM0000005'));
    await shop.order({ orderId: 'ours', reference: 'ws_CO_6' }, paid('SIM0000006'));
    await shop.order({ orderId: 'quiet', reference: 'ws_CO_7' }, aReading.failed({ at }));
    await shop.order({ orderId: 'twice', reference: 'ws_CO_8' }, deadline);
    await shop.order({ orderId: 'maybe', reference: 'ws_CO_9', amountMinor: 77_700 }, deadline);
    const before = await shop.results();
    const { code, findings, lines, summary } = await reconcile(
      shop,
      mpesaStatement(
        mpesaRow({ receipt: 'SIM0000000', amount: '1.00', time: '2026-01-15 00:00:01' }),
        mpesaRow({ receipt: 'SIM0000001', amount: '100.00', account: 'agrees' }),
        mpesaRow({ receipt: 'SIM0000002', amount: '100.00', account: 'late' }),
        mpesaRow({ receipt: 'SIM0000003', amount: '100.00', account: 'failed' }),
        mpesaRow({ receipt: 'SIM0000004', amount: '60.00', account: 'less' }),
        mpesaRow({ receipt: 'SIM0000005', amount: '100.00', account: 'reversed' }),
        mpesaRow({ receipt: 'SIM0000015', amount: '100.00', reverses: 'SIM0000005' }),
        mpesaRow({ receipt: 'SIM0000018', amount: '100.00', account: 'twice' }),
        mpesaRow({ receipt: 'SIM0000028', amount: '100.00', account: 'twice' }),
        mpesaRow({ receipt: 'SIM0000009', amount: '777.00', account: 'mabye' }),
        mpesaRow({ receipt: 'SIM0000010', amount: '####' }),
        mpesaRow({ receipt: 'SIM0000011', amount: '1.00', time: '2026-01-15 23:59:59' }),
      ),
    );
    expect(findings).toEqual({
      ...{ late: 'paid', failed: 'paid', less: 'other-amount', reversed: 'reversed', ours: 'only-ours' },
      ...{ twice: 'unclear', maybe: 'possible', 'row 12': 'unreadable' },
      ...{ 'row 2': 'unknown-to-us', 'row 11': 'unknown-to-us', 'row 13': 'unknown-to-us' },
    });
    expect(lines.late).toMatchObject({
      ...{ matchedBy: 'reference', receipt: 'SIM0000002', statementRow: '4', reference: 'late' },
      ...{ status: 'unresolved', reason: 'deadline', expected: '100.00', statementAmount: '100.00' },
    });
    expect(summary.findings).toMatchObject({ agrees: { count: 1 }, 'no-row': { count: 1 } });
    expect(summary.days.map(({ day, statement }: Line & { statement: object }) => [day, statement])).toEqual([
      ['2026-01-15', { count: 10, amounts: { KES: '1439.00' } }],
    ]);
    expect(code).toBe(1);
    expect(await shop.results()).toEqual(before);
  });

  test('a statement that agrees: exit code 0', async () => {
    const shop = await openShop();
    await shop.order({ orderId: 'one', reference: 'ws_CO_1' }, paid('SIM0000001'));
    const statement = mpesaStatement(
      mpesaRow({ receipt: 'SIM0000001', amount: '100.00' }),
      // Exports that overlap.
      mpesaRow({ receipt: 'SIM0000001', amount: '100.00' }),
    );
    const { code, findings, stderr } = await reconcile(shop, statement);
    expect({ code, findings, stderr }).toEqual({ code: 0, findings: {}, stderr: '' });
    expect((await reconcile(shop, statement, '--all')).findings).toEqual({ one: 'agrees' });
    const more = mpesaStatement(mpesaRow({ receipt: 'SIM0000007', amount: '5.00' }));
    expect((await reconcile(shop, more, '--ignore-unknown')).code).toBe(0);
  });
});

describe.concurrent('reconcile --apply', () => {
  test('settles by receipt and by exact reference and amount, once, with supersedes', async () => {
    const shop = await openShop();
    await shop.order({ orderId: 'late', reference: 'ws_CO_2' }, deadline);
    await shop.order({ orderId: 'asking', reference: 'ws_CO_3' });
    await shop.order({ orderId: 'failed', reference: 'ws_CO_4' }, aReading.failed({ at }));
    await shop.order(
      { orderId: 'unknown', reference: 'ws_CO_5' },
      paid('SIM0000005', { doubt: 'amount-unknown', amountReceivedMinor: null }),
    );
    await shop.order({ orderId: 'other', reference: 'ws_CO_6' }, deadline);
    const statement = mpesaStatement(
      mpesaRow({ receipt: 'SIM0000002', amount: '100.00', account: 'late' }),
      mpesaRow({ receipt: 'SIM0000003', amount: '100.00', account: 'asking' }),
      mpesaRow({ receipt: 'SIM0000004', amount: '100.00', account: 'failed' }),
      mpesaRow({ receipt: 'SIM0000005', amount: '60.00' }),
      mpesaRow({ receipt: 'SIM0000006', amount: '99.00', account: 'other' }),
    );
    const first = await reconcile(shop, statement, '--apply');
    expect(first.findings).toEqual({
      ...{ late: 'settled', asking: 'settled', failed: 'settled', unknown: 'settled' },
      // Another amount, by the reference alone.
      other: 'other-amount',
    });
    expect(first.lines.late?.note).toBe('published late:2 as paid');
    expect(await shop.verdicts('late')).toEqual(['unresolved/deadline', 'paid/null']);
    expect(await shop.verdicts('asking')).toEqual(['paid/null']);
    expect(await shop.verdicts('failed')).toEqual(['failed/rejected', 'paid/null']);
    expect(await shop.verdicts('unknown')).toEqual(['unresolved/amount-unknown', 'unresolved/underpaid']);
    expect(await shop.verdicts('other')).toEqual(['unresolved/deadline']);
    const late = (await shop.results()).find(({ id }) => id === 'late:2');
    expect(late).toMatchObject({
      supersedes: 'late:1',
      data: {
        ...{ receipt: 'SIM0000002', amountReceived: '100.00', amountVerified: true, answeredPolls: 1 },
        evidence: [
          {
            source: 'statement',
            reading: 'paid',
            providerStatus: 'Completed',
            providerMessage: 'statement row 2',
          },
        ],
      },
    });
    expect(late?.data.evidence[0]?.bodySha256).toBe(first.summary.sha256);
    const results = await shop.results();
    const second = await reconcile(shop, first.file, '--apply');
    expect(second.findings).toEqual({ other: 'other-amount' });
    expect(await shop.results()).toEqual(results);
    const audit = await shop.redis.xrange(shop.keys.audit, '-', '+');
    expect(
      audit.map(([, fields]) => [
        fields[fields.indexOf('action') + 1],
        fields[fields.indexOf('outcome') + 1],
      ]),
    ).toEqual([
      ['statement-started', `daraja-stk ${first.summary.sha256.slice(0, 16)}`],
      ['statement-applied', `daraja-stk ${first.summary.sha256.slice(0, 16)}: 4 published`],
      ['statement-started', `daraja-stk ${first.summary.sha256.slice(0, 16)}`],
      ['statement-applied', `daraja-stk ${first.summary.sha256.slice(0, 16)}: nothing`],
    ]);
  });

  test('paid never steps down: a reversal raises the alarm and is recorded, once', async () => {
    const shop = await openShop();
    await shop.order({ orderId: 'one', reference: 'ws_CO_1' }, paid('SIM0000001'));
    const statement = mpesaStatement(
      mpesaRow({ receipt: 'SIM0000001', amount: '100.00' }),
      mpesaRow({
        receipt: 'SIM0000009',
        amount: '100.00',
        reverses: 'SIM0000001',
        time: '2026-01-16 09:00:00',
      }),
    );
    const first = await reconcile(shop, statement, '--apply');
    expect(first.findings).toEqual({ one: 'reversed' });
    expect({ code: first.code, stderr: first.stderr }).toEqual({
      code: 1,
      stderr: expect.stringContaining('ALARM: order one'),
    });
    expect(await countContradicted(shop.redis, shop.keys, Date.now())).toBe(1);
    const second = await reconcile(shop, first.file, '--apply');
    expect(second).toMatchObject({ code: 1, stderr: '', lines: { one: { note: 'recorded before' } } });
    expect(await shop.verdicts('one')).toEqual(['paid/null']);
    const record = await shop.store.read('one');
    expect(record?.history.filter(({ source }) => source === 'statement')).toMatchObject([
      { providerStatus: 'Reversed', reason: 'contradiction', amountReceived: '0.00', receipt: 'SIM0000001' },
    ]);
    expect(record?.progress).toMatchObject({ phase: 'closed', verdict: { status: 'paid' } });
  });

  test("a forged row with someone else's receipt, and a row that names two orders, settle nothing", async () => {
    const shop = await openShop();
    await shop.order({ orderId: 'owner', reference: 'ws_CO_1' }, paid('SIM0000001'));
    await shop.order({ orderId: 'thief', reference: 'ws_CO_2' }, deadline);
    await shop.order({ orderId: 'left', reference: 'ws_CO_3', metadata: { number: 'A77' } }, deadline);
    await shop.order({ orderId: 'right', reference: 'ws_CO_4', metadata: { number: 'A77' } }, deadline);
    const before = await shop.results();
    const forged = mpesaStatement(
      mpesaRow({ receipt: 'sim0000001', amount: '100.00', account: 'thief' }),
      mpesaRow({ receipt: 'SIM0000002', amount: '100.00', account: 'A77' }),
    );
    const { findings } = await reconcile(shop, forged, '--apply', '--account-number', 'number');
    expect(findings).toEqual({ thief: 'unclear', left: 'unclear', right: 'unclear' });
    expect(await shop.results()).toEqual(before);
  });

  test('the receipt of an order that is not compared: its claim holds', async () => {
    const shop = await openShop();
    const longAgo = noon - 40 * 86_400_000;
    await shop.order({ orderId: 'owner', reference: 'ws_CO_1', createdAt: longAgo }, paid('SIM0000001'));
    await shop.order({ orderId: 'thief', reference: 'ws_CO_2' }, deadline);
    const { findings } = await reconcile(
      shop,
      mpesaStatement(mpesaRow({ receipt: 'SIM0000001', amount: '100.00', account: 'thief' })),
      '--apply',
    );
    expect(findings).toEqual({ thief: 'unclear' });
    expect(await shop.verdicts('thief')).toEqual(['unresolved/deadline', 'unresolved/receipt-used']);
  });

  test('two runs at once, and a worker that settles meanwhile: each verdict once', async () => {
    const shop = await openShop();
    const ids = Array.from({ length: 40 }, (_, nth) => `ord-${nth}`);
    for (const [nth, orderId] of ids.entries())
      await shop.order({ orderId, reference: `ws_CO_${nth}` }, deadline);
    const receiptOf = (nth: number) => `SIM${String(nth).padStart(7, '0')}`;
    const file = fileOf(
      mpesaStatement(
        ...ids.map((account, nth) => mpesaRow({ receipt: receiptOf(nth), amount: '100.00', account })),
      ),
    );
    const runs = [reconcile(shop, file, '--apply'), reconcile(shop, file, '--apply')];
    const worker = Promise.all(
      ids.map((orderId, nth) => shop.settle(orderId, paid(receiptOf(nth), { at: Date.now() }))),
    );
    const [one, two] = await Promise.all(runs);
    await worker;
    for (const orderId of ids)
      expect(await shop.verdicts(orderId)).toEqual(['unresolved/deadline', 'paid/null']);
    for (const run of [one, two])
      expect(
        Object.values(run?.findings ?? {}).filter((finding) => finding !== 'settled' && finding !== 'agrees'),
      ).toEqual([]);
  });
});

describe.concurrent('the output of reconcile', () => {
  test('--csv holds no formula; a table no control character', async () => {
    const shop = await openShop();
    const rows = mpesaStatement(
      mpesaRow({ receipt: 'SIM0000001', amount: '1.00', account: '=HYPERLINK(0)' }),
      mpesaRow({ receipt: 'SIM0000002', amount: '1.00', account: '\u001b[2Jgone' }),
    );
    const args = ['--account', 'daraja-stk', '--statement', fileOf(rows)];
    const csv = await runReconcile([...args, '--csv'], { env: shop.env });
    expect(csv.stdout).toContain(",'=HYPERLINK(0),");
    expect(csv.stderr).toContain('2 disagreements');
    const table = await runReconcile(args, { env: shop.env });
    expect(table.stdout).toContain('reference ?[2Jgone');
    expect(table.stdout).toMatch(/day +payments +amount +unknown to us\n2026-01-15 +2 +KES 2\.00 +2\n/);
    expect(table.code).toBe(1);
  });

  test('wrong usage: exit code 2, one sentence', async () => {
    const shop = await openShop();
    const args = ['--statement', fileOf('a,b\n1,2\n')];
    const unknown = await runReconcile([...args, '--account', 'nobody'], { env: shop.env });
    expect(unknown).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringContaining('known are daraja-stk'),
    });
    const format = await runReconcile([...args, '--account', 'daraja-stk'], { env: shop.env });
    expect(format).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('--mapping') });
  });
});
