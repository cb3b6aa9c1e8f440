import { setTimeout as delay } from 'node:timers/promises';
import { Webhook } from 'standardwebhooks';
import type { Child } from '../../test/support/child.ts';
import { freePort } from '../../test/support/ports.ts';
import { deliveryOf, handledId } from '../consumers.ts';
import { readEntry } from '../judge.ts';
import type { Scenario, Stage } from '../scenario.ts';
import { endpointKinds, openEndpoints, type WebhookEndpoints } from '../webhook-endpoints.ts';
import { launcher } from '../world.ts';
import { again } from './repeat.ts';

const secret = `whsec_${Buffer.from('the secret of the chaos test').toString('base64')}`;
const senders = ['webhooks-1', 'webhooks-2'];
const upMs = 60_000;
const catchUpMs = 90_000;
const freezeMs = 2_000;
const shownIds = 3;

/** The endpoints of each run. */
const opened = new WeakMap<object, WebhookEndpoints>();

/** Webhooks to endpoints that fail in every way, sent by processes that die and freeze. */
export const webhooksScenario: Scenario = {
  letter: 't',
  name: 'webhooks',
  title:
    'webhook endpoints fail, hang, redirect and answer 410, and the processes that send are killed and frozen',
  boundMs: 30_000,
  leastKillsAMinute: 10,
  async prepare({ world }) {
    const endpoints = await openEndpoints(new Webhook(secret));
    opened.set(world, endpoints);
    const webhooks = endpointKinds.map((name) => ({ name, url: endpoints.urlOf(name), secrets: [secret] }));
    const children: Child[] = [];
    for (const name of senders) {
      const [{ env }, port] = [await world.environment(), await freePort()];
      const settings = {
        PORT: String(port),
        WEBHOOKS: JSON.stringify(webhooks),
        WEBHOOK_ALLOWED_ADDRESSES: '127.0.0.1',
        WEBHOOK_RETRY_MS: '200',
        WEBHOOK_TIMEOUT_MS: '500',
      };
      const args = ['start', '--role', 'webhooks'];
      children.push(world.start({ name, script: launcher, args, env: { ...env, ...settings }, port }));
    }
    await Promise.all(children.map((child) => child.awaitUp(upMs)));
    return children;
  },
  async injectFaults(stage) {
    const { random, others, killed } = stage;
    await again(stage, [1_000, 2_000], async () => {
      const sender = random.pick(others);
      if (random.chance(0.3)) {
        sender.poke('SIGSTOP');
        await delay(freezeMs);
        sender.poke('SIGCONT');
        killed('freezes');
      } else if ((await sender.signal('SIGKILL')) !== null) killed('senders');
    });
    opened.get(stage.world)?.recover();
  },
  async check(stage) {
    try {
      await checkDeliveries(stage);
    } finally {
      await opened.get(stage.world)?.close();
    }
  },
};

/** Waits until every endpoint has accepted every result, and fails for what is missing, out of order, or not signed. */
async function checkDeliveries({ world, allow, stop, note, fail }: Stage): Promise<void> {
  const endpoints = opened.get(world);
  const startedAt = Date.now();
  for (;;) {
    const events = (await world.results()).map((entry) => readEntry(entry).event);
    const published = events.flatMap((event) => (event === null ? [] : [handledId(event)]));
    const found = endpointKinds.map((name) => {
      const accepted = endpoints?.acceptedBy(name) ?? [];
      const delivery = deliveryOf(published, accepted);
      const missing = published.filter((id) => !accepted.includes(id));
      return { name, ...delivery, missing, stepsBack: firstArrivalsBack(accepted) };
    });
    if (
      found.some(({ missing }) => missing.length > 0) &&
      Date.now() < startedAt + allow(catchUpMs) &&
      !stop.aborted
    ) {
      await delay(500);
      // An endpoint that answered 410 is enabled again by its operator.
      for (const name of endpointKinds)
        await world.reader.hdel(world.keys.webhook(name, 'state'), 'disabled');
      continue;
    }
    note('results', published.length);
    note('webhooks sent again', found.map(({ name, repeats }) => `${repeats} to ${name}`).join(', '));
    for (const { name, missing, stepsBack, invented } of found) {
      const faults = (ids: readonly string[], what: string) => {
        if (ids.length > 0) fail(`${ids.length} results ${what} ${name} (${ids.slice(0, shownIds)})`);
      };
      faults(missing, 'never reached');
      faults(stepsBack, 'came after newer ones to');
      faults(invented, 'came unpublished to');
      const dead = await world.reader.zcard(world.keys.webhook(name, 'failed'));
      if (dead > 0) fail(`${dead} results were given up at ${name}`);
    }
    for (const why of endpoints?.faults() ?? []) fail(why);
    return;
  }
}

/** Results that an endpoint accepted for the first time after a newer one of their order. A repetition may come at any time. */
function firstArrivalsBack(accepted: readonly string[]): readonly string[] {
  return deliveryOf([], [...new Set(accepted)]).stepsBack;
}
