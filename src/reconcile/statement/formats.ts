import type { DecimalSign } from './amount.ts';
import type { DateOrder } from './date.ts';

/** The fields that a statement's columns can hold. */
export const fieldNames = [
  'receipt',
  'time',
  'reference',
  'narrative',
  'paidIn',
  'withdrawn',
  'amount',
  'currency',
  'status',
  'type',
  'linked',
] as const;
export type FieldName = (typeof fieldNames)[number];

/** How the statements of one source are laid out. Column names are compared without case, blanks and punctuation. */
export interface StatementFormat {
  readonly id: string;
  readonly title: string;
  /** Names that a field's column may have, the preferred one first. */
  readonly columns: { readonly [field in FieldName]?: readonly string[] };
  /** Fields without whose columns a line is not the header of this format; of a list within it, one is enough. */
  readonly required: readonly (FieldName | readonly FieldName[])[];
  /** Statuses of rows that are complete; others are not counted. Absent: every row is. */
  readonly completed?: readonly string[];
  /** A negative row without the word "reversal" or "refund" is a charge, and takes nothing back. */
  readonly namesReversals?: true;
  /** The reference of the bank stands for the receipt where the row has none. */
  readonly referenceIsReceipt?: true;
  readonly dateOrder?: DateOrder;
  readonly decimalSign?: DecimalSign;
  /** IANA zone of its local times; default that of the command. */
  readonly timeZone?: string;
  readonly currency?: string;
}

/** The export "Organization statement" of the M-Pesa organisation portal. */
const mpesa: StatementFormat = {
  id: 'mpesa',
  title: 'M-Pesa organisation portal',
  columns: {
    receipt: ['Receipt No.', 'Receipt Number'],
    time: ['Completion Time'],
    reference: ['A/C No.', 'Account No.', 'Account Number'],
    narrative: ['Details'],
    paidIn: ['Paid In'],
    withdrawn: ['Withdrawn', 'Withdrawal'],
    currency: ['Currency'],
    status: ['Transaction Status', 'Status'],
    type: ['Reason Type', 'Transaction Type'],
    linked: ['Linked Transaction ID'],
  },
  required: ['receipt', 'time', 'paidIn'],
  completed: ['completed'],
  namesReversals: true,
};

/** Account statements of Equity Bank, as exported online or by Jenga. */
const equity: StatementFormat = {
  id: 'equity',
  title: 'Equity Bank or Jenga account statement',
  columns: {
    time: ['Transaction Date', 'Txn Date', 'Posting Date', 'Date'],
    reference: [
      'Transaction Reference',
      'Customer Reference',
      'Transaction Ref',
      'Reference',
      'Reference No',
    ],
    narrative: ['Narrative', 'Narration', 'Transaction Details', 'Particulars', 'Description', 'Details'],
    paidIn: ['Credit', 'Credit Amount', 'Money In'],
    withdrawn: ['Debit', 'Debit Amount', 'Money Out'],
    currency: ['Currency'],
    type: ['Transaction Type'],
  },
  required: ['time', 'paidIn', 'withdrawn', ['reference', 'narrative']],
  referenceIsReceipt: true,
};

/** The known formats, the more particular first. */
export const knownFormats: readonly StatementFormat[] = [mpesa, equity];

/** Where the columns of a format stand in the lines of one file. */
export type Places = { readonly [field in FieldName]?: number };

/** The places of a format's columns if this line is its header, else `null`. */
export function placesIn(line: readonly string[], { columns, required }: StatementFormat): Places | null {
  const names = line.map(nameOf);
  const places: { [field in FieldName]?: number } = {};
  for (const field of fieldNames) {
    const found = columns[field]?.map((name) => names.indexOf(nameOf(name))).find((place) => place >= 0);
    if (found !== undefined) places[field] = found;
  }
  const isThere = (field: FieldName) => places[field] !== undefined;
  const isHeader = required.every((need) => (typeof need === 'string' ? isThere(need) : need.some(isThere)));
  return isHeader ? places : null;
}

/** Two columns with the same name, of which nobody can say which one is meant. */
export function doubledColumn(line: readonly string[], places: Places): string | null {
  const names = line.map(nameOf);
  const doubled = Object.values(places).find((place) => names.indexOf(names[place] ?? '', place + 1) >= 0);
  return doubled === undefined ? null : (line[doubled] ?? '').trim().slice(0, 60);
}

/** A column that looks like the status of a row, and is not understood: without it, failed attempts look like payments. */
export function unknownStatus(line: readonly string[], places: Places): string | null {
  if (places.status !== undefined) return null;
  const found = line.find((column) => statusName.test(nameOf(column)));
  return found === undefined ? null : found.trim().slice(0, 60);
}

const statusName = /status$|^(?:transaction|txn|payment)?(?:state|result|outcome)(?:code|desc|description)?$/;

function nameOf(column: string): string {
  return column
    .slice(0, 200)
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]/gu, '');
}
