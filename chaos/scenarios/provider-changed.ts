import { variableName } from '../../src/config/config.ts';
import { chaosAccounts, serviceEnvironment } from '../environment.ts';
import type { Scenario, Stage } from '../scenario.ts';
import { pause } from './repeat.ts';

const account = 'tanda';
const other = 'jenga';
const beforeMs = 6_000;
const changedMs = 12_000;

/** An account id is given to another provider while orders of the first one are open, and given back. */
export const providerChanged: Scenario = {
  letter: 'p',
  name: 'provider-changed',
  title: 'an account changes its provider while its orders are open, and changes back',
  boundMs: 30_000,
  leastFaultsMs: beforeMs + changedMs,
  async injectFaults(stage) {
    const { world, checkout, faultsMs, stop, say } = stage;
    await pause(beforeMs, stop);
    // Whoever changes an account like this has no new orders for the old one.
    checkout.hold(account);
    await knowTheirs(stage);
    await world.restartWith(changedEnvironment(stage));
    say(`${account} is asked at ${other}`);
    await pause(Math.max(changedMs, faultsMs - beforeMs), stop);
    await world.restartWith({});
    checkout.hold(null);
    say(`${account} is ${account} again`);
  },
};

/** The other provider knows payments by the same names, and they are paid: each answer is a trap. */
async function knowTheirs({ script, world }: Stage): Promise<void> {
  const ours = script.filter(({ provider }) => provider === account);
  await world.simulator.script(
    ours.map(({ simulated: { reference, amount } }) => {
      return { provider: other, reference, amount, timeline: [{ afterMs: 0, state: 'paid' }] };
    }),
  );
}

function changedEnvironment({ world }: Stage): { [name: string]: string } {
  const usual = serviceEnvironment(world.places, 0);
  const mine = variableName('', other);
  const settings = Object.entries(usual).flatMap(([name, value]) =>
    name.startsWith(mine) ? [[variableName('', account) + name.slice(mine.length), value] as const] : [],
  );
  const accounts = chaosAccounts.map((id) => (id === account ? `${account}=${other}` : id)).join(',');
  return { ...Object.fromEntries(settings), ACCOUNTS: accounts };
}
