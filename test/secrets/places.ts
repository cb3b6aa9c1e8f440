import type { Redis } from '../../src/redis/connection.ts';

/** One place where secrets might stand, and what stands there. */
export interface Place {
  readonly name: string;
  readonly text: string;
}

/** Every key of a prefix, with its type and all that it holds; BullMQ's keys too. */
export async function redisPlaces(redis: Redis, prefix: string): Promise<Place[]> {
  const places: Place[] = [];
  for await (const keys of redis.scanStream({ match: `{${prefix}[:}]*`, count: 1_000 })) {
    for (const key of keys as string[]) {
      const held = await contentOf(redis, key);
      places.push({ name: 'the name of a key', text: key }, { name: key, text: JSON.stringify(held) });
    }
  }
  return places;
}

async function contentOf(redis: Redis, key: string): Promise<unknown> {
  switch (await redis.type(key)) {
    case 'string':
      return redis.get(key);
    case 'hash':
      return withoutMetadata(await redis.hgetall(key));
    case 'list':
      return redis.lrange(key, 0, -1);
    case 'set':
      return redis.smembers(key);
    case 'zset':
      return redis.zrange(key, '0', '-1');
    case 'stream':
      return (await redis.xrange(key, '-', '+')).map(([, fields]) => fields.map(eventWithoutMetadata));
    default:
      return null;
  }
}

/** The metadata of an order is the checkout's own, kept and handed back as it came: the second value of its record's `order`. */
function withoutMetadata({ order, ...fields }: { [name: string]: string }) {
  return order === undefined
    ? fields
    : { ...fields, order: (JSON.parse(order) as unknown[]).toSpliced(1, 1) };
}

function eventWithoutMetadata(field: string): string {
  return field.startsWith('{"orderId"') ? JSON.stringify({ ...JSON.parse(field), metadata: {} }) : field;
}

/** JSON for the checkout's own eyes without the metadata that it gave; any other text as it is. */
export function answerWithoutMetadata(text: string): string {
  return text.replace(/"metadata":\{[^{}]*\}/g, '"metadata":{}');
}

/** Finds these texts and telephone numbers, however they are spaced. */
export function finder(secrets: readonly string[], phones: readonly string[]): (place: Place) => string[] {
  const numbers = phones.map((phone) => {
    // The country code and the leading zero vary.
    const digits = phone.replace(/\D/g, '').slice(-9);
    return new RegExp([...digits].join('[\\p{Zs}\\p{Pd}.()]{0,2}'), 'u');
  });
  return ({ name, text }) => [
    ...secrets.filter((secret) => text.includes(secret)).map((secret) => `${name}: ${secret}`),
    ...numbers.filter((number) => number.test(text)).map(({ source }) => `${name}: ${source}`),
  ];
}
