/** JSON text that `JSON.stringify` prints as it stands. */
export interface RawJson {
  readonly rawJSON: string;
}

const { rawJSON } = JSON as unknown as { rawJSON(text: string): RawJson };

/** An amount as a Java double prints it: "2.00" becomes 2.0, "2.25" becomes 2.25 (seed jenga-query-order-status). */
export function javaDouble(amount: string): RawJson {
  return rawJSON(amount.replace(/0$/, ''));
}

/** An amount as a number with four decimals: 3.0000 (seed mpesa-query-result-by-code). */
export function fourDecimals(amount: string): RawJson {
  return rawJSON(`${amount}00`);
}

/** An amount as a number without idle decimals: 100, 100.5 (seed lipia-transaction-status). */
export function plainNumber(amount: string): number {
  return Number(amount);
}

/** An amount as text, without decimals when it is whole: "300", "300.50" (seed daraja-transaction-status). */
export function shortText(amount: string): string {
  return amount.replace(/\.00$/, '');
}

/** A stamp in East Africa Time without a zone: "2024-08-09 16:22:37.907" (seed jenga-query-order-status). */
export function nairobiMillis(at: number): string {
  const iso = nairobiIso(at);
  return `${iso.slice(0, 10)} ${iso.slice(11, 23)}`;
}

/** A stamp in East Africa Time without a zone: "2024-07-01 18:34:31" (seed mpesa-query-result-by-code). */
export function nairobiSeconds(at: number): string {
  return nairobiMillis(at).slice(0, 19);
}

/** A stamp in East Africa Time as fourteen digits: "20170727101415" (providers.md, 2.2). */
export function nairobiDigits(at: number): string {
  return nairobiSeconds(at).replace(/\D/g, '');
}

/** An instant in UTC: "2024-01-15T10:30:00.000Z". */
export function isoInstant(at: number): string {
  return new Date(at).toISOString();
}

const nairobiOffsetMs = 3 * 3_600_000;

function nairobiIso(at: number): string {
  return new Date(at + nairobiOffsetMs).toISOString();
}

/** Thirty-two hexadecimal digits as a UUID, version 4. */
export function uuidOf(hex: string): string {
  const [a, b, c, d, e] = [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(13, 16),
    hex.slice(17, 20),
    hex.slice(20, 32),
  ];
  return `${a}-${b}-4${c}-8${d}-${e}`;
}
