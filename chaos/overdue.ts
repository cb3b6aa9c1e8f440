import type { ChaosRedis } from '../test/support/redis-topology.ts';
import type { Stage } from './scenario.ts';

/** The order that has waited longest for a poll that its record wanted. */
export interface Overdue {
  readonly lateMs: number;
  readonly orderId: string;
}

/** Watches how overdue orders become. */
export interface OverdueWatch {
  readonly worst: Overdue;
  close(): void;
}

const lookMs = 200;

/** From now on looks again and again. */
export function watchOverdue<Server extends ChaosRedis>(
  stage: Pick<Stage<Server>, 'world' | 'checkout'>,
): OverdueWatch {
  let worst: Overdue = { lateMs: 0, orderId: '' };
  const watch = setInterval(() => {
    void mostOverdue(stage).then((found) => {
      if (found.lateMs > worst.lateMs) worst = found;
    });
  }, lookMs);
  return {
    get worst() {
      return worst;
    },
    close: () => clearInterval(watch),
  };
}

/** The most overdue order, and for how long it has been due and in our hands. */
async function mostOverdue<Server extends ChaosRedis>({
  world,
  checkout,
}: Pick<Stage<Server>, 'world' | 'checkout'>): Promise<Overdue> {
  const now = Date.now();
  const { reader, keys } = world;
  const due = await reader.zrange(keys.open, '-inf', String(now), 'BYSCORE', 'LIMIT', 0, 500, 'WITHSCORES');
  let worst: Overdue = { lateMs: 0, orderId: '' };
  for (let index = 0; index + 1 < due.length; index += 2) {
    const orderId = due[index] ?? '';
    // While the API was away, the order was late through no fault of the workers.
    const handedOverAt = checkout.handed.get(orderId)?.acknowledgedAt ?? now;
    const lateMs = now - Math.max(Number(due[index + 1]), handedOverAt);
    if (lateMs > worst.lateMs) worst = { lateMs, orderId };
  }
  return worst;
}
