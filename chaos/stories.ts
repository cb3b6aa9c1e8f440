import type { FaultKind, ProviderId, SimulatedOrder } from '../src/simulator/simulator.ts';
import type { Random } from '../test/support/random.ts';

/** What a provider is scripted to say about one order. */
export type Plot = Pick<SimulatedOrder, 'timeline'> &
  Partial<
    Pick<SimulatedOrder, 'amountPaid' | 'answeredReference' | 'externalReference' | 'direction' | 'faults'>
  >;
type State = SimulatedOrder['timeline'][number]['state'];

/** One kind of fate that an order may have. */
export interface Story {
  readonly name: string;
  /** How often it is told, in proportion to the others. */
  readonly weight: number;
  readonly providers: readonly ProviderId[];
  /** What several orders that speak of one payment may live through. */
  readonly isForShared?: true;
  plot(random: Random, order: StoryOrder): Plot;
}

/** What a story may look at. */
export interface StoryOrder {
  readonly provider: ProviderId;
  readonly reference: string;
  readonly amount: string;
  /** From scripting to the deadline. */
  readonly deadlineMs: number;
  /** How the provider answers, or does not, when it is asked about a bad reference. */
  readonly badKinds: readonly FaultKind[];
}

const all: readonly ProviderId[] = ['jenga', 'daraja', 'daraja-stk', 'vexora', 'lipia', 'tanda'];

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
/** Words that a customer's second attempt may still turn, where the provider knows such words. */
const softEnds: readonly State[] = ['failed:cancelled', 'failed:wrong-pin', 'expired:not-reached'];
const strangeWord = { word: 'SETTLEMENT_REVIEW' };

/** Every story, from the plain to the nasty. Times in milliseconds from scripting. */
export const stories: readonly Story[] = [
  {
    name: 'pays',
    isForShared: true,
    weight: 44,
    providers: all,
    plot: (random) => line(['pending', 0], ['paid', random.between(200, 7_000)]),
  },
  {
    name: 'pays after the deadline',
    isForShared: true,
    weight: 5,
    providers: all,
    plot: (random, { deadlineMs }) =>
      line(['pending', 0], ['paid', deadlineMs + random.between(1_000, 6_000)]),
  },
  {
    name: 'ends unpaid',
    weight: 16,
    providers: all,
    plot: (random) => line(['pending', 0], [random.pick(ends), random.between(200, 6_000)]),
  },
  {
    name: 'cancels, then pays',
    isForShared: true,
    weight: 6,
    providers: ['jenga', 'daraja-stk', 'lipia'],
    plot(random) {
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
    plot: (random) => line(['not-found', 0], ['paid', random.between(1_000, 5_000)]),
  },
  { name: 'never ends', weight: 4, providers: all, plot: () => line(['pending', 0]) },
  { name: 'never found', weight: 2, providers: all, plot: () => line(['not-found', 0]) },
  { name: 'a strange word for ever', weight: 2, providers: all, plot: () => line([strangeWord, 0]) },
  {
    name: 'flaps, then pays',
    weight: 5,
    providers: all,
    plot(random) {
      const stepMs = random.between(300, 1_200);
      const flaps: State[] = ['pending', 'not-found', 'pending', strangeWord, 'not-found', 'pending', 'paid'];
      return line(...flaps.map((state, index): [State, number] => [state, index * stepMs]));
    },
  },
  {
    name: 'pays too little',
    weight: 3,
    providers: all,
    plot: (random, { amount }) => ({
      ...line(['pending', 0], ['paid', random.between(200, 4_000)]),
      amountPaid: (Number(amount) - 0.01).toFixed(2),
    }),
  },
  {
    name: 'pays in part',
    weight: 2,
    providers: all,
    plot: (random) => line(['pending', 0], ['partly-paid', random.between(200, 4_000)]),
  },
  {
    name: 'pays too much',
    weight: 2,
    providers: all,
    plot: (random, { amount }) => ({
      ...line(['pending', 0], ['paid', random.between(200, 4_000)]),
      amountPaid: (Number(amount) + 10).toFixed(2),
    }),
  },
  {
    name: "another payment's answer",
    weight: 3,
    providers: all,
    plot: (random, { reference }) => ({
      ...line(['paid', random.between(0, 3_000)]),
      answeredReference: otherThan(reference),
      externalReference: otherThan(reference),
    }),
  },
  {
    name: 'money going out',
    weight: 2,
    providers: ['daraja', 'tanda'],
    plot: (random) => ({ ...line(['paid', random.between(0, 3_000)]), direction: 'out' }),
  },
];

/** A reference that the provider never answers properly, whatever it is asked about it. */
export const badReference: Story = {
  name: 'a bad reference',
  weight: 1,
  providers: all,
  plot: (random, { badKinds }) => ({ ...line(['pending', 0]), faults: [{ kind: random.pick(badKinds) }] }),
};

/** Says something else at each look, far beyond the deadline, as a gateway of several machines that do not agree. */
export const flickering: Story = {
  name: 'flickers, then pays',
  weight: 1,
  providers: ['jenga', 'daraja-stk', 'lipia'],
  plot(random, { deadlineMs }) {
    const stepMs = random.between(150, 400);
    const flickers = Array.from({ length: Math.floor((1.8 * deadlineMs) / stepMs) }, (_, index) => {
      return [index % 2 === 0 ? 'pending' : 'failed:cancelled', index * stepMs] as [State, number];
    });
    return line(...flickers, ['paid', 1.8 * deadlineMs + random.between(500, 3_000)]);
  },
};

/** A story for an order of this provider, by weight. */
export function pickStory(
  random: Random,
  provider: ProviderId,
  kind: 'usual' | 'shared' | 'bad' | 'flickering',
): Story {
  if (kind === 'bad') return badReference;
  if (kind === 'flickering' && flickering.providers.includes(provider)) return flickering;
  const possible = stories.filter(({ providers, isForShared }) => {
    return providers.includes(provider) && (kind !== 'shared' || isForShared === true);
  });
  let left = random.next() * possible.reduce((sum, { weight }) => sum + weight, 0);
  for (const story of possible) {
    left -= story.weight;
    if (left < 0) return story;
  }
  return possible.at(-1) as Story;
}

function line(...steps: [state: State, afterMs: number][]): Plot {
  return { timeline: steps.map(([state, afterMs]) => ({ state, afterMs })) };
}

/** A reference of the same form: its last digit or letter changed. */
function otherThan(reference: string): string {
  const last = reference.at(-1);
  return `${reference.slice(0, -1)}${last === '1' ? '2' : '1'}`;
}
