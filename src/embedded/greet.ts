import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** Version and process id that a Redis reports. */
export interface ServerFacts {
  /** For example `7.0.15`. */
  readonly version: string;
  /** Its process id, inside its own container if it runs in one. */
  readonly processId: number;
}

const answerWithinMs = 1_000;
const askAgainAfterMs = 10;

/**
 * Waits until the Redis on this loopback port answers PING, which it does not while it is loading its data.
 *
 * @throws the reason of `signal` when it is aborted
 */
export async function awaitGreeting(port: number, signal: AbortSignal): Promise<ServerFacts> {
  for (;;) {
    const facts = await greet(port);
    if (facts) return facts;
    signal.throwIfAborted();
    await delay(askAgainAfterMs);
  }
}

/** Tries once; `undefined` if nothing answers, or not a Redis that is ready. */
function greet(port: number): Promise<ServerFacts | undefined> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\nINFO server\r\nQUIT\r\n'));
    socket.setEncoding('utf8');
    socket.setTimeout(answerWithinMs, () => socket.destroy());
    socket.on('data', (chunk: string) => {
      answer += chunk;
    });
    // A refused or reset connection means "not ready yet", which the missing answer already shows.
    socket.on('error', () => socket.destroy());
    socket.on('close', () => resolve(readFacts(answer)));
  });
}

function readFacts(answer: string): ServerFacts | undefined {
  if (!answer.startsWith('+PONG\r\n')) return undefined;
  const version = /^(?:valkey_version|redis_version):(\S+)/m.exec(answer)?.[1];
  const processId = Number(/^process_id:(\d+)/m.exec(answer)?.[1]);
  return version === undefined || Number.isNaN(processId) ? undefined : { version, processId };
}
