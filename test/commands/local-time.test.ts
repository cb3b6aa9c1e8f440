import { describe, expect, test } from 'vitest';
import { createLocalTime } from '../../src/commands/local-time.ts';

const iso = (at: number | null) => (at === null ? null : new Date(at).toISOString());

describe('a day in a time zone', () => {
  test.each([
    ['Africa/Nairobi', '2026-11-27', '2026-11-26T21:00:00.000Z', '2026-11-27T21:00:00.000Z'],
    ['UTC', '2026-02-28', '2026-02-28T00:00:00.000Z', '2026-03-01T00:00:00.000Z'],
    // 23 and 25 hours.
    ['Europe/London', '2026-03-29', '2026-03-29T00:00:00.000Z', '2026-03-29T23:00:00.000Z'],
    ['Europe/London', '2026-10-25', '2026-10-24T23:00:00.000Z', '2026-10-26T00:00:00.000Z'],
    // Clocks go forward at midnight: the day begins at one.
    ['Africa/Cairo', '2026-04-24', '2026-04-23T22:00:00.000Z', '2026-04-24T21:00:00.000Z'],
    // Clocks go back at midnight: 23:00 to 24:00 comes twice, and belongs to the day before.
    ['Africa/Cairo', '2026-10-30', '2026-10-29T22:00:00.000Z', '2026-10-30T22:00:00.000Z'],
    ['Asia/Kathmandu', '2026-01-01', '2025-12-31T18:15:00.000Z', '2026-01-01T18:15:00.000Z'],
    ['Pacific/Kiritimati', '2026-01-01', '2025-12-31T10:00:00.000Z', '2026-01-01T10:00:00.000Z'],
    ['Pacific/Pago_Pago', '2026-01-01', '2026-01-01T11:00:00.000Z', '2026-01-02T11:00:00.000Z'],
  ])('%s, %s', (timeZone, date, from, to) => {
    const time = createLocalTime(timeZone);
    expect(iso(time.parse(date, 0))).toBe(from);
    const tomorrow = Date.parse(to) + 3_600_000;
    expect(iso(time.parse('today', tomorrow))).toBe(to);
    expect(iso(time.parse('yesterday', tomorrow))).toBe(from);
    expect(time.text(Date.parse(from)).slice(0, 10)).toBe(date);
    expect(time.text(Date.parse(from) - 1).slice(0, 10) < date).toBe(true);
  });

  test('other texts', () => {
    const time = createLocalTime('Africa/Nairobi');
    expect(time.parse('now', 5)).toBe(5);
    expect(iso(time.parse('2026-11-27T08:00:00+03:00', 0))).toBe('2026-11-27T05:00:00.000Z');
    expect(iso(time.parse('2026-11-27T08:00Z', 0))).toBe('2026-11-27T08:00:00.000Z');
    for (const text of ['', '0', 'tomorrow', '2026-02-30', '2026-13-01', '27.11.2026', '2026-11-27T08:00:00'])
      expect(time.parse(text, 0), text).toBeNull();
    expect(time.parse('2026-11-27T25:00:00Z', 0)).toBeNull();
  });

  test('texts and offsets', () => {
    const at = Date.parse('2026-10-25T00:30:00.999Z');
    expect(createLocalTime('Europe/London').text(at)).toBe('2026-10-25 01:30:00');
    expect(createLocalTime('Europe/London').offset(at)).toBe('+01:00');
    expect(createLocalTime('Europe/London').offset(at + 3_600_000)).toBe('+00:00');
    expect(createLocalTime('America/St_Johns').offset(at)).toBe('-02:30');
    expect(() => createLocalTime('Africa/Nowhere')).toThrow(RangeError);
  });
});
