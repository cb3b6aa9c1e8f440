import { isWrongType, type Redis } from '../redis/connection.ts';
import type { Keys } from '../redis/keys.ts';
import { type GroupPosition, groupPositions } from './trim.ts';

/** How far a consumer group has come, and what it could not handle. */
export interface ReaderPosition extends GroupPosition {
  /** Results that it put aside; they stay until somebody removes them. */
  readonly parked: number;
}

/** The consumer groups of the results, with their parked entries. */
export async function readerPositions(redis: Redis, keys: Keys): Promise<ReaderPosition[]> {
  const positions = await groupPositions(redis, keys.results);
  return Promise.all(
    positions.map(async (position) => ({
      ...position,
      // A key of another type holds nothing that was parked; its subscriber says so when it cannot park.
      parked: await redis.xlen(keys.parked(position.group)).catch(ofWrongType),
    })),
  );
}

function ofWrongType(error: unknown): number {
  if (isWrongType(error)) return 0;
  throw error;
}
