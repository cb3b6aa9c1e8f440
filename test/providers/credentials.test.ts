import { describe, expect, test } from 'vitest';
import { accountSignal } from '../../src/accounts/account-signal.ts';
import type { Reading } from '../../src/domain/order.ts';
import { providers } from '../../src/providers/index.ts';
import { credentialsOf } from '../../src/providers/known-secrets.ts';
import { readAnswer } from '../../src/providers/read-answer.ts';
import { everyReading } from '../support/builders.ts';

test.each<[string, readonly string[]]>([
  ['jenga', ['apiKey', 'consumerSecret', 'merchantCode']],
  [
    'daraja',
    [
      ...['certificate', 'consumerKey', 'consumerSecret', 'initiator', 'initiatorPassword'],
      ...['securityCredential', 'shortCode'],
    ],
  ],
  ['daraja-stk', ['consumerKey', 'consumerSecret', 'passkey', 'shortCode']],
  ['vexora', ['appSecret', 'merchantNo']],
  ['lipia', ['apiKey']],
  ['tanda', ['clientId', 'clientSecret']],
])('the credentials of %s are what it logs in with, and no other setting', (id, names) => {
  const provider = providers.get(id);
  if (provider === undefined) throw new Error(`There is no provider ${id}.`);
  expect(Object.keys(credentialsOf(provider, {}))).toEqual(names);
});

/** What an answer of a provider says about its account. */
function signalOf(id: string, httpStatus: number, body: unknown): string {
  const provider = providers.get(id);
  if (provider === undefined) throw new Error(`There is no provider ${id}.`);
  const bytes = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  const answer = { httpStatus, headers: {}, body: bytes };
  return accountSignal(readAnswer(provider, answer, null, { at: 0, source: 'poll' }));
}

describe('about the account', () => {
  test.each([
    ['a server error', 'lipia', 503, ''],
    ['a gateway in front that gave up', 'jenga', 504, '<html>'],
    ['throttling', 'lipia', 429, '{}'],
    ['a time-out of theirs', 'lipia', 408, ''],
    ['a page in place of an answer', 'lipia', 200, '<html>'],
    ['refused credentials', 'lipia', 401, '{}'],
    ['an outage code', 'vexora', 200, { code: '5000', msg: 'system exception' }],
  ])('%s', (_name, id, httpStatus, body) => {
    expect(signalOf(id, httpStatus, body)).toBe('failed');
  });
});

describe('about one order', () => {
  test.each([
    ['a code about the query', 'vexora', 200, { code: '8000', msg: 'query failed' }],
    ['a bad request', 'lipia', 400, '{}'],
    ['nothing under this address', 'lipia', 404, '<html>'],
    ['a conflict', 'lipia', 409, '{}'],
    ['a duplicate id of ours', 'daraja', 500, { errorCode: '500.002.1001', errorMessage: 'duplicate' }],
  ])('%s', (_name, id, httpStatus, body) => {
    expect(signalOf(id, httpStatus, body)).toBe('answered');
  });
});

test('every reading says something about the account, but for a query that was only taken', () => {
  const signals = Object.entries(everyReading).map(([name, reading]) => [
    name,
    accountSignal(reading(0) as Reading),
  ]);
  expect(Object.fromEntries(signals)).toMatchObject({
    unavailable: 'failed',
    'unavailable, Retry-After 60 s': 'failed',
    refused: 'failed',
    'not found': 'answered',
    'pending, answer to be pushed': 'nothing',
  });
});
