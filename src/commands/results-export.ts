import { once } from 'node:events';
import type { ResultEvent } from '../domain/result-event.ts';
import type { Redis } from '../redis/connection.ts';
import { createKeys } from '../redis/keys.ts';
import { type Result, readResults } from '../results/replay.ts';
import type { CommandContext } from './command-context.ts';

/** Which results to print. Times are epoch ms and compared with the time of the verdict. */
export interface ResultsRange {
  /** Stream position to start after, if it was given as one. */
  readonly position?: string;
  readonly from?: number;
  readonly to?: number;
  /** Of each order, only its newest result within the range. */
  readonly isLatestOnly: boolean;
  readonly count: number;
}

export interface ExportParts {
  readonly terminal: CommandContext;
  readonly redis: Redis;
  readonly prefix: string;
  print(result: Result): string;
}

/** A result is added to the stream when its verdict is decided, or later; the clocks of two processes differ by less. */
const clockMarginMs = 60_000;

/** Prints the results of a range, then ends. Returns false if some may be missing. @throws when Redis fails meanwhile */
export async function exportResults(parts: ExportParts, range: ResultsRange): Promise<boolean> {
  const { terminal } = parts;
  const isComplete = await reportRemoved(parts, range);
  const newest = range.isLatestOnly ? await newestOf(parts, range) : null;
  let left = range.count;
  for await (const result of resultsIn(parts, range)) {
    if (newest !== null) {
      if (newest.get(result.event.subject) !== rankOf(result.event)) continue;
      newest.delete(result.event.subject);
    }
    await write(terminal, parts.print(result));
    left -= 1;
    if (left <= 0) break;
  }
  return isComplete && !terminal.stop.aborted;
}

/** The results of a range. A result that was lost and published again stands far behind its time, so all are read. */
async function* resultsIn(parts: ExportParts, range: ResultsRange): AsyncGenerator<Result> {
  const { terminal, redis, prefix } = parts;
  const { position, from = 0, to = Number.POSITIVE_INFINITY } = range;
  const onInvalid = (streamId: string) =>
    void terminal.stderr.write(`entry ${streamId} is not a result of payment-poller; skipped\n`);
  const start = position ?? `${Math.max(0, from - clockMarginMs)}`;
  for await (const result of readResults({ redis, prefix, from: start, signal: terminal.stop, onInvalid })) {
    const at = Date.parse(result.event.time);
    if (at >= from && at < to) yield result;
  }
}

/** The newest result of every order, by its rank. */
async function newestOf(parts: ExportParts, range: ResultsRange): Promise<Map<string, string>> {
  const newest = new Map<string, string>();
  for await (const { event } of resultsIn(parts, range)) {
    const rank = rankOf(event);
    if (rank > (newest.get(event.subject) ?? '')) newest.set(event.subject, rank);
  }
  return newest;
}

/** Later results rank higher; an id that is used again starts at version 1, so the time comes first. */
function rankOf({ time, stateversion }: ResultEvent): string {
  return `${time} ${String(stateversion).padStart(9, '0')}`;
}

/** Says so if results of the range may have been removed from the stream with age. */
async function reportRemoved(
  { terminal, redis, prefix }: ExportParts,
  { from }: ResultsRange,
): Promise<boolean> {
  const { results } = createKeys(prefix);
  if (from === undefined || (await redis.exists(results)) === 0) return true;
  const info = (await redis.xinfo('STREAM', results)) as unknown[];
  const field = (name: string) => info[info.indexOf(name) + 1];
  const [first] = await redis.xrange(results, '-', '+', 'COUNT', 1);
  const firstAt = first === undefined ? Number.POSITIVE_INFINITY : Number(first[0].split('-')[0]);
  // Redis before 7 does not count what was added.
  const added = info.includes('entries-added') ? Number(field('entries-added')) : 0;
  if (firstAt <= from || added <= Number(field('length'))) return true;
  const since =
    first === undefined ? 'All results' : `Results from before ${new Date(firstAt).toISOString()}`;
  terminal.stderr.write(
    `${since} were removed from Redis (RESULTS_RETENTION_DAYS); this may be incomplete.\n`,
  );
  return false;
}

async function write({ stdout, stop }: CommandContext, text: string): Promise<void> {
  // A reader that is slower than Redis must not fill our memory; one that is gone ends the command.
  if (!stdout.write(text)) await once(stdout, 'drain', { signal: stop }).catch(() => {});
}
