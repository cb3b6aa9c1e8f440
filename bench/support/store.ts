import { startPostgres } from './postgres.ts';
import { startBenchRedis } from './redis.ts';
import { startBenchCluster } from './redis-cluster.ts';

/** Where a contender keeps its orders during one run. */
export interface Store {
  readonly url: string;
  /** The processes whose CPU time counts, with their children. */
  readonly pids: readonly number[];
  close(): Promise<void>;
}

export type StoreKind = 'redis' | 'cluster' | 'postgres' | 'none';

/** Starts an empty store. @throws when it cannot be had, with one sentence that says why */
export async function startStore(kind: StoreKind): Promise<Store> {
  switch (kind) {
    case 'redis':
      return startBenchRedis();
    case 'cluster':
      return startBenchCluster();
    case 'postgres':
      return startPostgres();
    case 'none':
      return { url: '', pids: [], close: () => Promise.resolve() };
  }
}
