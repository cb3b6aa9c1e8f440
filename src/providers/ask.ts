import type { Order, Reading } from '../domain/order.ts';
import type { AccessTokens, NoToken } from './access-token.ts';
import { usualCurrencies } from './currency.ts';
import type { AnswerTo, Provider, ProviderAnswer } from './provider.ts';
import { type Expected, readAnswer, rejectsToken } from './read-answer.ts';
import type { RequestPacer } from './request-pacer.ts';
import type { StatusTable } from './status-table.ts';
import type { Transport, TransportFault } from './transport.ts';

/** Asks one account's provider about orders. */
export interface Asker {
  /**
   * One status request (repeated once with a new token after a 401), whatever the provider does becomes a reading.
   *
   * @param answerTo where a provider that answers later is to post its answer
   * @throws a `LocalFault` when a fault on our side kept it from being asked, or its answer from being read
   */
  ask(
    order: Pick<Order, 'reference' | 'amountMinor' | 'currency'>,
    answerTo?: AnswerTo | null,
  ): Promise<Reading>;
  /** A query whose answer was to be pushed is lost after this many ms; `null` where answers come at once. */
  readonly resultTimeoutMs: number | null;
}

export interface AskerParts {
  readonly provider: Provider;
  /** As the provider's own schema accepted them. */
  readonly settings: { readonly [name: string]: unknown };
  readonly transport: Transport;
  /** The currencies that the account can have. Default: those of its provider. */
  readonly currencies?: readonly string[];
  /** `null` for providers without a login. */
  readonly tokens: AccessTokens | null;
  readonly overrides?: StatusTable;
  /** Keeps requests within the account's rate limit. Default: they are sent at once. */
  readonly pacer?: RequestPacer;
  readonly now?: () => number;
}

export function createAsker(parts: AskerParts): Asker {
  const { provider, settings, transport, tokens } = parts;
  const now = parts.now ?? Date.now;
  const { currencies: [currency = provider.currencies[0]] = usualCurrencies(provider) } = parts;

  async function send(reference: Order['reference'], token: string | null, answerTo: AnswerTo | null) {
    const turn = parts.pacer?.turn() ?? null;
    if (turn !== null) await turn;
    const request = provider.request({ reference, token, now: now(), answerTo }, settings);
    return transport.send({
      ...request,
      headers: { ...provider.headers?.(settings, currency), ...request.headers },
    });
  }

  return {
    resultTimeoutMs: provider.asyncResult?.resultTimeoutMs(settings) ?? null,
    async ask(order, answerTo = null) {
      // A reading is as old as its question: whatever came about meanwhile, the provider may not have known it.
      const at = now();
      const granted = tokens === null ? { token: null } : await tokens.current();
      if (tokens !== null && granted.token === null) return noTokenReading(granted as NoToken, at);
      const answer = await send(order.reference, granted.token, answerTo);
      const reading = readingOf(answer, granted.token, order, at);
      if (tokens === null || granted.token === null || !mayBeToken(answer, reading)) return reading;
      const renewed = await tokens.renew(granted.token);
      if (renewed.token === null) return noTokenReading(renewed, at);
      if (renewed.token === granted.token) return reading;
      const second = await send(order.reference, renewed.token, answerTo);
      const secondReading = readingOf(second, renewed.token, order, at);
      if (mayBeToken(second, secondReading)) await tokens.rejectedAgain();
      return secondReading;
    },
  };

  function readingOf(
    answer: ProviderAnswer | TransportFault,
    token: string | null,
    order: Expected,
    at: number,
  ): Reading {
    if (isFault(answer)) return faultReading(answer, at);
    const { overrides, currencies } = parts;
    return readAnswer(provider, answer, order, {
      at,
      source: 'poll',
      settings,
      token,
      ...(currencies && { currencies }),
      ...(overrides && { overrides }),
    });
  }

  /** Would a new access token mend this refusal? */
  function mayBeToken(answer: ProviderAnswer | TransportFault, reading: Reading): boolean {
    return (
      reading.kind === 'refused' && reading.credentials && !isFault(answer) && rejectsToken(provider, answer)
    );
  }
}

function isFault(answer: ProviderAnswer | TransportFault): answer is TransportFault {
  return 'fault' in answer;
}

function faultReading(fault: TransportFault, at: number): Reading {
  return {
    kind: 'unavailable',
    throttled: false,
    retryAfterMs: null,
    source: 'poll',
    at,
    httpStatus: fault.httpStatus,
    providerStatus: null,
    providerMessage: fault.reason,
    bodySha256: null,
  };
}

function noTokenReading(failure: NoToken, at: number): Reading {
  const facts = {
    source: 'poll' as const,
    at,
    httpStatus: failure.httpStatus,
    providerStatus: null,
    providerMessage: failure.reason,
    bodySha256: null,
  };
  if (failure.refused) return { ...facts, kind: 'refused', credentials: true };
  // The login waits for as long as it was asked to (`AccessTokens`). It does not concern the order, whose deadline verdict must come.
  return { ...facts, kind: 'unavailable', throttled: failure.throttled, retryAfterMs: null };
}
