import { randomInt } from 'node:crypto';
import { basicPair, bearerToken, type Call, jsonReply, queryText, type Reply } from '../call.ts';
import { createTokens } from '../tokens.ts';
import type { LoginRoute } from './api.ts';

/** What both Daraja APIs share: one login, one token check, one family of errors (providers.md, 2.1 and 2.4). */
export interface DarajaGateway {
  readonly login: LoginRoute;
  refuseToken(call: Call): Reply | undefined;
  unauthorised(call: Call): Reply;
  throttled(): Reply;
  unknownPath(): Reply;
  expireTokens(): void;
}

const loginPath = '/oauth/v1/generate';

const shortCodeOfBoth = { shortCode: '600997', passkey: 'simulated-daraja-passkey' };

/** The app that asks for Transaction Status. */
export const transactionStatusApp = {
  consumerKey: 'simulated-daraja-consumer-key',
  consumerSecret: 'simulated-daraja-consumer-secret',
  ...shortCodeOfBoth,
  initiator: 'testapi',
  initiatorPassword: 'simulated-initiator-password',
};

/** A second Daraja app of the same short code: a token of one app never ends the token of the other. */
export const stkApp = {
  consumerKey: 'simulated-daraja-stk-consumer-key',
  consumerSecret: 'simulated-daraja-stk-consumer-secret',
  ...shortCodeOfBoth,
};

const apps = new Map<string, { secret: string; provider: string }>([
  [transactionStatusApp.consumerKey, { secret: transactionStatusApp.consumerSecret, provider: 'daraja' }],
  [stkApp.consumerKey, { secret: stkApp.consumerSecret, provider: 'daraja-stk' }],
]);

/** Makes the gateway; a new token of an app ends the older one of the same app at once. */
export function createDarajaGateway(tokenLifetimeMs = 3_599_000): DarajaGateway {
  const tokens = createTokens({ lifetimeMs: tokenLifetimeMs, newReplacesOld: true });
  return {
    login: {
      kind: 'login',
      providerOf: (call) => apps.get(basicPair(call)?.user ?? '')?.provider ?? 'daraja',
      matches: (call) => call.method === 'GET' && call.path === loginPath,
      answer(call) {
        const pair = basicPair(call);
        const isKnown = pair !== undefined && apps.get(pair.user)?.secret === pair.password;
        if (!isKnown || queryText(call, 'grant_type') !== 'client_credentials')
          return { status: 400, body: '' };
        const { token } = tokens.issue(pair.user, call.at);
        // The lifetime is text, not a number (providers.md, 2.1).
        return jsonReply(200, {
          access_token: token,
          expires_in: String(Math.floor(tokenLifetimeMs / 1_000)),
        });
      },
    },
    refuseToken(call) {
      const token = bearerToken(call);
      if (token === '') return darajaError(404, '404.001.04', 'Invalid Authentication Header');
      const verdict = tokens.check(token, call.at);
      if (verdict === 'expired') return darajaError(404, '404.001.03', 'Invalid Access Token');
      return verdict === 'unknown' ? unauthorised(call) : undefined;
    },
    unauthorised,
    throttled: () => darajaError(500, '500.003.02', 'System is busy. Please try again in few minutes.'),
    unknownPath: () => darajaError(404, '404.001.01', 'Resource not found'),
    expireTokens: () => tokens.expire(),
  };
}

/** The HTTP 429 of Daraja's gateway (providers.md, 2.4). */
export const gatewayFault = {
  fault: {
    faultstring:
      'Spike arrest violation. Allowed rate : MessageRate{messagesPerPeriod=10, periodInMicroseconds=1000000}',
    detail: { errorcode: 'policies.ratelimit.SpikeArrestViolation' },
  },
} as const;

/** Daraja's error body (providers.md, 2.4). */
export function darajaError(status: number, errorCode: string, errorMessage: string): Reply {
  return jsonReply(status, {
    requestId: `16813-1590513-${randomInt(1, 1_000_000)}`,
    errorCode,
    errorMessage,
  });
}

// The message echoes the token, as in life (providers.md, 2.1).
function unauthorised(call: Call): Reply {
  return darajaError(401, '401.002.01', `Error Occurred - Invalid Access Token - ${bearerToken(call)}`);
}

/** Whether Daraja knows a payment by this text as a conversation id and not as a receipt (seed daraja-transaction-status). */
export function isConversationId(reference: string): boolean {
  return /^AG_|^\d+-\d+-\d+$/.test(reference);
}
