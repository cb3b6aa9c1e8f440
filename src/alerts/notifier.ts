import type { WebhookSender } from '../webhooks/send.ts';
import { type AlertStates, advance, afterSending, isUnsent } from './advance.ts';
import type { AlertStore } from './alert-store.ts';
import { type Figures, findViolations } from './evaluate.ts';
import { alertRules } from './rules.ts';

export interface NotifierParts {
  readonly store: AlertStore;
  readonly sender: Pick<WebhookSender, 'send'>;
  /** Reads the figures of all processes. */
  measure(): Promise<Figures>;
  now(): number;
  readonly everyMs: number;
  /** A message could not be delivered; it is tried again. */
  undelivered(answer: string): void;
  failed(error: unknown): void;
}

/** Most messages of one evaluation: the others follow with the next. */
const messagesAtOnce = 20;

const headers = { 'content-type': 'application/json', 'user-agent': 'payment-poller' };

/**
 * Sends a message when an alert begins, and one when it ends. Of all processes one evaluates at a time. A message counts as sent
 * when the receiver answered 2xx, so a process that dies just then causes a second one.
 */
export function startNotifier(parts: NotifierParts): { close(): Promise<void> } {
  let isClosing = false;
  let running: Promise<void> | null = null;

  function tick(): void {
    if (isClosing) return;
    running ??= evaluate(parts, () => isClosing)
      .catch(parts.failed)
      .finally(() => {
        running = null;
      });
  }

  const timer = setInterval(tick, parts.everyMs);
  tick();
  return {
    async close() {
      isClosing = true;
      clearInterval(timer);
      await running;
      await parts.store.release().catch(parts.failed);
    },
  };
}

async function evaluate(parts: NotifierParts, isClosing: () => boolean): Promise<void> {
  const { store, measure, now } = parts;
  if (!(await store.lease())) return;
  const violations = findViolations(alertRules, await measure());
  const before = await store.read();
  const after = advance(before, violations, now());
  if (!(await store.save(changes(before, after)))) return;
  const unsent = [...after].filter(([, state]) => isUnsent(state)).slice(0, messagesAtOnce);
  for (const [key, state] of unsent) {
    // Before each message, because another process may have taken over while the last one took long.
    if (isClosing() || !(await store.save(new Map()))) return;
    const { kind, ...outcome } = await parts.sender.send(headers, JSON.stringify({ text: state.text }));
    if (kind !== 'delivered') {
      if ('answer' in outcome) parts.undelivered(outcome.answer);
      return;
    }
    if (!(await store.save(new Map([[key, afterSending(state)]])))) return;
  }
}

function changes(before: AlertStates, after: AlertStates) {
  const gone = [...before.keys()].filter((key) => !after.has(key)).map((key) => [key, null] as const);
  return new Map([...after, ...gone]);
}
