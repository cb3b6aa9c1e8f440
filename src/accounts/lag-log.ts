import type { Redis } from '../redis/connection.ts';
import type { Keys } from '../redis/keys.ts';

/** How late final statuses were seen in about the last hour, and what the schedule expected. Times in milliseconds. */
export interface Lag {
  /** Orders that no callback announced. */
  readonly orders: number;
  /** From the final status to the poll that saw it, median. Known only as lying between two polls, and so estimated. */
  readonly medianMs: number;
  /** The median that the schedule in force expected from the account's usual times; `null` where it could not tell. */
  readonly expectedMs: number | null;
}

/** The lags of one account, for display. All processes write to the same place. */
export interface LagLog {
  /** An order became final within this time before the poll that saw it. */
  note(withinMs: number): void;
  /** Writes what was noted. @param expectedMs the median that the schedule in force expects */
  write(expectedMs: number | null): Promise<void>;
}

const slotMs = 600_000;
/** The current slot and those of the hour before. */
const slots = 7;
/** Lags up to the first edge fall into one bin; each further bin is a quarter wider. */
const [firstEdgeMs, growth, bins] = [100, 1.25, 50];

const edges = Array.from({ length: bins }, (_, bin) => firstEdgeMs * growth ** bin);

export function createLagLog(redis: Redis, keys: Keys, account: string): LagLog {
  let noted = new Map<number, number>();
  let orders = 0;
  return {
    note(withinMs) {
      orders += 1;
      // Anywhere between the two polls: the lag is spread evenly over the bins up to there.
      let from = 0;
      for (const [bin, edge] of edges.entries()) {
        const to = bin === bins - 1 ? Math.max(edge, withinMs) : edge;
        const share = withinMs <= 0 ? 1 : (Math.min(to, withinMs) - from) / withinMs;
        noted.set(bin, (noted.get(bin) ?? 0) + share);
        from = to;
        if (withinMs <= to) return;
      }
    },
    async write(expectedMs) {
      if (orders === 0) return;
      const [shares, count] = [noted, orders];
      [noted, orders] = [new Map(), 0];
      const key = keys.lags(account, Math.floor(Date.now() / slotMs));
      const writes = redis.pipeline();
      for (const [bin, share] of shares) writes.hincrbyfloat(key, String(bin), share.toFixed(4));
      if (expectedMs !== null) {
        writes.hincrbyfloat(key, 'expected', (expectedMs * count).toFixed(0));
        writes.hincrby(key, 'planned', count);
      }
      await writes.pexpire(key, slots * slotMs).exec();
    },
  };
}

/** Reads what the lag logs of all processes noted about an account; `null` where no order was seen final. */
export async function readLag(redis: Redis, keys: Keys, account: string, now: number): Promise<Lag | null> {
  const slot = Math.floor(now / slotMs);
  const read = await Promise.all(
    Array.from({ length: slots }, (_, ago) => redis.hgetall(keys.lags(account, slot - ago))),
  );
  // Of the first slot, as much as still belongs to the hour.
  const ofFirst = 1 - (now % slotMs) / slotMs;
  const counts = new Float64Array(bins);
  let [expected, planned] = [0, 0];
  for (const [ago, fields] of read.entries()) {
    const part = ago === slots - 1 ? ofFirst : 1;
    const figure = (field: string) => {
      const value = Number(fields[field] ?? 0);
      return value > 0 && Number.isFinite(value) ? part * value : 0;
    };
    for (let bin = 0; bin < bins; bin += 1) counts[bin] = (counts[bin] as number) + figure(String(bin));
    expected += figure('expected');
    planned += figure('planned');
  }
  const orders = counts.reduce((sum, count) => sum + count, 0);
  if (orders < 0.5) return null;
  return {
    orders: Math.round(orders),
    medianMs: medianOf(counts, orders),
    expectedMs: planned === 0 ? null : expected / planned,
  };
}

function medianOf(counts: Float64Array, orders: number): number {
  let before = 0;
  for (const [bin, count] of counts.entries()) {
    if (before + count >= orders / 2) {
      const from = bin === 0 ? 0 : (edges[bin - 1] as number);
      return from + (((edges[bin] as number) - from) * (orders / 2 - before)) / count;
    }
    before += count;
  }
  return edges.at(-1) ?? 0;
}
