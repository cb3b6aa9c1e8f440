import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createZone } from '../src/domain/zone.ts';
import { mpesaRow, mpesaStatement } from '../test/support/mpesa-statement.ts';
import type { Handed } from './checkout.ts';
import { readEntry } from './judge.ts';
import type { World } from './world.ts';

/** The zone of the statement's local times. */
export const statementZone = 'Africa/Nairobi';

const zone = createZone(statementZone);
const bookedAfterMs = 1_000;
const strangers = 50;

/**
 * Writes the statement as the provider would export it now: payments that only it knows, and rows that must change nothing:
 * too little, payments that were taken back, and those of other people. Returns its path.
 */
export async function writeStatement(world: World, handed: Iterable<Handed>): Promise<string> {
  const events = (await world.results()).map((entry) => readEntry(entry).event);
  const settled = new Set(events.map((event) => event?.subject));
  const rows = [...handed].flatMap((one) => rowsOf(one, settled.has(one.order.orderId)));
  const path = join(world.dir, 'statement.csv');
  await writeFile(path, mpesaStatement(...rows, ...rowsOfStrangers()));
  return path;
}

function rowsOf({ order, createdAt }: Handed, isSettled: boolean): string[] {
  const { orderId, statement, simulated, input } = order;
  const time = localText(createdAt + bookedAfterMs);
  if (statement !== null) {
    if (statement.isLate && !isSettled) return [];
    return [mpesaRow({ receipt: statement.receipt, amount: simulated.amount, account: orderId, time })];
  }
  const index = Number(input.metadata?.index);
  const receipt = receiptOf('X', index);
  const amount = simulated.amount;
  switch (index % 3) {
    case 0:
      return [mpesaRow({ receipt, amount: (Number(amount) - 0.01).toFixed(2), account: orderId, time })];
    case 1:
      return [
        mpesaRow({ receipt, amount, account: orderId, time }),
        mpesaRow({ receipt: receiptOf('Y', index), amount, reverses: receipt, time }),
      ];
    default:
      return [];
  }
}

function rowsOfStrangers(): string[] {
  const time = localText(Date.now());
  return Array.from({ length: strangers }, (_, nth) =>
    mpesaRow({ receipt: receiptOf('Z', nth), amount: '7.37', account: `other-${nth}`, time }),
  );
}

function receiptOf(letter: string, index: number): string {
  return `${letter}0${index.toString(36).toUpperCase().padStart(8, '0')}`;
}

function localText(at: number): string {
  return new Date(zone.localOf(at)).toISOString().slice(0, 19).replace('T', ' ');
}
