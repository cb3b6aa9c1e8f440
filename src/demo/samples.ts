import { createHash } from 'node:crypto';
import type { Reason, VerdictStatus } from '../domain/order.ts';
import type { OrderInput } from '../jobs/validate-order.ts';
import { type SampleReference, type SimulatedOrder, simulatedProvider } from '../simulator/simulator.ts';
import type { DemoPlaces } from './environment.ts';

/** One order of the demo: the provider's script, the order that is enqueued, and the expected verdict. */
export interface Sample {
  readonly provider: string;
  /** Description for display. */
  readonly story: string;
  readonly script: SimulatedOrder;
  readonly order: OrderInput;
  readonly expected: Expectation;
}

export interface Expectation {
  readonly status: VerdictStatus;
  readonly reason: Reason | null;
  readonly amountVerified?: boolean;
}

type Timeline = SimulatedOrder['timeline'];
type ProviderId = SimulatedOrder['provider'];

/** A scenario that runs with every provider. Times in milliseconds. */
interface Story {
  readonly name: string;
  readonly story: string;
  readonly timeline: Timeline | ((provider: ProviderId) => Timeline);
  readonly script?: Partial<SimulatedOrder>;
  /** The callback to send, for providers with callbacks. */
  readonly callback?: { readonly afterMs: number; readonly form: 'genuine' | 'forged' };
  readonly schedule?: OrderInput['schedule'];
  expected(provider: ProviderId): Expectation;
}

const paid: Expectation = { status: 'paid', reason: null };

/** The expected verdict on the refusal that the demo shows. */
function refused(provider: ProviderId): Expectation {
  const { outcomes, refusal } = simulatedProvider(provider);
  const [status, reason] = outcomes[refusal] ?? outcomes.failed ?? ['failed', 'rejected'];
  return { status, reason: reason as Reason };
}

/** Polls so rare that the callback decides when the order is polled. */
const seldom = { firstPollAfterMs: 500, initialIntervalMs: 8_000, maxIntervalMs: 8_000 };

const pays: Timeline = [
  { afterMs: 0, state: 'pending' },
  { afterMs: 2_000, state: 'paid' },
];

const stories: readonly Story[] = [
  {
    name: 'paid',
    story: 'pays after a moment',
    timeline: [
      { afterMs: 0, state: 'pending' },
      { afterMs: 1_500, state: 'paid' },
    ],
    expected: () => paid,
  },
  {
    name: 'refused',
    story: 'cancels, or has too little money',
    timeline: (provider) => [
      { afterMs: 0, state: 'pending' },
      { afterMs: 1_000, state: simulatedProvider(provider).refusal },
    ],
    expected: refused,
  },
  {
    name: 'slow',
    story: 'takes a long time to enter the PIN',
    timeline: [
      { afterMs: 0, state: 'pending' },
      { afterMs: 7_000, state: 'paid' },
    ],
    expected: () => paid,
  },
  {
    name: 'unknown-first',
    story: 'not found at first, then paid',
    timeline: [
      { afterMs: 0, state: 'not-found' },
      { afterMs: 3_000, state: 'paid' },
    ],
    expected: () => paid,
  },
  {
    name: 'underpaid',
    story: 'pays half of the amount',
    timeline: [{ afterMs: 0, state: 'paid' }],
    script: { amountPaid: '50.00' },
    // Without an amount in the answer the verdict is paid, with `amountVerified` false.
    expected: (provider) =>
      simulatedProvider(provider).traits.amount
        ? { status: 'unresolved', reason: 'underpaid' }
        : { ...paid, amountVerified: false },
  },
  {
    name: 'strange-word',
    story: 'the provider uses a new status',
    timeline: [{ afterMs: 0, state: { word: 'SETTLEMENT_REVIEW' } }],
    expected: () => ({ status: 'unresolved', reason: 'deadline' }),
  },
  {
    name: 'outage',
    story: 'the provider is down for a while',
    timeline: [{ afterMs: 0, state: 'paid' }],
    script: { faults: [{ fromMs: 0, untilMs: 4_000, kind: 'http-503' }] },
    expected: () => paid,
  },
  {
    name: 'seldom-asked',
    story: 'polled every 8 s, no callback',
    timeline: pays,
    schedule: seldom,
    expected: () => paid,
  },
  {
    name: 'callback',
    story: 'polled every 8 s, with a callback',
    timeline: pays,
    callback: { afterMs: 2_050, form: 'genuine' },
    schedule: seldom,
    expected: () => paid,
  },
  {
    name: 'forged',
    story: 'a forged callback says paid',
    timeline: (provider) => [
      { afterMs: 0, state: 'pending' },
      { afterMs: 4_000, state: simulatedProvider(provider).refusal },
    ],
    callback: { afterMs: 1_000, form: 'forged' },
    expected: refused,
  },
];

/** The demo's orders: every story at every provider. `run` keeps the orders of two demos apart. */
export function demoSamples(accounts: readonly ProviderId[], run: string, places: DemoPlaces): Sample[] {
  return accounts.flatMap((provider) =>
    stories
      .filter(({ callback }) => callback === undefined || simulatedProvider(provider).traits.callbacks)
      .map((story) => toSample(provider, story, `${provider}-${story.name}-${run}`, places)),
  );
}

function toSample(provider: ProviderId, story: Story, orderId: string, places: DemoPlaces): Sample {
  const { key, reference } = referenceOf(provider, orderId, story.name);
  const timeline = typeof story.timeline === 'function' ? story.timeline(provider) : story.timeline;
  const url = `http://127.0.0.1:${places.port}/callbacks/${provider}/${places.callbackToken}`;
  return {
    provider,
    story: story.story,
    script: {
      ...story.script,
      provider,
      reference: key,
      amount: '100.00',
      timeline,
      ...(story.callback === undefined ? {} : { callbacks: [{ ...story.callback, url }] }),
    },
    order: {
      orderId,
      account: provider,
      reference,
      amount: '100.00',
      metadata: { demo: story.name },
      ...(story.schedule === undefined ? {} : { schedule: story.schedule }),
    },
    expected: story.expected(provider),
  };
}

/** A reference of the form that the provider hands out, made from the order's id. */
function referenceOf(provider: ProviderId, orderId: string, story: string): SampleReference {
  const hex = createHash('sha256').update(orderId).digest('hex').slice(0, 32);
  const digits = String(BigInt(`0x${hex.slice(0, 12)}`)).padStart(10, '0');
  const receipt = `S${hex.slice(0, 9).toUpperCase()}`;
  const forms = simulatedProvider(provider).references({ hex, digits, receipt });
  // Where there are several, each is shown.
  return (story === 'paid' ? forms[0] : forms.at(-1)) ?? forms[0];
}
