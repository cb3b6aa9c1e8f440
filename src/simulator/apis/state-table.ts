import type { PlainState, State } from '../words.ts';

/** What an API prints for each state that it knows an order in; "not-found" has a body of its own everywhere. */
export type StateTable<Printed> = Readonly<Record<Exclude<PlainState, 'not-found'>, Printed>>;

/** What is printed for a state: the table's entry, or the script's own word in the place that decides. */
export function printedFor<Printed>(
  table: StateTable<Printed>,
  state: State,
  unlisted: (word: string) => Printed,
): Printed {
  if (typeof state !== 'string') return unlisted(state.word);
  // Only a push could speak of an order that is not found, and scripts with such a push are refused.
  return table[state === 'not-found' ? 'pending' : state];
}
