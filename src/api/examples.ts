import type { OrderInput } from '../jobs/validate-order.ts';
import type { OrderSummary, OrderView } from '../orders/view.ts';
import type { Problem } from './problem.ts';

/** Examples in the description of the API: one order, from its submission to its result. */

export const exampleInput: OrderInput = {
  orderId: 'shop-1001',
  account: 'jenga',
  reference: 'OR28922980077',
  amount: '2.00',
  currency: 'KES',
  createdAt: '2026-11-27T09:00:00.000Z',
  metadata: { basket: 7 },
};

export const exampleSummary: OrderSummary = {
  orderId: 'shop-1001',
  account: 'jenga',
  provider: 'jenga',
  reference: 'OR28922980077',
  amount: '2.00',
  currency: 'KES',
  amountVerified: true,
  receipt: 'SH90HU7FO2',
  amountReceived: '2.00',
  createdAt: '2026-11-27T09:00:00.000Z',
  deadlineAt: '2026-11-27T09:10:00.000Z',
  phase: 'closed',
  status: 'paid',
  reason: null,
  version: 1,
  stateversion: 1,
  settledAt: '2026-11-27T09:00:13.512Z',
  polls: 2,
  answeredPolls: 2,
  lastPolledAt: '2026-11-27T09:00:13.498Z',
  lastAnsweredAt: '2026-11-27T09:00:13.498Z',
  nextPollAt: null,
  acknowledged: null,
  withdrawnAt: null,
  metadata: { basket: 7 },
};

export const exampleView: OrderView = {
  ...exampleSummary,
  accountPaused: null,
  explanation: 'The provider said "Paid", with the receipt SH90HU7FO2 and KES 2.00 received.',
  history: [
    { at: '2026-11-27T09:00:08.101Z', reading: 'pending', source: 'poll', httpStatus: 200 },
    { at: '2026-11-27T09:00:13.498Z', reading: 'paid', source: 'poll', httpStatus: 200 },
  ],
  verdicts: [{ version: 1, stateversion: 1, status: 'paid', reason: null, at: '2026-11-27T09:00:13.512Z' }],
  callbacks: [],
};

export const exampleProblem: Problem = {
  type: 'about:blank',
  title: 'Invalid input',
  status: 422,
  detail: 'Correct the order and submit it again.',
  requestId: 'req-7f3a',
  faults: [
    { path: 'amount', message: 'must be more than 0, with at most two decimals and no sign or exponent' },
  ],
};

/** A Stream id: of the result of the example order. */
export const exampleStreamId = '1795770013515-0';
