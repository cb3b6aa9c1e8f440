import { z } from 'zod';
import { leastAmount } from '../domain/money.ts';
import type { Doubt } from '../domain/order.ts';
import { isCurrencyName } from './currency.ts';
import { directionOf } from './daraja-direction.ts';
import { type DarajaShortCodes, shortCodesOf } from './daraja-gateway.ts';
import { anything, code, isGiven, note, section } from './fields.ts';
import type { Finding, PaymentFinding, ReadingRules } from './provider.ts';
import { type Meaning, statuses } from './status-table.ts';
import { nairobiTime } from './time.ts';

/**
 * What Daraja posts as the answer to a Transaction Status query. `ResultCode` speaks of the query; only with code 0 do
 * the parameters speak of the payment. Every shape here was seen: a list or one object, values missing, keys repeated or
 * spelt with blanks, numbers or strings.
 */
const section22 = 'docs/providers.md section 2.2';

const parameter = z.object({ Key: z.string().nullish().catch(null), Value: anything });

const answer = z.object({
  Result: z.object({
    ResultCode: code,
    ResultDesc: note,
    ResultParameters: section({
      ResultParameter: z
        .union([z.array(parameter.nullish().catch(null)), parameter])
        .nullish()
        .catch(null),
    }),
  }),
});
type Body = z.infer<typeof answer>;

const refusedQuery = (why: string): Meaning => ({ reading: 'refused', from: `${section22}: ${why}` });
const credentials: Meaning = {
  reading: 'refused',
  credentials: true,
  locks: true,
  from: `${section22}: initiator`,
};
const unavailable = (why: string): Meaning => ({ reading: 'unavailable', from: `${section22}: ${why}` });

const paidWord = 'Completed';

export const darajaResult: ReadingRules<Partial<DarajaShortCodes>, unknown> = {
  answer,
  read(body, { settings, reference }): Finding | null {
    const { Result: result } = body as Body;
    if (result.ResultCode == null || result.ResultCode === '') return null;
    if (String(result.ResultCode) !== '0') {
      return {
        about: 'call',
        code: `ResultCode ${result.ResultCode}`,
        shown: String(result.ResultCode),
        message: result.ResultDesc,
      };
    }
    const all = parametersOf(result);
    const word = statusOf(all('transactionstatus'));
    if (word === null) return null;
    return {
      about: 'payment',
      ...word,
      message: result.ResultDesc,
      amountReceived: leastAmount(all('amount')),
      currencies: currencyValues(result),
      receipt: only(all('receiptno')),
      references: askedByConversation(reference) ? conversations(all, reference) : all('receiptno'),
      doubt: word.doubt ?? directionDoubt(all, word.word, settings),
      paidAt: nairobiTime(only(all('finalisedtime')) ?? only(all('finalizedtime'))),
    };
  },
  payment: statuses({
    [paidWord]: { reading: 'paid', from: section22 },
    Initiated: { reading: 'pending', from: section22 },
    Authorized: { reading: 'pending', from: section22 },
    'Pending Authorized': { reading: 'pending', from: section22 },
    Cancelled: { reading: 'failed', certainty: 'firm', reason: 'cancelled', from: `${section22}: final` },
    Declined: { reading: 'failed', certainty: 'firm', reason: 'rejected', from: `${section22}: final` },
    Expired: { reading: 'expired', certainty: 'firm', reason: 'timed-out', from: `${section22}: final` },
  }),
  // All of these speak of the query, never of the payment. Code 1 comes with the queue time-out, and is no lack of funds.
  call: statuses({
    'ResultCode 1': unavailable('our query ran out in the queue'),
    'ResultCode 2032': { reading: 'not-found', from: `${section22}: receipt does not exist` },
    'ResultCode 2001': credentials,
    'ResultCode 8006': credentials,
    'ResultCode SFC_IC0003': credentials,
    'ResultCode 18': credentials,
    'ResultCode 20': credentials,
    'ResultCode 15': { reading: 'unavailable', aboutOrder: true, from: `${section22}: duplicate` },
    'ResultCode 17': unavailable('internal failure'),
    'ResultCode 21': refusedQuery('not permitted'),
    'ResultCode 22': refusedQuery('not permitted'),
    'ResultCode 24': refusedQuery('bad parameters'),
    'ResultCode 25': refusedQuery('bad parameters'),
    'ResultCode 26': { reading: 'unavailable', throttled: true, from: `${section22}: traffic block` },
    'ResultCode 29': refusedQuery('bad command'),
  }),
  // The receipt is what was asked about, and the amount what it was asked for.
  failuresCarry: ['amount', 'receipt'],
  guarantees: { amount: true, receipt: true, reference: true, currency: false },
};

/** The distinct values of a parameter: keys are repeated, and what any of them says counts. */
type Parameters = (name: string) => readonly string[];

/**
 * Keys without blanks and in lower case, since both spellings were seen. A value that is missing or empty says nothing; a
 * list or an object says something that is no known value.
 */
function parametersOf({ ResultParameters }: Body['Result']): Parameters {
  const found = new Map<string, Set<string>>();
  for (const [name, value] of entriesOf(ResultParameters)) {
    if (typeof value === 'object' && !isGiven(value)) continue;
    const said = typeof value === 'object' ? JSON.stringify(value) : String(value);
    if (said.trim() === '') continue;
    found.set(name, (found.get(name) ?? new Set()).add(said));
  }
  return (name) => [...(found.get(name) ?? [])];
}

/** The value of a key that has just one. */
function only(values: readonly string[]): string | null {
  return values.length === 1 ? (values[0] ?? null) : null;
}

/** One status, or several that cannot all be true: then nothing is believed, and money is not overlooked. */
function statusOf(said: readonly string[]): Pick<PaymentFinding, 'word' | 'shown' | 'doubt'> | null {
  const [first, ...others] = [...said].sort();
  if (first === undefined) return null;
  if (others.length === 0) return { word: first };
  const shown = [first, ...others].join(', ');
  return said.includes(paidWord)
    ? { word: paidWord, shown, doubt: 'contradiction' }
    : { word: 'several statuses', shown };
}

/** An answer that says nothing of the direction proves no payment, yet leaves a failure what it is. */
function directionDoubt(
  all: Parameters,
  word: string,
  account: Partial<DarajaShortCodes> | null,
): Doubt | null {
  const parties = { debit: all('debitpartyname'), credit: all('creditpartyname') };
  const direction = directionOf(parties, shortCodesOf(account));
  if (direction === 'outgoing') return 'wrong-direction';
  // Without an amount it is doubted anyway, and for what it lacks first.
  return direction === 'unsaid' && word === paidWord && all('amount').length > 0 ? 'wrong-direction' : null;
}

/** Every value that stands under the name of a currency: none of them may be another than the order's. */
function currencyValues({ ResultParameters }: Body['Result']): unknown[] {
  return entriesOf(ResultParameters)
    .filter(([name]) => isCurrencyName(name))
    .map(([, value]) => value);
}

function entriesOf(parameters: Body['Result']['ResultParameters']): [name: string, value: unknown][] {
  const given = parameters?.ResultParameter ?? [];
  return (Array.isArray(given) ? given : [given]).flatMap((entry): [string, unknown][] => {
    const name = entry?.Key?.replace(/\s/g, '').toLowerCase();
    return name === undefined || entry?.Value == null ? [] : [[name, entry.Value]];
  });
}

type ByConversation = { readonly originatorConversationId: string };

/** Whether a payment is asked about by the id of its request: its receipt is not known yet. */
export function askedByConversation(reference: unknown): reference is ByConversation {
  return typeof reference === 'object' && reference !== null && 'originatorConversationId' in reference;
}

/** The ids of the payment are repeated among the parameters, under either name; the one that holds ours holds it alone. */
function conversations(all: Parameters, { originatorConversationId }: ByConversation): readonly string[] {
  const ids = [all('originatorconversationid'), all('conversationid')];
  return ids.find((each) => each.includes(originatorConversationId)) ?? ids.flat();
}
