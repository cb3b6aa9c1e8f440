import type { ChildOptions } from '../../test/support/child.ts';
import type { StoreKind } from '../support/store.ts';

/** Where one run of a contender takes place. */
export interface Place {
  readonly gatewayUrl: string;
  /** URL of the Redis or PostgreSQL of this run; `''` where the contender needs none. */
  readonly storeUrl: string;
  /** A port that nobody listens on. */
  readonly port: number;
}

/** The work: so many orders, all due at once, each due again this long after an answer that is not final. */
export interface Load {
  readonly orders: number;
  readonly pollEveryMs: number;
}

/** Somebody who follows pending orders: asks for their status, waits and asks again, writes the final one down. */
export interface Contender {
  readonly title: string;
  readonly store: StoreKind;
  /** Settings worth trying for polls under way at once; the best one is measured. */
  readonly concurrencies: readonly number[];
  /** How it is set up, for the report. */
  readonly settings: string;
  /** Writes the orders, as fast as it can. */
  prepare(place: Place, load: Load): Promise<void>;
  /** The process that does the work. */
  worker(
    place: Place,
    load: Load,
    concurrency: number,
  ): Pick<ChildOptions, 'script' | 'args' | 'env' | 'port'>;
  /** How many final answers it has written down. */
  published(place: Place): Promise<number>;
}

/** What a contender that is not a program of its own runs in `worker-process.ts`. */
export interface WorkerModule {
  startWorker(place: Place, load: Load, concurrency: number): Promise<{ close(): Promise<void> }>;
}

/** The order of a number: 24 hexadecimal digits, as Lipia's references are. */
export function orderIdOf(nth: number): string {
  return `65f2c1a4e7b3d80${nth.toString(16).padStart(9, '0')}`;
}
