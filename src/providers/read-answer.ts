import { hash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { parseExactly } from '../domain/exact-json.ts';
import type { Reading, ReadingFacts } from '../domain/order.ts';
import { usualCurrencies } from './currency.ts';
import { redactSecrets, secretsOf } from './known-secrets.ts';
import { byHttpStatus, isOk, openReading } from './open-reading.ts';
import { printedCurrencies } from './printed-currencies.ts';
import { printedIds } from './printed-ids.ts';
import { printedPhones } from './printed-phones.ts';
import { saysReversed } from './printed-reversals.ts';
import { disprovesFailure, type Expected, proofOf, speaksOfAnother } from './proof.ts';
import type { Finding, PaymentFinding, Provider, ProviderAnswer, ReadingRules } from './provider.ts';
import { readable, redact } from './redact.ts';
import { otherReadings } from './repeated-keys.ts';
import type { Meaning, StatusTable } from './status-table.ts';
import { type FoundRow, findRow } from './status-table.ts';

export type { Expected };

/** The rest of what reading an answer needs. */
export interface ReadOptions {
  readonly at: number;
  readonly source: 'poll' | 'callback';
  readonly settings?: { readonly [name: string]: unknown } | null;
  /** The currencies that the account can have. Default: those of its provider. */
  readonly currencies?: readonly string[];
  /** The access token that was sent along: not to be shown, should the answer repeat it. */
  readonly token?: string | null;
  /** The body is the answer to our query, pushed to us. */
  readonly pushed?: true;
  /** Further words by configuration. They never replace a row of the adapter's own table. */
  readonly overrides?: StatusTable;
}

/**
 * What one answer teaches. Pure, and the same for every provider: only the table's words decide, only on HTTP 2xx, and
 * paid only with our reference, enough money and a receipt. Never throws for anything a gateway may send.
 */
export function readAnswer(
  provider: Provider,
  answer: ProviderAnswer,
  expected: Expected,
  options: ReadOptions,
): Reading {
  const facts: ReadingFacts = {
    source: options.source,
    at: options.at,
    httpStatus: answer.httpStatus,
    providerStatus: null,
    providerMessage: null,
    bodySha256: hash('sha256', answer.body),
  };
  const rules: ReadingRules = options.pushed && provider.asyncResult ? provider.asyncResult : provider;
  const body = parseJson(answer.body);
  if (body === undefined) return byHttpStatus(answer, facts);
  const read = (said: unknown) => readBody(provider, rules, said, answer, expected, options, facts);
  const reading = read(body);
  return isDecided(reading) && isAmbiguous(answer.body, reading, read) ? undecided(reading) : reading;
}

function readBody(
  provider: Provider,
  rules: ReadingRules,
  body: unknown,
  answer: ProviderAnswer,
  expected: Expected,
  options: ReadOptions,
  facts: ReadingFacts,
): Reading {
  const finding = findingIn(rules, body, {
    httpStatus: answer.httpStatus,
    reference: expected?.reference ?? null,
    settings: options.settings ?? null,
  });
  if (finding?.about === 'payment') {
    const complete = {
      ...finding,
      currencies: [...(finding.currencies ?? []), ...printedCurrencies(body)],
      ids: printedIds(body),
      phones: printedPhones(body),
      isReversed: saysReversed(body),
      ...receiptsShown(finding, secretsIn(provider, options)),
    };
    return readFinding(provider, rules, complete, answer, expected, options, facts);
  }
  if (finding === null)
    return isOk(answer) ? { ...facts, kind: 'unrecognised' } : byHttpStatus(answer, facts);
  return readFinding(provider, rules, finding, answer, expected, options, facts);
}

/**
 * What the adapter finds in a body; `null` when it is none of its shapes. Also when the adapter cannot cope with it, because it
 * is nested too deeply for instance: an exception would be thrown again at every poll, and the order would never hear of its
 * deadline.
 */
function findingIn(
  rules: ReadingRules,
  body: unknown,
  context: Parameters<ReadingRules['read']>[1],
): Finding | null {
  try {
    const parsed = rules.answer.safeParse(body);
    return parsed.success ? rules.read(parsed.data, context) : null;
  } catch {
    return null;
  }
}

/** The receipts of an answer without those that hold a secret of ours: receipts are published as they are. */
function receiptsShown({ receipt, furtherReceipts }: PaymentFinding, secrets: readonly string[]) {
  const without = (text: string | null | undefined) =>
    text != null && redactSecrets(text, secrets) !== text ? null : text;
  return { receipt: without(receipt), furtherReceipts: furtherReceipts?.map(without) ?? [] };
}

function readFinding(
  provider: Provider,
  rules: ReadingRules,
  finding: Finding,
  answer: ProviderAnswer,
  expected: Expected,
  options: ReadOptions,
  blank: ReadingFacts,
): Reading {
  const found = rowOf(finding, rules);
  const facts: ReadingFacts = {
    ...blank,
    providerStatus: isOurWord(finding, found)
      ? found.status
      : shown(finding.shown ?? found.shown, provider, options),
    providerMessage: finding.message == null ? null : shown(finding.message, provider, options),
  };
  if (finding.about === 'call') {
    return found.meaning === undefined
      ? byHttpStatus(answer, facts)
      : openReading(found.meaning, answer, facts, awaitMs(provider, options));
  }
  const own = found.meaning;
  const meaning = own ?? options.overrides?.get(finding.word);
  if (!isOk(answer) && !(rules.bodyBeforeStatus && isOpen(meaning))) return byHttpStatus(answer, facts);
  if (meaning === undefined) return { ...facts, kind: 'unrecognised' };
  const sourced: ReadingFacts = own === undefined ? { ...facts, overridden: true } : facts;
  const possible = options.currencies ?? usualCurrencies(provider);
  const foreign = speaksOfAnother(provider, finding, expected);
  switch (meaning.reading) {
    case 'paid': {
      const proof = proofOf(provider, finding, meaning, expected, possible);
      return {
        ...sourced,
        kind: 'paid',
        ...proof,
        paidAt: finding.paidAt ?? null,
      };
    }
    case 'failed':
    case 'expired':
      // An answer about another payment, or money going the other way, says nothing about ours; money of ours denies it.
      if (disprovesFailure(provider, rules, finding, expected, possible))
        return { ...sourced, kind: 'unrecognised' };
      return { ...sourced, kind: meaning.reading, certainty: meaning.certainty, reason: meaning.reason };
    case 'pending':
    case 'not-found':
      if (foreign) return { ...sourced, kind: 'unrecognised' };
      return openReading(meaning, answer, sourced, null);
    case 'unrecognised':
    case 'unavailable':
    case 'refused':
      return openReading(meaning, answer, sourced, null);
  }
}

/** Would this reading, on its own or read twice, end the order? */
function isDecided(reading: Reading): boolean {
  return reading.kind === 'failed' || reading.kind === 'expired' || isProven(reading);
}

function isProven(reading: Reading): boolean {
  return reading.kind === 'paid' && reading.doubt === null;
}

/** Does the answer say something else to a parser that keeps another of its repeated keys? */
function isAmbiguous(body: Uint8Array, reading: Reading, read: (said: unknown) => Reading): boolean {
  const others = otherReadings(utf8.decode(body));
  return (
    others === null ||
    others.some((text) => {
      const said = parseText(text);
      return said === undefined || !isDeepStrictEqual(essence(read(said)), essence(reading));
    })
  );
}

/** What decides about money; a text for people may be printed twice. */
function essence(reading: Reading): object {
  return { ...reading, providerMessage: null, paidAt: null };
}

/** What is left of a reading that depends on which of its repeated keys counts. */
function undecided(reading: Reading): Reading {
  if (reading.kind === 'paid') return { ...reading, certainty: 'soft', doubt: 'contradiction' };
  const { source, at, httpStatus, providerStatus, providerMessage, bodySha256 } = reading;
  return { kind: 'unrecognised', source, at, httpStatus, providerStatus, providerMessage, bodySha256 };
}

function rowOf(finding: Finding, rules: ReadingRules): FoundRow {
  return finding.about === 'payment'
    ? findRow(rules.payment, finding.word, finding.reason)
    : findRow(rules.call, finding.code);
}

/** A meaning that leaves an order as it is, whatever else is wrong. */
function isOpen(meaning: Meaning | undefined): boolean {
  return meaning?.reading === 'pending' || meaning?.reading === 'not-found';
}

/** A status of the adapter's own table is shown as it is: it is no secret, whatever it looks like. */
function isOurWord(finding: Finding, { meaning, status, shown }: FoundRow): boolean {
  return finding.shown === undefined && meaning !== undefined && status === shown;
}

/** What may be shown of a text that a provider wrote. */
function shown(text: string, provider: Provider, options: ReadOptions): string {
  const secrets = secretsIn(provider, options);
  const plain = redactSecrets(text, secrets);
  // A secret that is split by characters nobody sees would be whole again once they are gone.
  const seen = readable(plain);
  const clean = redactSecrets(seen, secrets);
  return redact(clean === seen ? plain : clean);
}

/** What must not be shown, whatever an answer repeats. */
function secretsIn(provider: Provider, { settings, token }: ReadOptions): readonly string[] {
  const secrets = settings == null ? [] : secretsOf(provider, settings);
  return token ? [...secrets, token] : secrets;
}

function awaitMs({ asyncResult }: Provider, { settings }: ReadOptions): number | null {
  return asyncResult === undefined || settings == null ? null : asyncResult.resultTimeoutMs(settings);
}

/** Does this answer say that our access token is no longer good? */
export function rejectsToken(provider: Provider, answer: ProviderAnswer): boolean {
  if (provider.auth === undefined) return false;
  const body = parseJson(answer.body);
  const context = { httpStatus: answer.httpStatus, reference: null, settings: null };
  const finding = body === undefined ? null : findingIn(provider, body, context);
  const meaning = finding?.about === 'call' ? provider.call.get(finding.code) : undefined;
  if (meaning !== undefined) return meaning.reading === 'refused' && meaning.token === true;
  return answer.httpStatus === 401;
}

const utf8 = new TextDecoder('utf-8', { fatal: false });

/** The JSON of a body (a byte order mark is forgiven), or `undefined` when it is none. */
export function parseJson(body: Uint8Array): unknown {
  return parseText(utf8.decode(body));
}

function parseText(text: string): unknown {
  try {
    return parseExactly(text);
  } catch {
    return undefined;
  }
}
