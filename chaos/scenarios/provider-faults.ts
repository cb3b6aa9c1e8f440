import {
  type FaultKind,
  type ProviderId,
  providerIds,
  simulatedProvider,
} from '../../src/simulator/simulator.ts';
import { chaosAccounts } from '../environment.ts';
import type { Scenario } from '../scenario.ts';
import { again } from './repeat.ts';

/** Outages of whole providers; single answers go wrong in further ways. */
const outageKinds: readonly FaultKind[] = [
  'http-500',
  'http-503',
  'http-429',
  'throttled',
  'hang',
  'reset',
  'cut-short',
  'wrong-length',
  'html',
  'oversize',
  'slow',
  'empty',
  'redirect',
  'unauthorised',
  'garbage-json',
];
const withLogin: readonly ProviderId[] = providerIds.filter((id) => simulatedProvider(id).traits.login);

/** Everything that a gateway can do to its clients. */
export const providerFaults: Scenario = {
  letter: 'f',
  name: 'provider-faults',
  title: 'providers fail in every way, logins and tokens too, and their clock is 90 s off',
  boundMs: 30_000,
  leastKillsAMinute: 40,
  script: { faulty: 0.5 },
  world: (random) => ({ clockOffMs: random.pick([90_000, -90_000]), tokenLifeMs: 5_000 }),
  async injectFaults(stage) {
    const { world, random, killed } = stage;
    const { simulator } = world;
    const rounds = [...outageKinds];
    await again(stage, [300, 900], async () => {
      const provider = random.pick(chaosAccounts);
      if (random.chance(0.15) && withLogin.includes(provider)) {
        await simulator.expireTokens(provider);
        killed('token sets');
        return;
      }
      // Each kind has its turn before any comes again.
      const kind = rounds.splice(random.between(0, rounds.length - 1), 1)[0] ?? 'http-500';
      if (rounds.length === 0) rounds.push(...outageKinds);
      await simulator.outage({
        provider,
        kind,
        untilMs: random.between(500, 4_000),
        logins: random.chance(0.4),
        ...(random.chance(0.5) ? { every: random.between(2, 4) } : {}),
        // Honoured to the letter, it would outlast a short run: a second or two is enough to see that it is.
        ...(random.chance(0.5) ? { retryAfterSeconds: random.between(0, 2) } : {}),
      });
      killed('outages');
    });
  },
};
