import { randomBytes } from 'node:crypto';
import type { CallbackResult } from '../observability/metrics.ts';
import { parseAnswerToken } from '../orders/begin-query.ts';
import { type CallbackRules, callbackMethods } from '../providers/callback-rules.ts';
import type { Provider } from '../providers/provider.ts';
import type { StatusTable } from '../providers/status-table.ts';
import { createAddressList } from './address-list.ts';
import { isSameSecret } from './api-keys.ts';

/** What the callbacks need to know of an account. */
export interface CallbackAccount {
  readonly id: string;
  readonly provider: Provider;
  readonly settings: { readonly [name: string]: unknown };
  readonly overrides: StatusTable | undefined;
  readonly currencies: readonly string[];
  readonly minHintIntervalMs: number;
  /** Last part of the account's callback URL; without one, its callbacks are refused. */
  readonly token: string | undefined;
  /** HTTP Basic credentials that the provider was told to send. */
  readonly basic: { readonly username: string; readonly password: string } | undefined;
  /** Addresses or CIDR blocks that callbacks may come from; empty: any. Never the only proof of anything. */
  readonly addresses: readonly string[];
}

/** What the request line and the headers of a callback say. */
export interface CallbackHead {
  readonly account: string;
  readonly token: string;
  readonly method: string;
  readonly address: string;
  readonly authorization: string | undefined;
}

/** Whether a callback is listened to. */
export type Admission =
  | { readonly admitted: true; readonly account: CallbackAccount }
  /** For `metrics`, and whether it is thanked for all the same, so that no answer tells which accounts there are. */
  | { readonly admitted: false; readonly why: CallbackResult; readonly thanked: boolean };

export interface AdmissionParts {
  readonly accounts: ReadonlyMap<string, CallbackAccount>;
  /** The order that a query of ours asked about, `''` when its token was used up lately, `null` for an unknown one. */
  orderOfQuery(queryId: string): Promise<string | null>;
}

/**
 * Decides by the request line and the headers alone, before any of the body is read: strangers can make us hold nothing.
 *
 * No answer tells which accounts there are. Under a token of the form of a one-time token everybody is thanked, under any
 * other that is not right everybody gets the same 404, and either takes the same work.
 */
export function createAdmission({ accounts, orderOfQuery }: AdmissionParts) {
  const guards = new Map(
    [...accounts.values()]
      .filter(({ addresses }) => addresses.length > 0)
      .map(({ id, addresses }) => [id, createAddressList(addresses)]),
  );
  const answersLater = [...accounts.values()].some(({ provider }) => provider.asyncResult !== undefined);
  /** Compared with where there is nothing to compare with. */
  const nobodysToken = randomBytes(24).toString('hex');

  return async (head: CallbackHead): Promise<Admission> => {
    const account = accounts.get(head.account);
    const query = parseAnswerToken(head.token);
    const thanked = query !== null && answersLater;
    const asked = thanked ? await orderOfQuery(query.queryId) : null;
    const hasToken = isSameSecret(head.token, account?.token ?? nobodysToken);
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
