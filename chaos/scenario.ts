import type { FsyncPolicy } from '../src/embedded/found-redis.ts';
import type { Child } from '../test/support/child.ts';
import type { Random } from '../test/support/random.ts';
import type { DrillRedis } from '../test/support/redis-topology.ts';
import type { Checkout } from './checkout.ts';
import type { Case } from './judge.ts';
import type { SingleRedis } from './redis-single.ts';
import type { DrillOrder, ScriptOptions } from './script.ts';
import type { Known } from './truth.ts';
import type { World, WorldOptions } from './world.ts';

/** What a scenario has while it makes misery. */
export interface Stage<Server extends DrillRedis = SingleRedis> {
  readonly world: World<Server>;
  readonly checkout: Checkout;
  readonly script: readonly DrillOrder[];
  readonly random: Random;
  /** How long the misery is to last. */
  readonly miseryMs: number;
  /** Given on Ctrl-C: healing comes at once then. */
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
  /** Notes that a promise of the scenario's own was broken. */
  fault(why: string): void;
  say(line: string): void;
}

/** What there is before the first order. */
export interface Backstage<Server extends DrillRedis = SingleRedis> {
  readonly world: World<Server>;
  /** How long the drill is, as a share of a minute, at most 1. */
  readonly share: number;
  note(name: string, value: string | number): void;
  say(line: string): void;
}

/** One way to make the service miserable. */
export interface Scenario<Server extends DrillRedis = SingleRedis> {
  readonly letter: string;
  readonly name: string;
  /** What happens, in one line. */
  readonly title: string;
  /** Within this time after healing, and after its truth is there to be had, every order's truth is on the stream. */
  readonly boundMs: number;
  /** The misery cannot be shorter than this. */
  readonly leastMiseryMs?: number;
  /** With fewer kills than this, and fewer than one, it was no misery, and proves nothing. */
  readonly leastKillsAMinute?: number;
  /** Needs the machine for itself: what it promises is about the load that it makes. */
  readonly isAlone?: boolean;
  readonly workers?: number;
  readonly appendfsync?: FsyncPolicy;
  readonly script?: Partial<ScriptOptions>;
  readonly world?: (random: Random) => Partial<WorldOptions<Server>>;
  /** Starts the Redis; default one server. */
  readonly redis?: (executable: string, dir: string) => Promise<Server>;
  /** Which orders are not handed in by the checkout but by the scenario. */
  readonly except?: (order: DrillOrder, count: number) => boolean;
  /** Answers upon which the checkout sends an order again, besides 503. */
  readonly sendsAgainOn?: (status: number, order: DrillOrder) => boolean;
  /** Comes before the first order. Returns further workers, which are up. */
  prepare?(stage: Backstage<Server>): Promise<Child[]>;
  /** Makes misery for its time, heals, and returns. */
  misery(stage: Stage<Server>): Promise<void>;
  /** Further promises, once the truth is out. */
  check?(stage: Stage<Server>, cases: readonly Case[], known: readonly Known[]): Promise<void>;
}
