import type { ServerResponse } from 'node:http';
import type { LoginRoute, ProviderApi, StatusRoute } from './apis/api.ts';
import type { Call, Reply } from './call.ts';
import { faultReply } from './fault-replies.ts';
import type { DueFault, Outages } from './outages.ts';
import { type ProviderId, simulatedProviders } from './registry.ts';
import type { RequestCounter } from './request-log.ts';
import type { ScriptedOrder, ScriptedOrders } from './scripted-orders.ts';
import { breakAnswer, isWireFault } from './wire-faults.ts';

/** What the router needs to answer for the providers. */
export interface ProviderRouterParts {
  readonly apis: ReadonlyMap<ProviderId, ProviderApi>;
  readonly orders: ScriptedOrders;
  readonly outages: Outages;
  readonly requests: ReadonlyMap<ProviderId, RequestCounter>;
}

/** Answers one request below a mount, well or badly, as scripted. */
export type ProviderRouter = (mount: string, call: Call, response: ServerResponse) => Promise<void>;

/** Routes every provider request: count, outage, refusal, fault, answer, in this order. */
export function createProviderRouter(parts: ProviderRouterParts): ProviderRouter {
  const routesByMount = new Map(
    // Both Daraja APIs live below one mount. The last one answers for unknown paths.
    Object.entries(Object.groupBy(simulatedProviders, ({ mount }) => mount)).map(([mount, those = []]) => [
      mount,
      those.toReversed().flatMap(({ id }) => routesOf(parts, id)),
    ]),
  );
  return async (mount, call, response) => {
    const routes = routesByMount.get(mount);
    const found = routes?.find(({ route }) => route.matches(call));
    if (!routes || !found) return answerUnknownPath(parts, routes, call, response);
    const { route, api } = found;
    if (route.kind === 'login') return answerLogin(parts, route, call, response);
    return answerStatus(parts, route, api, call, response);
  };
}

/** Sends one well-formed answer. */
export function send(response: ServerResponse, { status, body, contentType, headers }: Reply): void {
  response.writeHead(status, {
    'content-type': contentType ?? 'application/json',
    'content-length': Buffer.byteLength(body),
    ...headers,
  });
  response.end(body);
}

interface Found {
  readonly route: StatusRoute | LoginRoute;
  readonly api: ProviderApi;
}

function routesOf({ apis }: ProviderRouterParts, id: ProviderId): Found[] {
  const api = apis.get(id);
  return api ? api.routes.map((route) => ({ route, api })) : [];
}

async function answerStatus(
  { orders, outages, requests }: ProviderRouterParts,
  route: StatusRoute,
  api: ProviderApi,
  call: Call,
  response: ServerResponse,
): Promise<void> {
  const counter = requests.get(route.provider as ProviderId);
  const order = orders.find(route.provider as ProviderId, route.referenceIn(call));
  const isOver = counter?.countStatus(route.name, call.at) ?? false;
  if (order) {
    order.polls += 1;
    if (isOver) order.overLimit += 1;
  }
  const outage = outages.faultFor(route.provider as ProviderId, call.at, false);
  const refusal = outage ? undefined : route.refuse(call, order);
  if (refusal) {
    counter?.countRefusal();
    return send(response, refusal);
  }
  const fault = outage ?? (order && orderFault(order, call.at));
  if (fault) {
    counter?.countFault();
    // What is broken on the wire was answered first: a result of Daraja may come although its acknowledgement is lost.
    return misbehave(
      fault,
      api,
      call,
      response,
      () => route.refuse(call, order) ?? route.answer(call, order),
    );
  }
  const reply = await route.answer(call, order);
  if (order) order.answered += 1;
  send(response, reply);
}

async function answerLogin(
  { apis, outages, requests }: ProviderRouterParts,
  route: LoginRoute,
  call: Call,
  response: ServerResponse,
): Promise<void> {
  const provider = route.providerOf(call) as ProviderId;
  const counter = requests.get(provider);
  const api = apis.get(provider);
  counter?.countPath('login');
  const outage = outages.faultFor(provider, call.at, true);
  if (outage && api) {
    counter?.countFault();
    return misbehave(outage, api, call, response, () => route.answer(call));
  }
  const reply = route.answer(call);
  if (reply.status >= 400) counter?.countRefusal();
  send(response, reply);
}

function answerUnknownPath(
  { requests }: ProviderRouterParts,
  routes: Found[] | undefined,
  call: Call,
  response: ServerResponse,
): void {
  const api = routes?.at(-1)?.api;
  if (api) requests.get(api.id as ProviderId)?.countPath('unknown-path');
  send(
    response,
    api?.unknownPath(call) ?? { status: 404, body: 'No such mount.', contentType: 'text/plain' },
  );
}

function orderFault({ script, scriptedAt, polls }: ScriptedOrder, at: number): DueFault | undefined {
  const age = at - scriptedAt;
  return script.faults.find(
    ({ fromMs, untilMs, every }) =>
      fromMs <= age && age < (untilMs ?? Infinity) && polls % (every ?? 1) === 0,
  );
}

async function misbehave(
  fault: DueFault,
  api: ProviderApi,
  call: Call,
  response: ServerResponse,
  trueReply: () => Reply | Promise<Reply>,
): Promise<void> {
  if (isWireFault(fault.kind)) return breakAnswer(fault.kind, response, trueReply);
  send(response, faultReply(fault.kind, fault, api, call));
}
