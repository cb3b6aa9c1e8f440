/** A date and time without a zone, as milliseconds since the epoch if it were UTC. */
export type LocalMs = number;

/** Converts between instants and the local times of an IANA time zone. */
export interface Zone {
  /** IANA name, e.g. `Africa/Nairobi`. */
  readonly name: string;
  /** The instant of a local time. Of a local time that a change of clocks skips or repeats: one within an hour. */
  instantOf(local: LocalMs): number;
  localOf(at: number): LocalMs;
  /** The local date of an instant: `2026-01-15`. */
  dayOf(at: number): string;
}

const hourMs = 3_600_000;
/** Offsets are looked up once an hour of time, because each look-up formats a date. */
const mostCached = 20_000;

/** True for a name that this machine's time zone database has. */
export function isZoneName(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

/** @throws RangeError for an unknown name */
export function createZone(name: string): Zone {
  const format = new Intl.DateTimeFormat('en', {
    ...{ timeZone: name, hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric' },
    ...{ hour: 'numeric', minute: 'numeric', second: 'numeric' },
  });
  const offsets = new Map<number, number>();

  function offsetAt(at: number): number {
    const hour = Math.floor(at / hourMs);
    const known = offsets.get(hour);
    if (known !== undefined) return known;
    if (offsets.size >= mostCached) offsets.clear();
    const instant = hour * hourMs;
    const found: { [type: string]: number } = {};
    for (const { type, value } of format.formatToParts(instant)) found[type] = Number(value);
    const { year = 0, month = 1, day = 1, hour: hours = 0, minute = 0, second = 0 } = found;
    const offset = Date.UTC(year, month - 1, day, hours, minute, second) - instant;
    offsets.set(hour, offset);
    return offset;
  }

  const localOf = (at: number) => at + offsetAt(at);
  return {
    name,
    localOf,
    instantOf(local) {
      const near = local - offsetAt(local);
      return local - offsetAt(near);
    },
    dayOf: (at) => new Date(localOf(at)).toISOString().slice(0, 10),
  };
}

/** A local day: from the first instant to the first of the next day, exclusive. */
export interface DayRange {
  readonly day: string;
  readonly from: number;
  readonly to: number;
}

const dayMs = 24 * hourMs;

/** The range of `today`, `yesterday` or `YYYY-MM-DD`; `null` if the text is none of them. */
export function dayRange(text: string, zone: Zone, now: number): DayRange | null {
  const today = Math.floor(zone.localOf(now) / dayMs) * dayMs;
  const local = text === 'today' ? today : text === 'yesterday' ? today - dayMs : dateOf(text);
  if (local === null) return null;
  return {
    day: new Date(local).toISOString().slice(0, 10),
    from: zone.instantOf(local),
    to: zone.instantOf(local + dayMs),
  };
}

function dateOf(text: string): LocalMs | null {
  const [, year, month, day] = /^(2\d{3})-(\d\d)-(\d\d)$/.exec(text) ?? [];
  return year === undefined ? null : localTime(Number(year), Number(month), Number(day));
}

/** A local time from its parts; `null` if there is no such date or time. */
export function localTime(
  year: number,
  month: number,
  day: number,
  hour = 0,
  minute = 0,
  second = 0,
): LocalMs | null {
  const isTime = hour < 24 && minute < 60 && second < 60;
  const local = Date.UTC(year, month - 1, day, hour, minute, second);
  const date = new Date(local);
  const isDate = date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
  return isTime && isDate ? local : null;
}
