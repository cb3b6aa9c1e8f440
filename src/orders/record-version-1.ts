import type { Schedule } from '../order.ts';
import type { Fields } from './record.ts';
import { toStoredSchedule } from './stored-schedule.ts';

/**
 * Version 1 of the record had a field for each thing known; these are the ones that version 2 has in their place. What is
 * broken or missing there becomes a `null`, which the reader of version 2 refuses.
 */
export function fromVersion1(fields: Fields): Fields {
  const get = (name: string) => fields[name] ?? '';
  const number = (name: string) => (get(name) === '' ? Number.NaN : Number(get(name)));
  const optional = <T>(name: string, read: (name: string) => T) =>
    get(name) === '' ? undefined : read(name);
  const json = (name: string): unknown => {
    try {
      return JSON.parse(get(name));
    } catch {
      return null;
    }
  };
  const status = get('status');
  return {
    order: JSON.stringify({
      provider: get('provider'),
      schedule: toStoredSchedule((json('schedule') ?? {}) as Schedule),
      metadata: json('metadata'),
    }),
    progress: JSON.stringify({
      stateversion: number('stateversion'),
      verdict: status === '' ? undefined : { status, reason: get('reason') || null, at: number('settledAt') },
      watchedSince: optional('watchedSince', number),
      candidate: optional('candidate', json),
      moneySeen: get('moneySeen') === '1' || undefined,
      polls: number('polls'),
      lastPolledAt: optional('lastPolledAt', number),
      answeredPolls: number('answeredPolls'),
      lastAnsweredAt: optional('lastAnsweredAt', number),
    }),
  };
}
