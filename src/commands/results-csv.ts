import type { ResultEvent } from '../domain/result-event.ts';
import { csvLine } from './csv-line.ts';
import type { LocalTime } from './local-time.ts';

type Column = readonly [name: string, cell: (event: ResultEvent, time: LocalTime) => string | null];

/** The columns, in their order. New ones come last: people's spreadsheets count on it. */
const columns: readonly Column[] = [
  ['settled', ({ data }, time) => time.text(Date.parse(data.settledAt))],
  ['time_zone', ({ data }, time) => `UTC${time.offset(Date.parse(data.settledAt))}`],
  ['order', ({ data }) => data.orderId],
  ['status', ({ data }) => data.status],
  ['reason', ({ data }) => data.reason],
  ['currency', ({ data }) => data.currency],
  ['amount_expected', ({ data }) => data.amountExpected],
  ['amount_received', ({ data }) => data.amountReceived],
  ['amount_verified', ({ data }) => (data.amountVerified ? 'yes' : 'no')],
  ['receipt', ({ data }) => data.receipt],
  ['account', ({ data }) => data.account],
  ['provider', ({ data }) => data.provider],
  ['reference', ({ data: { reference } }) => textOf(reference)],
  ['provider_status', ({ data }) => data.providerStatus],
  ['provider_message', ({ data }) => data.providerMessage],
  ['created', ({ data }, time) => time.text(Date.parse(data.createdAt))],
  ['version', ({ stateversion }) => String(stateversion)],
  ['corrects', ({ supersedes }) => supersedes ?? null],
  ['id', ({ id }) => id],
];

export const resultsCsvHead: string = csvLine(columns.map(([name]) => name));

/** A result as one line of CSV. */
export function resultCsvLine(event: ResultEvent, time: LocalTime): string {
  return csvLine(columns.map(([, cell]) => cell(event, time) ?? ''));
}

function textOf(reference: ResultEvent['data']['reference']): string {
  return typeof reference === 'string'
    ? reference
    : Object.entries(reference)
        .map(([name, value]) => `${name}=${value}`)
        .join(' ');
}
