import { createHash } from 'node:crypto';
import type { Reason, Reference, VerdictStatus } from '../domain/order.ts';
import type { OrderInput } from '../jobs/validate-order.ts';
import type { SimulatedOrder } from '../simulator/simulator.ts';
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

/** How each provider reports a failed payment, and the expected reason. */
const refusals = {
  jenga: { state: 'failed:cancelled', reason: 'cancelled' },
  'daraja-stk': { state: 'failed:insufficient-funds', reason: 'insufficient-funds' },
  daraja: { state: 'failed:cancelled', reason: 'cancelled' },
  vexora: { state: 'failed:rejected', reason: 'rejected' },
  lipia: { state: 'failed:cancelled', reason: 'cancelled' },
  tanda: { state: 'failed:insufficient-funds', reason: 'insufficient-funds' },
} as const satisfies Record<ProviderId, { state: string; reason: Reason }>;

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
    story: 'cancels, or has no money',
    timeline: (provider) => [
      { afterMs: 0, state: 'pending' },
      { afterMs: 1_000, state: refusals[provider].state },
    ],
    expected: (provider) => ({ status: 'failed', reason: refusals[provider].reason }),
  },
  {
    name: 'slow',
    story: 'takes a long time to find the PIN',
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
    story: 'pays half of it',
    timeline: [{ afterMs: 0, state: 'paid' }],
    script: { amountPaid: '50.00' },
    // The STK query reports no amount: the verdict is paid, with `amountVerified` false.
    expected: (provider) =>
      provider === 'daraja-stk'
        ? { ...paid, amountVerified: false }
        : { status: 'unresolved', reason: 'underpaid' },
  },
  {
    name: 'strange-word',
    story: 'the provider invents a word',
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
    story: 'asked every 8 s, no callback comes',
    timeline: pays,
    schedule: seldom,
    expected: () => paid,
  },
  {
    name: 'callback',
    story: 'asked every 8 s, a callback comes',
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
      { afterMs: 4_000, state: refusals[provider].state },
    ],
    callback: { afterMs: 1_000, form: 'forged' },
    expected: (provider) => ({ status: 'failed', reason: refusals[provider].reason }),
  },
];

/** The demo's orders: every scenario with every provider. `run` makes order ids unique to this run. */
export function demoSamples(accounts: readonly string[], run: string, places: DemoPlaces): Sample[] {
  return accounts.flatMap((provider) =>
    // Daraja's Transaction Status sends no callbacks except the answers to our own queries.
    stories
      .filter(({ callback }) => callback === undefined || provider !== 'daraja')
      .map((story) => toSample(provider as ProviderId, story, `${provider}-${story.name}-${run}`, places)),
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

/** A reference in the provider's format, derived from the order id. */
function referenceOf(
  provider: ProviderId,
  orderId: string,
  story: string,
): { key: string; reference: Reference } {
  const hex = createHash('sha256').update(orderId).digest('hex');
  const same = (key: string) => ({ key, reference: key });
  const receipt = `S${hex.slice(0, 9).toUpperCase()}`;
  switch (provider) {
    case 'jenga':
      return same(`OR${BigInt(`0x${hex.slice(0, 12)}`)}`);
    case 'daraja-stk':
      return same(`ws_CO_${BigInt(`0x${hex.slice(0, 14)}`)}`);
    case 'daraja':
      return same(receipt);
    case 'vexora': {
      // Daraja's two kinds of query: by M-Pesa receipt, or by the merchant's own number.
      if (story === 'paid') return same(receipt);
      const tradeNo = `T${hex.slice(0, 12)}`;
      return { key: tradeNo, reference: { tradeNo } };
    }
    case 'lipia': {
      // Callbacks may contain only the merchant's own key, so the reference has both.
      const transactionReference = hex.slice(0, 24);
      return {
        key: transactionReference,
        reference: { transactionReference, externalReference: transactionReference },
      };
    }
    case 'tanda':
      return same(hex.slice(0, 32).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'));
  }
}
