import { randomBytes } from 'node:crypto';
import { Agent, request } from 'undici';
import type { ProviderId } from '../../src/simulator/simulator.ts';
import type { Random } from '../../test/support/random.ts';
import { callbackUrl } from '../environment.ts';
import type { Scenario, Stage } from '../scenario.ts';
import type { DrillOrder } from '../script.ts';
import { again } from './misery.ts';

const perBurst = 10;
const mostInFlight = 50;
const leastForgedAMinute = 500;
/** Long, since the liar shares two cores with those that are to answer: this is about answers that never come. */
const answerMs = 30_000;
/** What is longer is cut off in the middle, which may show as no answer at all. */
const largestBody = 256 * 1_024;

/** Callbacks in every disorder, from providers and from liars. */
export const callbacksScenario: Scenario = {
  letter: 'g',
  name: 'callbacks',
  title: 'callbacks come twice, in disorder, late, forged by the thousand, and oversized',
  boundMs: 30_000,
  script: { pushed: 1, wildPushes: true },
  async misery(stage) {
    const { script, random, miseryMs, stop, note, fault } = stage;
    const agent = new Agent({ connections: mostInFlight });
    const answers = new Map<string, number>();
    const unanswered = new Set<string>();
    const inFlight = new Set<Promise<void>>();
    let forged = 0;
    await again(miseryMs, [50, 150], random, stop, async () => {
      for (let left = perBurst; left > 0 && inFlight.size < mostInFlight; left -= 1) {
        forged += 1;
        const lie = forge(stage, random, random.pick(script));
        const sent = post(agent, lie).then((answer) => {
          answers.set(answer, (answers.get(answer) ?? 0) + 1);
          if (!isStatus(answer) && lie.body.length <= largestBody) unanswered.add(`${lie.url} (${answer})`);
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
    if (broken > 0) fault(`${broken} forged callbacks were answered with a server error`);
    if (unanswered.size > 0) fault(`forged callbacks were not answered: ${[...unanswered].slice(0, 3)}`);
    const leastForged = (leastForgedAMinute * miseryMs) / 60_000;
    if (forged < leastForged) fault(`${forged} callbacks were forged where ${leastForged} were due`);
  },
};

interface Forged {
  readonly url: string;
  readonly body: string | Buffer;
}

/** What a liar may send who knows our addresses, and at the worst the account's token too. */
function forge({ world }: Stage, random: Random, { provider, simulated }: DrillOrder): Forged {
  const base = `http://127.0.0.1:${world.places.apiPort}/callbacks`;
  const url = callbackUrl(world.places, provider);
  const lie = JSON.stringify(conclusionOf(provider, simulated.reference, simulated.amount));
  // Daraja's answers come under one-time tokens: a guess is all that a liar has.
  const guess = `${base}/daraja/${randomBytes(32).toString('hex')}.${random.pick(['result', 'timeout'])}`;
  switch (random.between(0, 9)) {
    case 0:
      return { url: `${base}/${provider}/${randomBytes(12).toString('hex')}`, body: lie };
    case 1:
      return { url, body: `{"\u0000":${random.next()}` };
    case 2:
      return { url, body: Buffer.alloc(random.pick([257, 300, 2_000]) * 1_024, '7') };
    case 3:
      return { url, body: '['.repeat(20_000) };
    case 4:
      return { url: `${base}/no-such-account/${world.places.callbackToken}`, body: lie };
    case 5:
    case 6:
      return { url: guess, body: lie };
    default:
      return { url: provider === 'daraja' ? guess : url, body: lie };
  }
}

/** A body of the provider's own form that says "paid in full". */
function conclusionOf(provider: ProviderId, reference: string, amount: string): object {
  switch (provider) {
    case 'jenga':
      return { callbackType: 'IPN', customer: { reference }, transaction: { amount, status: 'SUCCESS' } };
    case 'daraja-stk':
      return { Body: { stkCallback: { CheckoutRequestID: reference, ResultCode: 0, ResultDesc: 'ok' } } };
    case 'daraja': {
      const ResultParameter = [
        { Key: 'TransactionStatus', Value: 'Completed' },
        { Key: 'Amount', Value: amount },
        { Key: 'ReceiptNo', Value: reference },
      ];
      return { Result: { ResultCode: 0, ResultDesc: 'ok', ResultParameters: { ResultParameter } } };
    }
    case 'vexora':
      return { tradeNo: reference, mpesaReceiptNumber: reference, status: '0000', amount };
    case 'lipia':
      return { response: { ExternalReference: reference, Status: 'Success', Amount: amount }, status: true };
    case 'tanda':
      return { trackingId: reference, reference, status: 'S000000', result: { ref: 'FORGED1234' } };
  }
}

function isStatus(answer: string): boolean {
  return /^\d+$/.test(answer);
}

/** The status of the answer, or why there was none. */
async function post(agent: Agent, { url, body }: Forged): Promise<string> {
  try {
    const answer = await request(url, {
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
