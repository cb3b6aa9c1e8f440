import type { ChaosRedis } from '../../test/support/redis-topology.ts';
import type { Handed } from '../checkout.ts';
import type { Stage } from '../scenario.ts';

/**
 * To be called once Redis is back. Looks whether any order is gone that was acknowledged before `lostFrom`, the instant
 * from which on it may have forgotten. Then does what a checkout does that is not sure: hands in again everything that
 * was acknowledged since. Returns how many of those were gone.
 */
export async function mendLoss<Server extends ChaosRedis>(
  { world, checkout, fail }: Stage<Server>,
  lostFrom: number,
): Promise<number> {
  // Who was refused because somebody else was paid has no record, though an earlier one may have been acknowledged.
  const all = [...checkout.handed.values()];
  const refused = all.filter((one) => one.refusedFor !== null);
  // Also what was acknowledged after the kill: an answer that was under way then is as doubtful as those before it.
  const acknowledged = all.filter((one) => one.refusedFor === null && one.lastAcknowledgedAt !== null);
  const isOld = ({ lastAcknowledgedAt }: Handed) => (lastAcknowledgedAt ?? 0) < lostFrom;
  const gone = await goneOf(acknowledged, world);
  const goneTooOld = gone.filter(isOld);
  if (goneTooOld.length > 0) {
    const ids = goneTooOld.slice(0, 3).map(({ order }) => order.orderId);
    fail(`${goneTooOld.length} orders are gone that should have been safe (${ids.join(', ')})`);
  }
  // Who was refused asks again, too: the payment of the other may have been forgotten.
  await checkout.again([...acknowledged.filter((one) => !isOld(one)), ...refused]);
  return gone.length - goneTooOld.length;
}

async function goneOf<Server extends ChaosRedis>(
  orders: readonly Handed[],
  { reader, keys }: Stage<Server>['world'],
): Promise<Handed[]> {
  const exist = await Promise.all(orders.map(({ order }) => reader.exists(keys.order(order.orderId))));
  return orders.filter((_, index) => exist[index] === 0);
}
