import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { connectRedis } from '../../src/redis/connection.ts';
import type { Child } from '../../test/support/child.ts';
import { subscriberPassword, subscriberRights } from '../../test/support/subscriber-acl.ts';
import { checkConsumers, startConsumer } from '../consumers.ts';
import { chaosAccounts } from '../environment.ts';
import { type Attack, isResisted, type Tally, type Target } from '../hostile/attack.ts';
import { attacks } from '../hostile/attacks.ts';
import { openHonestClients, type Served } from '../hostile/honest-clients.ts';
import { subscriberUser } from '../hostile/subscriber-user.ts';
import { residentMb } from '../resident.ts';
import type { Scenario, Stage } from '../scenario.ts';
import { chaosApiKey } from '../world.ts';
import { pause } from './repeat.ts';

const operator = { username: 'operator', password: 'a right password of chaos' };
const greedyKey = 'chaos-greedy-api-key';
const subscriber = 'chaos-subscriber';
const consumer = 'consumer';
/** Long enough for slow requests to run into their deadline, and for readers that do not read to be dropped. */
const leastMs = 18_000;
/** On a machine that is busy with other things, the attack goes on until all of it has taken place, and no longer than this. */
const mostMs = 90_000;
const mostResidentMb = 512;
const leastSelectors = 7;
/** Orders that the attackers have heard of: all of a large run would not fit into the environment of a process. */
const knownOrders = 300;

/** Attackers of every kind, from outside and with stolen rights, while orders flow. */
export const hostileDoor: Scenario = {
  letter: 's',
  name: 'hostile-door',
  title:
    'slow sockets, forged callbacks, wrong keys, greedy clients, password guesses and a stolen Redis user at once',
  isAlone: true,
  boundMs: 40_000,
  leastFaultsMs: leastMs,
  world: () => ({
    env: {
      BOARD_USERNAME: operator.username,
      BOARD_PASSWORD: operator.password,
      BOARD_WRITABLE: 'true',
      API_KEYS_SHA256: [chaosApiKey, greedyKey].map(sha256).join(','),
    },
  }),
  async injectFaults(stage) {
    const { world, faultsMs, stop, say, note, fail } = stage;
    startConsumer(world, consumer);
    const target = await targetOf(stage);
    if (target.subscriberUrl === null)
      note('not played', `the Redis user, which needs Redis ${leastSelectors}`);
    const crowd = world.start({
      name: 'crowd',
      script: join(import.meta.dirname, '..', 'hostile', 'crowd.ts'),
      env: { TARGET: JSON.stringify(target) },
      supervised: false,
    });
    say('the attack begins');
    const clients = openHonestClients(stage, operator);
    const played = attacks.filter(
      ({ name }) => target.subscriberUrl !== null || name !== subscriberUser.name,
    );
    const isOver = (tookMs: number) =>
      tookMs > faultsMs && (tookMs > mostMs || missing(crowd, played).length === 0);
    const largestMb = await watchMemory(stage, isOver);
    await crowd.signal('SIGTERM');
    const served = await clients.end();
    noteServed(stage, served);
    note('resident at most (MB)', largestMb);
    if (largestMb > mostResidentMb) fail(`the API has grown to ${largestMb} MB`);
    if (stop.aborted) return;
    for (const why of new Set(served.unserved)) fail(`an honest client was not served: ${why}`);
    for (const name of missing(crowd, played)) fail(`${name}: this attack did not take place`);
    for (const why of unresisted(stage, tallyOf(crowd), played)) fail(why);
  },
  async check(stage) {
    await checkConsumers(stage, [consumer]);
    for (const what of await tookEffect(stage)) stage.fail(what);
  },
};

async function targetOf({ world, script }: Stage): Promise<Target> {
  const { apiPort, prefix, callbackToken } = world.places;
  return {
    ...{ port: apiPort, prefix, callbackToken, greedyKey, operator },
    subscriberUrl: await makeSubscriber(world.redis.url, prefix),
    orders: sample(script, knownOrders).map(({ orderId, provider, simulated: { reference, amount } }) => {
      return { orderId, provider, reference, amount };
    }),
  };
}

/** So many, from begin to end. */
function sample<T>(all: readonly T[], count: number): T[] {
  const each = Math.max(1, Math.ceil(all.length / count));
  return all.filter((_, index) => index % each === 0);
}

/** The address of a user with the rights that docs/security.md gives; `null` where Redis is too old for them. */
async function makeSubscriber(url: string, prefix: string): Promise<string | null> {
  const redis = connectRedis(url, 'patient');
  try {
    const version = Number(/^redis_version:(\d+)/m.exec(await redis.info('server'))?.[1] ?? 0);
    if (version < leastSelectors) return null;
    await redis.acl('SETUSER', subscriber, ...subscriberRights(prefix));
    return url.replace('redis://', `redis://${subscriber}:${subscriberPassword}@`);
  } finally {
    redis.disconnect();
  }
}

/** Waits for the end of the attack. Returns the most memory that the API had meanwhile. */
async function watchMemory({ world, stop }: Stage, isOver: (tookMs: number) => boolean): Promise<number> {
  let largest = 0;
  const startedAt = Date.now();
  while (!isOver(Date.now() - startedAt) && !stop.aborted) {
    largest = Math.max(largest, residentMb(world.api) ?? 0);
    await pause(500, stop);
  }
  return largest;
}

function noteServed({ note }: Stage, { tookMs }: Served): void {
  for (const [what, times] of Object.entries(tookMs)) {
    const sorted = times.toSorted((a, b) => a - b);
    const part = (share: number) => Math.round(sorted[Math.floor((sorted.length - 1) * share)] ?? 0);
    note(`${what}, p50/max (ms)`, `${part(0.5)}/${part(1)} of ${sorted.length}`);
  }
}

function tallyOf(crowd: Child): Tally {
  // The last line may be half written.
  const whole = crowd.log().split('\n').slice(0, -1);
  return JSON.parse(whole.findLast((line) => line.startsWith('{')) ?? '{}') as Tally;
}

/** Attacks that were never answered as they should be: none may be left out without anybody noticing. */
function missing(crowd: Child, played: readonly Attack[]): string[] {
  const tally = tallyOf(crowd);
  const isPlayed = ({ name, resisted }: Attack) =>
    Object.keys(tally[name] ?? {}).some((answer) => resisted.test(answer));
  return played.filter((attack) => !isPlayed(attack)).map(({ name }) => name);
}

/** Attacks that were answered as if there was a right to them. */
function unresisted({ note }: Stage, tally: Tally, played: readonly Attack[]): string[] {
  return played.flatMap((attack) => {
    const answers = Object.entries(tally[attack.name] ?? {});
    note(attack.name, answers.map(([answer, count]) => `${count} × ${answer}`).join(', '));
    const wrong = answers.filter(([answer]) => !isResisted(attack, answer)).map(([answer]) => answer);
    return wrong.length === 0 ? [] : [`${attack.name} were answered ${wrong.join(', ')}`];
  });
}

/** What the attacks left behind in Redis and in the log. */
async function tookEffect({ world, checkout }: Stage): Promise<string[]> {
  const { reader, keys, api } = world;
  const found: string[] = [];
  for (const account of chaosAccounts) {
    const meta = await reader.hgetall(`${keys.queuePrefix(account)}:${account}:meta`);
    const changed = ['paused', 'concurrency', 'max', 'duration'].filter((field) => field in meta);
    if (changed.length > 0) found.push(`the queue of ${account} has ${changed.join(', ')} set`);
  }
  const scheduler = `${keys.queuePrefix('sweeper')}:sweeper:repeat:sweep`;
  if ((await reader.exists(scheduler)) === 0) found.push('the sweeper has no scheduler any more');
  if ((await reader.pttl(keys.results)) !== -1) found.push('the results stream expires, or is gone');
  const strangers = await strangeOrders(
    world,
    new Set([...checkout.handed.values()].map(({ order }) => order.orderId)),
  );
  if (strangers.length > 0) found.push(`orders were taken from strangers: ${strangers.slice(0, 3)}`);
  const unserved = api
    .log()
    .split('\n')
    .filter((line) => line.includes('a request could not be served'));
  if (unserved.length > 0)
    found.push(`${unserved.length} requests were faults of ours: ${unserved[0]?.slice(0, 300)}`);
  return found;
}

async function strangeOrders({ reader, keys }: Stage['world'], ours: ReadonlySet<string>): Promise<string[]> {
  const stem = keys.order('');
  const found: string[] = [];
  for (let cursor = '0'; ; ) {
    const [next, names] = await reader.scan(
      cursor,
      'MATCH',
      `${stem.replace(/[{}[\]*?]/g, '\\$&')}*`,
      'COUNT',
      1_000,
    );
    found.push(...names.map((name) => name.slice(stem.length)).filter((orderId) => !ours.has(orderId)));
    if (next === '0') return found;
    cursor = next;
  }
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
