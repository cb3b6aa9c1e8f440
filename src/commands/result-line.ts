import { styleText } from 'node:util';
import type { ResultEvent } from '../domain/result-event.ts';
import type { LocalTime } from './local-time.ts';

const colours = { paid: 'green', failed: 'red', expired: 'yellow', unresolved: 'magenta' } as const;

/** Formats a verdict as one aligned line, with its date and time in a time zone. */
export function resultLine(event: ResultEvent, coloured: boolean, time: LocalTime): string {
  const { status, reason, amountExpected, amountReceived, amountVerified } = event.data;
  const { currency, receipt, account, polls } = event.data;
  const word = status.padEnd(10);
  const amount =
    amountReceived === null || amountReceived === amountExpected
      ? amountExpected
      : `${amountReceived} of ${amountExpected}`;
  const notes = [
    reason,
    receipt === null ? null : `receipt ${receipt}`,
    status === 'paid' && !amountVerified ? 'amount not verified' : null,
    event.supersedes === undefined ? null : `corrects ${event.supersedes}`,
    polls === 1 ? '1 poll' : `${polls} polls`,
  ];
  return [
    time.text(Date.parse(event.time)),
    coloured ? styleText(colours[status], word, { validateStream: false }) : word,
    `${currency} ${amount}`.padStart(12),
    event.subject.padEnd(28),
    account.padEnd(12),
    notes.filter((note) => note !== null).join(', '),
  ].join('  ');
}
