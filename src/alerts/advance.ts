import { alertKey, type Violation } from './evaluate.ts';
import { messageOf } from './message.ts';

/**
 * What is known about an alert, kept in Redis.
 * - `pending`: true, but not for long enough.
 * - `begun`: its beginning is to be sent.
 * - `known`: its beginning was sent.
 * - `ended`: its end is to be sent.
 */
export interface AlertState {
  readonly phase: 'pending' | 'begun' | 'known' | 'ended';
  /** Since when it has been true, epoch ms. */
  readonly since: number;
  /** When it was last true, epoch ms. */
  readonly lastAt: number;
  /** The message about its beginning, or its end. */
  readonly text: string;
  /** The message that its end begins with. */
  readonly summary: string;
}

export type AlertStates = ReadonlyMap<string, AlertState>;

/** An alert ends only after it has not been true for so long: a figure around its limit must not send one message after another. */
export const endAfterMs = 300_000;
/** A message that could not be delivered for so long is dropped: it would only mislead. */
const forgetAfterMs = 86_400_000;

/** The states after an evaluation at `now`. Alerts without a state are absent. Pure. */
export function advance(
  states: AlertStates,
  violations: readonly Violation[],
  now: number,
): Map<string, AlertState> {
  const found = new Map(violations.map((violation) => [alertKey(violation), violation]));
  const next = new Map<string, AlertState>();
  for (const [key, violation] of found) next.set(key, stillTrue(states.get(key), violation, now));
  for (const [key, state] of states) {
    const after = found.has(key) ? null : notTrue(state, now);
    if (after !== null) next.set(key, after);
  }
  return next;
}

function stillTrue(state: AlertState | undefined, violation: Violation, now: number): AlertState {
  const { summary, text } = messageOf(violation);
  const since = state?.since ?? now;
  const isDue = now - since >= violation.rule.forMinutes * 60_000;
  switch (state?.phase) {
    case undefined:
    case 'pending':
      return { phase: isDue ? 'begun' : 'pending', since, lastAt: now, summary, text };
    case 'begun':
      return { ...state, lastAt: now, summary, text };
    // The end was not sent yet, so for the receiver the alert has never ended.
    case 'ended':
    case 'known':
      return { ...state, phase: 'known', lastAt: now, summary, text };
  }
}

function notTrue(state: AlertState, now: number): AlertState | null {
  const goneMs = now - state.lastAt;
  switch (state.phase) {
    case 'pending':
      return null;
    case 'begun':
    case 'known': {
      if (goneMs < endAfterMs) return state;
      // What was never announced needs no end.
      return state.phase === 'begun'
        ? null
        : { ...state, phase: 'ended', text: `Resolved: ${state.summary}` };
    }
    case 'ended':
      return goneMs < forgetAfterMs ? state : null;
  }
}

/** The state once the message was delivered; `null`: nothing is left to remember. */
export function afterSending(state: AlertState): AlertState | null {
  return state.phase === 'ended' ? null : { ...state, phase: 'known' };
}

/** True if a message is to be sent. */
export function isUnsent({ phase }: AlertState): boolean {
  return phase === 'begun' || phase === 'ended';
}
