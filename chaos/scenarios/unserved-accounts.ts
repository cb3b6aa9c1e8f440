import { execFile } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { probeAccount } from '../accounts-served.ts';
import { chaosAccounts, sweepIntervalMs } from '../environment.ts';
import type { Scenario, Stage } from '../scenario.ts';
import { launcher } from '../world.ts';
import { pause } from './repeat.ts';

const gone = 'lipia';
const servedElsewhere = chaosAccounts.filter((account) => account !== gone).join(',');
const beforeMs = 6_000;
const awayMs = 14_000;
/** Two looks for unserved orders, and what a busy machine adds. The API refuses at once; it is asked for as long. */
const noticedMs = 2 * sweepIntervalMs + 20_000;
const lookMs = 500;
const doctorMs = 60_000;

/** Somebody takes an account out of ACCOUNTS while its orders are open, and puts it back. */
export const unservedAccounts: Scenario = {
  letter: 'o',
  name: 'unserved-accounts',
  title: 'an account is taken out of ACCOUNTS while its orders are open, and put back',
  boundMs: 30_000,
  leastFaultsMs: beforeMs + awayMs,
  // The checkout keeps what is refused meanwhile until the account is served again.
  sendsAgainOn: (status, { provider }) => status === 422 && provider === gone,
  async injectFaults(stage) {
    const { world, faultsMs, stop, say, note, fail } = stage;
    await pause(beforeMs, stop);
    // One order at least is open whatever the script brings: the account knows no such payment, and the deadline is far.
    const { status } = await probe(stage);
    if (status !== 201) fail(`an order of ${gone} was answered ${status} while it was served`);
    await world.restartWith({ ACCOUNTS: servedElsewhere });
    const startedAt = Date.now();
    say(`${gone} is not served`);
    const refusal = until(stage, async () => {
      const answer = await probe(stage);
      return answer.status === 422 && answer.text.includes('is not an account of this service')
        ? []
        : [`${answer.status} ${answer.text}`];
    });
    const silence = until(stage, () => whoSaysNothing(stage));
    const [refused, said] = await Promise.all([refusal, silence]);
    note('refused after (s)', (refused.tookMs / 1_000).toFixed(1));
    note('open orders reported after (s)', (said.tookMs / 1_000).toFixed(1));
    if (refused.left.length > 0)
      fail(`an order of ${gone}, which nobody serves, is answered ${refused.left}`);
    if (said.left.length > 0) fail(`open orders of ${gone} are not reported: ${said.left.join('; ')}`);
    // On a busy machine it gives up on Redis after a second, and says so: it is run again.
    const doctor = await until(stage, async () => ((await doctorSaysIt(stage)) ? [] : ['doctor']));
    if (doctor.left.length > 0 && !stop.aborted) fail(`doctor does not report open orders of ${gone}`);
    await pause(Math.max(awayMs, faultsMs - beforeMs) - (Date.now() - startedAt), stop);
    await world.restartWith({});
    say(`${gone} is served again`);
  },
};

function probe({ world }: Stage) {
  const reference = { transactionReference: 'PROBE1', externalReference: 'PROBE1' };
  return probeAccount(world, gone, reference);
}

/** Looks until nothing is left to wait for, or for as long as it may take. */
async function until({ stop, allow }: Stage, look: () => Promise<readonly string[]>) {
  const startedAt = Date.now();
  for (;;) {
    const left = await look();
    const tookMs = Date.now() - startedAt;
    if (left.length === 0 || tookMs > allow(noticedMs) || stop.aborted) return { left, tookMs };
    await delay(lookMs);
  }
}

/** Places where it should be said which account has open orders that nobody asks about, and where it is not. */
async function whoSaysNothing({ world }: Stage): Promise<string[]> {
  const processes = [world.api, ...world.workers];
  const silent = await Promise.all(
    processes.map(async ({ name, port, log }) => {
      const [readiness, metrics] = await Promise.all([textOf(port, 'health/ready'), textOf(port, 'metrics')]);
      return [
        ...(log().split('\n').some(isWarning) ? [] : [`the log of ${name}`]),
        ...(isNamed(readiness) ? [] : [`the readiness of ${name}`]),
        ...(alerted.test(metrics) ? [] : [`the metrics of ${name}`]),
      ];
    }),
  );
  return silent.flat();
}

/** What the alert OrdersUnserved goes by. */
const alerted = new RegExp(`^payment_poller_unserved_orders{account="${gone}"} [1-9]`, 'm');

function isNamed(text: string): boolean {
  return text.includes(`account ${gone}, which no process serves`);
}

function isWarning(line: string): boolean {
  return line.startsWith('{') && isNamed(line);
}

async function textOf(port: number | undefined, path: string): Promise<string> {
  try {
    const answer = await fetch(`http://127.0.0.1:${port}/${path}`, { signal: AbortSignal.timeout(5_000) });
    return await answer.text();
  } catch {
    // Too busy to answer; it is asked again.
    return '';
  }
}

/** Whether `payment-poller doctor` names the account, and says that this must be mended. */
async function doctorSaysIt({ world }: Stage): Promise<boolean> {
  const { env } = await world.environment();
  const options = {
    env: { PATH: process.env.PATH ?? '', ...env, ACCOUNTS: servedElsewhere },
    timeout: doctorMs,
  };
  return new Promise((resolve) => {
    execFile(process.execPath, [launcher, 'doctor'], options, (error, text) => {
      resolve(error?.code === 1 && isNamed(text));
    });
  });
}
