import { readFileSync } from 'node:fs';
import { z } from 'zod';
import type { Random } from '../../test/support/random.ts';

const timeSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('lognormal'), medianS: z.number(), sigma: z.number(), atMostS: z.number() }),
  z.object({ kind: z.literal('early-uniform'), fromS: z.number(), toS: z.number() }),
  z.object({ kind: z.literal('uniform'), fromS: z.number(), toS: z.number() }),
  z.object({ kind: z.literal('never') }),
]);

const outcomeSchema = z.object({
  name: z.string(),
  share: z.number(),
  reading: z.enum(['paid', 'failed', 'expired']),
  certainty: z.enum(['firm', 'soft']),
  time: timeSchema,
  /** The customer's own doing: what differs between accounts. */
  isPersonal: z.boolean(),
  source: z.string(),
});

const behaviourSchema = z.object({
  outcomes: z.array(outcomeSchema),
  answer: z.object({ medianMs: z.number(), sigma: z.number(), source: z.string() }),
});

/** How payments behave; the file behind it says where each figure comes from. */
export type Behaviour = z.infer<typeof behaviourSchema>;

/** One payment as it will go. Times in milliseconds, counted from its creation. */
export interface Payment {
  /** When the provider knows its final status; infinite: never. */
  readonly finalMs: number;
  readonly reading: 'paid' | 'failed' | 'expired';
  readonly certainty: 'firm' | 'soft';
}

export function readBehaviour(): Behaviour {
  const text = readFileSync(new URL('./behaviour.json', import.meta.url), 'utf8');
  return behaviourSchema.parse(JSON.parse(text));
}

/** Draws a payment. */
export function drawPayment({ outcomes }: Behaviour, random: Random): Payment {
  let left = random.next();
  let outcome = outcomes[0];
  for (const each of outcomes) {
    outcome = each;
    left -= each.share;
    if (left < 0) break;
  }
  if (outcome === undefined) throw new Error('The behaviour has no outcome.');
  const { reading, certainty } = outcome;
  return { finalMs: 1_000 * drawSeconds(outcome.time, random), reading, certainty };
}

/** Draws the time that the provider takes to answer one poll, in milliseconds. */
export function drawAnswerMs({ answer }: Behaviour, random: Random): number {
  return answer.medianMs * Math.exp(answer.sigma * normal(random));
}

function drawSeconds(time: z.infer<typeof timeSchema>, random: Random): number {
  switch (time.kind) {
    case 'lognormal':
      return Math.min(time.medianS * Math.exp(time.sigma * normal(random)), time.atMostS);
    case 'early-uniform':
      return time.fromS + (time.toS - time.fromS) * random.next() * random.next();
    case 'uniform':
      return time.fromS + (time.toS - time.fromS) * random.next();
    case 'never':
      return Number.POSITIVE_INFINITY;
  }
}

/** Box and Muller. */
function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());
}

/** The same behaviour with the customers' own times changed: multiplied, and spread otherwise. */
export function withCustomers(
  behaviour: Behaviour,
  slower: number,
  sigma: (sigma: number) => number,
): Behaviour {
  const outcomes = behaviour.outcomes.map((outcome) =>
    outcome.isPersonal && outcome.time.kind === 'lognormal'
      ? {
          ...outcome,
          time: {
            ...outcome.time,
            medianS: outcome.time.medianS * slower,
            sigma: sigma(outcome.time.sigma),
          },
        }
      : outcome,
  );
  return { ...behaviour, outcomes };
}
