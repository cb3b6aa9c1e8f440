import { nameOf } from '../checkout.ts';
import { checkConsumers, startConsumer } from '../consumers.ts';
import type { Scenario, Stage } from '../scenario.ts';
import { liveAgain } from '../workload.ts';
import { again } from './repeat.ts';

const consumers = ['consumer-1', 'consumer-2'];
const perRound = 3;
/** The second payment is to be over before the end of the faults. */
const leastAgain = 5;

/** A checkout that numbers its orders anew, long after those of the same numbers were forgotten. */
export const idsReused: Scenario = {
  letter: 'r',
  name: 'ids-reused',
  title: 'ids of orders that were kept long enough and forgotten are used again, for other payments',
  boundMs: 30_000,
  // What was paid by a payment that is forgotten may be paid by it again.
  script: { shared: 0 },
  async injectFaults(stage) {
    const { world, checkout, random, note, fail } = stage;
    for (const consumer of consumers) startConsumer(world, consumer);
    const used = new Set<string>();
    const taken: Promise<void>[] = [];
    await again({ ...stage, isEnough: () => used.size >= leastAgain }, [300, 700], async () => {
      for (const orderId of await forgetSome(stage, used)) {
        used.add(orderId);
        const first = checkout.handed.get(orderId)?.order;
        if (first !== undefined) taken.push(checkout.take(liveAgain(first, random.fork(orderId))));
      }
    });
    await Promise.all(taken);
    note('ids used again', used.size);
    if (used.size < leastAgain) fail('hardly any id was used again');
  },
  check: (stage) => checkConsumers(stage, consumers),
};

/** Ends the time for which some closed orders are kept. */
async function forgetSome({ world, checkout, random }: Stage, used: ReadonlySet<string>): Promise<string[]> {
  const { reader, keys } = world;
  const names = [...checkout.handed.values()]
    .filter(({ order, oursSince }) => oursSince !== null && order.earlierLives === 0)
    .map(({ order }) => nameOf(order))
    .filter((name) => !used.has(name));
  const forgotten: string[] = [];
  for (const name of names) {
    if (forgotten.length >= perRound) break;
    // Only a closed order has a time at which it is forgotten.
    if ((await reader.pttl(keys.order(name))) < 0 || random.chance(0.3)) continue;
    await reader.del(keys.order(name));
    forgotten.push(name);
  }
  return forgotten;
}
