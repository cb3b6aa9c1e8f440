import { decodeBody } from '../providers/content-coding.ts';

/** Far above the limit for polls: the answer to classify was received already. */
const maxBytes = 16 * 1024 * 1024;

/**
 * The decoded bytes of an answer, by the content coding in its headers. A string body holds the exact bytes: as text or, for
 * a compressed answer, one character per byte or base64. Any other body is JSON that was decoded already.
 * A body that cannot be decoded counts as empty, as in a poll.
 */
export function answerBytes(body: unknown, contentEncoding: string | undefined): Uint8Array {
  if (typeof body !== 'string') return Buffer.from(JSON.stringify(body ?? null));
  if (contentEncoding === undefined) return Buffer.from(body);
  const spellings = [Buffer.from(body, isBinary(body) ? 'latin1' : 'utf8')];
  if (base64.test(body)) spellings.push(Buffer.from(body, 'base64'));
  for (const bytes of spellings) {
    const decoded = decodeBody(contentEncoding, bytes, maxBytes);
    if (!('fault' in decoded)) return decoded;
  }
  return new Uint8Array();
}

const base64 = /^[A-Za-z0-9+/\s]+={0,2}\s*$/;

function isBinary(text: string): boolean {
  return Buffer.from(text, 'latin1').toString('latin1') === text;
}
