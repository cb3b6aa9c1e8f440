import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Below the ports that systems hand out by themselves: a worker that is killed and started again must find its port free,
 * and not taken by somebody's outgoing connection.
 */
const [firstPort, lastPort] = [10_000, 32_000];

/** Distinct loopback ports that are currently free. */
export async function freePorts(count: number): Promise<number[]> {
  const found = new Set<number>();
  while (found.size < count) {
    const port = firstPort + Math.floor(Math.random() * (lastPort - firstPort));
    if (!found.has(port) && (await isFree(port))) found.add(port);
  }
  return [...found];
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  } catch {
    // Somebody is there.
    return false;
  }
  await once(server.close(), 'close');
  return true;
}
