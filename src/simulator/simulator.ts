/**
 * The status APIs of all providers on one local HTTP server, scripted per order to behave and to misbehave, with a ledger of the truth.
 * Written from the documents alone: it shares no code with the adapters, so the two cannot agree by mistake.
 *
 * Base URLs are `<url>/jenga`, `/daraja` (STK query, Transaction Status and login), `/tanda` (API and identity) and so on,
 * by the `mount` of each file in `apis/`; below each stand the documented paths. `/_simulator/…` steers and shows the same as the object below:
 * POST orders, trigger, outages, tokens/expire; GET ledger, requests, daraja-certificate, health.
 *
 * How a state is printed stands in one table at the top of each file in `apis/`. Timelines, fault windows, outages and
 * tokens follow the given clock; callbacks and results are sent by the real one. Nothing is ever posted off this machine.
 */

import type { AddressInfo } from 'node:net';
import type { z } from 'zod';
import type { ProviderApi } from './apis/api.ts';
import { createDarajaGateway } from './apis/daraja-gateway.ts';
import type { SecretPosition } from './apis/vexora-sign.ts';
import { createCallbacks } from './callbacks.ts';
import { createControl, faultsOf } from './control.ts';
import { createInitiatorKey } from './initiator-key.ts';
import { type Outage, outageSchema, type SimulatedOrder, simulatedOrderSchema } from './input.ts';
import { type LedgerEntry, ledgerEntry } from './ledger.ts';
import { createOutages } from './outages.ts';
import { createPosts } from './posts.ts';
import { createProviderRouter } from './provider-router.ts';
import { type ProviderId, simulatedProviders } from './registry.ts';
import { createRequestLog, type RequestCounts } from './request-log.ts';
import type { OrderScript, OutageScript } from './script.ts';
import { createScriptedOrders } from './scripted-orders.ts';
import { createSimulatorServer } from './server.ts';

export type {
  Outcome,
  ReferenceMaterial,
  SampleReference,
  SimulatedProvider,
} from './apis/simulated-provider.ts';
export type { Outage, SimulatedOrder } from './input.ts';
export type { LedgerEntry } from './ledger.ts';
export { type ProviderId, providerIds, simulatedProvider, simulatorCredentials } from './registry.ts';
export type { RequestCounts } from './request-log.ts';
export type { Fault } from './script.ts';
export type { FaultKind, State } from './words.ts';

/** How to start a simulator. */
export interface SimulatorOptions {
  /** TCP port; default 0, any free one. */
  readonly port?: number;
  /** Address to listen on; default 127.0.0.1. */
  readonly host?: string;
  /** The clock of timelines, fault windows, outages and tokens, epoch milliseconds; default `Date.now`. */
  readonly now?: () => number;
  /** Status requests per second beyond which the ledger counts `overLimit`; default none. Nothing is refused for it. */
  readonly limits?: Partial<Record<ProviderId, number>>;
  /** Life of access tokens in milliseconds; default as documented: Jenga 15 minutes, Daraja and Tanda 3599 seconds. */
  readonly tokenLifetimeMs?: { readonly [id in ProviderId]?: number };
  /** Where Vexora expects the secret in the signed string; default "append". */
  readonly vexoraSecretPosition?: SecretPosition;
}

/** A running simulator. */
export interface Simulator {
  readonly url: string;
  readonly port: number;
  /** The public key, PEM, for Daraja's SecurityCredential. */
  readonly darajaCertificate: string;
  /** Scripts one order; the same provider and reference again starts it afresh. Throws when the script is not valid. */
  script(order: SimulatedOrder): void;
  /** Makes a whole provider unhealthy for a while. Throws when the outage is not valid. */
  outage(outage: Outage): void;
  /** Ends a provider's access tokens now. */
  expireTokens(provider: ProviderId): void;
  /** The truth about every scripted order. */
  ledger(): LedgerEntry[];
  /** What each provider was asked. */
  requests(): Record<ProviderId, RequestCounts>;
  /** Stops at once: open answers, timers and posts included. */
  close(): Promise<void>;
}

/** Starts a simulator; rejects when the port cannot be had. */
export async function startSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const {
    port = 0,
    host = '127.0.0.1',
    now = Date.now,
    limits,
    tokenLifetimeMs,
    vexoraSecretPosition,
  } = options;
  const initiatorKey = await createInitiatorKey();
  const [orders, outages, posts, requestLog] = [
    createScriptedOrders(simulatedProviders),
    createOutages(),
    createPosts(),
    createRequestLog(limits),
  ];
  const darajaGateway = createDarajaGateway(tokenLifetimeMs?.daraja);
  const parts = {
    ...{ darajaGateway, initiatorKey, outages, posts, now, vexoraSecretPosition },
    orders: () => orders.all(),
  };
  const apis = new Map<ProviderId, ProviderApi>(
    simulatedProviders.map(({ id, create }) => [
      id,
      create({ ...parts, tokenLifetimeMs: tokenLifetimeMs?.[id] }),
    ]),
  );
  const scheduleCallbacks = createCallbacks(posts);
  const startedAt = now();

  const addOrder = (script: OrderScript) => {
    const order = orders.add(script, now());
    const api = apis.get(script.provider as ProviderId);
    if (api) scheduleCallbacks(order, api);
    return order;
  };
  const addOutage = (outage: OutageScript): void => outages.add(outage, now());
  const expireTokens = (provider: ProviderId): void => apis.get(provider)?.expireTokens?.();
  const ledger = () => orders.all().map(ledgerEntry);
  const requests = () =>
    Object.fromEntries([...requestLog].map(([id, counter]) => [id, counter.counts()])) as Record<
      ProviderId,
      RequestCounts
    >;
  const health = () => ({ status: 'ok', orders: orders.size, upMs: now() - startedAt });

  const { certificate } = initiatorKey;
  const control = createControl({
    addOrder,
    findOrder: (provider, reference) => orders.find(provider, reference),
    addOutage,
    expireTokens,
    ledger,
    requests,
    health,
    certificate,
  });
  const router = createProviderRouter({ apis, orders, outages, requests: requestLog });
  const server = createSimulatorServer({ control, router, now });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const address = server.address() as AddressInfo;
  return {
    url: `http://${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`,
    port: address.port,
    darajaCertificate: certificate,
    script: (order) => void addOrder(valid(simulatedOrderSchema, order, 'order script')),
    outage: (outage) => addOutage(valid(outageSchema, outage, 'outage')),
    expireTokens,
    ledger,
    requests,
    close() {
      posts.close();
      return new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
    },
  };
}

function valid<Schema extends z.ZodType>(
  schema: Schema,
  input: z.input<Schema>,
  what: string,
): z.output<Schema> {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  throw new Error(`The ${what} is not valid: ${faultsOf(parsed.error).join(' ')}`, { cause: parsed.error });
}
