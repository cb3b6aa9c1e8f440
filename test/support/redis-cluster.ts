import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { findExecutable, runCommand } from '../../src/embedded/executables.ts';
import { freePorts } from './ports.ts';
import { createNode, serverArgs } from './redis-node.ts';
import type { ChaosRedis } from './redis-topology.ts';
import { until } from './waiting.ts';

/** Three masters with a replica each. */
export interface ClusterRedis extends ChaosRedis {
  /** Kills the master of a key, waits for its replica to be promoted, starts the old one again. Returns ms to promotion. */
  failOver(key: string, restartAfterMs: number): Promise<number>;
}

const nodeTimeoutMs = 2_000;
const createMs = 60_000;
const promotedMs = 60_000;

export async function startClusterRedis(executable: string, dir: string): Promise<ClusterRedis> {
  const cli = await findExecutable(['redis-cli', 'valkey-cli'], process.env.PATH ?? '');
  if (cli === undefined) throw new Error('The cluster scenario needs redis-cli on the PATH.');
  const allPorts = await freePorts(12);
  const [ports, busPorts] = [allPorts.slice(0, 6), allPorts.slice(6)];
  const nodes = ports.map((port, index) => {
    const folder = join(dir, `redis-${port}`);
    return createNode(executable, port, folder, [
      ...serverArgs(port, folder),
      ...['--cluster-enabled', 'yes', '--cluster-node-timeout', String(nodeTimeoutMs)],
      // The usual bus port lies 10 000 higher, which may be none.
      ...['--cluster-port', String(busPorts[index])],
    ]);
  });
  const asked = new Map<number, Redis>();
  const ask = (port: number) => {
    const known = asked.get(port);
    if (known !== undefined) return known;
    const redis = new Redis({ host: '127.0.0.1', port, maxRetriesPerRequest: 0 });
    redis.on('error', () => {});
    asked.set(port, redis);
    return redis;
  };
  const close = async () => {
    for (const redis of asked.values()) redis.disconnect();
    await Promise.all(nodes.map((node) => node.close()));
  };
  try {
    for (const node of nodes) await node.start();
    const addresses = ports.map((port) => `127.0.0.1:${port}`);
    await runCommand(
      cli,
      ['--cluster', 'create', ...addresses, '--cluster-replicas', '1', '--cluster-yes'],
      createMs,
    );
    await until('every node to see a whole cluster', () => isWhole(ports.map(ask), 3), promotedMs);
  } catch (error) {
    await close();
    throw error;
  }

  /** The port of the master that serves a key, as another node sees it. */
  async function masterOf(key: string, besides: number): Promise<number | null> {
    for (const port of ports.filter((each) => each !== besides)) {
      try {
        const slot = Number(await ask(port).cluster('KEYSLOT', key));
        const ranges = (await ask(port).cluster('SLOTS')) as unknown as [number, number, [string, number]][];
        const range = ranges.find(([first, last]) => first <= slot && slot <= last);
        if (range !== undefined) return range[2][1];
      } catch {
        // That one is away too; the next may know.
      }
    }
    return null;
  }

  const url = `redis+cluster://${ports.map((port) => `127.0.0.1:${port}`).join(',')}`;
  return {
    kind: 'cluster',
    url,
    serviceUrl: url,
    async failOver(key, restartAfterMs) {
      await until('every replica to be in step', () => isWhole(ports.map(ask), 3), promotedMs);
      const port = (await masterOf(key, 0)) ?? 0;
      const old = nodes.find((node) => node.port === port);
      if (old === undefined) throw new Error(`No node of ours serves ${key}.`);
      const startedAt = Date.now();
      await old.kill();
      await until(
        'the replica to be promoted',
        async () => {
          const now = await masterOf(key, port);
          return now !== null && now !== port;
        },
        promotedMs,
      );
      const tookMs = Date.now() - startedAt;
      await delay(restartAfterMs);
      await old.start();
      return tookMs;
    },
    close,
  };
}

/** Every node sees the cluster well, and so many replicas are linked to their masters. */
async function isWhole(nodes: readonly Redis[], replicas: number): Promise<boolean> {
  try {
    const infos = await Promise.all(nodes.map((node) => node.cluster('INFO')));
    const links = await Promise.all(nodes.map((node) => node.info('replication')));
    const linked = links.filter((text) => text.includes('master_link_status:up')).length;
    return infos.every((text) => String(text).includes('cluster_state:ok')) && linked === replicas;
  } catch {
    // One does not answer yet.
    return false;
  }
}
