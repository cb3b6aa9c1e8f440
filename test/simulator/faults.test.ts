import { connect } from 'node:net';
import { request } from 'undici';
import { describe, expect, it } from 'vitest';
import { type FaultKind, type SimulatedOrder, simulatorCredentials } from '../../src/simulator/simulator.ts';
import { oversizeBytes } from '../../src/simulator/wire-faults.ts';
import { setup, startedAt } from './support.ts';

const reference = 'ref-1';
const apiKey: string = simulatorCredentials.lipia.apiKey;

function order(kind: FaultKind, over: Partial<SimulatedOrder> = {}): SimulatedOrder {
  const timeline = [{ afterMs: 0, state: 'paid' as const }];
  return { provider: 'lipia', reference, amount: '1.00', timeline, faults: [{ kind }], ...over };
}

/** The raw bytes of one answer, until the server closes or the text holds what is waited for. */
function rawAnswer(port: number, path: string, until: (text: string) => boolean): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    let text = '';
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => {
      text += chunk;
      if (until(text)) socket.destroy();
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(text));
    socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${apiKey}\r\n\r\n`);
  });
}

const statusPath = `/lipia/payments/status?reference=${reference}`;

function announcedLength(text: string): number {
  return Number(/content-length: (\d+)/i.exec(text)?.[1]);
}

describe('faults that are whole answers', () => {
  it.each([
    ['http-500', 500, /Internal Server Error/],
    ['http-503', 503, /Service Unavailable/],
    ['http-429', 429, /Too Many Requests/],
    ['throttled', 500, /"mpesaError":\{.*500\.003\.02/],
    ['unauthorised', 401, /"success":false/],
    ['html', 200, /^<!DOCTYPE html>/],
    ['empty', 200, /^$/],
    ['redirect', 302, /^$/],
    ['garbage-json', 200, /^\{"status": true/],
  ] as const)('%s answers %i', async (kind, status, text) => {
    const { simulator, ask } = await setup();
    simulator.script(order(kind));
    const answer = await ask.lipia(reference);
    expect(answer.status).toBe(status);
    expect(answer.text).toMatch(text);
    expect(answer.json).toSatisfy((json: unknown) => kind !== 'garbage-json' || json === undefined);
    expect(simulator.ledger()).toMatchObject([{ polls: 1, answered: 0 }]);
    expect(simulator.requests().lipia.faulted).toBe(1);
  });

  it('redirect points to a page that is not the answer', async () => {
    const { simulator, ask, fetch } = await setup();
    simulator.script(order('redirect'));
    const { location } = (await ask.lipia(reference)).headers;
    expect(location).toBe(`${simulator.url}/_simulator/elsewhere`);
    expect((await fetch('/_simulator/elsewhere')).json).toEqual({ elsewhere: true });
  });

  it('Retry-After goes with a refusal', async () => {
    const { simulator, ask } = await setup();
    simulator.script(order('http-429', { faults: [{ kind: 'http-429', retryAfterSeconds: 7 }] }));
    expect((await ask.lipia(reference)).headers['retry-after']).toBe('7');
  });

  it.each([
    ['jenga', 500, '"code":"500100"'],
    ['daraja-stk', 500, '"errorCode":"500.003.02"'],
    ['vexora', 200, '"code":"5000"'],
    ['tanda', 503, '"status":"E503000"'],
  ] as const)('%s throttles in disguise', async (provider, status, text) => {
    const { simulator, ask } = await setup();
    simulator.script(order('throttled', { provider }));
    const clients = { jenga: ask.jenga, 'daraja-stk': ask.stk, vexora: ask.vexora, tanda: ask.tanda };
    const answer = await clients[provider](reference);
    expect(answer.status).toBe(status);
    expect(answer.text).toContain(text);
  });

  it('Daraja’s 429 is the gateway’s fault body', async () => {
    const { simulator, ask } = await setup();
    simulator.script(order('http-429', { provider: 'daraja-stk' }));
    const errorcode = 'policies.ratelimit.SpikeArrestViolation';
    expect(await ask.stk(reference)).toMatchObject({
      status: 429,
      json: { fault: { detail: { errorcode } } },
    });
  });
});

describe('faults on the wire', () => {
  it('hang says nothing until the client gives up', async () => {
    const { simulator, agent } = await setup();
    simulator.script(order('hang'));
    const headers = { authorization: `Bearer ${apiKey}` };
    const asked = request(`${simulator.url}${statusPath}`, {
      dispatcher: agent,
      headers,
      headersTimeout: 50,
    });
    await expect(asked).rejects.toMatchObject({ code: 'UND_ERR_HEADERS_TIMEOUT' });
  });

  it('reset tears the connection down', async () => {
    const { simulator } = await setup();
    simulator.script(order('reset'));
    await expect(rawAnswer(simulator.port, statusPath, () => false)).rejects.toMatchObject({
      code: 'ECONNRESET',
    });
  });

  it('cut-short stops before the announced length', async () => {
    const { simulator, ask } = await setup();
    simulator.script(order('cut-short'));
    const text = await rawAnswer(simulator.port, statusPath, () => false);
    const [, body = ''] = text.split('\r\n\r\n');
    expect(body).toMatch(/^\{"success":true/);
    expect(body.length).toBeLessThan(announcedLength(text));
    await expect(ask.lipia(reference)).rejects.toThrow();
  });

  it('wrong-length announces less than it sends', async () => {
    const { simulator } = await setup();
    simulator.script(order('wrong-length'));
    const text = await rawAnswer(simulator.port, statusPath, (so) => so.endsWith('Z"}'));
    const [, body = ''] = text.split('\r\n\r\n');
    expect(announcedLength(text)).toBeLessThan(body.length);
  });

  it('oversize sends 30 MB without announcing a length', async () => {
    const { simulator, agent } = await setup();
    simulator.script(order('oversize'));
    const headers = { authorization: `Bearer ${apiKey}` };
    const answer = await request(`${simulator.url}${statusPath}`, { dispatcher: agent, headers });
    let bytes = 0;
    for await (const chunk of answer.body) bytes += (chunk as Buffer).length;
    expect(answer.headers['content-length']).toBeUndefined();
    expect(bytes).toBeGreaterThanOrEqual(oversizeBytes);
  });

  it('slow sends the headers and then single bytes', async () => {
    const { simulator } = await setup();
    simulator.script(order('slow'));
    const hasThreeBytes = (text: string) => (text.split('\r\n\r\n')[1]?.length ?? 0) >= 3;
    const text = await rawAnswer(simulator.port, statusPath, hasThreeBytes);
    expect(text.split('\r\n\r\n')[1]).toBe('{"s');
    expect(announcedLength(text)).toBeGreaterThan(300);
  });
});

describe('when faults happen', () => {
  it('only within their window', async () => {
    const { simulator, clock, ask } = await setup();
    simulator.script(order('http-500', { faults: [{ kind: 'http-500', fromMs: 100, untilMs: 200 }] }));
    const seen: number[] = [];
    for (const at of [0, 100, 199, 200]) {
      clock.at = startedAt + at;
      seen.push((await ask.lipia(reference)).status);
    }
    expect(seen).toEqual([200, 500, 500, 200]);
  });

  it('at each nth request', async () => {
    const { simulator, ask } = await setup();
    simulator.script(order('http-500', { faults: [{ kind: 'http-500', every: 3 }] }));
    const seen: number[] = [];
    for (let count = 0; count < 6; count += 1) seen.push((await ask.lipia(reference)).status);
    expect(seen).toEqual([200, 200, 500, 200, 200, 500]);
    expect(simulator.ledger()).toMatchObject([{ polls: 6, answered: 4 }]);
  });

  it('an outage hits every order of its provider and nobody else, logins only when asked', async () => {
    const { simulator, clock, ask } = await setup();
    const token = await ask.jengaLogin();
    simulator.script(order('http-500', { faults: [] }));
    simulator.outage({ provider: 'jenga', kind: 'http-503', fromMs: 10, untilMs: 20, retryAfterSeconds: 3 });
    expect((await ask.jenga('x', token)).status).toBe(404);
    clock.at += 10;
    expect(await ask.jenga('x', token)).toMatchObject({ status: 503, headers: { 'retry-after': '3' } });
    expect(await ask.jengaLogin()).toBeTypeOf('string');
    expect((await ask.lipia(reference)).status).toBe(200);
    clock.at += 10;
    expect((await ask.jenga('x', token)).status).toBe(404);
    simulator.outage({ provider: 'jenga', kind: 'empty', logins: true });
    await expect(ask.jengaLogin()).rejects.toThrow();
  });
});
