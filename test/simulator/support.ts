import { constants, hash, publicEncrypt } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { Agent, type Dispatcher, request } from 'undici';
import { onTestFinished } from 'vitest';
import {
  type Simulator,
  type SimulatorOptions,
  simulatorCredentials,
  startSimulator,
} from '../../src/simulator/simulator.ts';

/** The instant at which every test clock starts: 2024-08-09 16:22:37.300 in Nairobi, as in Jenga's sample. */
export const startedAt = 1_723_209_757_300;

/** An answer as it came over the wire; `json` is undefined when the text is not JSON. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly json: unknown;
}

type Init = {
  method?: 'GET' | 'POST';
  headers?: Record<string, string>;
  body?: string;
  signal?: AbortSignal;
};

/** A simulator on a clock that only the test moves, and a client of its own; all closed when the test is over. */
export async function setup(options: Omit<SimulatorOptions, 'now'> = {}) {
  const clock = { at: startedAt };
  const simulator = await startSimulator({ ...options, now: () => clock.at });
  const agent = new Agent();
  onTestFinished(async () => {
    await agent.destroy();
    await simulator.close();
  });
  const fetchText = async (path: string, init: Init = {}): Promise<Answer> => {
    const answer = await request(`${simulator.url}${path}`, { dispatcher: agent, ...init });
    const text = await answer.body.text();
    return { status: answer.statusCode, headers: answer.headers, text, json: parsed(text) };
  };
  const post = (path: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> =>
    fetchText(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
  return {
    simulator,
    clock,
    agent: agent as Dispatcher,
    fetch: fetchText,
    post,
    ask: clientsOf(simulator, fetchText, post),
  };
}

/** What the test setup hands out. */
export type Setup = Awaited<ReturnType<typeof setup>>;

type Fetch = (path: string, init?: Init) => Promise<Answer>;
type Post = (path: string, body: unknown, headers?: Record<string, string>) => Promise<Answer>;

/** Correct clients of the six APIs, written from the documents; a token is fetched once and then kept. */
function clientsOf(simulator: Simulator, fetchText: Fetch, post: Post) {
  const credentials = simulatorCredentials;
  const kept = new Map<string, Promise<string>>();
  const once = (key: string, login: () => Promise<string>): Promise<string> => {
    const token = kept.get(key) ?? login();
    kept.set(key, token);
    return token;
  };
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
  const jengaLogin = async (): Promise<string> => {
    const { apiKey, merchantCode, consumerSecret } = credentials.jenga;
    const path = '/jenga/authentication/api/v3/authenticate/merchant';
    const { json } = await post(path, { merchantCode, consumerSecret }, { 'api-key': apiKey });
    return (json as { accessToken: string }).accessToken;
  };
  const darajaLogin = async (app: 'daraja' | 'daraja-stk'): Promise<string> => {
    const { consumerKey, consumerSecret } = credentials[app];
    const path = '/daraja/oauth/v1/generate?grant_type=client_credentials';
    const { json } = await fetchText(path, {
      headers: { authorization: basic(consumerKey, consumerSecret) },
    });
    return (json as { access_token: string }).access_token;
  };
  const tandaLogin = async (): Promise<string> => {
    const { clientId, clientSecret } = credentials.tanda;
    const { json } = await fetchText('/tanda/v1/oauth2/token', {
      method: 'POST',
      headers: {
        authorization: basic(clientId, clientSecret),
        'content-type': 'application/x-www-form-urlencoded',
      },
      body: 'grant_type=client_credentials',
    });
    return (json as { access_token: string }).access_token;
  };
  const clients = {
    jengaLogin,
    darajaLogin,
    tandaLogin,
    jenga: async (reference: string, token?: string, signal?: AbortSignal) =>
      fetchText(`/jenga/api-checkout/mpesa-stk-push/v3.0/status/order/${encodeURIComponent(reference)}`, {
        headers: bearer(token ?? (await once('jenga', jengaLogin))),
        ...(signal && { signal }),
      }),
    stk: async (CheckoutRequestID: string, over: Record<string, unknown> = {}, token?: string) => {
      const { shortCode, passkey } = credentials['daraja-stk'];
      const Timestamp = '20240809162237';
      const Password = Buffer.from(`${shortCode}${passkey}${Timestamp}`).toString('base64');
      const body = { BusinessShortCode: shortCode, Password, Timestamp, CheckoutRequestID, ...over };
      const access = token ?? (await once('stk', () => darajaLogin('daraja-stk')));
      return post('/daraja/mpesa/stkpushquery/v1/query', body, bearer(access));
    },
    transactionStatus: async (
      TransactionID: string,
      resultUrl: string,
      over: Record<string, unknown> = {},
    ) => {
      const { initiator, initiatorPassword, shortCode } = credentials.daraja;
      const body = {
        Initiator: initiator,
        SecurityCredential: sealed(simulator.darajaCertificate, initiatorPassword),
        CommandID: 'TransactionStatusQuery',
        TransactionID,
        PartyA: shortCode,
        IdentifierType: '4',
        ResultURL: `${resultUrl}/result`,
        QueueTimeOutURL: `${resultUrl}/timeout`,
        Remarks: 'Okay',
        Occasion: 'Okay',
        ...over,
      };
      const access = await once('daraja', () => darajaLogin('daraja'));
      return post('/daraja/mpesa/transactionstatus/v1/query', body, bearer(access));
    },
    vexora: (code: string, over: Record<string, unknown> = {}) => {
      const { merchantNo, appSecret } = credentials.vexora;
      const timestamp = '1719830071094';
      const sign = hash('md5', `code=${code}timestamp=${timestamp}${appSecret}`);
      return post('/vexora/api/queryResultByCode', { code, timestamp, sign, ...over }, { merchantNo });
    },
    vexoraTrade: (tradeNo: string, path = '/v1/vexora/queryPayInResult') => {
      const { merchantNo, appSecret } = credentials.vexora;
      const sign = hash('md5', `tradeNo=${tradeNo}${appSecret}`);
      return post(`/vexora${path}`, { tradeNo, sign }, { merchantNo });
    },
    lipia: (reference: string, apiKey: string = credentials.lipia.apiKey) =>
      fetchText(`/lipia/payments/status?reference=${reference}`, { headers: bearer(apiKey) }),
    tanda: async (trackingId: string, product: 'consumer' | 'merchant' = 'consumer', token?: string) => {
      const { organizationId, consumerId, shortCode } = credentials.tanda;
      const base = `/tanda/io/v3/organizations/${organizationId}`;
      const path =
        product === 'consumer'
          ? `${base}/consumers/${consumerId}/request/${trackingId}`
          : `${base}/request/${trackingId}?shortCode=${shortCode}`;
      return fetchText(path, { headers: bearer(token ?? (await once('tanda', tandaLogin))) });
    },
  };
  return clients;
}

/** `Authorization: Basic …`. */
export function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

/** A SecurityCredential: RSA with PKCS#1 v1.5 padding, base64. */
export function sealed(key: string, password: string): string {
  return publicEncrypt({ key, padding: constants.RSA_PKCS1_PADDING }, Buffer.from(password)).toString(
    'base64',
  );
}

/** The value of a JSON text; undefined when it is not JSON. */
export function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
