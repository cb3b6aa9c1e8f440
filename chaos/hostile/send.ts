import { Agent, type Dispatcher } from 'undici';
import type { Target } from './attack.ts';

const agent = new Agent({ connections: 128, headersTimeout: 15_000, bodyTimeout: 15_000 });

/** One request of an attacker. The path is sent as it is: no URL is made of it, which would take dots away. */
export interface Sent {
  readonly method?: Dispatcher.HttpMethod;
  readonly path: string;
  readonly headers?: { readonly [name: string]: string };
  readonly body?: string | Buffer;
}

/** What came back: the status, or the code of an error. */
export async function send({ port }: Pick<Target, 'port'>, sent: Sent): Promise<string> {
  return (await sendForHeaders({ port }, sent)).answer;
}

/** The answer with its cookies. */
export async function sendForHeaders(
  { port }: Pick<Target, 'port'>,
  { method = 'GET', path, headers = {}, body }: Sent,
): Promise<{ readonly answer: string; readonly cookies: string }> {
  try {
    const reply = await agent.request({
      ...{ origin: `http://127.0.0.1:${port}`, method, path, headers },
      ...(body === undefined ? {} : { body }),
    });
    await reply.body.dump();
    const cookies = [reply.headers['set-cookie'] ?? []].flat().map((cookie) => cookie.split(';')[0]);
    return { answer: String(reply.statusCode), cookies: cookies.join('; ') };
  } catch (error) {
    return { answer: codeOf(error), cookies: '' };
  }
}

/** The code of an error, in capitals. */
export function codeOf(error: unknown): string {
  const { code } = error instanceof Error && 'code' in error ? error : { code: 'FAILED' };
  return String(code);
}

export function bearer(key: string): { readonly authorization: string } {
  return { authorization: `Bearer ${key}` };
}

export function form(fields: { readonly [name: string]: string }): Sent {
  return {
    method: 'POST',
    path: '/login',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams(fields).toString(),
  };
}
