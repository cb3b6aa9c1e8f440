import { z } from 'zod';
import { noteOf } from '../domain/note.ts';
import type { Progress } from '../domain/progress.ts';

/** A person has dealt with an order whose verdict needs attention. Stored in the order's record. */
export const acknowledgementSchema = z.object({
  /** Name of the API key or user; `cli` with user and host for the command line. */
  by: z.string(),
  at: z.number(),
  note: z.string(),
  /** The verdict that it is about. A later one needs attention again. */
  stateversion: z.number(),
});
export type Acknowledgement = z.infer<typeof acknowledgementSchema>;

/** The note of an acknowledgement, as people enter it. */
export const noteSchema = noteOf('must say in a sentence what was done');

/** Whether there is anything about an order that a person could acknowledge. */
export type Acknowledgeable = 'yes' | 'no-verdict' | 'final';

/** An unresolved verdict can be acknowledged, and one that may still change. Pure. */
export function isAcknowledgeable({ phase, verdict }: Pick<Progress, 'phase' | 'verdict'>): Acknowledgeable {
  if (verdict === null) return 'no-verdict';
  if (verdict.status === 'unresolved') return 'yes';
  return verdict.status !== 'paid' && phase === 'watching' ? 'yes' : 'final';
}

/** The acknowledgement of the last verdict; `null` if that one was not acknowledged. */
export function acknowledgementOf({
  acknowledgement,
  progress,
}: {
  readonly acknowledgement: Acknowledgement | null;
  readonly progress: Pick<Progress, 'stateversion'>;
}): Acknowledgement | null {
  return acknowledgement?.stateversion === progress.stateversion ? acknowledgement : null;
}
