import type { OrderScript } from './script.ts';
import type { State } from './words.ts';

/** Where an order stands: its state, since when (epoch milliseconds), and the index of the timeline entry (-1: none yet). */
export interface Present {
  readonly state: State;
  readonly since: number;
  readonly step: number;
}

/** An order that follows a timeline from the instant it was scripted (epoch milliseconds). */
export interface Timed {
  readonly script: Pick<OrderScript, 'timeline'>;
  readonly scriptedAt: number;
}

/** The last timeline entry reached at an instant; before the first one an order is pending. */
export function presentState({ script, scriptedAt }: Timed, at: number): Present {
  const { timeline } = script;
  for (let step = timeline.length - 1; step >= 0; step -= 1) {
    const entry = timeline[step];
    if (entry && scriptedAt + entry.afterMs <= at) {
      return { state: entry.state, since: scriptedAt + entry.afterMs, step };
    }
  }
  return { state: 'pending', since: scriptedAt, step: -1 };
}

/** The state that an order ends in. */
export function finalState(order: Timed): Present {
  return presentState(order, Number.POSITIVE_INFINITY);
}

/** Whether money has arrived in this state. */
export function isPaid(state: State): boolean {
  return state === 'paid' || state === 'partly-paid';
}

/** Whether this state ends an attempt without money. */
export function isUnpaidEnd(state: State): boolean {
  return typeof state === 'string' && (state.startsWith('failed:') || state.startsWith('expired'));
}
