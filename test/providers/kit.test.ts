/** What a declaration can say that few of the providers do. */
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { Reading } from '../../src/domain/order.ts';
import { anything, code, text } from '../../src/providers/fields.ts';
import { defineProvider } from '../../src/providers/provider.ts';
import { readAnswer } from '../../src/providers/read-answer.ts';
import { findRow, statuses } from '../../src/providers/status-table.ts';

const from = 'an invented page';
const payment = statuses({
  PAID: { reading: 'paid', from },
  WAITING: { reading: 'pending', from },
  FAILED: {
    reasons: {
      NO_FUNDS: { reading: 'failed', certainty: 'firm', reason: 'insufficient-funds', from },
      ONGOING: { reading: 'unrecognised', from },
    },
    otherwise: { reading: 'failed', certainty: 'soft', reason: 'rejected', from },
  },
});

function providerWith(more: { amountUnit?: 'minor'; bodyBeforeStatus?: true }) {
  return defineProvider({
    id: 'made-up',
    title: 'Made up',
    page: from,
    currencies: ['KES'],
    settings: z.object({}),
    sandbox: { addresses: {}, reference: () => 'x' },
    reference: z.string(),
    aliases: (reference) => [reference],
    merchant: [],
    guarantees: { amount: true, receipt: false, reference: false, currency: false },
    request: () => ({ method: 'GET', url: 'http://127.0.0.1' }),
    answer: z.object({ status: text, reason: code, amount: anything }),
    read: ({ status, reason, amount }) =>
      status == null ? null : { about: 'payment', word: status, reason, amountReceived: amount },
    payment,
    call: statuses({}),
    ...more,
  });
}

function read(body: object, more: Parameters<typeof providerWith>[0] = {}, httpStatus = 200): Reading {
  const answer = { httpStatus, headers: {}, body: Buffer.from(JSON.stringify(body)) };
  const order = { reference: 'x', amountMinor: 30_050, currency: 'KES' };
  return readAnswer(providerWith(more), answer, order, { at: 0, source: 'poll' });
}

describe('a status with a reason code', () => {
  test.each([
    ['NO_FUNDS', 'failed', 'FAILED/NO_FUNDS'],
    ['ONGOING', 'unrecognised', 'FAILED/ONGOING'],
    ['SOMETHING', 'failed', 'FAILED/SOMETHING'],
    ['', 'failed', 'FAILED'],
    [null, 'failed', 'FAILED'],
  ])('%j', (reason, kind, providerStatus) => {
    expect(read({ status: 'FAILED', reason })).toMatchObject({ kind, providerStatus });
  });

  test('a reason without a row is what the status is otherwise', () => {
    expect(read({ status: 'FAILED', reason: 'SOMETHING' })).toMatchObject({
      certainty: 'soft',
      reason: 'rejected',
    });
  });

  test('a status that spells a reason is no row, and a reason beside another status says nothing', () => {
    expect(read({ status: 'FAILED/NO_FUNDS' })).toMatchObject({ kind: 'unrecognised' });
    expect(read({ status: 'WAITING', reason: 'NO_FUNDS' })).toMatchObject({
      kind: 'pending',
      providerStatus: 'WAITING',
    });
    expect(findRow(payment, 'constructor', '__proto__').meaning).toBeUndefined();
  });
});

describe('amounts in minor units', () => {
  const paid = (amount: unknown) => read({ status: 'PAID', amount }, { amountUnit: 'minor' });

  test.each([30_050, '30050', 40_333])('%j is enough', (amount) => {
    expect(paid(amount)).toMatchObject({ kind: 'paid', doubt: null, amountReceivedMinor: Number(amount) });
  });

  test('a cent less is underpaid', () => expect(paid(30_049)).toMatchObject({ doubt: 'underpaid' }));

  test.each([300.5, '300.50', '30050.0', -1, '', null, true, 1e300, [30_050], { toString: null }])(
    '%j is no amount',
    (amount) => {
      expect(paid(amount)).toMatchObject({ kind: 'paid', doubt: 'amount-unknown' });
    },
  );
});

describe('a body that is read before the HTTP status', () => {
  test.each([400, 404, 500, 503])('says "not yet" under HTTP %i, where that is declared', (httpStatus) => {
    expect(read({ status: 'WAITING' }, { bodyBeforeStatus: true }, httpStatus).kind).toBe('pending');
    expect(read({ status: 'WAITING' }, {}, httpStatus).kind).not.toBe('pending');
  });

  test.each(['PAID', 'FAILED', 'UNKNOWN'])('%s decides nothing under an error', (status) => {
    expect(read({ status, amount: '300.50' }, { bodyBeforeStatus: true }, 500).kind).toBe('unavailable');
  });
});
