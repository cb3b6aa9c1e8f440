import { z } from 'zod';
import { code, note, section } from './fields.ts';
import { type Finding, type Meaning, type ReadingRules, words } from './provider.ts';
import { nairobiTime } from './time.ts';

/**
 * What Daraja posts as the answer to a Transaction Status query. `ResultCode` speaks of the query; only with code 0 do
 * the parameters speak of the payment. Every shape here was seen: a list or one object, values missing, keys repeated or
 * spelt with blanks, numbers or strings.
 */
const section22 = 'docs/providers.md section 2.2';

const value = z.union([z.string(), z.number(), z.boolean()]).nullish().catch(null);
const parameter = z.object({ Key: z.string().nullish().catch(null), Value: value });

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
const later = (why: string): Meaning => ({ reading: 'unavailable', from: `${section22}: ${why}` });

export const darajaResult: ReadingRules<{ shortCode: string }, unknown> = {
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
    const parameters = parametersOf(result);
    const word = parameters.get('transactionstatus');
    if (word === undefined) return null;
    return {
      about: 'payment',
      word,
      message: result.ResultDesc,
      amountReceived: parameters.get('amount'),
      receipt: parameters.get('receiptno'),
      references: [
        askedByConversation(reference) ? ourConversation(parameters, reference) : parameters.get('receiptno'),
      ],
      doubt: isOutgoing(parameters, settings?.shortCode) ? 'wrong-direction' : null,
      paidAt: nairobiTime(parameters.get('finalisedtime') ?? parameters.get('finalizedtime')),
    };
  },
  payment: words({
    Completed: { reading: 'paid', from: section22 },
    Initiated: { reading: 'pending', from: section22 },
    Authorized: { reading: 'pending', from: section22 },
    'Pending Authorized': { reading: 'pending', from: section22 },
    Cancelled: { reading: 'failed', certainty: 'firm', reason: 'cancelled', from: `${section22}: final` },
    Declined: { reading: 'failed', certainty: 'firm', reason: 'rejected', from: `${section22}: final` },
    Expired: { reading: 'expired', certainty: 'firm', reason: 'timed-out', from: `${section22}: final` },
  }),
  // All of these speak of the query, never of the payment. Code 1 comes with the queue time-out, and is no lack of funds.
  call: words({
    'ResultCode 1': later('our query ran out in the queue'),
    'ResultCode 2032': { reading: 'not-found', from: `${section22}: receipt does not exist` },
    'ResultCode 2001': credentials,
    'ResultCode 8006': credentials,
    'ResultCode SFC_IC0003': credentials,
    'ResultCode 18': credentials,
    'ResultCode 20': credentials,
    'ResultCode 15': later('duplicate'),
    'ResultCode 17': later('internal failure'),
    'ResultCode 21': refusedQuery('not permitted'),
    'ResultCode 22': refusedQuery('not permitted'),
    'ResultCode 24': refusedQuery('bad parameters'),
    'ResultCode 25': refusedQuery('bad parameters'),
    'ResultCode 26': { reading: 'unavailable', throttled: true, from: `${section22}: traffic block` },
    'ResultCode 29': refusedQuery('bad command'),
  }),
  gives: { amount: true, receipt: true, reference: true },
};

/** Keys without blanks and in lower case, since both spellings were seen. Of a repeated key the first value counts. */
function parametersOf({ ResultParameters }: Body['Result']): ReadonlyMap<string, string> {
  const given = ResultParameters?.ResultParameter ?? [];
  const found = new Map<string, string>();
  for (const entry of Array.isArray(given) ? given : [given]) {
    const name = entry?.Key?.replace(/\s/g, '').toLowerCase();
    if (name === undefined || entry?.Value == null || found.has(name)) continue;
    found.set(name, String(entry.Value));
  }
  return found;
}

type ByConversation = { readonly originatorConversationId: string };

function askedByConversation(reference: unknown): reference is ByConversation {
  return typeof reference === 'object' && reference !== null && 'originatorConversationId' in reference;
}

/** The ids of the payment are repeated among the parameters, under either name. */
function ourConversation(
  parameters: ReadonlyMap<string, string>,
  { originatorConversationId }: ByConversation,
): string | undefined {
  const ids = [parameters.get('originatorconversationid'), parameters.get('conversationid')];
  return ids.includes(originatorConversationId) ? originatorConversationId : (ids[0] ?? ids[1]);
}

/** Money that went from our short code to somebody else. Parties read "600310 - Safaricom333". */
function isOutgoing(parameters: ReadonlyMap<string, string>, shortCode: string | undefined): boolean {
  if (shortCode === undefined) return false;
  const isOurs = (party: string | undefined) => party?.split('-', 1)[0]?.trim() === shortCode;
  const credit = parameters.get('creditpartyname');
  if (credit !== undefined) return !isOurs(credit);
  return isOurs(parameters.get('debitpartyname'));
}
