import { type Behaviour, withCustomers } from './behaviour.ts';

/** Accounts that behave otherwise than the file says, to show what the result hangs on. */
export interface Variation {
  readonly name: string;
  readonly accounts: readonly Behaviour[];
}

export function variationsOf(behaviour: Behaviour): readonly Variation[] {
  const paid = behaviour.outcomes[0]?.time;
  const [sigma, medianS] = paid?.kind === 'lognormal' ? [paid.sigma, paid.medianS] : [0, 1];
  const one = (name: string, slower: number, relative: number) => {
    return { name, accounts: [withCustomers(behaviour, slower, (each) => each * relative)] };
  };
  return [
    ...[0.35, 0.45, 0.7].map((other) => one(`customers spread by sigma ${other}`, 1, other / sigma)),
    one('customers quick: median 5 s', 5 / medianS, 1),
    one('customers slow: median 35 s', 35 / medianS, 1),
    ...[0.25, 0.5, 0.75].map((share) => differing(behaviour, sigma, share)),
  ];
}

/** Normal quantiles of 1/16, 3/16, … 15/16: eight accounts that stand for all. */
const eighths = [-1.534, -0.887, -0.489, -0.157, 0.157, 0.489, 0.887, 1.534] as const;

/**
 * Eight accounts that all together behave as the file says, but where a share of the variance lies between the accounts:
 * each has a median of its own, and is spread the less around it.
 */
function differing(behaviour: Behaviour, sigma: number, share: number): Variation {
  const between = Math.sqrt(share) * sigma;
  const within = (each: number) => Math.sqrt(Math.max(0.01, each ** 2 - between ** 2));
  return {
    name: `8 accounts, ${Math.round(100 * share)} % of the variance between them`,
    accounts: eighths.map((z) => withCustomers(behaviour, Math.exp(between * z), within)),
  };
}
