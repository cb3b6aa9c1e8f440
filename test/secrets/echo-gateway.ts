import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Agent, request } from 'undici';

/**
 * A gateway in front of the simulator that overhears what must stay secret, and that repeats it: to a question about a
 * reference that begins with `ECHO` it answers with an error that tells the asker his own headers and body.
 */
export interface EchoGateway {
  readonly url: string;
  /** Secrets that were seen on the wire: access tokens, signatures, passwords made for one request, one-time tokens. */
  secrets(): string[];
  /** How many questions about an `ECHO` reference were answered. */
  echoes(): number;
  close(): Promise<void>;
}

/** What is repeated, besides what came with the request. Several numbers, as providers write them. */
export const echoedPhones = ['254711223344', '+254 711 223 344', '0711-223-344', '254\u00a0711.223.344'];

/** @param credentialsOf what a provider knows of its account's credentials */
export async function startEchoGateway(
  simulatorUrl: string,
  credentialsOf: (provider: string) => readonly string[],
): Promise<EchoGateway> {
  const agent = new Agent();
  const secrets = new Set<string>();
  let echoes = 0;

  const server = createServer(async (incoming, response) => {
    const body = await textOf(incoming);
    const { method = 'GET', url = '/', headers } = incoming;
    overhear(headers, body);
    const provider = echoOrderOf(url + body);
    if (provider !== undefined) {
      const pieces = [...piecesOf(headers, body), ...credentialsOf(provider), ...echoedPhones];
      echoes += 1;
      const status = echoes % 2 === 0 ? 200 : 400;
      const echo = echoOf(pieces[Math.floor(echoes / 2) % pieces.length] ?? '');
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(echo));
      return;
    }
    const { host: _, connection: __, 'transfer-encoding': ___, ...forwarded } = headers;
    try {
      const answer = await request(`${simulatorUrl}${url}`, {
        dispatcher: agent,
        method: method as 'GET',
        headers: forwarded,
        ...(body === '' ? {} : { body }),
      });
      const text = await answer.body.text();
      for (const [, token = ''] of text.matchAll(/"access_?[tT]oken":"([^"]+)"/g)) secrets.add(token);
      response
        .writeHead(answer.statusCode, { 'content-type': `${answer.headers['content-type']}` })
        .end(text);
    } catch {
      response.destroy();
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  /** The provider of the order that a question is about, when that order is to be answered with an echo. */
  function echoOrderOf(text: string): string | undefined {
    return /ECHO\dDARAJ/.test(text) ? 'daraja' : /ECHO-\d+-([a-z-]+)/.exec(text)?.[1];
  }

  function overhear(headers: IncomingMessage['headers'], body: string): void {
    for (const text of piecesOf(headers, body)) if (text !== body) secrets.add(text);
    for (const [token] of body.matchAll(/[0-9a-f]{64}/g)) secrets.add(token);
  }

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    secrets: () => [...secrets],
    echoes: () => echoes,
    async close() {
      server.close();
      server.closeAllConnections();
      await agent.destroy();
    },
  };
}

/** The secret parts of a request, and the whole of its body. */
function piecesOf(headers: IncomingMessage['headers'], body: string): string[] {
  const { authorization, 'api-key': apiKey } = headers;
  const made = [...body.matchAll(/"(?:Password|SecurityCredential|sign)":"([^"]+)"/g)].map(
    ([, value]) => value,
  );
  const all = [authorization?.replace(/^\S+ /, ''), apiKey?.toString(), ...made, body];
  return all.filter((piece) => piece !== undefined && piece !== '') as string[];
}

/** An error in the form of every provider at once. */
function echoOf(text: string) {
  const said = `The request with ${text} was refused, ${text}`;
  return {
    ...{ status: said, code: said, category: 'Business', severity: 'Low' },
    ...{ message: said, msg: said, description: said, requestId: said },
    ...{ errorCode: said, errorMessage: said, success: false, error: { code: said, message: said } },
  };
}

async function textOf(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
