import type { ChaosRedis } from '../../test/support/redis-topology.ts';
import type { ChaosOptions, Outcome } from '../play.ts';
import { play } from '../play.ts';
import type { Scenario } from '../scenario.ts';
import { badReferences } from './bad-references.ts';
import { callbacksScenario } from './callbacks.ts';
import { crashPointsScenario } from './crash-points.ts';
import { damagedKeys } from './damaged-keys.ts';
import { clusterFailover, sentinelFailover } from './failover.ts';
import { frozenWorkers } from './frozen-workers.ts';
import { hintStorms } from './hint-storms.ts';
import { hostileDoor } from './hostile-door.ts';
import { idsReused } from './ids-reused.ts';
import { load } from './load.ts';
import { providerChanged } from './provider-changed.ts';
import { providerFaults } from './provider-faults.ts';
import { redisHalfOpen, redisUnreachable } from './redis-away.ts';
import { redisEmptied } from './redis-emptied.ts';
import { redisKilledAlways, redisKilledEverysec } from './redis-killed.ts';
import { sigtermStorm } from './sigterm-storm.ts';
import { skewedClocks } from './skewed-clocks.ts';
import { statementsScenario } from './statements.ts';
import { subscribersKilled } from './subscribers-killed.ts';
import { twoVersions } from './two-versions.ts';
import { unservedAccounts } from './unserved-accounts.ts';
import { webhooksScenario } from './webhooks.ts';
import { workersKilled } from './workers-killed.ts';

/** A scenario that is ready to be played, whatever Redis it needs. */
export interface Playable {
  readonly letter: string;
  readonly name: string;
  readonly title: string;
  /** Part of `all`. */
  readonly isUsual: boolean;
  readonly isAlone: boolean;
  play(options: ChaosOptions): Promise<Outcome>;
}

function playable<Server extends ChaosRedis>(scenario: Scenario<Server>, isUsual = true): Playable {
  const { letter, name, title, isAlone = false } = scenario;
  return { letter, name, title, isUsual, isAlone, play: (options) => play(scenario, options) };
}

/** Every scenario of the chaos test, in the order of `--scenario all`. */
export const scenarios: readonly Playable[] = [
  playable(workersKilled),
  playable(redisKilledAlways),
  playable(redisKilledEverysec),
  playable(redisUnreachable),
  playable(redisHalfOpen),
  playable(sentinelFailover),
  playable(clusterFailover),
  playable(providerFaults),
  playable(callbacksScenario),
  playable(crashPointsScenario),
  playable(twoVersions),
  playable(sigtermStorm),
  playable(subscribersKilled),
  playable(skewedClocks),
  playable(damagedKeys),
  playable(frozenWorkers),
  playable(unservedAccounts),
  playable(redisEmptied),
  playable(providerChanged),
  playable(badReferences),
  playable(hintStorms),
  playable(idsReused),
  playable(webhooksScenario),
  playable(statementsScenario),
  playable(hostileDoor),
  playable(load, false),
];

/** The scenarios behind a list of names and letters; `all` is every usual one. `null` for one that nobody knows. */
export function scenariosNamed(list: string): Playable[] | null {
  const chosen = new Set<Playable>();
  for (const word of list.split(',').map((part) => part.trim())) {
    const found = scenarios.filter(
      ({ letter, name, isUsual }) => word === letter || word === name || (word === 'all' && isUsual),
    );
    if (found.length === 0) return null;
    for (const one of found) chosen.add(one);
  }
  return [...chosen];
}
