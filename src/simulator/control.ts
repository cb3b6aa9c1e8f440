import { z } from 'zod';
import { type Call, jsonReply, type Reply } from './call.ts';
import { redirectTarget } from './fault-replies.ts';
import { outageSchema, simulatedOrderSchema } from './input.ts';
import { type ProviderId, providerIds } from './registry.ts';
import type { OrderScript, OutageScript } from './script.ts';
import type { ScriptedOrder } from './scripted-orders.ts';
import { scriptOfTrigger, triggerSchema } from './trigger.ts';

/** What the control routes steer and show. */
export interface ControlParts {
  addOrder(order: OrderScript): ScriptedOrder;
  findOrder(provider: ProviderId, reference: string): ScriptedOrder | undefined;
  addOutage(outage: OutageScript): void;
  expireTokens(provider: ProviderId): void;
  ledger(): unknown;
  requests(): unknown;
  health(): unknown;
  readonly certificate: string;
}

/** The name that all control paths begin with. */
export const controlMount = '_simulator';

/** Answers a request below `/_simulator/`. */
export type Control = (call: Call) => Reply;

const expirySchema = z.strictObject({ provider: z.enum(providerIds) });

/** Makes the control routes; what they refuse is a 422 that lists every fault. */
export function createControl(parts: ControlParts): Control {
  const routes: Readonly<Record<string, Control>> = {
    'GET /health': () => jsonReply(200, parts.health()),
    'GET /ledger': () => jsonReply(200, parts.ledger()),
    'GET /requests': () => jsonReply(200, parts.requests()),
    'GET /daraja-certificate': () => ({
      status: 200,
      body: parts.certificate,
      contentType: 'application/x-pem-file',
    }),
    [`GET ${redirectTarget.slice(controlMount.length + 1)}`]: () => jsonReply(200, { elsewhere: true }),
    'POST /orders': (call) =>
      withBody(call, simulatedOrderSchema, (orders) => {
        const entered = orders.map((order) => parts.addOrder(order));
        return jsonReply(
          201,
          entered.map(({ script, receipt }) => ({ ...named(script), receipt })),
        );
      }),
    'POST /trigger': (call) =>
      withBody(call, triggerSchema, (triggers) => {
        const made = triggers.map((trigger) => scriptOfTrigger(trigger, parts.findOrder));
        const faults = made.flatMap((one) => ('faults' in one ? one.faults : []));
        if (faults.length > 0) return refusal(faults);
        const entered = made.flatMap((one) => ('script' in one ? [parts.addOrder(one.script)] : []));
        return jsonReply(
          200,
          entered.map(({ script, receipt }) => ({ ...named(script), receipt })),
        );
      }),
    'POST /outages': (call) =>
      withBody(call, outageSchema, (outages) => {
        for (const outage of outages) parts.addOutage(outage);
        return jsonReply(201, outages);
      }),
    'POST /tokens/expire': (call) =>
      withBody(call, expirySchema, (expiries) => {
        for (const { provider } of expiries) parts.expireTokens(provider);
        return jsonReply(200, expiries);
      }),
  };
  const unknown = { error: 'No such control route.', routes: Object.keys(routes) };
  return (call) => routes[`${call.method} ${call.path}`]?.(call) ?? jsonReply(404, unknown);
}

/** One sentence per fault of a script, with the place of each. */
export function faultsOf(error: z.ZodError): string[] {
  return error.issues.map(({ path, message }) => `${path.join('.') || 'body'}: ${message}`);
}

function named({ provider, reference }: OrderScript): Pick<OrderScript, 'provider' | 'reference'> {
  return { provider, reference };
}

/** Checks a body that holds one item or an array of them; nothing is done unless every item is valid. */
function withBody<Item extends z.ZodType>(
  call: Call,
  item: Item,
  act: (items: z.output<Item>[]) => Reply,
): Reply {
  let body: unknown;
  try {
    body = JSON.parse(call.body);
  } catch {
    return refusal(['body: This is not JSON.']);
  }
  const parsed = z.array(item).safeParse(Array.isArray(body) ? body : [body]);
  return parsed.success ? act(parsed.data) : refusal(faultsOf(parsed.error));
}

function refusal(faults: readonly string[]): Reply {
  return jsonReply(422, { error: 'The request is not valid.', faults });
}
