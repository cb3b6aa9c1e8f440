import type { OrderInput } from '../../src/jobs/validate-order.ts';
import type { Reference } from '../../src/order.ts';
import type { Fault, FaultKind, ProviderId, SimulatedOrder } from '../../src/simulator/simulator.ts';
import { createRandom, type Random } from './random.ts';
import { pickStory } from './stories.ts';

/** One order of the drill: what its provider will do, and what the checkout hands in. */
export interface DrillOrder {
  readonly orderId: string;
  readonly provider: ProviderId;
  readonly story: string;
  /** When the checkout meets it, from the beginning of the scenario. */
  readonly arrivesAtMs: number;
  readonly simulated: SimulatedOrder;
  readonly input: OrderInput;
  /** Pushes of the provider, without the address, which only a running service has. */
  readonly pushes: readonly Push[];
}

/** One push of a provider, in milliseconds from scripting. */
export type Push = Pick<
  NonNullable<SimulatedOrder['callbacks']>[number],
  'afterMs' | 'form' | 'copies' | 'shape'
>;

export interface ScriptOptions {
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
}

const everyProvider: readonly ProviderId[] = ['jenga', 'daraja', 'daraja-stk', 'vexora', 'lipia', 'tanda'];

const leastLateMs = 20_000;

/** Faults of single answers. A whole provider's sickness is the matter of a scenario. */
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

/** The script of a scenario: the same options give the same script. */
export function writeScript(options: ScriptOptions): DrillOrder[] {
  const { seed, orders, spanMs, providers = everyProvider } = options;
  const root = createRandom(seed);
  return Array.from({ length: orders }, (_, index) => {
    const random = root.fork(`order ${index}`);
    const provider = providers[index % providers.length] as ProviderId;
    const slotMs = spanMs / Math.max(1, orders);
    return writeOrder(random, provider, index, Math.round((index + random.next()) * slotMs), options);
  });
}

function writeOrder(
  random: Random,
  provider: ProviderId,
  index: number,
  arrivesAtMs: number,
  { seed, spanMs, deadlineMs, faulty = 0.1, pushed = 0.2, wildPushes = false }: ScriptOptions,
): DrillOrder {
  const orderId = `drill:${seed}.${String(index).padStart(6, '0')}`;
  const { key, reference } = referenceFor(random, provider, index);
  const amount = (random.between(100, 500_000) / 100).toFixed(2);
  const story = pickStory(random, provider);
  const plot = story.plot(random, { provider, reference: key, amount, deadlineMs });
  return {
    orderId,
    provider,
    story: story.name,
    arrivesAtMs,
    simulated: {
      provider,
      reference: key,
      amount,
      ...plot,
      ...variants(random, provider),
      faults: random.chance(faulty) ? [faultOf(random)] : [],
    },
    input: { orderId, account: provider, reference, amount, metadata: { drill: index } },
    pushes: random.chance(wildPushes ? 0.9 : pushed)
      ? pushesOf(random, provider, plot, wildPushes ? Math.max(leastLateMs, spanMs) : null)
      : [],
  };
}

/** A reference of the form that the provider hands out; the index keeps it unique. */
function referenceFor(
  random: Random,
  provider: ProviderId,
  index: number,
): { key: string; reference: Reference } {
  const hex = Array.from({ length: 24 }, () => random.between(0, 15).toString(16)).join('');
  const serial = index.toString(36).toUpperCase().padStart(5, '0');
  const receipt = `S${hex.slice(0, 4).toUpperCase()}${serial}`;
  switch (provider) {
    case 'jenga':
      return same(`OR${1_000_000_000 + index}`);
    case 'daraja-stk':
      return same(`ws_CO_${hex.slice(0, 10)}${index}`);
    case 'daraja': {
      if (random.chance(0.7)) return same(receipt);
      const conversation = `29112-${34_620_000 + index}-1`;
      return { key: conversation, reference: { originatorConversationId: conversation } };
    }
    case 'vexora': {
      if (random.chance(0.5)) return same(receipt);
      const tradeNo = `T${hex.slice(0, 8)}${index}`;
      return { key: tradeNo, reference: { tradeNo } };
    }
    case 'lipia': {
      const key = `${hex.slice(0, 18)}${String(index).padStart(6, '0')}`;
      return { key, reference: { transactionReference: key, externalReference: key } };
    }
    case 'tanda':
      return same(`${hex.slice(0, 8)}-${hex.slice(8, 12)}-4000-8000-${String(index).padStart(12, '0')}`);
  }
}

function same(key: string): { key: string; reference: Reference } {
  return { key, reference: key };
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
    case 'jenga':
    case 'lipia':
    case 'tanda':
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
  if (provider === 'daraja') return [];
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
