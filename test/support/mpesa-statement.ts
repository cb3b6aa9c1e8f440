/** Statements as the M-Pesa organisation portal exports them. */

const statementHeader =
  'Receipt No.,Completion Time,Initiation Time,Details,Transaction Status,Paid In,Withdrawn,Balance,Balance Confirmed,Reason Type,Other Party Info,Linked Transaction ID,A/C No.';

export interface RowCells {
  readonly receipt: string;
  readonly amount: string;
  readonly account?: string;
  readonly time?: string;
  /** The receipt that this row takes back. */
  readonly reverses?: string;
}

/** A row of the M-Pesa portal; of a payment at noon by default. */
export function mpesaRow({
  receipt,
  amount,
  account = '',
  time = '2026-01-15 12:00:08',
  reverses,
}: RowCells): string {
  const [paidIn, withdrawn] = reverses === undefined ? [amount, ''] : ['', `-${amount}`];
  const type = reverses === undefined ? 'Pay Bill Online' : 'Organization Reversal';
  return `${receipt},${time},${time},${type},Completed,"${paidIn}","${withdrawn}",0.00,true,${type},254712***678,${reverses ?? ''},${account}`;
}

export function mpesaStatement(...rows: readonly string[]): string {
  return `${[statementHeader, ...rows].join('\n')}\n`;
}
