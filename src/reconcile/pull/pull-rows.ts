import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { createZone } from '../../domain/zone.ts';
import { type PulledRow, pullQuery, readPull } from '../../providers/daraja-pull.ts';
import { canonicalReceipt, isMasked } from '../../providers/receipts.ts';
import { readAmount } from '../statement/amount.ts';
import { readTime } from '../statement/date.ts';
import { createRowIndex, type RowIndex } from '../statement/row-index.ts';
import type { PullClient } from './pull-client.ts';

export interface PullRowsParts {
  readonly send: PullClient;
  readonly settings: { readonly baseUrl: string; readonly shortCode: string };
  readonly ratePerSecond: number;
  readonly signal: AbortSignal;
}

/** The payments of a time span, as far as they were given. */
export interface PulledRows {
  readonly rows: RowIndex;
  /** Of all answers. */
  readonly sha256: string;
  /** Payments that could not be read. */
  readonly skipped: number;
  /** Why the list may be incomplete; `null` if it ended by itself. */
  readonly failure: string | null;
}

const nairobi = createZone('Africa/Nairobi');
/** Pages hold about a hundred payments. More than this in two days are not pulled. */
const mostPages = 1_000;

/** Pulls the payments page by page, at the account's own pace. */
export async function pullRows(
  { send, settings, ratePerSecond, signal }: PullRowsParts,
  from: number,
  to: number,
): Promise<PulledRows> {
  const rows = createRowIndex();
  const hash = createHash('sha256');
  const bodies = new Set<string>();
  let [offset, skipped] = [0, 0];
  const pulled = (failure: string | null): PulledRows => ({
    rows,
    sha256: hash.digest('hex'),
    skipped,
    failure,
  });
  for (let page = 0; page < mostPages; page += 1) {
    signal.throwIfAborted();
    if (page > 0) await delay(1_000 / ratePerSecond, undefined, { signal });
    const range = { from: nairobi.localOf(from), to: nairobi.localOf(to), offset };
    const sent = await send(
      (token) => pullQuery(settings, token, range),
      readPull,
      ({ kind }) => kind === 'token',
    );
    if ('reason' in sent) return pulled(sent.reason);
    const { answer, body } = sent;
    switch (answer.kind) {
      case 'nothing':
        return pulled(null);
      case 'token':
        return pulled('the access token is refused');
      case 'failed':
        return pulled(answer.reason);
      case 'rows':
        // It ignores the offset, or has nothing more to give.
        if (bodies.has(sha256(body))) return pulled('a page was given again');
        bodies.add(sha256(body));
        hash.update(body);
        for (const row of answer.rows) skipped += add(rows, row) ? 0 : 1;
        skipped += answer.skipped;
        offset += answer.rows.length + answer.skipped;
    }
  }
  return pulled(`more than ${mostPages} pages`);
}

function sha256(body: Uint8Array): string {
  return createHash('sha256').update(body).digest('hex');
}

/** False if the payment cannot be read: nothing can be said of the payments that it names then. */
function add(
  rows: RowIndex,
  { transactionId, trxDate, amount, billreference, transactiontype }: PulledRow,
): boolean {
  const minor = readAmount(amount, 'dot');
  // The times are local, although they end in Z.
  const time = readTime(trxDate.replace(/Z$/, ''));
  const receipt = canonicalReceipt(transactionId);
  const hasReceipt = !isMasked(receipt);
  const isRead = typeof minor === 'number' && minor !== 0 && time?.kind === 'local' && hasReceipt;
  // A reversal may have no sign.
  const isReversal = (typeof minor === 'number' && minor < 0) || /revers|refund/i.test(transactiontype);
  rows.add({
    ...{ line: rows.size + 1, kind: isRead ? (isReversal ? 'reversal' : 'payment') : 'uncertain' },
    at: time?.kind === 'local' ? nairobi.instantOf(time.local) : 0,
    amountMinor: isRead ? Math.abs(minor) : 0,
    ...{ currency: 'KES', receipt: hasReceipt ? receipt : '', isReceiptLoose: false, isLinked: false },
    // Masked and cut texts name nobody.
    reference: /\*|…|\.\.\.$/.test(billreference) ? '' : billreference.trim(),
  });
  return isRead;
}
