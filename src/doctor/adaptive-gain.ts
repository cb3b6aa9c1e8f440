import { readActivity } from '../accounts/activity.ts';
import type { AccountConfig, Config } from '../config/config.ts';
import type { Redis } from '../redis/connection.ts';
import type { Keys } from '../redis/keys.ts';
import { pollBudget } from '../workers/adaptive/budget.ts';
import { createCompletionLog } from '../workers/adaptive/completion-log.ts';
import { shareFinal } from '../workers/adaptive/completion-times.ts';
import { expectedLagMs } from '../workers/adaptive/gain.ts';
import { planPollTimes } from '../workers/adaptive/plan.ts';
import { exponentialPollTimes, pollsPerOrder } from '../workers/adaptive/poll-times.ts';
import type { Diagnosis } from './diagnosis.ts';

/** By default, least interval of the adaptive schedule. */
const minIntervalMs = 2_000;
const mostPolls = 3_000;

/** Says what an account with the exponential schedule would gain from the adaptive one, by its own observed times. */
export async function diagnoseGain(
  { id, schedule, ratePerSecond, adaptive }: AccountConfig,
  { pollShare }: Pick<Config, 'pollShare'>,
  redis: Redis,
  keys: Keys,
): Promise<Diagnosis | null> {
  const usual = exponentialPollTimes(schedule, mostPolls);
  if (adaptive !== null || usual === null) return null;
  const { times: known } = await createCompletionLog(redis, keys, id).exchange();
  const { pollsPerMinute } = await readActivity(redis, keys, id, Date.now());
  const arrivalsPerSecond = pollsPerMinute / 60 / pollsPerOrder(usual, shareFinal(known));
  const budget = pollBudget({ ratePerSecond, pollShare, arrivalsPerSecond });
  const plan = planPollTimes({ known, schedule, minIntervalMs, budget });
  const [nowMs, thenMs] = [expectedLagMs(known, schedule, null), expectedLagMs(known, schedule, plan)];
  if (plan === null || nowMs === null || thenMs === null || thenMs > 0.9 * nowMs) return null;
  const seconds = (ms: number) => `${(ms / 1_000).toFixed(1)} s`;
  return {
    level: 'ok',
    subject: id,
    text: `with SCHEDULE=adaptive, half of its orders would be seen within ${seconds(thenMs)} of their final status, without callbacks, instead of ${seconds(nowMs)} (by its observed times)`,
  };
}
