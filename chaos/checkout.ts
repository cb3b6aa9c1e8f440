import { setTimeout as delay } from 'node:timers/promises';
import { Agent, request } from 'undici';
import type { ProviderId } from '../src/simulator/simulator.ts';
import { callbackUrl, type Places } from './environment.ts';
import type { SimulatorControl } from './simulator-control.ts';
import { bringsItsPayment, type WorkloadOrder } from './workload.ts';

/** What the checkout knows of one order. */
export interface Handed {
  readonly order: WorkloadOrder;
  /** When it was scripted: the provider's timeline starts here, and so does the order's schedule. */
  readonly createdAt: number;
  /** When it came to be in the product's hands: acknowledged, or its record known to be written. `null` while it is not. */
  oursSince: number | null;
  /** When the API acknowledged it first, and last; `null` while it has not. */
  acknowledgedAt: number | null;
  lastAcknowledgedAt: number | null;
  /** The order that the API named when it refused this one, as its reference has paid that one; `null` while it has not. */
  refusedFor: string | null;
}

/** A checkout that hands its orders in until each is acknowledged. */
export interface Checkout {
  /** By name; see `nameOf`. */
  readonly handed: ReadonlyMap<string, Handed>;
  /** How long every answer took, also one that did not come in time. */
  readonly latenciesMs: readonly number[];
  /** Answers other than "acknowledged" and "send it again"; each is a fault of the product or of the chaos test. */
  readonly refusals: readonly string[];
  readonly acknowledged: number;
  /** Resolves when every order of the script is acknowledged, or the signal is given. */
  readonly done: Promise<void>;
  /** Hands orders in again, as a checkout does that is not sure. Those that are not taken within a minute are refusals. */
  again(orders: readonly Handed[]): Promise<void>;
  /** Hands in one order more. Resolves once it is taken or refused. */
  take(order: WorkloadOrder): Promise<void>;
  /** Keeps back what is to go to this provider's account from now on; `null` sends everything again. */
  hold(provider: ProviderId | null): void;
  close(): Promise<void>;
}

export interface CheckoutParts {
  readonly script: readonly WorkloadOrder[];
  readonly places: Places;
  readonly simulator: SimulatorControl;
  /** Ends everything, finished or not. */
  readonly stop: AbortSignal;
  /** Orders that the checkout does not submit itself. */
  readonly except?: (order: WorkloadOrder, count: number) => boolean;
  /** Answers upon which this checkout sends an order again, besides 503. */
  readonly sendsAgainOn?: (status: number, order: WorkloadOrder) => boolean;
}

const tickMs = 50;
const inFlight = 32;
const answerMs = 6_000;
const retryMs = 200;
const againMs = 60_000;
const untouched = { oursSince: null, acknowledgedAt: null, lastAcknowledgedAt: null, refusedFor: null };

/** The name of an order: its id, unless earlier orders had that too. */
export function nameOf({ orderId, earlierLives }: Pick<WorkloadOrder, 'orderId' | 'earlierLives'>): string {
  return earlierLives === 0 ? orderId : `${orderId}, ${earlierLives} earlier`;
}

/** From now on the orders of the script arrive. */
export function openCheckout(parts: CheckoutParts): Checkout {
  const { script, places, simulator, stop } = parts;
  const startedAt = Date.now();
  const handed = new Map<string, Handed>();
  const latenciesMs: number[] = [];
  const refusals: string[] = [];
  const agent = new Agent({ connections: inFlight });
  const free = createSlots(inFlight);
  let acknowledged = 0;
  let held: ProviderId | null = null;

  async function open(): Promise<void> {
    const waiting = [...script].sort((a, b) => a.arrivesAtMs - b.arrivesAtMs);
    const offers: Promise<void>[] = [];
    while (waiting.length > 0 && !stop.aborted) {
      const elapsedMs = Date.now() - startedAt;
      const count = waiting.findIndex(({ arrivesAtMs }) => arrivesAtMs > elapsedMs);
      const due = waiting.splice(0, count < 0 ? waiting.length : count);
      for (const one of await meet(due)) {
        if (parts.except?.(one.order, script.length) !== true) offers.push(offer(one));
      }
      await delay(tickMs);
    }
    await Promise.all(offers);
  }

  /** From now on their payments take their course. */
  async function meet(orders: readonly WorkloadOrder[]): Promise<Handed[]> {
    await simulator.script(orders.filter(bringsItsPayment).map((order) => scripted(order, places)));
    const createdAt = Date.now();
    return orders.map((order) => {
      const one: Handed = { order, createdAt, ...untouched };
      handed.set(nameOf(order), one);
      return one;
    });
  }

  /** Until it is acknowledged: what is not may be lost. */
  async function offer(one: Handed, giveUpAt = Number.POSITIVE_INFINITY): Promise<void> {
    while (!stop.aborted) {
      if (Date.now() > giveUpAt) {
        refusals.push(`${one.order.orderId}: not taken again`);
        return;
      }
      if (one.order.provider === held) {
        await delay(retryMs);
        continue;
      }
      const leave = await free();
      const answer = await post(one).finally(leave);
      if (answer === 'refused') return;
      if (answer === 'acknowledged') {
        const now = Date.now();
        if (one.acknowledgedAt === null) acknowledged += 1;
        one.acknowledgedAt ??= now;
        one.oursSince ??= now;
        one.lastAcknowledgedAt = now;
        one.refusedFor = null;
        return;
      }
      await delay(retryMs);
    }
  }

  async function post(one: Handed): Promise<'acknowledged' | 'again' | 'refused'> {
    const at = performance.now();
    try {
      const answer = await request(`http://127.0.0.1:${places.apiPort}/v1/orders`, {
        dispatcher: agent,
        method: 'POST',
        headers: { authorization: `Bearer ${places.apiKey}`, 'content-type': 'application/json' },
        body: JSON.stringify({ ...one.order.input, createdAt: one.createdAt }),
        headersTimeout: answerMs,
        bodyTimeout: answerMs,
      });
      const text = await answer.body.text();
      if (answer.statusCode === 201 || answer.statusCode === 200) return 'acknowledged';
      // What the contract answers while Redis is away or the process is stopping; a 500 is a bug.
      if (answer.statusCode === 503 || parts.sendsAgainOn?.(answer.statusCode, one.order)) return 'again';
      if (answer.statusCode === 409 && text.includes('reference-in-use')) {
        one.refusedFor = orderNamedIn(text);
        return 'refused';
      }
      refusals.push(`${one.order.orderId}: ${answer.statusCode} ${text.slice(0, 200)}`);
      return 'refused';
    } catch {
      // No whole answer: the order may be in or not, so it is submitted again.
      return 'again';
    } finally {
      latenciesMs.push(performance.now() - at);
    }
  }

  const done = open();
  // When a scenario throws, everything is closed under the checkout: that error is to be reported, and not what follows from it.
  done.catch(() => {});
  return {
    handed,
    latenciesMs,
    refusals,
    get acknowledged() {
      return acknowledged;
    },
    done,
    async again(orders) {
      const giveUpAt = Date.now() + againMs;
      await Promise.all(orders.map((one) => offer(one, giveUpAt)));
    },
    async take(order) {
      await Promise.all((await meet([order])).map((one) => offer(one)));
    },
    hold(provider) {
      held = provider;
    },
    close: () => agent.destroy(),
  };
}

/** The order that a refusal names; `''` when it names none. */
function orderNamedIn(problem: string): string {
  const { orderId } = JSON.parse(problem) as { readonly orderId?: unknown };
  return typeof orderId === 'string' ? orderId : '';
}

function scripted({ simulated, pushes, provider }: WorkloadOrder, places: Places) {
  const url = callbackUrl(places, provider);
  return { ...simulated, callbacks: pushes.map((push) => ({ ...push, url })) };
}

/** At most so many at once; the rest wait in turn. */
function createSlots(count: number): () => Promise<() => void> {
  const waiting: (() => void)[] = [];
  let left = count;
  const leave = () => {
    const next = waiting.shift();
    if (next === undefined) left += 1;
    else next();
  };
  return async () => {
    if (left > 0) left -= 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    return leave;
  };
}
