import { UsageError } from './command-context.ts';
import { createLocalTime, type LocalTime } from './local-time.ts';

/** What `--from` and `--to` take, for the help. */
export const timeHelp = 'today, yesterday, a date such as 2026-11-27, or RFC 3339';

/** @throws UsageError when there is no such time zone */
export function localTimeOf(timeZone: string | undefined): LocalTime {
  try {
    return createLocalTime(timeZone);
  } catch {
    throw new UsageError('--timezone takes a time zone such as Africa/Nairobi or UTC.');
  }
}

/** The instant that a flag names. @throws UsageError when it names none */
export function instantOf(flag: string, text: string, time: LocalTime, now: number): number {
  const at = time.parse(text, now);
  if (at === null) throw new UsageError(`${flag} takes ${timeHelp}, such as 2026-11-27T08:00:00+03:00.`);
  return at;
}

/** The instants of `--from` and `--to`, as far as they are given. @throws UsageError when a range is empty */
export function rangeOfFlags(
  { from, to }: { readonly from?: string | undefined; readonly to?: string | undefined },
  time: LocalTime,
  now: number,
): { readonly from?: number; readonly to?: number } {
  const range = {
    ...(from !== undefined && { from: instantOf('--from', from, time, now) }),
    ...(to !== undefined && { to: instantOf('--to', to, time, now) }),
  };
  if (range.from !== undefined && range.to !== undefined && range.from >= range.to)
    throw new UsageError('--from must be before --to; the day of --to is not included.');
  return range;
}
