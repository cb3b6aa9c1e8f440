import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Below the ports that systems hand out by themselves: a server that is killed and started again must find its port free,
 * and not taken by somebody's outgoing connection.
 */
const [firstPort, lastPort] = [10_000, 32_000];

/** Neighbouring processes start this far apart, so that test files that run at once do not choose the same port. */
const perProcess = 90;

let chosen = process.pid * perProcess;

/** Distinct loopback ports that are currently free; this process gets none of them again. */
export async function freePorts(count: number): Promise<number[]> {
  const found: number[] = [];
  while (found.length < count) {
    chosen += 1;
    const port = firstPort + (chosen % (lastPort - firstPort));
    if (await isFree(port)) found.push(port);
  }
  return found;
}

/** A loopback port that is currently free; this process does not get it again. */
export async function freePort(): Promise<number> {
  const [port = 0] = await freePorts(1);
  return port;
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
