import { referenceOf } from './service-run.ts';

/** What may differ between two records: fields of the hash, and values within its `progress`. */
export interface RecordChanges {
  readonly fields?: { readonly [field: string]: string };
  readonly progress?: {
    readonly stateversion?: number;
    readonly verdict?: object;
    readonly candidate?: object;
  };
}

/**
 * A record of version 2, written out and never taken from the code: it must stay readable when the code has moved on. It is
 * without the fields that came later or that not every order has (`step`, `owns`, `query`, `hints`, …).
 */
export function recordOfVersion2(orderId: string, { fields, progress = {} }: RecordChanges = {}) {
  const now = Date.now();
  const seenAt = now - 9_000;
  const { stateversion = 0, verdict = null, candidate = null } = progress;
  return {
    version: '2',
    account: 'jenga',
    reference: JSON.stringify(referenceOf('jenga', orderId).key),
    amountMinor: '10000',
    currency: 'KES',
    createdAt: String(now - 20_000),
    order: '["jenga",{"basket":7},20,100,1,100,0,120000]',
    phase: 'asking',
    progress: JSON.stringify([stateversion, 2, 1, seenAt, seenAt, verdict, null, candidate]),
    history: `[["poll",${seenAt},200,"pending","Pending",null,"${'A'.repeat(43)}"]]`,
    nextPollAt: String(now + 300),
    revision: '3',
    ...fields,
  };
}
