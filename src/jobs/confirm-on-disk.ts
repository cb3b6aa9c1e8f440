import { Cluster, Command } from 'ioredis';
import type { Redis } from '../redis/connection.ts';
import { RedisUnavailableError } from '../redis/redis-fault.ts';

/** TTL of the marker key. */
const markLifeMs = 60_000;
/** Attempts if the connection is replaced in between. */
const tries = 3;

/**
 * Waits until all earlier writes are in the append-only file on disk; in a Cluster, on the masters of the marker keys' slots.
 *
 * `WAITAOF` only covers writes of its own connection, so it would confirm at once on a new connection, or for an order that an
 * earlier attempt wrote. Therefore a marker is written first on the same connection: the file is sequential, so once the
 * marker is on disk, everything before it is.
 *
 * @param marks one marker key per slot
 * @throws when Redis does not confirm in time, or does not support `WAITAOF`
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
    // Sent together, so they share a connection, unless it breaks or the slot moves in between.
    const sent = [
      send(redis, mark, 'client', ['ID']),
      send(redis, mark, 'set', [mark, '', 'PX', markLifeMs]),
      send(redis, mark, 'waitaof', [1, 0, timeoutMs]),
      send(redis, mark, 'client', ['ID']),
    ];
    const settled = await Promise.allSettled(sent);
    const [before, , confirmed, after] = settled.map((one) => {
      if (one.status === 'rejected') throw toHelpfulError(one.reason);
      return one.value;
    });
    if (before !== after || ownerOf(redis, mark) !== owner) continue;
    if (((confirmed as [number, number])[0] ?? 0) >= 1) return;
    break;
  }
  throw new RedisUnavailableError('Redis did not confirm the order on disk in time; enqueue it again.');
}

/** Sends a command without keys to the master that owns the slot of `key`. */
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

/** The address of the key's master, as the Cluster client knows it; `null` without a Cluster. */
function ownerOf(redis: unknown, key: string): string | null {
  return redis instanceof Cluster ? (redis.slots[slotOf(key)]?.[0] ?? null) : null;
}

function toHelpfulError(error: unknown): Error {
  const message = error instanceof Error ? error.message : String(error);
  if (!/unknown command/i.test(message)) return new Error(message, { cause: error });
  return new Error('waitAof needs Redis 7.2 or newer, which knows WAITAOF', { cause: error });
}
