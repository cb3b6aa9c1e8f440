import type { Log } from '../observability/log.ts';
import type { Redis } from '../redis/connection.ts';
import type { Keys } from '../redis/keys.ts';

export const auditActions = [
  ...['login', 'logout', 'rejected-key', 'order-submitted', 'orders-submitted', 'poll-requested'],
  'board-action',
] as const;

/** One entry of the audit trail. Holds words of ours, names of keys and users, addresses and ids: no secret, no metadata. */
export interface AuditEntry {
  /** The name of the API key or of the user, `cli` for the command line, `library`, `anonymous` for who was not let in. */
  readonly actor: string;
  /** The address that it came from; of a command `user@machine`, of the library the machine. */
  readonly from: string;
  readonly action: (typeof auditActions)[number];
  readonly outcome: string;
  readonly orderId?: string | undefined;
  readonly requestId?: string | undefined;
}

/** The audit trail: who did what. */
export interface Audit {
  /** Logs an entry and adds it to the stream. Never waits and never throws: no request fails for its audit entry. */
  record(entry: AuditEntry): void;
  /** Counts a login or a rejected key for the metrics, also where no entry is made of it. */
  counted(action: AuditEntry['action'], outcome: string): void;
}

export interface AuditParts {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly log: Log;
  readonly counted: Audit['counted'];
}

/** About so many entries are kept. */
export const auditLength = 100_000;
/** While Redis does not answer, further entries are in the log alone. */
const maxPending = 1_000;

/** Opens the audit trail of a process. */
export function createAudit({ redis, keys, log, counted }: AuditParts): Audit {
  let pending = 0;
  let isLost = false;

  const lost = (err?: Error) => {
    // Once for a whole outage.
    if (!isLost) log.warn({ err }, 'the audit stream cannot be written; its entries are in this log alone');
    isLost = true;
  };

  return {
    counted,
    record(entry) {
      log.info({ audit: entry }, 'audit');
      if (pending >= maxPending) return lost();
      pending += 1;
      append(redis, keys, entry)
        .then(() => {
          isLost = false;
        }, lost)
        .finally(() => {
          pending -= 1;
        });
    },
  };
}

/** Adds an entry to the stream. */
export async function append(redis: Redis, keys: Keys, entry: AuditEntry): Promise<void> {
  const fields = Object.entries({ at: new Date().toISOString(), ...entry }).flatMap(([name, value]) =>
    value === undefined ? [] : [name, String(value)],
  );
  await redis.xadd(keys.audit, 'MAXLEN', '~', auditLength, '*', ...fields);
}
