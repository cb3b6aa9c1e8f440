import { z } from 'zod';
import { type ResultEvent, resultEventSchema } from '../domain/result-event.ts';
import type { Redis } from '../redis/connection.ts';
import type { Keys } from '../redis/keys.ts';

const letterSchema = z.object({
  orderId: z.string(),
  eventId: z.string(),
  type: z.string(),
  attempts: z.number(),
  answer: z.string(),
  at: z.string(),
  body: z.string(),
});

/** A result that was given up at an endpoint. */
export type DeadLetter = Omit<z.infer<typeof letterSchema>, 'body'> & {
  readonly endpoint: string;
  /** `null` if it cannot be parsed. */
  readonly event: ResultEvent | null;
};

const batch = 200;

/** The dead letters of an endpoint, oldest first, in batches. A result that is resent meanwhile may be left out. */
export async function* readDeadLetters(
  redis: Redis,
  keys: Keys,
  endpoint: string,
): AsyncGenerator<DeadLetter> {
  const [failed, letters] = [keys.webhook(endpoint, 'failed'), keys.webhook(endpoint, 'dead-letters')];
  for (let from = 0; ; from += batch) {
    const ids = await redis.zrange(failed, String(from), String(from + batch - 1));
    if (ids.length === 0) return;
    for (const text of await redis.hmget(letters, ...ids)) {
      const letter = text === null ? null : parseLetter(endpoint, text);
      if (letter !== null) yield letter;
    }
  }
}

/** One dead letter of an endpoint, by the id of its event. */
export async function readDeadLetter(
  redis: Redis,
  keys: Keys,
  endpoint: string,
  eventId: string,
): Promise<DeadLetter | null> {
  const text = await redis.hget(keys.webhook(endpoint, 'dead-letters'), eventId);
  return text === null ? null : parseLetter(endpoint, text);
}

function parseLetter(endpoint: string, text: string): DeadLetter | null {
  try {
    const { body, ...letter } = letterSchema.parse(JSON.parse(text));
    const event = resultEventSchema.safeParse(JSON.parse(body));
    return { ...letter, endpoint, event: event.data ?? null };
  } catch {
    return null;
  }
}
