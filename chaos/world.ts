import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectRedis, type Redis } from '../src/redis/connection.ts';
import { createKeys, type Keys } from '../src/redis/keys.ts';
import { type Child, startChild } from '../test/support/child.ts';
import { freePorts } from '../test/support/ports.ts';
import type { ChaosRedis } from '../test/support/redis-topology.ts';
import { type Places, serviceEnvironment } from './environment.ts';
import type { StreamEntry } from './judge.ts';
import { openSimulatorControl, type SimulatorControl } from './simulator-control.ts';

/** Everything a scenario plays with. */
export interface World<Server extends ChaosRedis = ChaosRedis> {
  readonly dir: string;
  readonly redis: Server;
  /** The chaos test's own connection, past any proxy. */
  readonly reader: Redis;
  readonly keys: Keys;
  readonly places: Places;
  readonly simulator: SimulatorControl;
  readonly workers: readonly Child[];
  readonly api: Child;
  /** Every process that was ever started. */
  readonly children: readonly Child[];
  /** Starts another process, to be ended with the world. */
  start(options: Omit<Parameters<typeof startChild>[0], 'logDir'>): Child;
  /** Stops every process of the service in order and starts it again, with these changes to its environment. */
  restartWith(changes: { readonly [name: string]: string }): Promise<void>;
  /** The environment of a further process of the service, with a port of its own. */
  environment(): Promise<{ readonly port: number; readonly env: { [name: string]: string } }>;
  /** The results stream, from this id on; default from its beginning. */
  results(from?: string): Promise<StreamEntry[]>;
  close(): Promise<void>;
}

export interface WorldOptions<Server extends ChaosRedis> {
  readonly dir: string;
  readonly redis: Server;
  readonly workers: number;
  /** What the simulator's clock is ahead of ours by. */
  readonly clockOffMs?: number;
  readonly tokenLifeMs?: number;
  /** Further variables of every process of the service. */
  readonly env?: { readonly [name: string]: string };
  /** Further variables of one process, by its name and its place among the workers; the API has the place -1. */
  readonly envOf?: (name: string, place: number, dir: string) => { readonly [name: string]: string };
}

const root = join(import.meta.dirname, '..');
export const launcher = join(root, 'bin', 'payment-poller.js');
/** The key of the checkout. */
export const chaosApiKey = 'chaos-api-key';
const prefix = 'chaos';
const upMs = 60_000;
const batch = 2_000;

/** A folder for everything that a scenario writes. */
export async function makeFolder(): Promise<{ readonly dir: string; remove(): Promise<void> }> {
  const dir = await mkdtemp(join(tmpdir(), 'payment-poller-chaos-'));
  return { dir, remove: () => rm(dir, { recursive: true, force: true }) };
}

/** Starts the simulator, the API and the workers on a Redis, and waits until all are up. */
export async function startWorld<Server extends ChaosRedis>(
  options: WorldOptions<Server>,
): Promise<World<Server>> {
  const { dir, redis, clockOffMs = 0, tokenLifeMs } = options;
  const [simulatorPort = 0, apiPort = 0, ...workerPorts] = await freePorts(2 + options.workers);
  const children: Child[] = [];
  const start: World['start'] = (child) => {
    const started = startChild({ ...child, logDir: dir });
    children.push(started);
    return started;
  };
  const reader = connectRedis(redis.url, 'patient');
  const keys = createKeys(prefix);
  const close = async () => {
    await Promise.all(children.map((child) => child.close()));
    reader.disconnect();
  };
  try {
    start(simulatorOf(simulatorPort, clockOffMs, tokenLifeMs));
    const simulator = await openSimulatorControl(`http://127.0.0.1:${simulatorPort}`, clockOffMs, upMs);
    const places: Places = {
      simulator: simulator,
      redisUrl: redis.serviceUrl,
      prefix,
      apiPort,
      apiKey: chaosApiKey,
      callbackToken: 'chaos-callback-token',
    };
    const envOf = (port: number) => ({ ...serviceEnvironment(places, port), ...options.env });
    const ownEnv = (name: string, place: number, port: number) => ({
      ...envOf(port),
      ...options.envOf?.(name, place, dir),
    });
    const service = (name: string, role: string, place: number, port: number) => {
      const env = ownEnv(name, place, port);
      return start({ name, script: launcher, args: ['start', '--role', role], env, port });
    };
    const api = service('api', 'api', -1, apiPort);
    const workers = workerPorts.map((port, index) => service(`worker-${index + 1}`, 'worker', index, port));
    await Promise.all([api, ...workers].map((child) => child.awaitUp(upMs)));
    return {
      dir,
      redis,
      reader,
      keys,
      places,
      simulator,
      workers,
      api,
      children,
      start,
      async restartWith(changes) {
        const restart = async (child: Child, place: number) => {
          child.reconfigure({ ...ownEnv(child.name, place, child.port ?? 0), ...changes });
          await child.signal('SIGTERM');
          await child.awaitUp(upMs);
        };
        await Promise.all([restart(api, -1), ...workers.map(restart)]);
      },
      async environment() {
        const [port = 0] = await freePorts(1);
        return { port, env: envOf(port) };
      },
      results: (from = '-') => readStream(reader, keys.results, from),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

function simulatorOf(port: number, clockOffMs: number, tokenLifeMs: number | undefined) {
  if (clockOffMs === 0 && tokenLifeMs === undefined) {
    return { name: 'simulator', script: launcher, args: ['simulate', '--port', String(port)], env: {} };
  }
  return {
    name: 'simulator',
    script: join(import.meta.dirname, 'simulator-process.ts'),
    env: {
      SIMULATOR_PORT: String(port),
      CLOCK_OFF_MS: String(clockOffMs),
      ...(tokenLifeMs === undefined ? {} : { TOKEN_LIFE_MS: String(tokenLifeMs) }),
    },
  };
}

async function readStream(redis: Redis, stream: string, begin: string): Promise<StreamEntry[]> {
  const entries: StreamEntry[] = [];
  for (let from = begin; ; ) {
    const part = await redis.xrange(stream, from, '+', 'COUNT', batch);
    entries.push(...part.map(([streamId, fields]) => ({ streamId, fields })));
    const last = part.at(-1)?.[0];
    if (last === undefined || part.length < batch) return entries;
    from = `(${last}`;
  }
}
