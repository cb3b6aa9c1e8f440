import {
  type FaultKind,
  type ProviderId,
  providerIds,
  type SimulatedOrder,
  simulatedProvider,
} from '../src/simulator/simulator.ts';
import type { Random } from '../test/support/random.ts';

/** What a provider is scripted to say about one order. */
export type ScriptedAnswers = Pick<SimulatedOrder, 'timeline'> &
  Partial<
    Pick<SimulatedOrder, 'amountPaid' | 'answeredReference' | 'externalReference' | 'direction' | 'faults'>
  >;
type State = SimulatedOrder['timeline'][number]['state'];

/** One kind of fate that an order may have. */
export interface Behaviour {
  readonly name: string;
  /** How often it is chosen, in proportion to the others. */
  readonly weight: number;
  readonly providers: readonly ProviderId[];
  /** What several orders that speak of one payment may live through. */
  readonly isForShared?: true;
  /** The provider never says that the money came. */
  readonly isUnpaid?: true;
  script(random: Random, order: BehaviourSetting): ScriptedAnswers;
}

/** What a behaviour may look at. */
export interface BehaviourSetting {
  readonly provider: ProviderId;
  readonly reference: string;
  readonly amount: string;
  /** From scripting to the deadline. */
  readonly deadlineMs: number;
  /** How the provider answers, or does not, when it is asked about a bad reference. */
  readonly badKinds: readonly FaultKind[];
}

const all: readonly ProviderId[] = providerIds;
/** Those whose customers can pay under a reference that has been called failed. */
const retrying = providerIds.filter((id) => simulatedProvider(id).traits.retries);

/** Ends without money that no provider of ours takes back. */
const ends: readonly State[] = [
  'failed:cancelled',
  'failed:insufficient-funds',
  'failed:wrong-pin',
  'failed:limit-exceeded',
  'failed:rejected',
  'expired:not-reached',
  'expired',
];
/** Ends that a customer's second attempt may still turn into a payment, where the provider knows such statuses. */
const softEnds: readonly State[] = ['failed:cancelled', 'failed:wrong-pin', 'expired:not-reached'];
const unknownStatus = { word: 'SETTLEMENT_REVIEW' };

/** Every behaviour, from the plain to the nasty. Times in milliseconds from scripting. */
export const behaviours: readonly Behaviour[] = [
  {
    name: 'pays',
    isForShared: true,
    weight: 44,
    providers: all,
    script: (random) => line(['pending', 0], ['paid', random.between(200, 7_000)]),
  },
  {
    name: 'pays after the deadline',
    isForShared: true,
    weight: 5,
    providers: all,
    script: (random, { deadlineMs }) =>
      line(['pending', 0], ['paid', deadlineMs + random.between(1_000, 6_000)]),
  },
  {
    name: 'ends unpaid',
    isUnpaid: true,
    weight: 16,
    providers: all,
    script: (random) => line(['pending', 0], [random.pick(ends), random.between(200, 6_000)]),
  },
  {
    name: 'cancels, then pays',
    isForShared: true,
    weight: 6,
    providers: retrying,
    script(random) {
      const cancelsAt = random.between(200, 3_000);
      return line(
        ['pending', 0],
        [random.pick(softEnds), cancelsAt],
        ['paid', cancelsAt + random.between(500, 6_000)],
      );
    },
  },
  {
    name: 'not found at first',
    weight: 7,
    providers: all,
    script: (random) => line(['not-found', 0], ['paid', random.between(1_000, 5_000)]),
  },
  {
    name: 'never ends',
    isUnpaid: true,
    weight: 4,
    providers: all,
    script: () => line(['pending', 0]),
  },
  {
    name: 'never found',
    isUnpaid: true,
    weight: 2,
    providers: all,
    script: () => line(['not-found', 0]),
  },
  {
    name: 'an unknown status for ever',
    isUnpaid: true,
    weight: 2,
    providers: all,
    script: () => line([unknownStatus, 0]),
  },
  {
    name: 'flaps, then pays',
    weight: 5,
    providers: all,
    script(random) {
      const stepMs = random.between(300, 1_200);
      const flaps: State[] = [
        'pending',
        'not-found',
        'pending',
        unknownStatus,
        'not-found',
        'pending',
        'paid',
      ];
      return line(...flaps.map((state, index): [State, number] => [state, index * stepMs]));
    },
  },
  {
    name: 'pays too little',
    weight: 3,
    providers: all,
    script: (random, { amount }) => ({
      ...line(['pending', 0], ['paid', random.between(200, 4_000)]),
      amountPaid: (Number(amount) - 0.01).toFixed(2),
    }),
  },
  {
    name: 'pays in part',
    weight: 2,
    providers: all,
    script: (random) => line(['pending', 0], ['partly-paid', random.between(200, 4_000)]),
  },
  {
    name: 'pays too much',
    weight: 2,
    providers: all,
    script: (random, { amount }) => ({
      ...line(['pending', 0], ['paid', random.between(200, 4_000)]),
      amountPaid: (Number(amount) + 10).toFixed(2),
    }),
  },
  {
    name: "another payment's answer",
    weight: 3,
    providers: all,
    script: (random, { reference }) => ({
      ...line(['paid', random.between(0, 3_000)]),
      answeredReference: otherThan(reference),
      externalReference: otherThan(reference),
    }),
  },
  {
    name: 'money going out',
    weight: 2,
    providers: providerIds.filter((id) => simulatedProvider(id).traits.payouts),
    script: (random) => ({ ...line(['paid', random.between(0, 3_000)]), direction: 'out' }),
  },
];

/** A reference that the provider never answers properly, whatever it is asked about it. */
export const badReference: Behaviour = {
  name: 'a bad reference',
  weight: 1,
  providers: all,
  script: (random, { badKinds }) => ({ ...line(['pending', 0]), faults: [{ kind: random.pick(badKinds) }] }),
};

/** Says something else at each look, far beyond the deadline, as a gateway of several machines that do not agree. */
export const flickering: Behaviour = {
  name: 'flickers, then pays',
  weight: 1,
  providers: retrying,
  script(random, { deadlineMs }) {
    const stepMs = random.between(150, 400);
    const flickers = Array.from({ length: Math.floor((1.8 * deadlineMs) / stepMs) }, (_, index) => {
      return [index % 2 === 0 ? 'pending' : 'failed:cancelled', index * stepMs] as [State, number];
    });
    return line(...flickers, ['paid', 1.8 * deadlineMs + random.between(500, 3_000)]);
  },
};

/** A behaviour for an order of this provider, by weight. */
export function pickBehaviour(
  random: Random,
  provider: ProviderId,
  kind: 'usual' | 'shared' | 'bad' | 'flickering' | 'unpaid',
): Behaviour {
  if (kind === 'bad') return badReference;
  if (kind === 'flickering' && flickering.providers.includes(provider)) return flickering;
  const possible = behaviours.filter(({ providers, isForShared, isUnpaid }) => {
    const isFitting = kind === 'shared' ? isForShared : kind === 'unpaid' ? isUnpaid : true;
    return providers.includes(provider) && isFitting === true;
  });
  let left = random.next() * possible.reduce((sum, { weight }) => sum + weight, 0);
  for (const behaviour of possible) {
    left -= behaviour.weight;
    if (left < 0) return behaviour;
  }
  return possible.at(-1) as Behaviour;
}

function line(...steps: [state: State, afterMs: number][]): ScriptedAnswers {
  return { timeline: steps.map(([state, afterMs]) => ({ state, afterMs })) };
}

/** A reference of the same form: its last digit or letter changed. */
function otherThan(reference: string): string {
  const last = reference.at(-1);
  return `${reference.slice(0, -1)}${last === '1' ? '2' : '1'}`;
}
