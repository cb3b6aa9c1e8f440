import { randomBytes } from 'node:crypto';
import { createAddressList } from '../config/address-list.ts';
import type { CallbackResult } from '../observability/metrics.ts';
import { parseAnswerToken } from '../orders/begin-query.ts';
import { type CallbackRules, callbackMethods } from '../providers/callback-rules.ts';
import type { Provider } from '../providers/provider.ts';
import type { StatusTable } from '../providers/status-table.ts';
import { isSameSecret } from './api-keys.ts';

/** The properties of an account that callbacks need. */
export interface CallbackAccount {
  readonly id: string;
  readonly provider: Provider;
  readonly settings: { readonly [name: string]: unknown };
  readonly overrides: StatusTable | undefined;
  readonly currencies: readonly string[];
  readonly minHintIntervalMs: number;
  /** Last part of the account's callback URL; without one, its callbacks are refused. */
  readonly token: string | undefined;
  /** HTTP Basic credentials that the provider is configured to send. */
  readonly basic: { readonly username: string; readonly password: string } | undefined;
  /** Addresses or CIDR blocks that callbacks may come from; empty: any. Never sufficient on their own. */
  readonly addresses: readonly string[];
}

/** A callback's request line and headers. */
export interface CallbackHead {
  readonly account: string;
  readonly token: string;
  readonly method: string;
  readonly address: string;
  readonly authorization: string | undefined;
}

/** Whether a callback is accepted. */
export type Admission =
  | { readonly admitted: true; readonly account: CallbackAccount }
  /** The reason for the metrics; `thanked` means that it gets the 200 of an accepted one, to reveal no account. */
  | { readonly admitted: false; readonly why: CallbackResult; readonly thanked: boolean };

export interface AdmissionParts {
  readonly accounts: ReadonlyMap<string, CallbackAccount>;
  /** The order that a query was about, `''` if its token was used recently, `null` for an unknown query. */
  orderOfQuery(queryId: string): Promise<string | null>;
}

/**
 * Decides by the request line and the headers alone, before the body is read, so that unauthorised callers use no memory.
 *
 * The responses do not reveal which accounts exist. A token in the form of a one-time token always gets a 200, any other
 * wrong token the same 404, and both take the same work.
 */
export function createAdmission({ accounts, orderOfQuery }: AdmissionParts) {
  const guards = new Map(
    [...accounts.values()]
      .filter(({ addresses }) => addresses.length > 0)
      .map(({ id, addresses }) => [id, createAddressList(addresses)]),
  );
  const answersLater = [...accounts.values()].some(({ provider }) => provider.asyncResult !== undefined);
  /** Compared with if the account has no token, to take the same time. */
  const dummyToken = randomBytes(24).toString('hex');

  return async (head: CallbackHead): Promise<Admission> => {
    const account = accounts.get(head.account);
    const query = parseAnswerToken(head.token);
    const thanked = query !== null && answersLater;
    const asked = thanked ? await orderOfQuery(query.queryId) : null;
    const hasToken = isSameSecret(head.token, account?.token ?? dummyToken);
    const refused = (why: CallbackResult): Admission => ({ admitted: false, why, thanked });

    if (account === undefined) return refused('unknown-account');
    if (guards.get(account.id)?.(head.address) === false) return refused('wrong-address');
    // Answers to our own queries carry a one-time token instead of the account's.
    if (account.provider.asyncResult !== undefined) {
      if (asked === null || head.method !== 'POST') return refused('wrong-token');
      return asked === '' ? refused('replay') : { admitted: true, account };
    }
    const { callback } = account.provider;
    if (callback === undefined || account.token === undefined) return refused('not-enabled');
    if (!hasToken) return refused('wrong-token');
    if (!isSentBy(head.method, callback)) return refused('not-enabled');
    return account.basic === undefined || isBasic(head.authorization, account.basic)
      ? { admitted: true, account }
      : refused('wrong-credentials');
  };
}

function isSentBy(method: string, callback: CallbackRules): boolean {
  return callbackMethods(callback).some((each) => each === method);
}

function isBasic(
  header: string | undefined,
  { username, password }: { username: string; password: string },
): boolean {
  const given = /^Basic +(\S+)$/i.exec(header ?? '')?.[1] ?? '';
  return isSameSecret(given, Buffer.from(`${username}:${password}`).toString('base64'));
}
