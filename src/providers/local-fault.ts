/**
 * Something on our side kept a request from being sent, or its answer from being read. It says nothing about the provider and
 * nothing about the order: no reading comes of it, and whoever asked asks again.
 */
export class LocalFault extends Error {
  override readonly name = 'LocalFault';
  /** True when we gave the request up ourselves because the process stops. */
  readonly isStopping: boolean;

  constructor(message: string, isStopping: boolean, cause?: unknown) {
    super(message, { cause });
    this.isStopping = isStopping;
  }
}

/** Codes of errors whose cause lies in this process or its machine, and what to do about each. */
const localCodes: ReadonlyMap<string, string> = new Map([
  ['EMFILE', 'this process has no file descriptors left; raise its limit (ulimit -n) or lower CONCURRENCY'],
  ['ENFILE', 'this machine has no file descriptors left'],
  ['ENOBUFS', 'this machine has no network buffers left'],
  ['ENOMEM', 'this machine has no memory left'],
  ['ERR_MEMORY_ALLOCATION_FAILED', 'this process has no memory left'],
  ['EADDRNOTAVAIL', 'this machine has no free local port or address left'],
  ['ENETDOWN', "this machine's network is down"],
  ['ENETUNREACH', 'this machine has no route to the network of the provider'],
  // Unlike ENOTFOUND, by which a working resolver says that the name does not exist.
  ['EAI_AGAIN', "this machine's name resolver does not answer"],
  ['EAI_MEMORY', 'this machine has no memory left'],
]);

/** The fault on our side behind an error of a connection, `null` when it may be the provider's. */
export function localFaultOf(error: unknown): LocalFault | null {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const what = localCodes.get(code);
  return what === undefined
    ? null
    : new LocalFault(`The provider was not asked: ${what} (${code}).`, false, error);
}
