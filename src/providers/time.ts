/**
 * Provider times. Stamps without a zone are Africa/Nairobi, UTC+3 without daylight saving (docs/providers.md section 8, trap 7).
 * They feed metrics and evidence only and never order our events.
 */

const nairobiOffsetMs = 3 * 3_600_000;

/** Epoch milliseconds of `2024-08-09 16:22:50.197`, `2024-08-09 16:22:50` or `20240809162250` in Nairobi; else `null`. */
export function nairobiTime(stamp: unknown): number | null {
  if (typeof stamp !== 'string' && typeof stamp !== 'number') return null;
  const match = nairobiPattern.exec(String(stamp));
  if (match === null) return null;
  const [, year, month, day, hour, minute, second, fraction = ''] = match;
  const at = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}${fraction}Z`);
  return Number.isNaN(at) ? null : at - nairobiOffsetMs;
}

const nairobiPattern = /^(\d{4})-?(\d\d)-?(\d\d)[ T]?(\d\d):?(\d\d):?(\d\d)(\.\d{1,3})?$/;

/** Epoch milliseconds of an ISO 8601 stamp that names its zone; else `null`. */
export function isoTime(stamp: unknown): number | null {
  if (typeof stamp !== 'string' || !isoPattern.test(stamp)) return null;
  const at = Date.parse(stamp);
  return Number.isNaN(at) ? null : at;
}

const isoPattern = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)$/;

/** `YYYYMMDDHHmmss` in Nairobi, as Daraja wants it. */
export function nairobiStamp(at: number): string {
  return new Date(at + nairobiOffsetMs).toISOString().replace(/\D/g, '').slice(0, 14);
}
