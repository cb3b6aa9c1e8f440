import { isWrongType, type Redis } from '../redis/connection.ts';
import type { Keys } from '../redis/keys.ts';
import { type GroupPosition, groupPositions } from './trim.ts';

/** The position of a consumer group, and how many results it has parked. */
export interface ReaderPosition extends GroupPosition {
  /** Results that it could not handle; they stay until someone removes them. */
  readonly parked: number;
}

/** The consumer groups of the results, with their parked entries. */
export async function readerPositions(redis: Redis, keys: Keys): Promise<ReaderPosition[]> {
  const positions = await groupPositions(redis, keys.results);
  return Promise.all(
    positions.map(async (position) => ({
      ...position,
      // A key of another type holds no parked results; the subscriber reports an error when it cannot park one.
      parked: await redis.xlen(keys.parked(position.group)).catch(ofWrongType),
    })),
  );
}

function ofWrongType(error: unknown): number {
  if (isWrongType(error)) return 0;
  throw error;
}
