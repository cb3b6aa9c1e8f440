import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { CommandContext } from '../commands/command-context.ts';
import { readConfig } from '../config/config.ts';
import type { FoundRedis } from '../embedded/found-redis.ts';
import { findRedis } from '../embedded/redis.ts';
import { createProducer } from '../jobs/producer.ts';
import { createLog } from '../observability/log.ts';
import { createOrderStore } from '../orders/store.ts';
import { awaitRedisForCommand, connectRedis } from '../redis/connection.ts';
import { createKeys, defaultPrefix } from '../redis/keys.ts';
import { readResults } from '../results/replay.ts';
import { startService } from '../service.ts';
import { type Simulator, startSimulator } from '../simulator/simulator.ts';
import { headLine, isAsExpected, type Line, openLines, plainLine, verdictLine } from './board.ts';
import { type DemoPlaces, demoAccounts, demoEnvironment } from './environment.ts';
import { demoSamples } from './samples.ts';

/** How long the demo waits for verdicts. */
const patienceMs = 60_000;
const redrawMs = 250;

/** `once`: end when every order has its verdict. `empty`: no sample orders. */
interface DemoFlags {
  readonly once: boolean;
  readonly empty: boolean;
}

/**
 * Runs the service against the simulator, with sample orders for every provider. Without REDIS_URL it starts its own Redis.
 * Returns true if each order got its expected verdict. Unless `once`, the service keeps running until it is stopped.
 */
export async function runDemo(terminal: CommandContext, flags: DemoFlags): Promise<boolean> {
  const say = (line: string) => terminal.stdout.write(`${line}\n`);
  const url = terminal.environment.REDIS_URL;
  const found = await findRedis({
    ...(url ? { url } : {}),
    path: terminal.environment.PATH ?? '',
    allow: { inProcess: true },
    announce: say,
  });
  try {
    if (found.kind === 'given') await reached(found.url);
    const simulator = await startSimulator();
    try {
      return await play(terminal, found, simulator, flags);
    } finally {
      await simulator.close();
    }
  } finally {
    await found.close();
  }
}

/** @throws when Redis does not answer */
async function reached(url: string): Promise<void> {
  const redis = connectRedis(url, 'prompt');
  try {
    await awaitRedisForCommand(redis, url);
  } finally {
    redis.disconnect();
  }
}

/** Starts the service, enqueues the samples and shows their verdicts. */
async function play(
  terminal: CommandContext,
  found: FoundRedis,
  simulator: Simulator,
  { once: onlyOnce, empty }: DemoFlags,
): Promise<boolean> {
  const say = (line: string) => terminal.stdout.write(`${line}\n`);
  // A shared Redis: the demo uses a prefix of its own.
  const prefix = terminal.environment.PREFIX || (found.kind === 'given' ? 'payments-demo' : defaultPrefix);
  const places: DemoPlaces = {
    simulator,
    redisUrl: found.url,
    prefix,
    port: await freePort(),
    apiKey: randomBytes(12).toString('hex'),
    boardPassword: randomBytes(9).toString('base64url'),
    callbackToken: randomBytes(12).toString('hex'),
  };
  const config = readConfig({
    ...demoEnvironment(places),
    LOG_LEVEL: terminal.environment.LOG_LEVEL || 'silent',
  });
  const service = await startService(config, createLog(config.logLevel));
  try {
    say(
      `Redis: ${found.description}. The simulator provides ${demoAccounts.join(', ')} at ${simulator.url}.\n`,
    );
    if (empty) {
      if (!terminal.stop.aborted) await stayUp(terminal, places, service.url);
      return true;
    }
    const lines: Line[] = demoSamples(demoAccounts, Date.now().toString(36), places).map((sample) => {
      return { sample, polls: 0, lastReading: 'waiting for its first poll', verdict: null };
    });
    for (const { sample } of lines) simulator.script(sample.script);
    await enqueue(lines, found, prefix);
    await watch(lines, found, prefix, terminal);
    const asExpected = lines.filter(isAsExpected).length;
    say(`\n${asExpected} of ${lines.length} orders have the expected verdict.`);
    if (!onlyOnce && !terminal.stop.aborted) await stayUp(terminal, places, service.url);
    return asExpected === lines.length;
  } finally {
    await service.close();
  }
}

async function enqueue(lines: readonly Line[], { url }: FoundRedis, prefix: string): Promise<void> {
  const producer = createProducer({ redis: url, prefix });
  try {
    const results = await producer.enqueueMany(lines.map(({ sample }) => sample.order));
    const refused = results.find((result) => 'faults' in result);
    if (refused !== undefined)
      throw new Error(`The demo's own order was refused: ${JSON.stringify(refused)}`);
  } finally {
    await producer.close();
  }
}

/** Shows the orders until each has its verdict, the time is up, or the command is stopped. */
async function watch(
  lines: Line[],
  { url }: FoundRedis,
  prefix: string,
  { stdout, stop }: CommandContext,
): Promise<void> {
  const ended = new AbortController();
  const signal = AbortSignal.any([stop, ended.signal, AbortSignal.timeout(patienceMs)]);
  const live = stdout.isTTY ? redraw(lines, url, prefix, stdout, signal) : Promise.resolve();
  const byOrder = new Map(lines.map((line) => [line.sample.order.orderId, line]));
  for await (const { event } of readResults({ redis: url, prefix, follow: true, signal })) {
    const line = byOrder.get(event.subject);
    if (line === undefined) continue;
    line.verdict = event.data;
    line.polls = event.data.polls;
    if (!stdout.isTTY) stdout.write(`${plainLine(line, event.data)}\n`);
    if (lines.every(({ verdict }) => verdict !== null)) break;
  }
  ended.abort();
  await live;
}

async function redraw(
  lines: Line[],
  url: string,
  prefix: string,
  stdout: NodeJS.WriteStream,
  signal: AbortSignal,
): Promise<void> {
  const redis = connectRedis(url, 'patient');
  const store = createOrderStore({ redis, keys: createKeys(prefix), retentionMs: 1 });
  let open = lines;
  let drawn = 0;
  const draw = () => {
    const settled = open.flatMap((line) => (line.verdict === null ? [] : [verdictLine(line, line.verdict)]));
    open = open.filter(({ verdict }) => verdict === null);
    const pending = openLines(open, { rows: stdout.rows, columns: stdout.columns });
    const erase = drawn === 0 ? '' : `\x1b[${drawn}A\x1b[0J`;
    stdout.write(`${erase}${[...settled, ...pending].map((text) => `${text}\n`).join('')}`);
    drawn = pending.length;
  };
  stdout.write(`${headLine()}\n`);
  draw();
  while (!signal.aborted) {
    await delay(redrawMs);
    await Promise.all(open.map((line) => refresh(line, store)));
    draw();
  }
  redis.disconnect();
}

async function refresh(line: Line, store: ReturnType<typeof createOrderStore>): Promise<void> {
  const record = await store.read(line.sample.order.orderId);
  line.polls = record?.progress.polls ?? line.polls;
  line.lastReading = record?.history.at(-1)?.reading ?? line.lastReading;
}

async function stayUp({ stdout, stop }: CommandContext, places: DemoPlaces, apiUrl: string): Promise<void> {
  const { redisUrl, prefix, apiKey, boardPassword, simulator } = places;
  const elsewhere =
    prefix === defaultPrefix ? `REDIS_URL=${redisUrl}` : `REDIS_URL=${redisUrl} PREFIX=${prefix}`;
  stdout.write(
    [
      '\nThe service keeps running. In another terminal:',
      `  ${elsewhere} npx payment-poller results --from 0`,
      `  redis-cli -u ${redisUrl} XRANGE '{${prefix}}:results' - +`,
      `  export API_URL=${apiUrl} API_KEY=${apiKey} SIMULATOR_URL=${simulator.url}`,
      '  curl -H "Authorization: Bearer $API_KEY" "$API_URL/v1/results?from=0"',
      '  curl "$SIMULATOR_URL/_simulator/ledger"',
      `Overview: ${apiUrl}/, queues: ${apiUrl}/board (user operator, password ${boardPassword})`,
      `HTTP API: ${apiUrl}/docs. Ctrl-C stops everything.\n`,
    ].join('\n'),
  );
  if (!stop.aborted) await once(stop, 'abort');
}

/** A port that is currently free. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
