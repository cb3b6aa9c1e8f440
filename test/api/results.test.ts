import { once } from 'node:events';
import { type ClientRequest, get, type IncomingMessage } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { buildEvent, eventFields } from '../../src/domain/result-event.ts';
import { createKeys } from '../../src/redis/keys.ts';
import { anOrder, aProgress, aReading, createdAt } from '../support/builders.ts';
import { testRedis } from '../support/redis.ts';
import { type RunningService, startRunningService, testApiKey } from '../support/running-service.ts';
import { until } from '../support/waiting.ts';

const redis = testRedis();
let running: RunningService;
let stream: string;
beforeAll(async () => {
  // This file follows with the same key more often than a client would.
  const environment = { API_KEY_STREAMS: '200' };
  running = await startRunningService({ accounts: 'jenga', roles: ['api'], environment });
  stream = createKeys(running.prefix).results;
});
afterAll(() => running.close());
beforeEach(() => redis.del(stream));

/** Publishes verdicts as the settling script does. Returns their stream ids. */
async function publish(
  from: number,
  count: number,
  metadata: { readonly [name: string]: string } = {},
): Promise<string[]> {
  const verdict = { status: 'paid', reason: null, at: createdAt } as const;
  const entries = Array.from({ length: count }, (_, nth) => {
    const order = anOrder({ orderId: `ord-${from + nth}`, metadata });
    const event = buildEvent(order, aProgress.closed(verdict), verdict, aReading.paid(), [], createdAt);
    return redis.xadd(stream, '*', ...eventFields(event));
  });
  return (await Promise.all(entries)) as string[];
}

interface ServerSentEvent {
  readonly id: string;
  readonly event: string;
  readonly data: { subject: string; id: string; stateversion: string };
}

/** Reads the stream as a browser would, from real bytes. */
async function follow(path: string, headers: { readonly [name: string]: string } = {}) {
  const request = get(`${running.url}${path}`, {
    headers: { authorization: `Bearer ${testApiKey}`, ...headers },
  });
  request.on('error', () => {});
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  onTestFinished(() => void request.destroy());
  const reader = { request, response, ...parser(response), ended: false };
  response.on('error', () => {});
  response.on('close', () => {
    reader.ended = true;
  });
  return reader;
}

function parser(response: IncomingMessage) {
  const events: ServerSentEvent[] = [];
  const seen = { text: '' };
  response.setEncoding('utf8').on('data', (chunk: string) => {
    seen.text += chunk;
    const blocks = seen.text.split('\n\n');
    seen.text = blocks.pop() ?? '';
    for (const block of blocks) {
      const fields = Object.fromEntries(block.split('\n').map((line) => line.split(/: (.*)/s).slice(0, 2)));
      if ('data' in fields)
        events.push({ id: fields.id, event: fields.event, data: JSON.parse(fields.data) });
    }
  });
  return {
    events,
    subjects: () => events.map(({ data }) => data.subject),
    has: (count: number) => until('the results', async () => events.length >= count),
  };
}

/** Takes one piece every two seconds, until the returned function is called: who takes nothing for ten is dropped. */
function dawdle(response: IncomingMessage): () => void {
  response.pause();
  const pause = () => void response.pause();
  const timer = setInterval(() => response.once('data', pause).resume(), 2_000);
  onTestFinished(() => clearInterval(timer));
  return () => {
    clearInterval(timer);
    response.off('data', pause).resume();
  };
}

function subjects(from: number, count: number): string[] {
  return Array.from({ length: count }, (_, nth) => `ord-${from + nth}`);
}

function lastIdOf({ events }: { readonly events: readonly ServerSentEvent[] }): string {
  return events.at(-1)?.id ?? '0';
}

describe('GET /v1/results', () => {
  test('?from=0 tells everything from the beginning, then what comes', async () => {
    const ids = await publish(0, 700);
    const reader = await follow('/v1/results?from=0');
    expect(reader.response.headers).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'content-security-policy': expect.any(String),
    });
    await reader.has(700);
    await publish(700, 5);
    await reader.has(705);
    expect(reader.subjects()).toEqual(subjects(0, 705));
    expect(reader.events.slice(0, 700).map(({ id }) => id)).toEqual(ids);
    expect(reader.events[0]).toMatchObject({
      event: 'payment.paid',
      data: {
        specversion: '1.0',
        subject: 'ord-0',
        id: 'ord-0:1',
        stateversion: '1',
        data: { orderId: 'ord-0', status: 'paid' },
      },
    });
  });

  test('without a place it tells what comes from now on, beginning with the very next', async () => {
    await publish(0, 10);
    const reader = await follow('/v1/results');
    // The reader has its headers, so it listens: nothing may be missed from here on.
    await publish(10, 3);
    await reader.has(3);
    expect(reader.subjects()).toEqual(subjects(10, 3));
  });

  test('Last-Event-ID goes on without a gap or a duplicate while events are being published', async () => {
    const total = 400;
    const publishing = (async () => {
      for (let from = 0; from < total; from += 10) {
        await publish(from, 10);
        await delay(5);
      }
    })();
    const heard: ServerSentEvent[] = [];
    let last = '0';
    while (heard.length < total) {
      const reader = await follow('/v1/results', { 'last-event-id': last });
      // Hangs up in the middle of what is being sent, as a browser does that lost its network.
      await reader.has(Math.min(30, total - heard.length));
      reader.request.destroy();
      heard.push(...reader.events);
      last = heard.at(-1)?.id ?? last;
    }
    await publishing;
    expect(heard.map(({ data }) => data.subject)).toEqual(subjects(0, total));
    expect(new Set(heard.map(({ id }) => id)).size).toBe(total);
  });

  test('Last-Event-ID comes before ?from', async () => {
    const ids = await publish(0, 5);
    const reader = await follow('/v1/results?from=0', { 'last-event-id': ids[2] ?? '' });
    await reader.has(2);
    expect(reader.subjects()).toEqual(subjects(3, 2));
  });

  test('many readers each hear everything once', async () => {
    const readers = await Promise.all(Array.from({ length: 20 }, () => follow('/v1/results')));
    await publish(0, 50);
    await Promise.all(readers.map((reader) => reader.has(50)));
    for (const reader of readers) expect(reader.subjects()).toEqual(subjects(0, 50));
  });

  test('a slow reader holds up nobody, and hears everything in the end', async () => {
    for (let from = 0; from < 5_000; from += 1_000) await publish(from, 1_000);
    const slow = await follow('/v1/results?from=0');
    const hurry = dawdle(slow.response);
    const brisk = await follow('/v1/results?from=0');
    await until('the fast reader', async () => brisk.events.length >= 5_000);
    expect(slow.events.length).toBeLessThan(5_000);
    hurry();
    await until('the slow reader', () => slow.ended || slow.events.length >= 5_000);
    const left = 5_000 - slow.events.length;
    // On a busy machine it stood still for longer than the server waits: its client goes on where it was.
    const rest = left === 0 ? null : await follow('/v1/results', { 'last-event-id': lastIdOf(slow) });
    await rest?.has(left);
    expect([...slow.subjects(), ...(rest?.subjects() ?? [])]).toEqual(subjects(0, 5_000));
  });

  test('a slow reader is fed from Redis, not from memory', async () => {
    // Far more than the sockets between us hold.
    for (let from = 0; from < 1_500; from += 125) await publish(from, 125, { much: 'x'.repeat(14_000) });
    const slow = await follow('/v1/results?from=0');
    const hurry = dawdle(slow.response);
    const brisk = await follow('/v1/results?from=0');
    await until('the fast reader', async () => brisk.events.length >= 1_500);
    await redis.del(stream);
    hurry();
    await publish(1_500, 1);
    // It is given up if it stood still for longer than the server waits.
    await until('the slow reader', () => slow.ended || slow.subjects().includes('ord-1500'));
    expect(slow.events.length).toBeLessThan(1_500);
  });

  test('a reader that goes is forgotten, and its place is free again', async () => {
    for (let round = 0; round < 3; round += 1) {
      const readers = await Promise.all(Array.from({ length: 100 }, () => follow('/v1/results')));
      expect(new Set(readers.map(({ response }) => response.statusCode))).toEqual(new Set([200]));
      for (const { request } of readers) (request as ClientRequest).destroy();
      // Published into the sockets that are going away.
      await publish(round * 10, 10);
    }
    const last = await follow('/v1/results');
    await publish(100, 1);
    await last.has(1);
  });

  test('one reader too many is refused', async () => {
    const readers = await until('the readers', async () => {
      const some = await Promise.all(Array.from({ length: 201 }, () => follow('/v1/results')));
      // Places of the test before may take a moment to come free.
      if (some.filter(({ response }) => response.statusCode === 200).length === 200) return some;
      for (const { request } of some) request.destroy();
      return null;
    });
    const refused = readers.filter(({ response }) => response.statusCode !== 200);
    expect(refused.map(({ response }) => response.statusCode)).toEqual([503]);
    for (const { request } of readers) request.destroy();
  });

  test.each(['x', '-1', '5-', '1-2-3', '99999999999999999999', '0 OR 1', '+'])(
    'the place %j is 422',
    async (from) => {
      expect((await running.call('GET', `/v1/results?from=${encodeURIComponent(from)}`)).status).toBe(422);
      expect((await running.call('GET', '/v1/results', { headers: { 'last-event-id': from } })).status).toBe(
        422,
      );
    },
  );

  test('HEAD does not take a place and does not hang', async () => {
    expect((await running.call('HEAD', '/v1/results')).status).toBe(404);
  });

  test('an entry that is none of ours is passed over', async () => {
    await redis.xadd(stream, '*', 'hello', 'world');
    const reader = await follow('/v1/results?from=0');
    await publish(0, 1);
    await redis.xadd(stream, '*', 'specversion', '1.0', 'data', '{');
    await publish(1, 1);
    await reader.has(2);
    expect(reader.subjects()).toEqual(subjects(0, 2));
  });
});

describe('when Redis hands over to another one', () => {
  test('readers and those who wait go on', async () => {
    const reader = await follow('/v1/results');
    await publish(0, 1);
    await reader.has(1);
    // What a replica that is promoted says to everybody who is blocked on it.
    const blocked = await until('a blocked read', async () => {
      const clients = ((await redis.client('LIST')) as string).split('\n');
      const some = clients.filter((line) => /cmd=xread\b/.test(line) && /flags=\S*b/.test(line));
      return some.length > 0 && some;
    });
    const unblock = () =>
      Promise.all(
        blocked.map((line) => redis.client('UNBLOCK', Number(/id=(\d+)/.exec(line)?.[1]), 'ERROR')),
      );
    await unblock();
    await publish(1, 1);
    await reader.has(2);
    // Somebody's mistake, and its repair: what the hub hears is an error that no reconnecting mends.
    await redis.rename(stream, `${stream}:aside`);
    await redis.set(stream, 'no stream');
    await unblock();
    await delay(600);
    await redis.del(stream);
    await redis.rename(`${stream}:aside`, stream);
    await publish(2, 1);
    await reader.has(3);
    expect(reader.subjects()).toEqual(subjects(0, 3));
  });
});

describe('when the service stops', () => {
  test('readers are hung up on, those who wait are answered, and it is quick', async () => {
    const stopping = await startRunningService({
      accounts: 'jenga',
      roles: ['api'],
      environment: { SHUTDOWN_MS: '60000', API_KEY_WAITS: '1' },
    });
    await stopping.enqueue({ orderId: 'ord-1', account: 'jenga', reference: 'OR1', amount: '2.00' });
    const request = get(`${stopping.url}/v1/results`, { headers: { authorization: `Bearer ${testApiKey}` } });
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    response.resume();
    const ended = once(response, 'end');
    const waiting = stopping.call('GET', '/v1/orders/ord-1?wait=60');
    await until('the request to wait', async () => {
      const another = await stopping.call('GET', '/v1/orders/ord-1?wait=0.05');
      return another.status === 429;
    });
    const startedAt = performance.now();
    await stopping.service.close();
    expect(performance.now() - startedAt).toBeLessThan(50_000);
    await ended;
    expect(await waiting).toMatchObject({ status: 200, json: { status: null } });
    await stopping.close();
  });
});
