import type { Log } from '../observability/log.ts';
import type { Redis } from '../redis/connection.ts';
import type { Keys } from '../redis/keys.ts';

export const auditActions = [
  ...['login', 'logout', 'rejected-key', 'order-submitted', 'orders-submitted', 'poll-requested'],
  ...['board-action', 'order-acknowledged', 'acknowledgement-removed', 'order-withdrawn'],
  ...['account-paused', 'account-resumed', 'webhooks-resent', 'webhook-enabled'],
  ...['statement-started', 'statement-applied'],
  'reader-removed',
] as const;

/** One entry of the audit trail. Holds fixed words, names of keys and users, addresses and ids; no secrets or metadata. */
export interface AuditEntry {
  /** The name of the API key or user, `cli` for the command line, `library`, or `anonymous` for a rejected request. */
  readonly actor: string;
  /** The client's address; for a command `user@host`, for the library the host name. */
  readonly from: string;
  readonly action: (typeof auditActions)[number];
  readonly outcome: string;
  readonly orderId?: string | undefined;
  readonly account?: string | undefined;
  readonly requestId?: string | undefined;
}

/** The audit trail: who did what. */
export interface Audit {
  /** Logs an entry and adds it to the stream. Never blocks and never throws, so it cannot fail a request. */
  record(entry: AuditEntry): void;
  /** Counts a login or a rejected key in the metrics, even if no entry is recorded for it. */
  counted(action: AuditEntry['action'], outcome: string): void;
}

export interface AuditParts {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly log: Log;
  readonly counted: Audit['counted'];
  /** Takes errors that are logged elsewhere: those of an outage of Redis. */
  isLoggedElsewhere(error: unknown): boolean;
}

/** Approximate number of entries kept. */
export const auditLength = 100_000;
/** Most writes that wait for Redis; beyond it, entries are only logged. */
const maxPending = 1_000;

/** Opens the audit trail of a process. */
export function createAudit({ redis, keys, log, counted, isLoggedElsewhere }: AuditParts): Audit {
  let pending = 0;
  let isLost = false;

  const lost = (err?: Error) => {
    if (err !== undefined && isLoggedElsewhere(err)) return;
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
