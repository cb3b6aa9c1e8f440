import type { Reading } from '../../src/domain/order.ts';
import type { Simulator } from '../../src/simulator/simulator.ts';
import { aReading } from './builders.ts';
import { mpesaRow, mpesaStatement } from './mpesa-statement.ts';
import type { Random } from './random.ts';
import { noon, type Shop } from './shop.ts';

/** What an order and its rows can come to, with the finding that is right. */
const stories = {
  agrees: 'agrees',
  late: 'paid',
  flipped: 'paid',
  less: 'other-amount',
  reversed: 'reversed',
  ours: 'only-ours',
  twice: 'unclear',
  typo: 'possible',
  silent: 'no-row',
} as const;
type Story = keyof typeof stories;

export interface Differences {
  /** The finding of every order. */
  readonly expected: ReadonlyMap<string, string>;
  readonly unknown: number;
  readonly unreadable: number;
}

export interface DifferencesParts {
  readonly shop: Shop;
  readonly simulator: Simulator;
  readonly random: Random;
  readonly orders: number;
  /** Rows of the statement, at least. */
  readonly rows: number;
  write(text: string): Promise<void>;
}

const at = noon + 8_000;
const atOnce = 400;
const provider = 'daraja-stk';

/**
 * Makes orders at the simulator, what we have published about them, and the statement of what really happened by the
 * simulator's ledger, with differences of every kind. Payments of other people fill the rest of the statement.
 */
export async function drawDifferences(parts: DifferencesParts): Promise<Differences> {
  const { shop, simulator, random, orders, rows, write } = parts;
  const expected = new Map<string, string>();
  let written = 0;
  let unknown = 0;
  const put = async (...lines: string[]) => {
    written += lines.length;
    await write(`${lines.join('\n')}\n`);
  };
  const stranger = (second: number) => {
    unknown += 1;
    // No order asks for cents.
    const amount = `${random.between(1, 5_000)}.37`;
    const seconds = String(second % 60).padStart(2, '0');
    const receipt = `OTH${unknown.toString(36).toUpperCase().padStart(7, '0')}`;
    return mpesaRow({ receipt, amount, account: `x${unknown}`, time: `2026-01-15 12:30:${seconds}` });
  };
  await write(mpesaStatement());
  await put(mpesaRow({ receipt: 'FIRST00001', amount: '1.37', time: '2026-01-15 00:00:01' }));
  unknown += 1;

  const names = Object.keys(stories) as Story[];
  const drawn = Array.from({ length: orders }, (_, nth) => {
    // One of each at least; most agree.
    const story = names[nth] ?? (random.chance(0.9) ? 'agrees' : random.pick(names));
    const amount = story === 'typo' ? `${100_000 + nth}.00` : `${random.between(10, 9_999)}.00`;
    return { orderId: `ord-${nth}`, reference: `ws_CO_${nth}`, story, amount };
  });
  for (const { reference, story, amount } of drawn) {
    const state = story === 'silent' ? 'failed:cancelled' : 'paid';
    const amountPaid = story === 'less' ? '5.00' : amount;
    simulator.script({ provider, reference, amount, amountPaid, timeline: [{ afterMs: 0, state }] });
  }
  const ledger = new Map(simulator.ledger().map((entry) => [entry.reference, entry]));
  for (let from = 0; from < orders; from += atOnce) {
    await Promise.all(
      drawn.slice(from, from + atOnce).map(async ({ orderId, reference, story, amount }) => {
        const { receipt = null, amountPaid = amount } = ledger.get(reference) ?? {};
        expected.set(orderId, stories[story]);
        const amountMinor = Number(amount) * 100;
        await shop.order({ orderId, reference, amountMinor }, ...published(story, receipt, amountMinor));
        const row = { receipt: receipt ?? '', amount: amountPaid, account: orderId };
        const again = `ZZ${(receipt ?? '').slice(2)}`;
        if (story === 'typo') await put(mpesaRow({ ...row, account: `0rd-${orderId.slice(4)}` }));
        else if (story !== 'ours' && story !== 'silent') await put(mpesaRow(row));
        if (story === 'typo') unknown += 1;
        if (story === 'twice') await put(mpesaRow({ ...row, receipt: again }));
        if (story === 'reversed')
          await put(
            mpesaRow({
              receipt: again,
              amount: amountPaid,
              reverses: receipt ?? '',
              time: '2026-01-15 15:00:00',
            }),
          );
      }),
    );
  }
  const unreadable = 3;
  for (let nth = 0; nth < unreadable; nth += 1)
    await put(mpesaRow({ receipt: `BAD000000${nth}`, amount: '1.2E+05' }));
  while (written < rows - 1) {
    const count = Math.min(1_000, rows - 1 - written);
    await put(...Array.from({ length: count }, (_, nth) => stranger(nth)));
  }
  await put(mpesaRow({ receipt: 'LAST000001', amount: '1.37', time: '2026-01-15 23:59:59' }));
  return { expected, unknown: unknown + 1, unreadable };
}

/** What we have published about an order. */
function published(story: Story, receipt: string | null, amountReceivedMinor: number): Reading[] {
  switch (story) {
    case 'late':
    case 'twice':
    case 'typo':
      return [aReading.pending({ at: noon + 600_000 })];
    case 'flipped':
    case 'silent':
      return [aReading.failed({ at })];
    case 'agrees':
    case 'less':
    case 'reversed':
    case 'ours':
      return [aReading.paid({ at, receipt, amountReceivedMinor })];
  }
}

/** Compares what a reconciliation printed with what is right: differences that were missed, and ones that were invented. */
export function createJudge({ expected, unknown, unreadable }: Differences) {
  const left = new Map([...expected].filter(([, finding]) => finding !== 'agrees' && finding !== 'no-row'));
  const wrong: string[] = [];
  const counts = { 'unknown-to-us': 0, unreadable: 0 };
  return {
    line(text: string): void {
      const { finding, orderId } = JSON.parse(text) as { finding?: string; orderId?: string | null };
      if (finding === 'unknown-to-us' || finding === 'unreadable') counts[finding] += 1;
      else if (typeof orderId === 'string') {
        if (left.get(orderId) !== finding)
          wrong.push(`${orderId}: ${finding} where ${expected.get(orderId)} is right`);
        left.delete(orderId);
      }
    },
    /** Everything that is wrong, in words. */
    verdict(): string[] {
      return [
        ...wrong,
        ...[...left].map(([orderId, finding]) => `${orderId}: ${finding} was missed`),
        ...(counts['unknown-to-us'] === unknown
          ? []
          : [`${counts['unknown-to-us']} rows unknown to us where ${unknown} are`]),
        ...(counts.unreadable === unreadable
          ? []
          : [`${counts.unreadable} lines unreadable where ${unreadable} are`]),
      ];
    },
  };
}
