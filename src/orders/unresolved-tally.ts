/** The amount of one unresolved order. */
export interface UnresolvedMoney {
  readonly orderId: string;
  /** When the verdict was published, epoch milliseconds. */
  readonly at: number;
  readonly amountMinor: number;
  readonly currency: string;
  readonly account: string;
}

/** Age classes of unresolved amounts, counted from the verdict. `belowMs` is exclusive. */
export const ageClasses = [
  { id: '1h', label: 'under 1 h', belowMs: 3_600_000 },
  { id: '24h', label: '1 to 24 h', belowMs: 86_400_000 },
  { id: '7d', label: '1 to 7 days', belowMs: 7 * 86_400_000 },
  { id: 'older', label: 'over 7 days', belowMs: Number.POSITIVE_INFINITY },
] as const;
export type AgeClass = (typeof ageClasses)[number]['id'];

export interface MoneyOfClass {
  readonly orders: number;
  readonly amountMinor: number;
}

/** Totals over all unresolved orders. */
export interface UnresolvedTally {
  readonly orders: number;
  /** Orders and amounts by currency and age class, currencies in alphabetical order. */
  readonly currencies: readonly {
    readonly currency: string;
    readonly classes: { readonly [age in AgeClass]: MoneyOfClass };
  }[];
  /** The ten oldest, oldest first. */
  readonly oldest: readonly UnresolvedMoney[];
}

export const emptyTally: UnresolvedTally = { orders: 0, currencies: [], oldest: [] };

const oldestKept = 10;

/** Adds orders to a tally, with their ages at `now`. Pure. */
export function addToTally(
  tally: UnresolvedTally,
  money: readonly UnresolvedMoney[],
  now: number,
): UnresolvedTally {
  const byCurrency = new Map(tally.currencies.map(({ currency, classes }) => [currency, { ...classes }]));
  for (const { at, amountMinor, currency } of money) {
    const classes = byCurrency.get(currency) ?? noMoney();
    const id = ageClasses.find(({ belowMs }) => now - at < belowMs)?.id ?? 'older';
    classes[id] = { orders: classes[id].orders + 1, amountMinor: classes[id].amountMinor + amountMinor };
    byCurrency.set(currency, classes);
  }
  return {
    orders: tally.orders + money.length,
    currencies: [...byCurrency]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([currency, classes]) => ({ currency, classes })),
    oldest: [...tally.oldest, ...money].sort((a, b) => a.at - b.at).slice(0, oldestKept),
  };
}

function noMoney(): { [age in AgeClass]: MoneyOfClass } {
  const none = { orders: 0, amountMinor: 0 };
  return { '1h': none, '24h': none, '7d': none, older: none };
}
