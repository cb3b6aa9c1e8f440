import type { Redis } from '../redis/connection.ts';
import { isWrongType } from '../redis/connection.ts';
import type { Keys } from '../redis/keys.ts';

const states = ['queued', 'retrying', 'delivered', 'failed', 'disabled'] as const;

/** What became of one result at one endpoint. */
export interface Delivery {
  readonly endpoint: string;
  readonly stateversion: number;
  /** Event type, e.g. `payment.paid`. */
  readonly type: string;
  /** `failed`: given up, now a dead letter. `disabled`: the endpoint answered 410 and gets nothing until it is enabled. */
  readonly state: (typeof states)[number];
  readonly attempts: number;
  /** RFC 3339: the last attempt, or when it was queued. */
  readonly at: string;
  /** How the endpoint answered last, in our words; empty before the first attempt. */
  readonly answer: string;
}

/** The field of a delivery in the hash of its order. */
export function deliveryField(endpoint: string, stateversion: number): string {
  return `${stateversion}:${endpoint}`;
}

/** The webhooks of an order, oldest version first. Entries that cannot be parsed are skipped. */
export async function readDeliveries(redis: Redis, keys: Keys, orderId: string): Promise<Delivery[]> {
  const fields = await redis.hgetall(keys.deliveries(orderId)).catch((error: unknown) => {
    if (isWrongType(error)) return {};
    throw error;
  });
  return Object.entries(fields)
    .flatMap(([field, value]) => parse(field, value))
    .sort((a, b) => a.stateversion - b.stateversion || (a.endpoint < b.endpoint ? -1 : 1));
}

function parse(field: string, value: string): Delivery[] {
  const named = /^(\d+):(.+)$/.exec(field);
  const entry = /^\S+ (\S+) (\S+) (\d+) (\d{1,15}) (.*)$/s.exec(value);
  if (named === null || entry === null) return [];
  const [, stateversion = '', endpoint = ''] = named;
  const [, type = '', word = '', attempts, at, answer = ''] = entry;
  const state = states.find((each) => each === word);
  if (state === undefined) return [];
  const facts = { attempts: Number(attempts), at: new Date(Number(at)).toISOString(), answer };
  return [{ endpoint, stateversion: Number(stateversion), type, state, ...facts }];
}
