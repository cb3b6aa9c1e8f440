import type { Redis } from '../redis/connection.ts';
import { loadScript } from '../redis/script.ts';

const countScript = loadScript('count-after', import.meta.url);

/** The position of a consumer group in the stream. */
export interface GroupPosition {
  readonly group: string;
  /** Entries not delivered to it yet; where Redis cannot tell, they are counted up to `countLimit`. */
  readonly lag: number;
  /** Entries delivered to a consumer and not acknowledged. */
  readonly pending: number;
  /** Everything below this stream id is acknowledged. */
  readonly acknowledgedBelow: string;
  /** When the oldest result that it has not acknowledged was published, epoch ms; `null` if there is none. */
  readonly oldestAt: number | null;
}

/** Enough to raise the alarm of a reader that is behind. */
const countLimit = 1_001;
/** Most entries removed by one XTRIM: trimming must not delay verdicts. */
const stepLimit = 5_000;
/** XTRIMs per call: a million entries. With a call a minute that is 16,000 a second, more than one Redis can publish. */
const stepsPerCall = 200;

/**
 * Removes results that are older than `before` (epoch ms) and that every consumer group has acknowledged, in small steps.
 * Returns how many it removed.
 *
 * @param ignored groups for which nothing is kept any longer
 */
export async function trimResults(
  redis: Redis,
  stream: string,
  before: number,
  ignored: ReadonlySet<string> = new Set(),
): Promise<number> {
  const all = await groupPositions(redis, stream);
  const positions = all.filter(({ group }) => !ignored.has(group));
  const limits = [`${Math.max(0, Math.floor(before))}-0`, ...positions.map((each) => each.acknowledgedBelow)];
  const end = limits.reduce(lower);
  let removed = 0;
  for (let step = 0; step < stepsPerCall; step += 1) {
    const inStep = await redis.xtrim(stream, 'MINID', '~', end, 'LIMIT', stepLimit);
    if (inStep === 0) break;
    removed += inStep;
  }
  return removed;
}

/** Reads the positions of all consumer groups of the stream. */
export async function groupPositions(redis: Redis, stream: string): Promise<GroupPosition[]> {
  if ((await redis.exists(stream)) === 0) return [];
  const groups = (await redis.xinfo('GROUPS', stream)) as (string | number | null)[][];
  return Promise.all(
    groups.map(async (fields) => {
      const group = String(field(fields, 'name'));
      const [pending, oldest] = (await redis.xpending(stream, group)) as [number, string | null];
      const lag = field(fields, 'lag');
      const delivered = String(field(fields, 'last-delivered-id'));
      const [undelivered] = lag === 0 ? [] : await redis.xrange(stream, `(${delivered}`, '+', 'COUNT', 1);
      return {
        group,
        pending,
        oldestAt: timeOf(oldest ?? undelivered?.[0]),
        // Redis before 7 does not tell, nor any Redis after a position was set by hand or by a reader over HTTP.
        lag:
          typeof lag === 'number'
            ? lag
            : Number(await countScript.run(redis, [stream], [delivered, countLimit])),
        acknowledgedBelow: oldest ?? delivered,
      };
    }),
  );
}

/** The time in a stream id, epoch ms. */
function timeOf(streamId: string | undefined): number | null {
  return streamId === undefined ? null : Number(streamId.split('-', 1)[0]);
}

function field(fields: readonly (string | number | null)[], name: string): string | number | null {
  return fields[fields.indexOf(name) + 1] ?? null;
}

function lower(a: string, b: string): string {
  const [aMs = 0, aSequence = 0] = a.split('-').map(Number);
  const [bMs = 0, bSequence = 0] = b.split('-').map(Number);
  return aMs < bMs || (aMs === bMs && aSequence <= bSequence) ? a : b;
}
