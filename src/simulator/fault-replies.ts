import type { ProviderApi } from './apis/api.ts';
import { type Call, jsonReply, type Reply, textReply } from './call.ts';
import type { DueFault } from './outages.ts';
import type { WireFault } from './wire-faults.ts';
import type { FaultKind } from './words.ts';

/** The faults that are a whole, well-formed HTTP answer; the others happen on the wire. */
export type ReplyFault = Exclude<FaultKind, WireFault>;

/** The path, below the simulator's URL, that the fault "redirect" points to: nothing worth following. */
export const redirectTarget = '/_simulator/elsewhere';

/** The answer that a fault puts in place of the provider's own. */
export function faultReply(kind: ReplyFault, fault: DueFault, api: ProviderApi, call: Call): Reply {
  const reply = plainFaultReply(kind, api, call);
  const { retryAfterSeconds } = fault;
  if (retryAfterSeconds === undefined || reply.status < 400) return reply;
  return { ...reply, headers: { ...reply.headers, 'retry-after': String(retryAfterSeconds) } };
}

function plainFaultReply(kind: ReplyFault, api: ProviderApi, call: Call): Reply {
  switch (kind) {
    case 'http-400':
      return jsonReply(400, { message: 'Bad Request' });
    case 'http-422':
      return jsonReply(422, { message: 'Unprocessable Content' });
    case 'http-500':
      return textReply(500, 'Internal Server Error');
    case 'http-503':
      return textReply(503, 'Service Unavailable');
    case 'http-429':
      return api.tooManyRequests?.() ?? jsonReply(429, { message: 'Too Many Requests' });
    case 'throttled':
      return api.throttled(call);
    case 'unauthorised':
      return api.unauthorised(call);
    case 'html':
      return { status: 200, body: maintenancePage, contentType: 'text/html; charset=utf-8' };
    case 'empty':
      return { status: 200, body: '' };
    case 'redirect':
      return { status: 302, body: '', headers: { location: `http://${call.headers.host}${redirectTarget}` } };
    case 'garbage-json':
      return { status: 200, body: '{"status": true, "code": "0", data: [}' };
  }
}

const maintenancePage =
  '<!DOCTYPE html><html><head><title>Success</title></head><body><h1>Paid? We are under maintenance.</h1></body></html>';
