import type { Doubt, FailureReason } from '../domain/order.ts';

/**
 * What a status of a provider means. `from` is the page or section the row was taken from.
 *
 * - For a status of the *payment*: `paid`, `failed`, `expired`, `pending`, or one of the open ones.
 * - For a code about the *call*: `pending`, `not-found`, `unrecognised`, `unavailable`, `refused`.
 */
export type Meaning = { readonly from: string } & (
  | { readonly reading: 'paid'; readonly doubt?: Doubt }
  | {
      readonly reading: 'failed' | 'expired';
      readonly certainty: 'firm' | 'soft';
      readonly reason: FailureReason;
    }
  | { readonly reading: 'not-found' | 'unrecognised' }
  /** `awaited`: the query was taken, its answer will be pushed to us. */
  | { readonly reading: 'pending'; readonly awaited?: true }
  /** `aboutOrder`: the code speaks of this one query, so it does not count against the account (circuit breaker). */
  | { readonly reading: 'unavailable'; readonly throttled?: true; readonly aboutOrder?: true }
  /**
   * `credentials`: not this request but our login is refused. `token`: a new access token may mend it.
   * `locks`: asking again with the same credentials makes it worse.
   */
  | { readonly reading: 'refused'; readonly credentials?: true; readonly token?: true; readonly locks?: true }
);

/** A status whose meaning depends on a reason code beside it. `otherwise`: without a reason, or with one that is not listed. */
export interface ByReason {
  readonly reasons: { readonly [code: string]: Meaning };
  readonly otherwise: Meaning;
}

/** A row as it is looked up: `FAILED` with `hasReasons`, and `FAILED/EXPIRED` with `isReason` for each of its reasons. */
export type StatusRow = Meaning & { readonly hasReasons?: true; readonly isReason?: true };

/** Statuses of one deciding field, and what each means. A `Map`, so that no status can hit a property of Object. */
export type StatusTable = ReadonlyMap<string, StatusRow>;

/** Declares a status table. */
export function statuses(rows: { readonly [status: string]: Meaning | ByReason }): StatusTable {
  return new Map(Object.entries(rows).flatMap(([status, row]) => toRows(status, row)));
}

function toRows(status: string, row: Meaning | ByReason): [string, StatusRow][] {
  if (!('reasons' in row)) return [[status, row]];
  const refined = Object.entries(row.reasons).map(([code, meaning]): [string, StatusRow] => [
    withReason(status, code),
    { ...meaning, isReason: true },
  ]);
  return [[status, { ...row.otherwise, hasReasons: true }], ...refined];
}

/** A status and its reason code as they are shown, and as overrides name them. */
function withReason(status: string, reason: string): string {
  return `${status}/${reason}`;
}

/** A row of a table, and the name under which it stands there. */
export interface FoundRow {
  /** `undefined`: the table has no such row. */
  readonly meaning: Meaning | undefined;
  /** The row's name where there is one, else what the provider said. */
  readonly status: string;
  /** What the provider said, with its reason code where that refines the status. */
  readonly shown: string;
}

/**
 * The row for a status and its reason code. A status that happens to spell `FAILED/EXPIRED` is no row: a reason counts
 * only where it came in a field of its own.
 */
export function findRow(table: StatusTable, status: string, reason?: string | number | null): FoundRow {
  const row = table.get(status);
  if (row === undefined || row.isReason) return { meaning: undefined, status, shown: status };
  if (!row.hasReasons || reason == null || reason === '') return { meaning: row, status, shown: status };
  const shown = withReason(status, String(reason));
  const refined = table.get(shown);
  return refined === undefined ? { meaning: row, status, shown } : { meaning: refined, status: shown, shown };
}
