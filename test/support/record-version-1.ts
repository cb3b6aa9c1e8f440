import { referenceOf } from './service-run.ts';

/**
 * A record of version 1, written out and never taken from the code: it must stay readable when the code has moved on. It
 * is without the fields that came later (`watchedSince`, `lastPolledAt`, `query`, `hints`, `hintsSeen`, `hintAt`).
 */
export function recordOfVersion1(orderId: string, changes: { readonly [field: string]: string } = {}) {
  const now = Date.now();
  const seen = new Date(now - 9_000).toISOString();
  const sha = '0'.repeat(64);
  return {
    version: '1',
    account: 'jenga',
    provider: 'jenga',
    reference: JSON.stringify(referenceOf('jenga', orderId).key),
    amountMinor: '10000',
    currency: 'KES',
    createdAt: String(now - 20_000),
    deadlineAt: String(now + 100_000),
    schedule:
      '{"firstPollAfterMs":20,"initialIntervalMs":100,"factor":1,"maxIntervalMs":100,"jitter":0,"deadlineMs":120000}',
    metadata: '{"basket":7}',
    phase: 'asking',
    stateversion: '0',
    status: '',
    reason: '',
    settledAt: '',
    candidate: '',
    moneySeen: '',
    polls: '2',
    answeredPolls: '1',
    lastAnsweredAt: String(now - 9_000),
    history: `[{"source":"poll","at":"${seen}","httpStatus":200,"reading":"pending","providerStatus":"Pending","providerMessage":null,"bodySha256":"${sha}"}]`,
    nextPollAt: String(now + 300),
    revision: '3',
    ...changes,
  };
}
