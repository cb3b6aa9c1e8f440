import { type ClusterRedis, startClusterRedis } from '../../test/support/redis-cluster.ts';
import { type SentinelRedis, startSentinelRedis } from '../../test/support/redis-sentinel.ts';
import type { ChaosRedis } from '../../test/support/redis-topology.ts';
import { chaosAccounts } from '../environment.ts';
import type { Scenario, Stage } from '../scenario.ts';
import { mendLoss } from './loss.ts';
import { again } from './repeat.ts';

/** Replication is not waited for: what was acknowledged in this time before the kill may be gone. */
const unreplicatedMs = 1_000;
const pausesMs = [6_000, 12_000] as const;

/** A Sentinel moves the master to its replica. */
export const sentinelFailover: Scenario<SentinelRedis> = {
  letter: 'd',
  name: 'sentinel-failover',
  title: 'the master behind three sentinels is killed, its replica promoted, again and again',
  boundMs: 40_000,
  leastFaultsMs: 30_000,
  leastKillsAMinute: 2,
  redis: startSentinelRedis,
  injectFaults: (stage) =>
    failOverAgainAndAgain(stage, () => stage.world.redis.failOver(stage.random.between(500, 3_000))),
};

/** A Cluster loses the master of the orders, then those of the queues. */
export const clusterFailover: Scenario<ClusterRedis> = {
  letter: 'e',
  name: 'cluster-failover',
  title: 'a Cluster of three masters loses the one that holds the orders, then others; replicas are promoted',
  boundMs: 40_000,
  leastFaultsMs: 30_000,
  leastKillsAMinute: 2,
  redis: startClusterRedis,
  async injectFaults(stage) {
    const { world, random } = stage;
    const queues = chaosAccounts.map((account) => `${world.keys.queuePrefix(account)}:${account}:delayed`);
    const turns = [world.keys.results, random.pick(queues), world.keys.results, ...queues];
    await failOverAgainAndAgain(stage, () => {
      const key = turns.shift() ?? random.pick(queues);
      return world.redis.failOver(key, random.between(500, 3_000));
    });
  },
};

async function failOverAgainAndAgain<Server extends ChaosRedis>(
  stage: Stage<Server>,
  failOver: () => Promise<number>,
): Promise<void> {
  const { killed, note } = stage;
  const tookMs: number[] = [];
  let lost = 0;
  await again(stage, pausesMs, async () => {
    const killedAt = Date.now();
    tookMs.push(await failOver());
    killed('masters');
    lost += await mendLoss(stage, killedAt - unreplicatedMs);
  });
  note('promoted after (s)', tookMs.map((ms) => (ms / 1_000).toFixed(1)).join(' '));
  note('acknowledged, lost and submitted again', lost);
}
