import { brotliDecompressSync, gunzipSync, inflateRawSync, inflateSync, zstdDecompressSync } from 'node:zlib';

/** Why a body cannot be had. `reason` is our own text, safe to show. */
export interface Undecodable {
  readonly fault: 'too-large' | 'broken';
  readonly reason: string;
}

type Limit = { readonly maxOutputLength: number };
type Decode = (body: Uint8Array, limit: Limit) => Uint8Array;

const codings: ReadonlyMap<string, Decode> = new Map<string, Decode>([
  ['identity', (body) => body],
  ['gzip', gunzipSync],
  ['x-gzip', gunzipSync],
  ['deflate', inflate],
  ['br', brotliDecompressSync],
  ['zstd', zstdDecompressSync],
]);

/** More layers than a sane server would use cost more than they can be worth. */
const mostCodings = 3;

/**
 * The body without the codings of its `Content-Encoding` header. We ask for none, and some gateways compress all the same.
 * The limit counts decoded bytes, of every layer: decoding stops there, however much a small body promises.
 */
export function decodeBody(
  header: string | string[] | undefined,
  body: Uint8Array,
  maxBytes: number,
): Uint8Array | Undecodable {
  if (header === undefined || body.length === 0) return body;
  const names = String(header)
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== '');
  if (names.length > mostCodings) return { fault: 'broken', reason: 'answer in too many content codings' };
  let decoded = body;
  // The last one was applied last.
  for (const name of names.reverse()) {
    const decode = codings.get(name);
    if (decode === undefined) return { fault: 'broken', reason: 'answer in an unknown content coding' };
    try {
      decoded = decode(decoded, { maxOutputLength: maxBytes });
    } catch (error) {
      return isTooLarge(error)
        ? { fault: 'too-large', reason: 'answer over the size limit' }
        : { fault: 'broken', reason: `answer is no valid ${name}` };
    }
  }
  return decoded;
}

/** `deflate` means the zlib format, and some servers send the bare stream under its name. */
function inflate(body: Uint8Array, limit: Limit): Uint8Array {
  // A zlib header: method 8, and a multiple of 31.
  const [first = 0, second = 0] = body;
  const isZlib = (first & 0x0f) === 8 && ((first << 8) | second) % 31 === 0;
  return isZlib ? inflateSync(body, limit) : inflateRawSync(body, limit);
}

function isTooLarge(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE';
}
