import { z } from 'zod';
import { anything, code, note } from './fields.ts';
import type { ProviderAnswer, ProviderRequest } from './provider.ts';
import { parseJson } from './read-answer.ts';

/** Daraja's Pull Transactions: the payments to a short code of the last 48 hours (https://developer.safaricom.co.ke). */

/** Payments older than this are not given out. */
export const pullWindowMs = 48 * 3_600_000;

interface PullSettings {
  readonly baseUrl: string;
  readonly shortCode: string;
}

/** One payment of the list, as it came. */
export interface PulledRow {
  readonly transactionId: string;
  /** A local time, although it may end in Z. */
  readonly trxDate: string;
  readonly billreference: string;
  readonly amount: string;
  readonly transactiontype: string;
}

/**
 * What an answer says. `nothing`: no payments from this offset on, which proves nothing about any order: a till of another
 * short code, or a payment that is booked later. `token`: a new access token may mend it.
 */
export type PullAnswer =
  | { readonly kind: 'rows'; readonly rows: readonly PulledRow[]; readonly skipped: number }
  | { readonly kind: 'nothing' | 'token' }
  | { readonly kind: 'failed'; readonly reason: string };

/** @param from local times of Nairobi, as milliseconds since the epoch if they were UTC */
export function pullQuery(
  { baseUrl, shortCode }: PullSettings,
  token: string,
  { from, to, offset }: { readonly from: number; readonly to: number; readonly offset: number },
): ProviderRequest {
  return post(`${baseUrl}/pulltransactions/v1/query`, token, {
    ShortCode: shortCode,
    StartDate: printed(from),
    EndDate: printed(to),
    OffSetValue: String(offset),
  });
}

export function pullRegistration(
  { baseUrl, shortCode }: PullSettings,
  token: string,
  { nominatedNumber, callbackUrl }: { readonly nominatedNumber: string; readonly callbackUrl: string },
): ProviderRequest {
  return post(`${baseUrl}/pulltransactions/v1/register`, token, {
    ShortCode: shortCode,
    RequestType: 'Pull',
    NominatedNumber: nominatedNumber,
    CallBackURL: callbackUrl,
  });
}

function post(url: string, token: string, body: object): ProviderRequest {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  return { method: 'POST', url, headers, body: JSON.stringify(body) };
}

function printed(local: number): string {
  return new Date(local).toISOString().slice(0, 19).replace('T', ' ');
}

const scalar = z.union([z.string(), z.number()]).transform(String).catch('');
const rowSchema = z.object({
  transactionId: z.string().min(1).max(64),
  trxDate: z.string().min(1).max(40),
  amount: z.union([z.string(), z.number()]).transform(String),
  billreference: scalar.default(''),
  transactiontype: scalar.default(''),
});
const envelope = z.object({
  ResponseCode: code,
  ResponseMessage: note,
  Response: anything,
  errorCode: note,
});

/** Reads the answer to a query. */
export function readPull({ httpStatus, body }: ProviderAnswer): PullAnswer {
  const parsed = envelope.safeParse(parseJson(body)).data;
  if (httpStatus === 401 || /^(?:400\.003\.01|401\.00[12]\.01|404\.001\.03)$/.test(parsed?.errorCode ?? ''))
    return { kind: 'token' };
  // Also what it answers when there are no transactions.
  if (httpStatus === 500) return { kind: 'nothing' };
  const responseCode = String(parsed?.ResponseCode ?? '');
  if (responseCode === '1001') return { kind: 'nothing' };
  if (httpStatus !== 200 || responseCode !== '1000') {
    const said = parsed?.errorCode ?? (responseCode === '' ? 'no code' : responseCode);
    return { kind: 'failed', reason: `HTTP ${httpStatus}, ${said.slice(0, 40)}` };
  }
  // A list in a list.
  const found = Array.isArray(parsed?.Response) ? (parsed.Response as unknown[]).flat() : [];
  const rows = found.flatMap((entry) => rowSchema.safeParse(entry).data ?? []);
  return found.length === 0
    ? { kind: 'nothing' }
    : { kind: 'rows', rows, skipped: found.length - rows.length };
}

/** Reads the answer to the registration: one sample prints its keys with blanks. */
export function readRegistration({ httpStatus, body }: ProviderAnswer): {
  readonly outcome: 'registered' | 'registered-before' | 'token' | 'refused';
  readonly said: string;
} {
  const json = parseJson(body);
  const fields = typeof json === 'object' && json !== null ? Object.entries(json) : [];
  const named = new Map(
    fields.map(([name, value]) => [name.replace(/\s/g, '').toLowerCase(), String(value)]),
  );
  const status = named.get('responsestatus') ?? named.get('responsecode') ?? '';
  const said = `HTTP ${httpStatus}, ${(status || named.get('errorcode') || 'no code').slice(0, 40)}`;
  if (status === '1000') return { outcome: 'registered', said };
  if (status === '1001') return { outcome: 'registered-before', said };
  return { outcome: httpStatus === 401 ? 'token' : 'refused', said };
}
