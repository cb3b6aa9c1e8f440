import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { TextDecoder } from 'node:util';
import { StatementError } from './statement-error.ts';

/** What is found out about a statement's file before its rows are read. */
export interface StatementFile {
  readonly path: string;
  readonly bytes: number;
  /** Of the whole file, hex: stored as evidence with every order that a row of it settles. */
  readonly sha256: string;
  readonly encoding: 'utf-8' | 'utf-16le' | 'utf-16be' | 'windows-1252';
  /** Its first part as text, for recognising the format. */
  readonly head: string;
}

const headBytes = 65_536;

/**
 * Reads a file once, for its hash and its encoding. Without a byte order mark it is UTF-16 if every other byte of the head is
 * zero, UTF-8 if all of it is valid UTF-8, and otherwise the Latin-1 that spreadsheets write.
 *
 * @throws StatementError when it is no text file
 */
export async function inspectFile(path: string, signal?: AbortSignal): Promise<StatementFile> {
  await requireFile(path);
  const hash = createHash('sha256');
  const head: Buffer[] = [];
  let bytes = 0;
  let utf8: TextDecoder | null = new TextDecoder('utf-8', { fatal: true });
  for await (const chunk of readBytes(path, signal)) {
    if (bytes < headBytes) head.push(chunk.subarray(0, headBytes - bytes));
    bytes += chunk.length;
    hash.update(chunk);
    if (utf8 !== null && !isDecodable(utf8, chunk)) utf8 = null;
  }
  const start = Buffer.concat(head);
  if (bytes === 0) throw new StatementError('The statement is empty; export it again.');
  refuseOther(start);
  const encoding = markedEncoding(start) ?? (utf8 === null || !isDecodable(utf8) ? 'windows-1252' : 'utf-8');
  return {
    ...{ path, bytes, encoding, sha256: hash.digest('hex') },
    head: new TextDecoder(encoding).decode(start, { stream: bytes > headBytes }),
  };
}

/** The decoded text of a file. `read` is called with the bytes read so far. */
export async function* readText(
  { path, encoding, bytes, sha256 }: StatementFile,
  read: (bytes: number) => void,
  signal?: AbortSignal,
): AsyncGenerator<string> {
  const decoder = new TextDecoder(encoding);
  const hash = createHash('sha256');
  let done = 0;
  for await (const chunk of readBytes(path, signal)) {
    done += chunk.length;
    hash.update(chunk);
    read(done);
    yield decoder.decode(chunk, { stream: true });
  }
  yield decoder.decode();
  if (done !== bytes || hash.digest('hex') !== sha256)
    throw new StatementError('The statement was changed while it was read; run it again.');
}

/** It is read twice: a pipe would be empty the second time. */
async function requireFile(path: string): Promise<void> {
  const found = await stat(path).catch((cause: unknown) => {
    throw new StatementError(`Cannot read ${path}; name a statement file.`, { cause });
  });
  if (!found.isFile())
    throw new StatementError(`${path} is no regular file; save the statement as a file first.`);
}

async function* readBytes(path: string, signal?: AbortSignal): AsyncGenerator<Buffer> {
  const stream = createReadStream(path, { highWaterMark: 65_536, ...(signal && { signal }) });
  try {
    for await (const chunk of stream) yield chunk as Buffer;
  } catch (cause) {
    if (signal?.aborted) throw cause;
    throw new StatementError(`Cannot read ${path}; name a statement file.`, { cause });
  }
}

function isDecodable(decoder: TextDecoder, chunk?: Buffer): boolean {
  try {
    decoder.decode(chunk, { stream: chunk !== undefined });
    return true;
  } catch {
    return false;
  }
}

function markedEncoding(start: Buffer): StatementFile['encoding'] | null {
  if (start[0] === 0xff && start[1] === 0xfe) return 'utf-16le';
  if (start[0] === 0xfe && start[1] === 0xff) return 'utf-16be';
  const some = start.subarray(0, 2_000);
  const zeros = [0, 1].map((odd) => some.filter((byte, nth) => byte === 0 && nth % 2 === odd).length);
  const [even = 0, odd = 0] = zeros;
  if (odd > some.length * 0.4) return 'utf-16le';
  if (even > some.length * 0.4) return 'utf-16be';
  return null;
}

function refuseOther(start: Buffer): void {
  const signature = start.subarray(0, 4).toString('latin1');
  const kind = signature.startsWith('PK')
    ? 'an Excel workbook or a ZIP file'
    : signature === '%PDF'
      ? 'a PDF'
      : signature.startsWith('\xd0\xcf\x11\xe0')
        ? 'an old Excel workbook'
        : null;
  if (kind !== null) throw new StatementError(`The statement is ${kind}; export it as CSV.`);
}
