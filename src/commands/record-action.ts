import type { AuditEntry } from '../audit/audit.ts';
import type { Redis } from '../redis/connection.ts';
import { createKeys } from '../redis/keys.ts';
import type { CommandContext } from './command-context.ts';
import { originOfCommand } from './origin.ts';

/** Adds what a command did to the audit trail. It is done by then, so a failure is only reported. */
export async function recordAction(
  { stderr }: Pick<CommandContext, 'stderr'>,
  redis: Redis,
  prefix: string,
  entry: Pick<AuditEntry, 'action' | 'outcome' | 'orderId' | 'account'>,
): Promise<void> {
  const { append } = await import('../audit/audit.ts');
  await append(redis, createKeys(prefix), { ...originOfCommand(), ...entry }).catch((error: Error) =>
    stderr.write(`The audit trail could not be written: ${error.message}\n`),
  );
}
