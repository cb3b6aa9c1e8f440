import { Cluster, Command } from 'ioredis';
import type { Redis } from '../redis/connection.ts';
import { RedisUnavailableError } from '../redis/redis-fault.ts';

/** How long the mark is kept that is written before Redis is asked whether it is on disk. */
const markLifeMs = 60_000;
/** A connection that is replaced in between is tried again so often. */
const tries = 3;

/**
 * Waits until what stands under keys of these slots is in the append-only file on disk, in a Cluster of the slots' owners.
 *
 * `WAITAOF` speaks of what its own connection wrote: on a new one, or that of another master, it confirms at once, and so it does
 * for an order that an earlier try has written. So a mark is written first, on the same connection: the file has one order,
 * and whatever was written before the mark is on disk when the mark is.
 *
 * @param marks a key in each of the slots
 * @throws when Redis does not confirm it in time, or does not know `WAITAOF`
 */
export async function confirmOnDisk(
  redis: Redis,
  marks: readonly string[],
  timeoutMs: number,
): Promise<void> {
  await Promise.all(marks.map((mark) => confirm(redis, mark, timeoutMs)));
}

async function confirm(redis: Redis, mark: string, timeoutMs: number): Promise<void> {
  for (let nth = 1; nth <= tries; nth += 1) {
    const owner = ownerOf(redis, mark);
    // Sent together, so on one connection, unless it breaks or the slot moves in between.
    const sent = [
      send(redis, mark, 'client', ['ID']),
      send(redis, mark, 'set', [mark, '', 'PX', markLifeMs]),
      send(redis, mark, 'waitaof', [1, 0, timeoutMs]),
      send(redis, mark, 'client', ['ID']),
    ];
    const settled = await Promise.allSettled(sent);
    const [before, , confirmed, after] = settled.map((one) => {
      if (one.status === 'rejected') throw explained(one.reason);
      return one.value;
    });
    if (before !== after || ownerOf(redis, mark) !== owner) continue;
    if (((confirmed as [number, number])[0] ?? 0) >= 1) return;
    break;
  }
  throw new RedisUnavailableError('Redis did not confirm the order on disk in time; enqueue it again.');
}

/** A command without keys goes to the master that owns the slot of `key` all the same. */
function send(redis: Redis, key: string, name: string, args: (string | number)[]): Promise<unknown> {
  const command = new SlotCommand(key, name, args);
  redis.sendCommand(command);
  return command.promise;
}

class SlotCommand extends Command {
  readonly #key: string;

  constructor(key: string, name: string, args: (string | number)[]) {
    super(name, args, { replyEncoding: 'utf8' });
    this.#key = key;
  }

  override getSlot(): number {
    return slotOf(this.#key);
  }
}

function slotOf(key: string): number {
  return new Command('get', [key]).getSlot() ?? 0;
}

/** The address of the master that a Cluster's client takes for the owner of a key; `null` without a Cluster. */
function ownerOf(redis: unknown, key: string): string | null {
  return redis instanceof Cluster ? (redis.slots[slotOf(key)]?.[0] ?? null) : null;
}

function explained(error: unknown): Error {
  const message = error instanceof Error ? error.message : String(error);
  if (!/unknown command/i.test(message)) return new Error(message, { cause: error });
  return new Error('waitAof needs Redis 7.2 or newer, which knows WAITAOF', { cause: error });
}
