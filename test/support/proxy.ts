import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/**
 * - `pass`: forwards.
 * - `refuse`: refuses new connections and resets existing ones.
 * - `half-open`: connections stay open and nothing is forwarded, as when a firewall has forgotten them. Those that were
 *   muted stay mute for ever; only what connects after the healing is forwarded again.
 * - `deaf`: what is sent is forwarded and no reply comes back, also after the healing; what connects meanwhile is half-open.
 */
export type ProxyMode = 'pass' | 'refuse' | 'half-open' | 'deaf';

/** A TCP proxy with faults on demand. */
export interface TcpProxy {
  readonly port: number;
  turn(mode: ProxyMode): Promise<void>;
  close(): Promise<void>;
}

interface Pair {
  readonly inner: Socket;
  readonly outer: Socket | null;
}

/** Opens a proxy on a free loopback port in front of another one. */
export async function createProxy(targetPort: number): Promise<TcpProxy> {
  let mode: ProxyMode = 'pass';
  const pairs = new Set<Pair>();
  const server = createServer({ noDelay: true }, (inner) => {
    const outer = mode === 'pass' ? connect({ port: targetPort, host: '127.0.0.1', noDelay: true }) : null;
    const pair: Pair = { inner, outer };
    pairs.add(pair);
    const end = () => {
      pairs.delete(pair);
      inner.destroy();
      outer?.destroy();
    };
    // An error is followed by `close`, which closes the other side.
    for (const socket of [inner, outer]) socket?.on('error', end).on('close', end);
    if (outer === null) return inner.pause();
    inner.pipe(outer);
    outer.pipe(inner);
    return undefined;
  });
  const port = await listen(server, 0);

  async function turn(next: ProxyMode): Promise<void> {
    if (next === 'refuse' && mode !== 'refuse') {
      const closed = once(server, 'close');
      server.close();
      reset(pairs);
      await closed;
    }
    if (next !== 'refuse' && mode === 'refuse') await listen(server, port);
    if (next === 'half-open') pairs.forEach(mute);
    if (next === 'deaf') for (const { inner, outer } of pairs) outer?.unpipe(inner).resume();
    mode = next;
  }

  return {
    port,
    turn,
    async close() {
      if (mode === 'refuse') return;
      const closed = once(server, 'close');
      server.close();
      reset(pairs);
      await closed;
    },
  };
}

async function listen(server: Server, port: number): Promise<number> {
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

function mute({ inner, outer }: Pair): void {
  inner.unpipe();
  outer?.unpipe();
  inner.pause();
  outer?.pause();
}

function reset(pairs: ReadonlySet<Pair>): void {
  for (const { inner, outer } of [...pairs]) {
    inner.resetAndDestroy();
    outer?.destroy();
  }
}
