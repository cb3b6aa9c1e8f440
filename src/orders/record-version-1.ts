import type { Fields, RecordParts } from './record.ts';

/** Reads a record of version 1, which had a field for every value. An empty field meant `null`. */
export function partsOfVersion1(fields: Fields): RecordParts {
  const get = (name: string) => fields[name] ?? '';
  const json = (name: string) => JSON.parse(get(name));
  const number = (name: string) => Number(get(name) || Number.NaN);
  const optional = <T>(name: string, read: (name: string) => T) => (get(name) === '' ? null : read(name));
  return {
    order: () => ({ provider: get('provider'), schedule: json('schedule'), metadata: json('metadata') }),
    progress: () => ({
      stateversion: number('stateversion'),
      verdict: optional('status', (name) => {
        return { status: get(name), reason: get('reason') || null, at: number('settledAt') };
      }),
      watchedSince: optional('watchedSince', number),
      candidate: optional('candidate', json),
      moneySeen: get('moneySeen') === '1',
      polls: number('polls'),
      lastPolledAt: optional('lastPolledAt', number),
      answeredPolls: number('answeredPolls'),
      lastAnsweredAt: optional('lastAnsweredAt', number),
    }),
    history: () => {
      const history = json('history') as { at: string }[];
      // An invalid time would parse, but could never be written again.
      for (const { at } of history) new Date(at).toISOString();
      return history;
    },
  };
}
