import type { Contender, Load } from '../contenders/contender.ts';
import { withFolder } from '../support/folder.ts';
import { startStore } from '../support/store.ts';
import { type Measured, measure, type Run } from './measure.ts';

/** Under what conditions the contenders run. */
export interface Conditions extends Load {
  readonly processes: number;
  readonly warmUpMs: number;
  readonly windowMs: number;
  readonly finalEvery: number;
  readonly rounds: number;
}

/** A contender with the number of polls under way at once that suits it. */
export interface Entry {
  readonly contender: Contender;
  readonly concurrency: number;
  /** Why it cannot run. */
  readonly failed: string | null;
}

/** How one contender did. */
export interface Standing {
  readonly title: string;
  readonly settings: string;
  readonly concurrency: number;
  readonly runs: readonly Measured[];
  /** Why there are no (further) runs. */
  readonly failed: string | null;
}

export interface Race {
  readonly processes: number;
  readonly standings: readonly Standing[];
}

const short = { orders: 10_000, warmUpMs: 2_000, windowMs: 3_000 };

/** Tries every concurrency of every contender in a short run, and takes the best. */
export function tune(
  contenders: readonly Contender[],
  conditions: Conditions,
  say: (line: string) => void,
): Promise<Entry[]> {
  return withFolder(async (logDir) => {
    const entries: Entry[] = [];
    for (const contender of contenders) {
      let best: Entry = untuned(contender);
      let bestRate = 0;
      for (const concurrency of contender.concurrencies) {
        const tried = await play(
          contender,
          standingOf({ ...best, concurrency }),
          { ...conditions, ...short },
          logDir,
        );
        say(`trying: ${told(tried)}`);
        const rate = tried.runs[0]?.pollsPerSecond ?? 0;
        if (rate > bestRate) [best, bestRate] = [{ ...best, concurrency }, rate];
        if (tried.failed !== null) best = { ...best, failed: tried.failed };
      }
      entries.push(best);
    }
    return entries;
  });
}

/** The contender with the middle one of its concurrencies. */
export function untuned(contender: Contender): Entry {
  const { concurrencies } = contender;
  return { contender, concurrency: concurrencies[Math.floor(concurrencies.length / 2)] ?? 100, failed: null };
}

/** Lets the contenders run in turn, several rounds. */
export function race(
  entries: readonly Entry[],
  conditions: Conditions,
  say: (line: string) => void,
): Promise<Race> {
  const { processes, rounds } = conditions;
  return withFolder(async (logDir) => {
    let standings = entries.map(standingOf);
    for (let round = 1; round <= rounds; round += 1) {
      // Whoever runs after a heavy one meets its last disk writes: nobody is to have the same place in every round.
      const order = entries.map((_, nth) => (nth + round - 1) % entries.length);
      for (const nth of order) {
        const [entry, standing] = [entries[nth], standings[nth]];
        if (entry === undefined || standing === undefined || standing.failed !== null) continue;
        const after = await play(entry.contender, standing, conditions, logDir);
        standings = standings.with(nth, after);
        say(`${processes} process(es), round ${round} of ${rounds}: ${told(after)}`);
      }
    }
    return { processes, standings };
  });
}

function standingOf({ contender, concurrency, failed }: Entry): Standing {
  const { title, settings } = contender;
  return { title, settings, concurrency, runs: [], failed };
}

function told({ title, concurrency, runs, failed }: Standing): string {
  const last = runs.at(-1);
  const result = failed === null ? `${Math.round(last?.pollsPerSecond ?? 0)} polls/s` : `failed: ${failed}`;
  return `${title}, concurrency ${concurrency}: ${result}`;
}

async function play(
  contender: Contender,
  standing: Standing,
  conditions: Conditions,
  logDir: string,
): Promise<Standing> {
  const run: Run = { ...conditions, concurrency: standing.concurrency };
  try {
    const store = await startStore(contender.store);
    try {
      const measured = await measure(contender, run, store, logDir);
      return { ...standing, runs: [...standing.runs, measured] };
    } finally {
      await store.close();
    }
  } catch (error) {
    return { ...standing, failed: error instanceof Error ? error.message : String(error) };
  }
}
