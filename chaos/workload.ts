import type { OrderInput } from '../src/jobs/validate-order.ts';
import {
  type Fault,
  type FaultKind,
  type ProviderId,
  providerIds,
  type SimulatedOrder,
  simulatedProvider,
} from '../src/simulator/simulator.ts';
import { createRandom, type Random } from '../test/support/random.ts';
import { pickBehaviour } from './behaviours.ts';
import { referenceFor } from './references.ts';
import { placeOf, type Sharing, sharingsOf } from './sharing.ts';

/** One order of the chaos test: what its provider will do, and what the checkout hands in. */
export interface WorkloadOrder {
  readonly orderId: string;
  readonly provider: ProviderId;
  readonly behaviour: string;
  /** When the checkout meets it, from the beginning of the scenario. */
  readonly arrivesAtMs: number;
  readonly simulated: SimulatedOrder;
  readonly input: OrderInput;
  /** Pushes of the provider, without the address, which only a running service has. */
  readonly pushes: readonly Push[];
  /** The payment is also that of other orders. */
  readonly isShared: boolean;
  /** How it comes to speak of another order's payment; `null` when the payment is its own. */
  readonly sharing: Sharing | null;
  /** Somebody asks for a poll every second, or the provider pushes as often. */
  readonly storm: 'polls' | 'pushes' | null;
  /** How many orders before this one had the same id. */
  readonly earlierLives: number;
  /** Its payment, which only the provider's statement knows; `null` where the provider's answers are all there is. */
  readonly statement: OnStatement | null;
}

/** A payment that only the provider's statement knows. */
export interface OnStatement {
  readonly receipt: string;
  /** It is on the statement once the order has a verdict; others are from the beginning. */
  readonly isLate: boolean;
}

/** One push of a provider, in milliseconds from scripting. */
export type Push = Pick<
  NonNullable<SimulatedOrder['callbacks']>[number],
  'afterMs' | 'form' | 'copies' | 'shape'
>;

export interface WorkloadOptions {
  readonly seed: number;
  readonly orders: number;
  /** The orders arrive evenly, with jitter, over this time. */
  readonly spanMs: number;
  readonly deadlineMs: number;
  /** Share of the orders whose answers go wrong for a while. Default 0.1. */
  readonly faulty?: number;
  /** Share of the orders that providers push about. Default 0.2. */
  readonly pushed?: number;
  /** Pushes that are copied, reordered, forged, and late by up to the span of the arrivals. Default false. */
  readonly wildPushes?: boolean;
  readonly providers?: readonly ProviderId[];
  /** How often, out of the occasions for it, several orders speak of one payment. Default 0.7. */
  readonly shared?: number;
  /** Share of the orders that hints are heaped upon. Default 0.04. */
  readonly stormy?: number;
  /** Share of the orders that flicker, where their provider can. Default 0. */
  readonly flickering?: number;
  /** Share of the orders whose reference its provider will never answer properly. Default 0.03. */
  readonly bad?: number;
  /** Share of the orders whose payment only the statement knows. Default 0. */
  readonly onStatement?: number;
  /** How it is answered instead. Default 400, 422, 500, and not at all. */
  readonly badKinds?: readonly FaultKind[];
}

const everyProvider: readonly ProviderId[] = providerIds;

const leastLateMs = 20_000;
/** How long hints are heaped upon an order. */
export const stormSeconds = 20;

/** Faults of single answers. Outages of whole providers are the matter of a scenario. */
const orderFaults: readonly FaultKind[] = [
  'http-500',
  'http-503',
  'throttled',
  'reset',
  'cut-short',
  'wrong-length',
  'html',
  'empty',
  'redirect',
  'garbage-json',
];

const allBadKinds: readonly FaultKind[] = ['http-400', 'http-422', 'http-500', 'hang'];

/** The script of a scenario: the same options give the same script. */
export function writeWorkload(options: WorkloadOptions): WorkloadOrder[] {
  const { seed, orders, spanMs, providers = everyProvider } = options;
  const root = createRandom(seed);
  const script: WorkloadOrder[] = [];
  for (let index = 0; index < orders; index += 1) {
    const random = root.fork(`order ${index}`);
    const provider = providers[index % providers.length] as ProviderId;
    const slotMs = spanMs / Math.max(1, orders);
    const place = placeOf(root, index, providers.length, options.shared ?? 0.7);
    const cast = { random, provider, index, isShared: place !== null };
    const order = writeOrder(cast, Math.round((index + random.next()) * slotMs), options);
    const leader = place === null || place.isLeader ? undefined : script[place.leader];
    script.push(leader === undefined ? order : follow(cast, order, leader, options));
  }
  return script;
}

/** Who an order is, before anything is known of its fate. */
interface Cast {
  readonly random: Random;
  readonly provider: ProviderId;
  readonly index: number;
  readonly isShared: boolean;
}

function writeOrder(cast: Cast, arrivesAtMs: number, options: WorkloadOptions): WorkloadOrder {
  const { random, provider, index, isShared } = cast;
  const { seed, spanMs, deadlineMs, faulty = 0.1, pushed = 0.2, wildPushes = false } = options;
  const orderId = `chaos:${seed}.${String(index).padStart(6, '0')}`;
  const { key, reference, receipt } = referenceFor(random, provider, index, isShared && random.chance(0.7));
  const amount = (random.between(100, 500_000) / 100).toFixed(2);
  const statement = statementOf(random.fork('statement'), receipt, options);
  const kind = isShared ? 'shared' : kindOf(random, options);
  const behaviour = pickBehaviour(random, provider, statement === null ? kind : 'unpaid');
  const { badKinds = allBadKinds } = options;
  const setting = { provider, reference: key, amount, deadlineMs, badKinds };
  const { faults, ...script } = behaviour.script(random, setting);
  const storm = random.chance(options.stormy ?? 0.04) ? random.pick(stormsOf(provider)) : null;
  const pushes = random.chance(wildPushes ? 0.9 : pushed)
    ? pushesOf(random, provider, script, wildPushes ? Math.max(leastLateMs, spanMs) : null)
    : [];
  return {
    ...{ orderId, provider, behaviour: behaviour.name, arrivesAtMs, isShared, storm },
    ...{ sharing: null, earlierLives: 0, statement },
    simulated: {
      provider,
      reference: key,
      amount,
      ...script,
      ...(key === receipt ? {} : { receipt }),
      ...variants(random, provider),
      faults: faults ?? (random.chance(faulty) ? [faultOf(random)] : []),
    },
    input: { orderId, account: provider, reference, amount, metadata: { index } },
    pushes: storm === 'pushes' ? [...pushes, ...stormOfPushes()] : pushes,
  };
}

function kindOf(random: Random, { bad = 0.03, flickering = 0 }: WorkloadOptions) {
  if (random.chance(bad)) return 'bad';
  return random.chance(flickering) ? 'flickering' : 'usual';
}

function statementOf(
  random: Random,
  receipt: string,
  { onStatement = 0 }: WorkloadOptions,
): OnStatement | null {
  return random.chance(onStatement) ? { receipt, isLate: random.chance(0.5) } : null;
}

/** Makes an order speak of another one's payment. It may come before the other one, and long after it was paid. */
function follow(
  cast: Cast,
  order: WorkloadOrder,
  leader: WorkloadOrder,
  { spanMs }: WorkloadOptions,
): WorkloadOrder {
  const { random, provider, index } = cast;
  const sharing = random.pick(sharingsOf(provider));
  const arrivesAtMs = Math.min(spanMs, Math.max(0, leader.arrivesAtMs + random.between(-1_500, 6_000)));
  const receipt = leader.simulated.receipt ?? leader.simulated.reference;
  if (sharing === 'same receipt') {
    const { key, reference } = referenceFor(random, provider, index, true);
    // One payment has one amount, by whichever reference it is found.
    const { amount } = leader.simulated;
    const simulated = { ...order.simulated, reference: key, receipt, amount };
    return { ...order, sharing, arrivesAtMs, simulated, input: { ...order.input, reference, amount } };
  }
  const { simulated, behaviour } = leader;
  const { amount } = leader.input;
  const reference = sharing === 'same reference' ? leader.input.reference : receipt;
  const input = { ...order.input, amount, reference };
  return { ...order, sharing, arrivesAtMs, simulated, behaviour, input, pushes: [], storm: null };
}

/** Another order under an id that was used before: another payment, which comes soon. */
export function liveAgain(first: WorkloadOrder, random: Random): WorkloadOrder {
  const { provider, input } = first;
  const index = 1_000_000 + Number(input.metadata?.index);
  const { key, reference, receipt } = referenceFor(random, provider, index);
  const amount = (random.between(100, 500_000) / 100).toFixed(2);
  const timeline = [{ afterMs: random.between(0, 3_000), state: 'paid' as const }];
  return {
    ...{ orderId: first.orderId, provider, behaviour: 'pays, under an id that was used before' },
    ...{ arrivesAtMs: 0, isShared: false, sharing: null, storm: null, pushes: [] },
    earlierLives: first.earlierLives + 1,
    statement: null,
    simulated: { provider, reference: key, amount, timeline, ...(key === receipt ? {} : { receipt }) },
    input: { ...input, reference, amount, metadata: { index } },
  };
}

/** Whether the provider is to learn of the order's payment by this order, and not by another one. */
export function bringsItsPayment({ sharing }: WorkloadOrder): boolean {
  return sharing === null || sharing === 'same receipt';
}

/** Daraja's Transaction Status pushes nothing but the answers to our own queries. */
function stormsOf(provider: ProviderId): readonly ('polls' | 'pushes')[] {
  return simulatedProvider(provider).traits.callbacks ? ['polls', 'pushes'] : ['polls'];
}

function stormOfPushes(): Push[] {
  return Array.from({ length: stormSeconds }, (_, second) => {
    return { afterMs: 500 + second * 1_000, form: 'forged', copies: 1 };
  });
}

/** The spellings, delays and losses that each provider is known for. */
function variants(random: Random, provider: ProviderId): Partial<SimulatedOrder> {
  switch (provider) {
    case 'daraja':
      return {
        daraja: {
          resultDelayMs: random.between(20, 900),
          early: random.chance(0.05),
          duplicate: random.chance(0.1) ? random.between(1, 3) : 0,
          ...(random.chance(0.1) ? { lose: 'first' as const } : {}),
          ...(random.chance(0.05) ? { queueTimeout: 'first' as const } : {}),
          shape: random.pick(['list', 'numbers', 'strings', 'spaced-keys', 'missing-values'] as const),
        },
      };
    case 'daraja-stk':
      return { stk: { pending: random.pick(['processing', '4999', 'mixed'] as const) } };
    case 'vexora':
      return {
        vexora: {
          amount: random.pick(['number', 'text', 'split', 'received'] as const),
          success: random.pick(['boolean', 'string'] as const),
        },
      };
    default:
      return {};
  }
}

function faultOf(random: Random): Fault {
  const fromMs = random.between(0, 3_000);
  return {
    kind: random.pick(orderFaults),
    fromMs,
    untilMs: fromMs + random.between(500, 5_000),
    every: random.pick([1, 1, 2, 3]),
  };
}

/**
 * Daraja's Transaction Status pushes nothing but the answers to our own queries.
 *
 * @param latestMs by how much pushes may be late when they come in every disorder; `null` when they come in order
 */
function pushesOf(
  random: Random,
  provider: ProviderId,
  { timeline }: Pick<SimulatedOrder, 'timeline'>,
  latestMs: number | null,
): Push[] {
  if (!simulatedProvider(provider).traits.callbacks) return [];
  const last = timeline.at(-1);
  const endsOpen = last === undefined || last.state === 'pending' || last.state === 'not-found';
  const genuine: Push[] = endsOpen
    ? []
    : [{ afterMs: last.afterMs + random.between(-500, 500), form: 'genuine', copies: 1 }];
  const tame = genuine.map((push) => ({ ...push, afterMs: Math.max(0, push.afterMs) }));
  if (latestMs === null) return tame;
  const forged: Push = { afterMs: random.between(0, 4_000), form: 'forged', copies: random.between(1, 4) };
  const copied = tame.map((push) => ({ ...push, copies: random.between(1, 6) }));
  const late = tame.map((push) => ({ ...push, afterMs: push.afterMs + random.between(5_000, latestMs) }));
  return [forged, ...copied, ...(random.chance(0.3) ? late : [])];
}
