import type { FsyncPolicy } from '../src/embedded/found-redis.ts';
import type { Child } from '../test/support/child.ts';
import type { Random } from '../test/support/random.ts';
import type { ChaosRedis } from '../test/support/redis-topology.ts';
import type { Checkout } from './checkout.ts';
import type { Case } from './judge.ts';
import type { SingleRedis } from './redis-single.ts';
import type { Known } from './verdicts.ts';
import type { WorkloadOptions, WorkloadOrder } from './workload.ts';
import type { World, WorldOptions } from './world.ts';

/** What a scenario has while it injects faults. */
export interface Stage<Server extends ChaosRedis = SingleRedis> {
  readonly world: World<Server>;
  readonly checkout: Checkout;
  readonly script: readonly WorkloadOrder[];
  readonly random: Random;
  /** How long faults are to be injected. */
  readonly faultsMs: number;
  /** Given on Ctrl-C: the faults end at once then. */
  readonly stop: AbortSignal;
  /** The further workers that `prepare` started. */
  readonly others: readonly Child[];
  /** Whether as much was killed as the scenario has to kill. */
  isEnough(): boolean;
  /** A time that is a bound, longer while the machine is busy with other things. */
  allow(ms: number): number;
  /** Counts what was killed. */
  killed(what: string): void;
  /** Notes a figure for the table. */
  note(name: string, value: string | number): void;
  /** Notes that a promise was broken. */
  fail(why: string): void;
  say(line: string): void;
}

/** What there is before the first order. */
export interface Setup<Server extends ChaosRedis = SingleRedis> {
  readonly world: World<Server>;
  /** How long the chaos test is, as a share of a minute, at most 1. */
  readonly share: number;
  note(name: string, value: string | number): void;
  say(line: string): void;
}

/** One kind of faults. */
export interface Scenario<Server extends ChaosRedis = SingleRedis> {
  readonly letter: string;
  readonly name: string;
  /** What happens, in one line. */
  readonly title: string;
  /** Within this time after the faults, and after it can be known, every order's last verdict is on the stream. */
  readonly boundMs: number;
  /** The faults cannot last shorter than this. */
  readonly leastFaultsMs?: number;
  /** With fewer kills than this, and fewer than one, the run proves nothing. */
  readonly leastKillsAMinute?: number;
  /** Needs the machine for itself: what it promises is about the load that it makes. */
  readonly isAlone?: boolean;
  readonly workers?: number;
  readonly appendfsync?: FsyncPolicy;
  readonly script?: Partial<WorkloadOptions>;
  readonly world?: (random: Random) => Partial<WorldOptions<Server>>;
  /** Starts the Redis; default one server. */
  readonly redis?: (executable: string, dir: string) => Promise<Server>;
  /** Which orders are submitted by the scenario, not by the checkout. */
  readonly except?: (order: WorkloadOrder, count: number) => boolean;
  /** Answers upon which the checkout sends an order again, besides 503. */
  readonly sendsAgainOn?: (status: number, order: WorkloadOrder) => boolean;
  /** Comes before the first order. Returns further workers, which are up. */
  prepare?(stage: Setup<Server>): Promise<Child[]>;
  /** Injects faults for their time, ends them, and returns. */
  injectFaults(stage: Stage<Server>): Promise<void>;
  /** Further promises, once the last verdicts are there. */
  check?(stage: Stage<Server>, cases: readonly Case[], known: readonly Known[]): Promise<void>;
}
