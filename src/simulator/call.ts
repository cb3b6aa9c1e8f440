import type { IncomingHttpHeaders } from 'node:http';

/** One request as an API sees it. */
export interface Call {
  readonly method: string;
  /** The path below the API's mount, without the query. */
  readonly path: string;
  /** The query without its question mark. */
  readonly query: string;
  readonly headers: IncomingHttpHeaders;
  /** The body as sent. */
  readonly body: string;
  /** The body's fields when it is a JSON object, else none. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** When it came, epoch milliseconds. */
  readonly at: number;
}

/** One answer. */
export interface Reply {
  readonly status: number;
  readonly body: string;
  /** Default application/json. */
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** An answer that carries JSON. */
export function jsonReply(status: number, value: unknown): Reply {
  return { status, body: JSON.stringify(value) };
}

/** An answer that carries plain text. */
export function textReply(status: number, body: string): Reply {
  return { status, body, contentType: 'text/plain; charset=utf-8' };
}

/** One text or number of the JSON body as text; empty when it is missing or something else. */
export function fieldText(call: Call, name: string): string {
  const value = call.fields[name];
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}

/** One parameter of the query, empty when it is missing. */
export function queryText(call: Call, name: string): string {
  return new URLSearchParams(call.query).get(name) ?? '';
}

/** One segment of a path, decoded; as it stands when its escapes are malformed. */
export function pathText(segment: string | undefined): string {
  if (!segment?.includes('%')) return segment ?? '';
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

/** The token of `Authorization: Bearer …`, empty when there is none. */
export function bearerToken(call: Call): string {
  const header = call.headers.authorization ?? '';
  return header.startsWith('Bearer ') ? header.slice('Bearer '.length) : '';
}

/** The user and password of `Authorization: Basic …`, if it is one. */
export function basicPair(call: Call): { user: string; password: string } | undefined {
  const header = call.headers.authorization ?? '';
  if (!header.startsWith('Basic ')) return undefined;
  const text = Buffer.from(header.slice('Basic '.length), 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon < 0 ? undefined : { user: text.slice(0, colon), password: text.slice(colon + 1) };
}

/** The fields of a JSON object; none when the text is anything else, as a lenient server would have it. */
export function jsonFields(body: string): Record<string, unknown> {
  if (!body.trimStart().startsWith('{')) return {};
  try {
    return JSON.parse(body) as Record<string, unknown>;
  } catch {
    return {}; // A malformed request gets the provider's own refusal for missing fields.
  }
}
