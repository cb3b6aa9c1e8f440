import type { FaultKind, ProviderId } from '../../src/simulator/simulator.ts';
import { drillAccounts } from '../environment.ts';
import type { Scenario } from '../scenario.ts';
import { again } from './misery.ts';

/** Whole providers are sick in these ways; their single answers go wrong in further ones. */
const sicknesses: readonly FaultKind[] = [
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
const withLogin: readonly ProviderId[] = ['jenga', 'daraja', 'daraja-stk', 'tanda'];

/** Everything that a gateway can do to its clients. */
export const providerMisery: Scenario = {
  letter: 'f',
  name: 'provider-misery',
  title: 'providers fail in every way, logins and tokens too, and their clock is 90 s off',
  boundMs: 30_000,
  leastKillsAMinute: 40,
  script: { faulty: 0.5 },
  world: (random) => ({ clockOffMs: random.pick([90_000, -90_000]), tokenLifeMs: 5_000 }),
  async misery(stage) {
    const { world, random, killed } = stage;
    const { desk } = world;
    const rounds = [...sicknesses];
    await again(stage, [300, 900], async () => {
      const provider = random.pick(drillAccounts);
      if (random.chance(0.15) && withLogin.includes(provider)) {
        await desk.expireTokens(provider);
        killed('token sets');
        return;
      }
      // Each kind has its turn before any comes again.
      const kind = rounds.splice(random.between(0, rounds.length - 1), 1)[0] ?? 'http-500';
      if (rounds.length === 0) rounds.push(...sicknesses);
      await desk.outage({
        provider,
        kind,
        untilMs: random.between(500, 4_000),
        logins: random.chance(0.4),
        ...(random.chance(0.5) ? { every: random.between(2, 4) } : {}),
        // Honoured to the letter, it would outlast a short drill: a second or two is enough to see that it is.
        ...(random.chance(0.5) ? { retryAfterSeconds: random.between(0, 2) } : {}),
      });
      killed('outages');
    });
  },
};
