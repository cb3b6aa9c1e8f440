/** Readings that leave an order open: the answer was about the call, or said nothing final about the payment. */
import type { Reading, ReadingFacts } from '../domain/order.ts';
import type { ProviderAnswer } from './provider.ts';
import type { Meaning } from './status-table.ts';

/** A meaning that leaves the order open. */
export function openReading(
  meaning: Meaning,
  answer: ProviderAnswer,
  facts: ReadingFacts,
  awaitMs: number | null,
): Reading {
  switch (meaning.reading) {
    case 'unavailable':
      return {
        ...facts,
        kind: 'unavailable',
        throttled: meaning.throttled === true,
        retryAfterMs: retryAfterMs(answer.headers['retry-after'], facts.at),
        ...(meaning.aboutOrder ? { aboutOrder: true } : {}),
      };
    case 'refused':
      return {
        ...facts,
        kind: 'refused',
        credentials: meaning.credentials === true,
        ...(meaning.locks ? { locksAccount: true } : {}),
      };
    case 'pending':
      return meaning.awaited && awaitMs !== null
        ? { ...facts, kind: 'pending', awaitedUntil: facts.at + awaitMs }
        : { ...facts, kind: 'pending' };
    case 'not-found':
    case 'unrecognised':
      return { ...facts, kind: meaning.reading };
    case 'paid':
    case 'failed':
    case 'expired':
      throw new Error(`A code about the call must not decide a payment: ${meaning.reading}.`);
  }
}

/** What a status code means when the body says nothing that we know. Never an outcome of a payment. */
export function byHttpStatus(answer: ProviderAnswer, facts: ReadingFacts): Reading {
  const status = answer.httpStatus;
  if (isOk(answer) && facts.providerStatus !== null) return { ...facts, kind: 'unrecognised' };
  if (status === 401 || status === 403) return { ...facts, kind: 'refused', credentials: true };
  if (status === 400 || status === 422) return { ...facts, kind: 'refused', credentials: false };
  return {
    ...facts,
    kind: 'unavailable',
    throttled: status === 429,
    retryAfterMs: retryAfterMs(answer.headers['retry-after'], facts.at),
    ...(isAboutOrder(status) ? { aboutOrder: true } : {}),
  };
}

/** A 404, say, to one reference is no outage. Of the other codes below 500, 408 and 429 speak of the account. */
function isAboutOrder(status: number): boolean {
  return status >= 400 && status < 500 && status !== 408 && status !== 429;
}

/** A gateway that asks for more than this is asked again anyway: orders must not fall silent on its word. */
export const maxRetryAfterMs = 3_600_000;

/** Milliseconds of a `Retry-After` header (seconds or an HTTP date), between 0 and one hour; `null` when there is none. */
export function retryAfterMs(header: string | string[] | undefined, now: number): number | null {
  const text = (Array.isArray(header) ? header[0] : header)?.trim();
  if (!text) return null;
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now;
  return Number.isNaN(ms) ? null : Math.min(Math.max(ms, 0), maxRetryAfterMs);
}

/** Did the provider answer with a success, on the level of HTTP? */
export function isOk(answer: ProviderAnswer): boolean {
  return answer.httpStatus >= 200 && answer.httpStatus < 300;
}
