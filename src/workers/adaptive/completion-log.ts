import type { Redis } from '../../redis/connection.ts';
import type { Keys } from '../../redis/keys.ts';
import { loadScript } from '../../redis/script.ts';
import {
  binCount,
  type CompletionTimes,
  memoryOrders,
  type Observation,
  spread,
} from './completion-times.ts';

const learnScript = loadScript('learn', import.meta.url);

/** An account that no order was seen at for so long begins anew. */
const lifeMs = 30 * 86_400_000;

/** The completion times of one account in Redis, learnt by all processes together. */
export interface CompletionLog {
  /** Keeps what an order tells until the next `exchange`; a crash in between loses it, and nothing else. */
  note(observation: Observation): void;
  /** Whether anything was noted since the last `exchange`. */
  hasNotes(): boolean;
  /** Hands over what was noted, in one round trip, and returns what all processes have seen. */
  exchange(): Promise<Learnt>;
}

export interface Learnt {
  readonly times: CompletionTimes;
  /** Orders ever seen, faded or not. */
  readonly seen: number;
}

export function createCompletionLog(redis: Redis, keys: Keys, account: string): CompletionLog {
  let noted = new Map<string, number>();
  let orders = 0;

  function add(field: string, share: number): void {
    noted.set(field, (noted.get(field) ?? 0) + share);
  }

  return {
    note(observation) {
      orders += 1;
      if (observation === 'never') return add(observation, 1);
      for (const [bin, share] of spread(observation.fromMs, observation.toMs)) add(String(bin), share);
    },
    hasNotes: () => orders > 0,
    async exchange() {
      const [handed, count] = [noted, orders];
      [noted, orders] = [new Map(), 0];
      const shares = [...handed].flatMap(([field, share]) => [field, share.toFixed(6)]);
      const args = [memoryOrders, lifeMs, count, ...shares];
      // Not noted again when it fails: it may have been written all the same.
      const fields = (await learnScript.run(redis, [keys.completions(account)], args)) as string[];
      return parse(fields);
    },
  };
}

/** Fields that another version wrote, or somebody broke, count as nothing. */
function parse(fields: readonly string[]): Learnt {
  const bins = new Float64Array(binCount);
  let [never, seen] = [0, 0];
  for (let nth = 0; nth < fields.length; nth += 2) {
    const [field = '', orders] = [fields[nth], Number(fields[nth + 1])];
    if (!(orders > 0 && orders < Number.MAX_SAFE_INTEGER)) continue;
    if (field === 'never') never = orders;
    else if (field === 'seen') seen = orders;
    else if (/^\d{1,4}$/.test(field) && Number(field) < binCount) bins[Number(field)] = orders;
  }
  return { times: { bins, never }, seen };
}
