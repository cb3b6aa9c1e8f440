import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Agent, request } from 'undici';
import { type Child, startChild } from '../test/support/child.ts';
import { freePorts } from '../test/support/ports.ts';
import { type Benchmark, number, quantile, reportOf, type Scale } from './report.ts';
import { startBenchRedis } from './support/redis.ts';
import { launcher, serviceEnvironment } from './support/service.ts';

/**
 * What strangers can do to the HTTP API: 2,000 sockets that send a byte a second, and 10,000 requests a second that nobody
 * wants. How much memory the process takes, and how long a checkout with a good key waits meanwhile. All on loopback.
 */

const goals = { residentMb: 256, p99Ms: 250 };
const apiKey = 'bench-key-of-the-door';
const callbackToken = 'bench-callback-token';
const attack = { slowSockets: 2_000, garbagePerSecond: 10_000 };
const honestEveryMs = 20;
const upWithinMs = 60_000;
/** As checkouts do; what takes longer counts as not taken. */
const giveUpMs = 10_000;

export const door: Benchmark = async (say, scale) => {
  const { quietMs, attackMs } = timesOf(scale);
  const logDir = mkdtempSync(join(tmpdir(), 'payment-poller-bench-'));
  const redis = await startBenchRedis();
  const [port = 0, gatewayPort = 0] = await freePorts(2);
  const service = { redisUrl: redis.url, gatewayUrl: `http://127.0.0.1:${gatewayPort}`, port };
  const env = {
    ...serviceEnvironment({ ...service, accounts: ['lipia'], concurrency: 10 }),
    API_KEYS_SHA256: createHash('sha256').update(apiKey).digest('hex'),
    LIPIA_CALLBACK_TOKEN: callbackToken,
  };
  const args = ['start', '--role', 'api'];
  const api = startChild({ name: 'api', script: launcher, args, env, logDir, port, supervised: false });
  let crowd: Child | null = null;
  try {
    await api.awaitUp(upWithinMs);
    await playHonest(port, 2_000);
    say(`an honest client alone, for ${quietMs / 1_000} s`);
    const quiet = await measured(api, () => playHonest(port, quietMs));
    say(`${attack.slowSockets} slow sockets and ${attack.garbagePerSecond} requests of garbage a second`);
    crowd = startChild({
      name: 'crowd',
      script: new URL('./door/attacker.ts', import.meta.url).pathname,
      env: {
        TARGET_PORT: String(port),
        SLOW_SOCKETS: String(attack.slowSockets),
        GARBAGE_PER_SECOND: String(attack.garbagePerSecond),
        CALLBACK_TOKEN: callbackToken,
      },
      logDir,
      supervised: false,
    });
    const attacked = await measured(api, () => playHonest(port, attackMs));
    return report(quiet, attacked, crowdDid(crowd), attackMs);
  } finally {
    await crowd?.close();
    await api.close();
    await redis.close();
    rmSync(logDir, { recursive: true, force: true });
  }
};

function timesOf({ quick }: Scale) {
  return quick ? { quietMs: 2_000, attackMs: 5_000 } : { quietMs: 10_000, attackMs: 30_000 };
}

interface Honest {
  readonly latenciesMs: readonly number[];
  readonly failures: number;
}
type Measured = Honest & { readonly residentMb: number };

/** Hands in orders and looks them up, one every 20 ms, whether the last one was answered or not. */
async function playHonest(port: number, forMs: number): Promise<Honest> {
  const agent = new Agent({ headersTimeout: giveUpMs, bodyTimeout: giveUpMs, connectTimeout: giveUpMs });
  const latenciesMs: number[] = [];
  let failures = 0;
  const one = async (nth: number) => {
    const startedAt = performance.now();
    const orderId = `door-${startedAt}-${nth}`;
    const reference = createHash('sha256').update(orderId).digest('hex').slice(0, 24);
    const body = JSON.stringify({ orderId, account: 'lipia', reference, amount: '2.00' });
    const headers = { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' };
    try {
      const url = `http://127.0.0.1:${port}/v1/orders`;
      const answer = await request(url, { dispatcher: agent, method: 'POST', headers, body });
      await answer.body.dump();
      if (answer.statusCode === 201) latenciesMs.push(performance.now() - startedAt);
      else failures += 1;
    } catch {
      failures += 1;
    }
  };
  const under: Promise<void>[] = [];
  const endAt = performance.now() + forMs;
  for (let nth = 0; performance.now() < endAt; nth += 1) {
    under.push(one(nth));
    await delay(honestEveryMs);
  }
  await Promise.all(under);
  await agent.destroy();
  return { latenciesMs, failures };
}

/** With the most memory that the process had meanwhile. */
async function measured(api: Child, work: () => Promise<Honest>): Promise<Measured> {
  let residentMb = 0;
  const look = () => {
    residentMb = Math.max(residentMb, residentMbOf(api.pid));
  };
  const timer = setInterval(look, 250);
  try {
    return { ...(await work()), residentMb };
  } finally {
    clearInterval(timer);
  }
}

function residentMbOf(pid: number | undefined): number {
  try {
    const kilobytes = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return Number(kilobytes) / 1_024;
  } catch {
    // Not Linux, or it is gone: nothing measured.
    return Number.NaN;
  }
}

interface Crowd {
  readonly sent: number;
  readonly answered: number;
  readonly slow: number;
}

function crowdDid(crowd: Child): Crowd {
  const last = crowd.log().trim().split('\n').at(-1) ?? '{}';
  return { sent: 0, answered: 0, slow: 0, ...(JSON.parse(last) as Partial<Crowd>) };
}

function report(quiet: Measured, attacked: Measured, crowd: Crowd, attackMs: number) {
  const [quietP99, p99] = [quiet, attacked].map(({ latenciesMs }) => quantile(latenciesMs, 0.99)) as [
    number,
    number,
  ];
  const ratio = p99 / quietP99;
  const row = (name: string, { latenciesMs, failures, residentMb }: Measured) => [
    name,
    number(latenciesMs.length),
    number(failures),
    number(quantile(latenciesMs, 0.5), 1),
    number(quantile(latenciesMs, 0.99), 1),
    number(residentMb),
  ];
  const table = {
    caption:
      'An honest client that hands in an order every 20 ms, alone and beside a hostile crowd, and the memory of the API.',
    columns: ['', 'orders taken', 'not taken', 'p50, ms', 'p99, ms', 'resident, MB'],
    rows: [row('alone', quiet), row('beside the crowd', attacked)],
  };
  const perSecond = crowd.answered / (attackMs / 1_000);
  const isMet = attacked.residentMb < goals.residentMb && p99 < goals.p99Ms && attacked.failures === 0;
  const remark =
    `The crowd opened ${number(crowd.slow)} slow connections and had ${number(perSecond)} requests a second answered. ` +
    `p99 is ${number(ratio, 1)} times that of the quiet run. Goals (${goals.residentMb} MB, ${goals.p99Ms} ms): ${isMet ? 'met' : 'not met'}.`;
  const figures = { quiet: facts(quiet), attacked: facts(attacked), ratio, crowd, goals };
  return reportOf(figures, [table], remark, true);
}

function facts({ latenciesMs, failures, residentMb }: Measured) {
  const [p50Ms, p99Ms] = [0.5, 0.99].map((share) => quantile(latenciesMs, share));
  return { orders: latenciesMs.length, failures, p50Ms, p99Ms, residentMb };
}
