import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { Agent, request } from 'undici';
import { readConfig } from '../../src/config/config.ts';
import { demoEnvironment } from '../../src/demo/environment.ts';
import type { OrderInput } from '../../src/jobs/validate-order.ts';
import { createLog } from '../../src/observability/log.ts';
import { type Role, type Service, startService } from '../../src/service.ts';
import { type Simulator, startSimulator } from '../../src/simulator/simulator.ts';
import { freePort } from './ports.ts';
import { testPrefix, testRedisUrl } from './redis.ts';

/** The key that the HTTP API of a test accepts, and the last part of its callback URLs. */
export const testApiKey = 'test-api-key';
export const testCallbackToken = 'test-callback-token';

/** A fast schedule for every account, whose deadline passes in no test that does not set its own. */
const hurried = {
  FIRST_POLL_AFTER_MS: '1',
  INITIAL_INTERVAL_MS: '200',
  MAX_INTERVAL_MS: '500',
  DEADLINE_MS: '3600000',
  CONFIRM_AFTER_MS: '100',
  RATE_PER_SECOND: '1000',
};

/** An HTTP response. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** `undefined` when the text is not JSON. */
  readonly json: unknown;
}

export interface CallOptions {
  /** Default: the test's key; `null` sends none. */
  readonly key?: string | null;
  readonly headers?: { readonly [name: string]: string };
  /** JSON, or exact bytes. */
  readonly body?: unknown;
  readonly signal?: AbortSignal;
}

/** A payment-poller with its simulator, and a client of its own. */
export interface RunningService {
  readonly url: string;
  readonly prefix: string;
  readonly simulator: Simulator;
  /** The agent behind `call`, for requests of another form. */
  readonly agent: Agent;
  readonly service: Service;
  call(
    method: 'GET' | 'POST' | 'PUT' | 'HEAD' | 'DELETE',
    path: string,
    options?: CallOptions,
  ): Promise<Answer>;
  /** Enqueues an order over HTTP; fails unless it is new. */
  enqueue(order: OrderInput): Promise<void>;
  /** Posts to the callback URL of an account. */
  callback(account: string, body: unknown, options?: CallOptions & { token?: string }): Promise<Answer>;
  /** The value of one series in /metrics, 0 when it is not there. */
  metric(series: string): Promise<number>;
  close(): Promise<void>;
}

export interface RunningServiceOptions {
  readonly accounts?: string;
  readonly roles?: readonly Role[];
  /** Further environment, in addition to the demo's and the fast schedule. */
  readonly environment?: { readonly [name: string]: string };
  readonly redisUrl?: string;
  readonly prefix?: string;
  /** Receives the service's log lines. Default: no logging. */
  readonly log?: (line: string) => void;
}

/** Starts a service from environment variables, with a key prefix of its own. */
export async function startRunningService(options: RunningServiceOptions = {}): Promise<RunningService> {
  const accounts = options.accounts ?? 'jenga,daraja';
  const prefix = options.prefix ?? testPrefix();
  const simulator = await startSimulator();
  const port = await freePort();
  const places = {
    simulator,
    redisUrl: options.redisUrl ?? testRedisUrl(),
    prefix,
    port,
    apiKey: testApiKey,
    callbackToken: testCallbackToken,
  };
  const demo = demoEnvironment(places);
  const config = readConfig({
    ...demo,
    ...ofFurtherAccounts(accounts, demo),
    ...forAccounts(accounts, hurried),
    ACCOUNTS: accounts,
    API_RATE_PER_SECOND: '100000',
    STALLED_INTERVAL_MS: '1000',
    POLL_BACKEND: process.env.POLL_BACKEND,
    ...options.environment,
  });
  const { log } = options;
  const lines = log === undefined ? createLog('silent') : createLog('info', { write: log });
  const service = await startService(config, lines, options.roles);
  const agent = new Agent();
  const url = `http://127.0.0.1:${port}`;

  const call: RunningService['call'] = async (
    method,
    path,
    { key = testApiKey, headers, body, signal } = {},
  ) => {
    const isBytes = typeof body === 'string' || body instanceof Uint8Array;
    const answer = await request(`${url}${path}`, {
      dispatcher: agent,
      method,
      headers: {
        // So that equal responses can be compared byte by byte.
        'x-request-id': 'test-request',
        ...(key === null ? {} : { authorization: `Bearer ${key}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: isBytes ? (body as string) : JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal }),
    });
    const text = await answer.body.text();
    return { status: answer.statusCode, headers: answer.headers, text, json: parsed(text) };
  };

  return {
    url,
    prefix,
    simulator,
    agent,
    service,
    call,
    async enqueue(order) {
      const answer = await call('POST', '/v1/orders', { body: order });
      if (answer.status !== 201) throw new Error(`The order was not taken: ${answer.status} ${answer.text}`);
    },
    callback: (account, body, { token = testCallbackToken, ...more } = {}) =>
      call('POST', `/callbacks/${account}/${token}`, { key: null, ...more, body }),
    async metric(series) {
      const { text } = await call('GET', '/metrics', { key: null });
      const line = text.split('\n').find((each) => each.startsWith(`${series} `));
      return line === undefined ? 0 : Number(line.slice(series.length + 1));
    },
    async close() {
      await agent.destroy();
      await service.close();
      await simulator.close();
    },
  };
}

/** The same settings for several accounts, as environment variables. */
export function forAccounts(accounts: string, settings: { readonly [name: string]: string }) {
  const ids = accounts.split(',').map((entry) => entry.split('=')[0] ?? '');
  return Object.fromEntries(
    ids.flatMap((id) =>
      Object.entries(settings).map(([name, value]) => [
        `${id.replaceAll('-', '_').toUpperCase()}_${name}`,
        value,
      ]),
    ),
  );
}

/** Copies the settings of account `jenga` for an entry like `shop2=jenga`. */
function ofFurtherAccounts(accounts: string, environment: { readonly [name: string]: string }) {
  const further = accounts.split(',').filter((entry) => entry.includes('='));
  return Object.fromEntries(
    further.flatMap((entry) => {
      const [id = '', provider = ''] = entry
        .split('=')
        .map((part) => part.replaceAll('-', '_').toUpperCase());
      return Object.entries(environment)
        .filter(([name]) => name.startsWith(`${provider}_`))
        .map(([name, value]) => [`${id}${name.slice(provider.length)}`, value]);
    }),
  );
}

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
