import { isIPv6 } from 'node:net';

/**
 * Slows down whoever guesses passwords, and shuts nobody out: a right password is let in, however many wrong ones others have
 * sent. Browsers that have logged in before are counted apart from their address. Counts in this process.
 */
export interface LoginThrottle {
  /** Counts an attempt, and says how long its answer has to wait. Counted first, so that guesses side by side gain nothing. */
  begin(caller: string, now: number): number;
  /** The attempt that `begin` counted was right: it is no guess. */
  succeeded(caller: string): void;
}

const windowMs = 60_000;
/** Attempts of one caller in a minute that are answered at once. */
const freeAttempts = 5;
/** Attempts of all strangers in a minute, from which on each of them waits a second: guessing from many addresses is slow, too. */
const freeOverall = 20;
const overallDelayMs = 1_000;
const firstDelayMs = 250;
/** Below the five seconds that a handler has. */
const longestDelayMs = 3_000;
/** Who is counted; beyond, those counted longest ago are forgotten. */
const maxCallers = 10_000;

export function createLoginThrottle(): LoginThrottle {
  const counted = new Map<string, { since: number; attempts: number }>();

  function count(caller: string, now: number): number {
    const known = counted.get(caller);
    const entry = known === undefined || known.since <= now - windowMs ? { since: now, attempts: 0 } : known;
    entry.attempts += 1;
    if (known !== entry) {
      counted.delete(caller);
      counted.set(caller, entry);
      const [oldest] = counted.keys();
      if (counted.size > maxCallers && oldest !== undefined) counted.delete(oldest);
    }
    return entry.attempts;
  }

  const succeeded = (caller: string) => {
    const entry = counted.get(caller);
    if (entry !== undefined) entry.attempts = Math.max(0, entry.attempts - 1);
  };

  return {
    begin(caller, now) {
      const beyond = count(caller, now) - freeAttempts;
      const own = beyond <= 0 ? 0 : firstDelayMs * 2 ** Math.min(beyond - 1, 10);
      const isStranger = !caller.startsWith(devicePrefix);
      const overall = isStranger && count(everybody, now) > freeOverall ? overallDelayMs : 0;
      return Math.min(longestDelayMs, Math.max(own, overall));
    },
    succeeded(caller) {
      succeeded(caller);
      if (!caller.startsWith(devicePrefix)) succeeded(everybody);
    },
  };
}

const everybody = 'everybody';
const devicePrefix = 'device:';

/** Whom a login is counted for: the browser that has logged in before, or else the network of its address. */
export function loginCaller(address: string, device: string | null): string {
  return device === null ? `address:${networkOf(address)}` : `${devicePrefix}${device}`;
}

/** Whoever has an IPv6 address has all 2^64 of its network. */
export function networkOf(address: string): string {
  const [plain = ''] = address.split('%');
  if (!isIPv6(plain)) return plain;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(plain)?.[1];
  if (mapped !== undefined) return mapped;
  const [head = '', tail] = plain.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  // A tail in dotted form stands for two groups.
  const rightGroups = right.length + (right.at(-1)?.includes('.') ? 1 : 0);
  const zeros = tail === undefined ? [] : Array.from({ length: 8 - left.length - rightGroups }, () => '0');
  const groups = [...left, ...zeros, ...right].slice(0, 4);
  return `${groups.map((group) => Number.parseInt(group, 16).toString(16)).join(':')}::/64`;
}
