import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import type { AccountInfo } from '../../src/accounts/accounts.ts';
import { UsageError } from '../../src/commands/command-context.ts';
import { reconcileCommand } from '../../src/commands/reconcile.ts';
import { capturedTerminal } from '../support/captured-terminal.ts';
import { testPrefix, testRedis, testRedisUrl } from '../support/redis.ts';
import { type Shop, shopOn } from '../support/shop.ts';

const folder = mkdtempSync(join(tmpdir(), 'payment-poller-reconcile-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let files = 0;
/** Writes a file that is removed after the tests. Returns its path. */
export function fileOf(content: string | Uint8Array, extension = 'csv'): string {
  files += 1;
  const path = join(folder, `${files}.${extension}`);
  writeFileSync(path, content);
  return path;
}

/** An account in a prefix of its own, on the Redis of the run. */
export function openShop(account = 'daraja-stk', more: Partial<AccountInfo> = {}): Promise<Shop> {
  return shopOn(testRedis(), testRedisUrl(), testPrefix(), account, more);
}

/** Runs the command in this process, as `cli.ts` does. */
export async function runReconcile(args: readonly string[], { env }: { readonly env: Shop['env'] }) {
  const { terminal, output, errors } = capturedTerminal(env);
  let code = 0;
  const command = reconcileCommand(terminal, (exit) => {
    code = exit;
  });
  let thrown = '';
  await command.parseAsync(args, { from: 'user' }).catch((error: unknown) => {
    if (!(error instanceof UsageError)) throw error;
    thrown = error.message;
    code = 2;
  });
  return { code, stdout: output(), stderr: errors() + thrown };
}

export type Line = { readonly [field: string]: string | null };

/** Runs `reconcile --json`. Returns its lines by order, or by row where there is none, and the summary. */
export async function reconcile(shop: Shop, statement: string, ...flags: string[]) {
  const account = 'daraja-stk';
  const file = statement.includes('\n') ? fileOf(statement) : statement;
  const { code, stdout, stderr } = await runReconcile(
    ['--account', account, '--statement', file, '--json', ...flags],
    { env: shop.env },
  );
  const lines = stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
  const { summary = null } = lines.at(-1) ?? {};
  const found: { [name: string]: Line } = {};
  for (const line of lines.slice(0, -1) as Line[]) found[line.orderId ?? `row ${line.statementRow}`] = line;
  const findings = Object.fromEntries(Object.entries(found).map(([name, { finding }]) => [name, finding]));
  return { code, stderr, summary, lines: found, findings, file };
}

export { mpesaRow, mpesaStatement } from '../support/mpesa-statement.ts';
export { noon, type Shop } from '../support/shop.ts';
