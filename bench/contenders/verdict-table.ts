import { Client } from 'pg';
import type { Place } from './contender.ts';

/** The table that both PostgreSQL contenders write final answers to. */

/** One final answer. */
export interface VerdictRow {
  readonly orderId: string;
  readonly status: string;
  readonly receipt: string;
}

/** What writes any number of rows with one statement: its text, and its values. */
export const insertVerdicts =
  'INSERT INTO verdicts (order_id, status, receipt) SELECT * FROM unnest($1::text[], $2::text[], $3::text[])';

export function verdictValues(rows: readonly VerdictRow[]): string[][] {
  return [
    rows.map(({ orderId }) => orderId),
    rows.map(({ status }) => status),
    rows.map(({ receipt }) => receipt),
  ];
}

export async function createVerdictTable({ storeUrl }: Place): Promise<void> {
  await withClient(storeUrl, (client) =>
    client.query(
      'CREATE TABLE verdicts (order_id text PRIMARY KEY, status text NOT NULL, receipt text NOT NULL)',
    ),
  );
}

export async function countVerdicts({ storeUrl }: Place): Promise<number> {
  const { rows } = await withClient(storeUrl, (client) =>
    client.query<{ count: string }>('SELECT count(*) FROM verdicts'),
  );
  return Number(rows[0]?.count);
}

async function withClient<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
