import { setTimeout as delay } from 'node:timers/promises';
import { type PublishedVerdict, readEntry } from '../judge.ts';
import type { Scenario, Stage } from '../scenario.ts';
import { writeStatement } from '../statement-file.ts';
import { applyStatement, statementAccount } from '../statement-runs.ts';
import { pollsOf } from './progress.ts';
import { again } from './repeat.ts';

/** Both agree, or rows are left that must settle nothing. */
const goodCodes = [0, 1];
const shownComplaints = 3;
const leastKilledRuns = 2;
const verdictsMs = 60_000;

/** Orders whose outcome only the statement knows, settled by runs that are killed, beside workers that are killed. */
export const statementsScenario: Scenario = {
  letter: 'u',
  name: 'statements',
  title:
    'the payments of half the orders are only on the statement; reconcile --apply and the workers are killed halfway',
  boundMs: 30_000,
  leastKillsAMinute: 10,
  script: { providers: [statementAccount], shared: 0, onStatement: 0.5 },
  async injectFaults(stage) {
    const { world, random } = stage;
    await Promise.all([
      killWorkers({ ...stage, random: random.fork('workers') }),
      killRuns({ ...stage, random: random.fork('runs') }),
    ]);
    await Promise.all(world.workers.map((worker) => worker.awaitUp(60_000)));
    await awaitLateOnes(stage);
    await applyTwice(stage);
  },
  async check({ world, note, fail }) {
    const events = (await world.results()).map(readEntry);
    const byStatement = events.filter(isByStatement);
    const corrections = byStatement.filter(({ event }) => event?.supersedes !== undefined);
    note('settled by the statement', byStatement.length);
    note('of them corrections', corrections.length);
    if (corrections.length === 0) fail('no result was superseded by the statement');
  },
};

function isByStatement({ event }: PublishedVerdict): boolean {
  return event?.data.evidence.at(-1)?.source === 'statement';
}

async function killWorkers(stage: Stage): Promise<void> {
  const { world, random, killed } = stage;
  await again(stage, [1_000, 2_000], async () => {
    const worker = random.pick(world.workers);
    const polls = worker.isUp() ? await pollsOf(worker) : null;
    if ((polls ?? 0) > 0 && (await worker.signal('SIGKILL')) !== null) killed('workers');
  });
}

/** Each run begins anew with the statement as it is by then, and is killed after some of its orders. */
async function killRuns(stage: Stage): Promise<void> {
  const { world, checkout, random, killed, fail } = stage;
  let runs = 0;
  await again({ ...stage, isEnough: () => runs >= leastKilledRuns }, [200, 800], async () => {
    const file = await writeStatement(world, checkout.handed.values());
    const { code, settled, stderr } = await applyStatement(world, file, random.between(1, 12));
    if (code === null && settled > 0) {
      runs += 1;
      killed('runs of reconcile');
    } else if (code === null || !goodCodes.includes(code)) fail(`reconcile ended with ${code}: ${stderr}`);
  });
  if (runs < leastKilledRuns) fail('hardly any run was killed halfway');
}

/** Their payments are on the statement once they have a verdict. */
async function awaitLateOnes({ world, checkout, stop, allow, say }: Stage): Promise<void> {
  await Promise.race([checkout.done, delay(allow(verdictsMs), undefined, { ref: false })]);
  const late = [...checkout.handed.values()].filter(({ order }) => order.statement?.isLate);
  const giveUpAt = Date.now() + allow(verdictsMs);
  for (;;) {
    const events = (await world.results()).map((entry) => readEntry(entry).event);
    const settled = new Set(events.map((event) => event?.subject));
    const left = late.filter(({ order, oursSince }) => oursSince !== null && !settled.has(order.orderId));
    if (left.length === 0 || Date.now() > giveUpAt || stop.aborted) return;
    say(`${left.length} orders will be on the statement once they have a verdict`);
    await delay(1_000);
  }
}

/** The last two runs come to their end, both at once. */
async function applyTwice({ world, checkout, fail }: Stage): Promise<void> {
  const file = await writeStatement(world, checkout.handed.values());
  for (const { code, stderr } of await Promise.all([
    applyStatement(world, file),
    applyStatement(world, file),
  ])) {
    // Of what was paid and taken back an alarm is right; nothing else is.
    const complaints = stderr.split('\n').filter((line) => line !== '' && !line.startsWith('ALARM: '));
    if (code === null || !goodCodes.includes(code) || complaints.length > 0)
      fail(`reconcile ended with ${code}: ${complaints.slice(0, shownComplaints).join('; ')}`);
  }
}
