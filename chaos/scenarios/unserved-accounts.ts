import { setTimeout as delay } from 'node:timers/promises';
import { probeAccount } from '../accounts-served.ts';
import { drillAccounts } from '../environment.ts';
import type { Scenario, Stage } from '../scenario.ts';
import { pause } from './misery.ts';

const gone = 'lipia';
const beforeMs = 6_000;
const awayMs = 14_000;
/** A process that is no more is believed in for some time. */
const forgottenMs = 60_000;
const lookMs = 500;

/** Somebody takes an account out of ACCOUNTS while its orders are open, and puts it back. */
export const unservedAccounts: Scenario = {
  letter: 'o',
  name: 'unserved-accounts',
  title: 'an account is taken out of ACCOUNTS while its orders are open, and put back',
  boundMs: 30_000,
  leastMiseryMs: beforeMs + awayMs,
  // The checkout keeps what is refused meanwhile until the account is served again.
  sendsAgainOn: (status, { provider }) => status === 422 && provider === gone,
  async misery(stage) {
    const { world, miseryMs, stop, say, note, fault } = stage;
    await pause(beforeMs, stop);
    await world.restartWith({ ACCOUNTS: drillAccounts.filter((account) => account !== gone).join(',') });
    say(`${gone} is not served`);
    const refusedAfterMs = await msToRefusal(stage);
    note('refused after (s)', (refusedAfterMs / 1_000).toFixed(1));
    if (refusedAfterMs > forgottenMs) fault(`orders of ${gone} are accepted though nobody serves it`);
    const silent = await whoSaysNothing(stage);
    if (silent.length > 0) fault(`${silent} did not say that ${gone} has open orders`);
    await pause(Math.max(awayMs, miseryMs - beforeMs) - refusedAfterMs, stop);
    await world.restartWith({});
    say(`${gone} is served again`);
  },
};

/** How long orders of the account are still taken. */
async function msToRefusal({ world, stop }: Stage): Promise<number> {
  const startedAt = Date.now();
  while (!stop.aborted && Date.now() - startedAt <= forgottenMs) {
    const reference = { transactionReference: 'PROBE1', externalReference: 'PROBE1' };
    const { status, text } = await probeAccount(world, gone, reference);
    if (status === 422 && text.includes(gone)) break;
    await delay(lookMs);
  }
  return Date.now() - startedAt;
}

/** Workers that did not write in their logs which account has open orders that nobody asks about. */
async function whoSaysNothing({ world }: Stage): Promise<string[]> {
  const saysIt = (log: string) =>
    log.split('\n').some((line) => line.includes(gone) && /serve/.test(line) && line.startsWith('{'));
  return world.workers.filter((worker) => !saysIt(worker.log())).map(({ name }) => name);
}
