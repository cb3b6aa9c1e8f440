import { z } from 'zod';
import type { Redis } from '../redis/connection.ts';
import type { Keys } from '../redis/keys.ts';
import { loadScript } from '../redis/script.ts';

const moveScript = loadScript('move-reader', import.meta.url);

/** Names of readers, in the form of the names of consumer groups. */
export const readerNamePattern = /^[A-Za-z0-9._-]{1,64}$/;
/** Readers of one deployment. Each keeps results from being removed, so an API key must not create any number. */
const maxReaders = 100;
/** No consumer group of `subscribe` can have a name that begins so. */
const groupPrefix = 'http:';

/** A reader that fetches results over HTTP and says up to where it has handled them. */
export interface HttpReader {
  readonly name: string;
  /** Everything up to this stream id is handled. */
  readonly position: string;
  /** When it last said so, epoch ms. */
  readonly at: number;
  /** The accounts that its API key may read; `null` for all. */
  readonly accounts: readonly string[] | null;
}

/** `behind`: the reader had already been further ahead, and stays there. */
export type MoveResult =
  | { readonly outcome: 'moved' | 'behind'; readonly position: string }
  | { readonly outcome: 'future' | 'taken' | 'full' };

/** The consumer group that holds the position of a reader. */
export function groupOfReader(name: string): string {
  return `${groupPrefix}${name}`;
}

/** The reader whose position a consumer group holds; `null` for a group of subscribers. */
export function readerOfGroup(group: string): string | null {
  return group.startsWith(groupPrefix) ? group.slice(groupPrefix.length) : null;
}

/**
 * Creates a reader, or moves it forward: it has handled everything up to this stream id.
 *
 * @param accounts the accounts of the API key; `null` for all. `taken`: the reader belongs to accounts that the key may not see
 */
export async function moveReader(
  redis: Redis,
  keys: Keys,
  name: string,
  position: string,
  accounts: readonly string[] | null,
): Promise<MoveResult> {
  const id = position.includes('-') ? position : `${position}-0`;
  const reply = await moveScript.run(
    redis,
    [keys.results, keys.readers],
    [name, groupOfReader(name), id, JSON.stringify(accounts), maxReaders],
  );
  const [outcome, at = ''] = reply as [MoveResult['outcome'], string | undefined];
  return outcome === 'moved' || outcome === 'behind' ? { outcome, position: at } : { outcome };
}

/** One reader; `null` if there is none of this name. */
export async function readReader(redis: Redis, keys: Keys, name: string): Promise<HttpReader | null> {
  return parseReader(name, await redis.hget(keys.readers, name));
}

/** All readers, at most about a hundred. */
export async function readReaders(redis: Redis, keys: Keys): Promise<HttpReader[]> {
  const all = Object.entries(await redis.hgetall(keys.readers));
  return all.flatMap(([name, text]) => parseReader(name, text) ?? []);
}

/**
 * For so many times `RESULTS_RETENTION_DAYS` after its last word, results are kept for a reader. A subscriber's group is created with
 * access to Redis, a reader with an API key alone: one that never comes back must not fill Redis.
 */
export const readerPatience = 3;

/** The groups of readers that were last heard before `before` (epoch ms). */
export async function silentReaders(redis: Redis, keys: Keys, before: number): Promise<Set<string>> {
  const readers = await readReaders(redis, keys);
  return new Set(readers.filter(({ at }) => at < before).map(({ name }) => groupOfReader(name)));
}

/** Removes a reader: results are no longer kept for it. False if there was none. */
export async function removeReader(redis: Redis, keys: Keys, name: string): Promise<boolean> {
  // The stream may be gone, and its groups with it.
  if ((await redis.exists(keys.results)) === 1)
    await redis.xgroup('DESTROY', keys.results, groupOfReader(name));
  // Last: a group that nobody lists as a reader would keep results for ever.
  return (await redis.hdel(keys.readers, name)) === 1;
}

const storedSchema = z.object({
  // Lua cannot tell an empty list from an empty object.
  accounts: z.union([z.array(z.string()), z.object({}).transform((): string[] => [])]).nullable(),
  position: z.string(),
  at: z.number(),
});

function parseReader(name: string, text: string | null): HttpReader | null {
  try {
    return { name, ...storedSchema.parse(JSON.parse(text ?? '')) };
  } catch {
    // No reader, or something that another program wrote.
    return null;
  }
}
