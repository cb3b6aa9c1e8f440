import { Agent, request } from 'undici';
import { type Forged, forge } from '../forged-callbacks.ts';
import type { Scenario } from '../scenario.ts';
import { again } from './repeat.ts';

const perBurst = 10;
const mostInFlight = 50;
const leastForgedAMinute = 500;
/** Long, since the forger shares two cores with those that are to answer: this is about answers that never come. */
const answerMs = 30_000;
/** What is longer is cut off in the middle, which may show as no answer at all. */
const largestBody = 256 * 1_024;

/** Callbacks in every disorder, from providers and from forgers. */
export const callbacksScenario: Scenario = {
  letter: 'g',
  name: 'callbacks',
  title: 'callbacks come twice, in disorder, late, forged by the thousand, and oversized',
  boundMs: 30_000,
  script: { pushed: 1, wildPushes: true },
  async injectFaults(stage) {
    const { world, script, random, faultsMs, note, fail } = stage;
    const { apiPort, callbackToken } = world.places;
    const agent = new Agent({ connections: mostInFlight });
    const answers = new Map<string, number>();
    const unanswered = new Set<string>();
    const inFlight = new Set<Promise<void>>();
    const leastForged = (leastForgedAMinute * faultsMs) / 60_000;
    let forged = 0;
    await again({ ...stage, isEnough: () => forged >= leastForged }, [50, 150], async () => {
      for (let left = perBurst; left > 0 && inFlight.size < mostInFlight; left -= 1) {
        forged += 1;
        const { provider, simulated } = random.pick(script);
        const { reference, amount } = simulated;
        const lie = forge(random, callbackToken, { provider, reference, amount });
        const sent = post(agent, apiPort, lie).then((answer) => {
          answers.set(answer, (answers.get(answer) ?? 0) + 1);
          if (!isStatus(answer) && lie.body.length <= largestBody) unanswered.add(`${lie.path} (${answer})`);
          inFlight.delete(sent);
        });
        inFlight.add(sent);
      }
    });
    await Promise.all(inFlight);
    await agent.destroy();
    note('forged callbacks', forged);
    note(
      'answers',
      [...answers]
        .sort()
        .map(([answer, count]) => `${count} × ${answer}`)
        .join(', '),
    );
    // 503 is the honest answer of a machine that is too busy; the provider sends its callback again.
    const broken = answers.get('500') ?? 0;
    if (broken > 0) fail(`${broken} forged callbacks were answered with a server error`);
    if (unanswered.size > 0) fail(`forged callbacks were not answered: ${[...unanswered].slice(0, 3)}`);
    if (forged < leastForged) fail(`${forged} callbacks were forged where ${leastForged} were due`);
  },
};

function isStatus(answer: string): boolean {
  return /^\d+$/.test(answer);
}

/** The status of the answer, or why there was none. */
async function post(agent: Agent, port: number, { path, body }: Forged): Promise<string> {
  try {
    const answer = await request(`http://127.0.0.1:${port}${path}`, {
      dispatcher: agent,
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
      headersTimeout: answerMs,
    });
    await answer.body.dump();
    return String(answer.statusCode);
  } catch (error) {
    // An oversized body may be cut off in the middle: that is an answer too.
    return error instanceof Error && 'code' in error ? String(error.code) : String(error);
  }
}
