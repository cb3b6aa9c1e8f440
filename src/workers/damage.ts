import { isWrongType } from '../redis/connection.ts';

/** Where a sweep may find something that it cannot read. */
export const damageKinds = [
  /** A record of an order: a key of another type, or a time that is none. */
  'order',
  /** A job of a queue. */
  'job',
  /** A list that a walk goes through, or its place in it: what else the sweep does goes on. */
  'walk',
] as const;
export type DamageKind = (typeof damageKinds)[number];

/** What one sweep could not read. It is left as it is, unless something better can be put in its place. */
export interface Damage {
  readonly counts: { readonly [kind in DamageKind]: number };
  /** The first few, for the log. */
  readonly examples: readonly string[];
}

const examplesKept = 5;
const exampleLength = 200;

/** Gathers what one sweep could not read. */
export function createDamageReport() {
  const counts = { order: 0, job: 0, walk: 0 };
  const examples: string[] = [];

  function note(kind: DamageKind, what: string, why: string): void {
    counts[kind] += 1;
    if (examples.length < examplesKept) examples.push(`${kind} ${what}: ${why}`.slice(0, exampleLength));
  }

  return {
    note,
    /** Does the work, and notes when Redis holds something else than the work expects. @throws every other error */
    async tolerate(kind: DamageKind, what: string, work: () => Promise<unknown>): Promise<void> {
      try {
        await work();
      } catch (error) {
        const isTolerated = kind === 'walk' ? isRefusedByRedis(error) : isDamage(error);
        if (!isTolerated) throw error;
        note(kind, what, whyOf(error));
      }
    },
    found: (): Damage => ({ counts, examples }),
  };
}
export type DamageReport = ReturnType<typeof createDamageReport>;

/** Does Redis hold something else than was expected: a key of another type, or text that is no JSON? */
export function isDamage(error: unknown): error is Error {
  return error instanceof SyntaxError || (isReply(error) && /^(WRONGTYPE|ERR)\b/.test(error.message));
}

/** Does something else stand where a job was expected? */
export function isForeign(error: unknown): boolean {
  return error instanceof SyntaxError || isWrongType(error);
}

/** Is this about the keys of one walk, and not about Redis as a whole, which would refuse every other walk as well? */
function isRefusedByRedis(error: unknown): boolean {
  return isDamage(error) || (isReply(error) && /^NOPERM\b/.test(error.message));
}

function isReply(error: unknown): error is Error {
  return error instanceof Error && error.name === 'ReplyError';
}

/** A SyntaxError repeats the text that it is about, which may be anybody's. */
function whyOf(error: unknown): string {
  return error instanceof SyntaxError ? 'not JSON' : (error as Error).message;
}
