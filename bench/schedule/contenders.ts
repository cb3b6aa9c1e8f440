import type { Policy } from '../../src/domain/decide.ts';
import type { Schedule } from '../../src/domain/order.ts';
import { defaultSchedule, defaultWatchMs } from '../../src/domain/schedule.ts';
import type { Random } from '../../test/support/random.ts';
import type { Behaviour, Payment } from './behaviour.ts';
import { createLearningAccount } from './learning.ts';
import { type Played, playLoop, playOurs } from './play.ts';

/** A schedule that payments are played through, one after the other. */
export interface Contender {
  readonly name: string;
  /** Begins anew with an account of its own. */
  start(behaviour: Behaviour, random: Random): (payment: Payment) => Played;
}

/** As configured by default. */
export const policy: Policy = { confirmAfterMs: 10_000, watchMs: defaultWatchMs };
/** Of the schedule that spends as many polls as the exponential one. */
const minIntervalMs = 1_000;

const seconds = (...all: number[]) => all.map((each) => 1_000 * each);

/** Loops of other projects: their waits, in ms. They give up after the last. */
const loops: readonly { readonly name: string; readonly waitsMs: readonly number[] }[] = [
  // docs/providers.md section 4: the page of Lipia suggests it.
  { name: 'fixed 5 s × 30 (Lipia)', waitsMs: Array.from({ length: 30 }, () => 5_000) },
  // docs/providers.md section 6. How often it doubles is configuration there; here, until about ten minutes have passed.
  { name: '30, 32, 64 … 256 s (Mifos)', waitsMs: seconds(30, 32, 64, 128, 256) },
  // Hyperswitch, the default of its payment sync: start_after 60, frequency 300, count 5.
  { name: '60 s + 5 × 300 s (Hyperswitch)', waitsMs: seconds(60, 300, 300, 300, 300, 300) },
];

/** Our exponential schedule, by default the default one. */
export function exponential(name: string, schedule: Schedule = defaultSchedule): Contender {
  return {
    name,
    start: (behaviour, random) => (payment) => playOurs(payment, behaviour, policy, schedule, random),
  };
}

/** Our adaptive schedule, which may spend as many polls as this exponential one. */
export function adaptive(name: string, schedule: Schedule = defaultSchedule): Contender {
  return {
    name,
    start(behaviour, random) {
      const account = createLearningAccount({ policy, schedule, minIntervalMs });
      return (payment) => {
        account.plan(null);
        return playOurs(payment, behaviour, account.policy(), account.schedule(), random, account.watching);
      };
    },
  };
}

export const contenders: readonly Contender[] = [
  ...loops.map(
    ({ name, waitsMs }): Contender => ({
      name,
      start: (behaviour, random) => (payment) => playLoop(payment, behaviour, waitsMs, random),
    }),
  ),
  exponential('exponential (default)'),
  adaptive('adaptive, as many polls'),
];
