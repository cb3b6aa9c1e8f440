import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { FastifyRequest } from 'fastify';
import type { Audit, AuditEntry } from '../audit/audit.ts';
import { networkOf } from './login-throttle.ts';
import type { LoggedIn } from './ui/user.ts';

declare module 'fastify' {
  interface FastifyInstance {
    readonly audit: Audit;
    readonly strangers: StrangerBudget;
  }
  interface FastifyRequest {
    /** The user who is logged in; `null` where nobody is. */
    user: LoggedIn | null;
  }
}

const requestIdForm = /^[A-Za-z0-9._:-]{1,64}$/;

/** The id of a request: the sender's own where it has the form of one, else a new one. */
export function requestIdOf({ headers }: Pick<IncomingMessage, 'headers'>): string {
  const given = headers['x-request-id'];
  return typeof given === 'string' && requestIdForm.test(given) ? given : randomUUID();
}

/** Adds what a request did to the audit trail. */
export function auditRequest(
  request: FastifyRequest,
  entry: Pick<AuditEntry, 'action' | 'outcome' | 'orderId' | 'account'>,
  actor: string | null = request.apiKey?.name ?? request.user?.name ?? null,
): void {
  const { server, ip: from, id: requestId } = request;
  server.audit.counted(entry.action, entry.outcome);
  // Strangers could push all other entries out of the stream, and fill the log.
  if (actor === null && !server.strangers.takes(networkOf(from), Date.now())) return;
  server.audit.record({ actor: actor ?? 'anonymous', from, requestId, ...entry });
}

/** How much of the audit trail those who were not let in may fill; counters count all of them. */
export interface StrangerBudget {
  takes(network: string, now: number): boolean;
}

const windowMs = 60_000;
const perNetwork = 10;
const inAll = 100;

export function createStrangerBudget(): StrangerBudget {
  let since = 0;
  let all = 0;
  const counted = new Map<string, number>();
  return {
    takes(network, now) {
      if (now - since >= windowMs) {
        [since, all] = [now, 0];
        counted.clear();
      }
      const own = counted.get(network) ?? 0;
      if (all >= inAll || own >= perNetwork) return false;
      all += 1;
      counted.set(network, own + 1);
      return true;
    },
  };
}
