import { z } from 'zod';
import { isLess, leastAmount, toMajor, toMinor } from '../domain/money.ts';
import type { Doubt } from '../domain/order.ts';
import { defineCallback } from './callback-rules.ts';
import { currenciesOf, currencyFields } from './currency.ts';
import {
  anything,
  baseUrl,
  code,
  credential,
  denial,
  id,
  idNote,
  isGiven,
  isUnreadableId,
  note,
  referenceText,
  secret,
  section,
  text,
} from './fields.ts';
import { lacksYes } from './flags.ts';
import { tokenText } from './oauth.ts';
import { defineProvider, type Finding } from './provider.ts';
import { mpesaReceipt } from './receipts.ts';
import { statuses } from './status-table.ts';
import { isoTime, nairobiTime } from './time.ts';
import { promptOfAMinute } from './usual-times.ts';

/**
 * Jenga (Finserve, Equity), M-Pesa STK push with wallet-based settlement. Account-based settlement has no status query.
 *
 * An order that was cancelled never changes its own `orderStatus`: only its invoices show it, and a later invoice may
 * be paid after an earlier one was cancelled. So `Cancelled` and `Expired` are soft.
 */
const invoice = z.object({
  ...currencyFields,
  invoiceStatus: text,
  orderReference: id,
  externalReference: denial,
  amount: anything,
  amountDebited: anything,
  completedOn: note,
});

const answer = z.object({
  status: anything,
  code,
  message: note,
  data: section({
    ...currencyFields,
    order: z
      .object({
        ...currencyFields,
        orderStatus: text,
        orderReference: id,
        orderAmount: anything,
        amountPaid: anything,
      })
      .nullish(),
    invoices: z.array(invoice).nullish(),
  }),
});
type Body = z.infer<typeof answer>;
type Invoice = z.infer<typeof invoice>;
type Order = NonNullable<NonNullable<Body['data']>['order']>;

const page = 'Jenga, M-Pesa STK Push, Query Order Status';

export const jenga = defineProvider({
  id: 'jenga',
  title: 'Jenga (Finserve / Equity), M-Pesa STK push',
  page,
  currencies: ['KES'],
  settings: z.object({
    baseUrl: baseUrl()
      .default('https://api.finserve.africa')
      .describe('API base; the sandbox is https://uat.finserve.africa'),
    apiKey: secret().describe('Api-Key of the JengaHQ account'),
    merchantCode: credential().describe('Merchant code of the JengaHQ account'),
    consumerSecret: secret().describe('Consumer secret of the JengaHQ account'),
  }),
  usualTimes: promptOfAMinute,
  sandbox: {
    addresses: { baseUrl: 'https://uat.finserve.africa' },
    reference: () => `OR${Date.now()}00`,
  },
  reference: referenceText.describe('orderReference of the payment'),
  receipt: mpesaReceipt,
  merchant: ['merchantCode'],
  aliases: (reference) => [reference],
  guarantees: { amount: true, receipt: true, reference: true, currency: false },

  auth: {
    request: ({ baseUrl, apiKey, merchantCode, consumerSecret }) => ({
      method: 'POST',
      url: `${baseUrl}/authentication/api/v3/authenticate/merchant`,
      headers: { 'api-key': apiKey, 'content-type': 'application/json' },
      body: JSON.stringify({ merchantCode, consumerSecret }),
    }),
    grant(body, now) {
      const granted = grantAnswer.safeParse(body).data;
      const token = granted?.accessToken ?? granted?.token;
      return token == null ? null : { token, lifetimeMs: lifetimeMs(granted?.expiresIn, now) };
    },
    defaultLifetimeMs: 600_000,
    maxLifetimeMs: 600_000,
  },

  request: ({ reference, token }, { baseUrl }) => ({
    method: 'GET',
    url: `${baseUrl}/api-checkout/mpesa-stk-push/v3.0/status/order/${encodeURIComponent(reference)}`,
    headers: { authorization: `Bearer ${token}` },
  }),

  // IPN. Old gateways leave the customer's reference empty and print ours, after a blank, where the receipt belongs; the
  // push of an STK payment names it `transactionReference`.
  callback: defineCallback({
    body: z.object({
      customer: section({ reference: idNote }),
      transaction: section({ reference: idNote }),
      transactionReference: idNote,
    }),
    aliases: ({ customer, transaction, transactionReference }) => [
      customer?.reference?.trim(),
      transaction?.reference?.trim(),
      transactionReference?.trim(),
    ],
    reply: { contentType: 'text/plain', body: '' },
  }),

  answer,
  read(body): Finding | null {
    const order = body.data?.order;
    if (order?.orderStatus == null) return body.code == null ? null : callFinding(body);
    const invoices = body.data?.invoices ?? [];
    const [paid, ...others] = invoices.filter(isPaid);
    return {
      about: 'payment',
      word: decidingWord(order.orderStatus, invoices),
      message: body.message,
      amountReceived: order.amountPaid,
      // `amountPaid` may include the service charge, which is not ours.
      ...(order.orderStatus === 'Paid' && { amountAsked: order.orderAmount }),
      currencies: currenciesOf(body.data, order, ...invoices),
      receipt: idNote.parse(paid?.externalReference),
      furtherReceipts: others.map((each) => idNote.parse(each.externalReference)),
      references: [order.orderReference, ...invoices.map((each) => each.orderReference)],
      doubt: doubtOf(body, order, invoices),
      paidAt: nairobiTime(paid?.completedOn),
    };
  },
  payment: statuses({
    Paid: { reading: 'paid', from: `${page}: orderStatus` },
    Pending: { reading: 'pending', from: `${page}: orderStatus, invoiceStatus` },
    Cancelled: { reading: 'failed', certainty: 'soft', reason: 'cancelled', from: `${page}: invoiceStatus` },
    Expired: { reading: 'expired', certainty: 'soft', reason: 'timed-out', from: `${page}: invoiceStatus` },
  }),
  call: statuses({
    '111102': { reading: 'not-found', from: `${page}: Transaction Status Errors` },
    '400': { reading: 'refused', from: `${page}: 400 Bad Request` },
    '401': { reading: 'refused', credentials: true, token: true, from: `${page}: 401 Unauthorized` },
    '403': { reading: 'refused', credentials: true, from: 'docs/providers.md section 1, error bodies' },
    '404': { reading: 'refused', from: `${page}: 404 Account not found` },
    '401xxx': {
      reading: 'refused',
      credentials: true,
      token: true,
      from: 'docs/providers.md section 1, authentication and authorisation',
    },
    '104104': { reading: 'refused', from: 'docs/providers.md section 1, charges' },
    '104105': { reading: 'refused', from: 'docs/providers.md section 1, charges' },
    '400101': { reading: 'refused', from: 'docs/providers.md section 1, duplicate reference' },
    '900100': { reading: 'refused', credentials: true, from: 'docs/providers.md section 1, signature' },
    '900101': { reading: 'refused', credentials: true, from: 'docs/providers.md section 1, signature' },
    '900102': { reading: 'refused', credentials: true, from: 'docs/providers.md section 1, signature' },
    '400400': { reading: 'refused', from: 'docs/providers.md section 1, unparsable' },
    '500100': { reading: 'unavailable', from: 'docs/providers.md section 1, internal' },
    '500200': { reading: 'unavailable', from: 'docs/providers.md section 1, internal' },
    '500401': { reading: 'unavailable', from: 'docs/providers.md section 1, downstream' },
    '500101': { reading: 'unavailable', from: 'docs/providers.md section 1, downstream' },
  }),
});

/** Seen as ISO time, as seconds in a string and as a number; the token's name differs too (docs/providers.md section 1). */
const grantAnswer = z.object({
  accessToken: tokenText.nullish().catch(null),
  token: tokenText.nullish().catch(null),
  expiresIn: code.catch(null),
});

function lifetimeMs(expiresIn: string | number | null | undefined, now: number): number | null {
  if (expiresIn == null) return null;
  const seconds = Number(expiresIn);
  if (Number.isFinite(seconds)) return seconds > 0 ? seconds * 1000 : null;
  const at = isoTime(expiresIn) ?? nairobiTime(expiresIn);
  return at === null ? null : at - now;
}

/** What the invoices of a paid order must have brought at least. */
function dueOf({ orderAmount, amountPaid }: Order): unknown {
  return isGiven(amountPaid) && isGiven(orderAmount) ? leastAmount([orderAmount, amountPaid]) : amountPaid;
}

/** Less than its own `orderAmount` is underpaid whatever our order says; more may be the service charge. */
function doubtOf(body: Body, order: Order, invoices: readonly Invoice[]): Doubt | null {
  const saysPaid = order.orderStatus === 'Paid';
  if (saysPaid && isLess(order.amountPaid, order.orderAmount)) return 'underpaid';
  const isAtOdds = saysPaid
    ? !provesPaid(invoices) || lacksMoney(invoices, dueOf(order))
    : deniesFailure(invoices);
  return isAtOdds || refusesCall(body) ? 'contradiction' : null;
}

/** One invoice is paid, none is in a state that we do not know, and none but the paid ones has the receipt of a paid one. */
function provesPaid(invoices: readonly Invoice[]): boolean {
  const receipts = (chosen: readonly Invoice[]) =>
    chosen.map(receiptOf).filter((receipt) => receipt !== null);
  const paid = invoices.filter(isPaid);
  const taken = new Set(receipts(paid));
  const isTakenAgain = receipts(invoices.filter((each) => !isPaid(each))).some((each) => taken.has(each));
  return paid.length > 0 && invoices.every(isKnown) && !isTakenAgain;
}

/** The paid invoices print, under either name, less than the order received, or what nobody can read. */
function lacksMoney(invoices: readonly Invoice[], received: unknown): boolean {
  const paid = invoices.filter(isPaid);
  return [paid.map((each) => each.amount), paid.map((each) => each.amountDebited)].some((amounts) => {
    if (!amounts.every((amount) => amount != null && amount !== '')) return amounts.some(isUnreadable);
    const minors = amounts.map((amount) => toMinor(amount) ?? 0);
    return isLess(toMajor(minors.reduce((sum, minor) => sum + minor, 0)), received);
  });
}

function isUnreadable(amount: unknown): boolean {
  return isGiven(amount) && toMinor(amount) === null;
}

/** A payment or a receipt, which only paid invoices have. It counts beside a word that would end the order unpaid. */
function deniesFailure(invoices: readonly Invoice[]): boolean {
  return invoices.some(
    (each) => isPaid(each) || receiptOf(each) !== null || isUnreadableId(each.externalReference),
  );
}

function isPaid({ invoiceStatus }: Invoice): boolean {
  return invoiceStatus === 'Paid';
}

function isKnown({ invoiceStatus }: Invoice): boolean {
  return invoiceStatus == null || invoiceStatuses.includes(invoiceStatus);
}

function receiptOf({ externalReference }: Invoice): string | null {
  const receipt = idNote.parse(externalReference)?.trim() ?? '';
  return mpesaReceipt.isReceipt(receipt) ? receipt.toUpperCase() : null;
}

/** The outer layer refuses the call while the inner one speaks of a payment. `"error"` is one family's `false`. */
function refusesCall({ status, code }: Body): boolean {
  return lacksYes(status) || (code != null && String(code) !== '0');
}

function callFinding({ code, message }: Body): Finding {
  const shown = String(code);
  return { about: 'call', code: /^401\d{3}$/.test(shown) ? '401xxx' : shown, shown, message };
}

const invoiceStatuses = ['Pending', 'Paid', 'Cancelled', 'Expired'];

/** The order's own word while it says more than `Pending`; else what its invoices agree on. */
function decidingWord(orderStatus: string, invoices: readonly Invoice[]): string {
  if (orderStatus !== 'Pending') return orderStatus;
  const statuses = invoices.map((each) => each.invoiceStatus ?? 'Pending');
  const unknown = statuses.find((status) => !invoiceStatuses.includes(status));
  if (unknown !== undefined) return unknown;
  // A paid invoice under a pending order is money on its way: the documentation warns not to act on it yet.
  if (statuses.includes('Pending') || statuses.includes('Paid')) return 'Pending';
  return statuses.at(-1) ?? 'Pending';
}
