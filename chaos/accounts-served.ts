import { request } from 'undici';
import type { World } from './world.ts';

/** What the API answers to an order at an account that is to be refused or taken. */
export interface ProbeAnswer {
  readonly status: number;
  readonly text: string;
}

/** Should it be accepted, it stays open without a verdict. */
const schedule = { deadlineMs: 3_600_000 };

/** Hands in an order that nobody will ever pay, and that counts for nothing. */
export async function probeAccount(
  { places }: Pick<World, 'places'>,
  account: string,
  reference: unknown,
): Promise<ProbeAnswer> {
  const answer = await request(`http://127.0.0.1:${places.apiPort}/v1/orders`, {
    method: 'POST',
    headers: { authorization: `Bearer ${places.apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ orderId: 'probe', account, reference, amount: '1.00', schedule }),
  });
  return { status: answer.statusCode, text: await answer.body.text() };
}
