import { setTimeout as delay } from 'node:timers/promises';
import { Queue, QueueEvents, Worker } from 'bullmq';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ConfigError, readServiceSettings } from '../../src/config/config.ts';
import { createProducer } from '../../src/jobs/producer.ts';
import { connectRedis } from '../../src/redis/connection.ts';
import { createKeys } from '../../src/redis/keys.ts';
import { patientCopy } from '../../src/results/own-connection.ts';
import { createResultsHub } from '../../src/results/results-hub.ts';
import { subscribe } from '../../src/results/subscribe.ts';
import { testPrefix } from '../support/redis.ts';
import { redisServer } from '../support/restartable-redis.ts';
import { startRunningService } from '../support/running-service.ts';
import {
  makeCertificates,
  type RedisKind,
  sentinelPassword,
  startEavesdropper,
  startTlsRedis,
} from '../support/tls-redis.ts';
import { until } from '../support/waiting.ts';

/** The TLS record type of a handshake message. */
const handshake = 0x16;
const kinds: readonly RedisKind[] = ['server', 'sentinel', 'cluster'];

/** Opens one connection, or something that opens several; returns a function that closes it. */
const openers: { readonly [name: string]: (url: string) => () => unknown } = {
  'a patient connection': (url) => closing(connectRedis(url, 'patient')),
  'a prompt connection': (url) => closing(connectRedis(url, 'prompt')),
  'the copy of a connection': (url) => {
    const original = connectRedis(url, 'prompt');
    const copy = patientCopy(original);
    original.disconnect();
    return closing(copy);
  },
  'a producer': (url) => {
    const producer = createProducer({ redis: url, prefix: testPrefix() });
    void producer.enqueue({ orderId: 'a', account: 'jenga', reference: 'r', amount: 1 }).catch(() => {});
    return () => producer.close();
  },
  'a subscriber': (url) => {
    const subscription = subscribe({ redis: url, group: 'g', consumer: 'c', onResult: () => {} });
    return () => subscription.close();
  },
};

function closing(redis: { disconnect(): void }): () => void {
  return () => redis.disconnect();
}

function urlOf(kind: RedisKind, port: number): string {
  const scheme = kind === 'server' ? 'rediss' : `rediss+${kind}`;
  return `${scheme}://user:secret@127.0.0.1:${port}${kind === 'sentinel' ? '/mymaster' : ''}`;
}

describe.each(kinds)('a URL for TLS to a %s', (kind) => {
  test.each(Object.entries(openers))('%s starts with a TLS ClientHello', async (_name, open) => {
    const { port, firstBytes } = await startEavesdropper();
    const close = open(urlOf(kind, port));
    onTestFinished(async () => void (await close()));
    // More than one, because reconnects must be encrypted too.
    await until('it connects again', () => firstBytes.length >= 2);
    expect(new Set(firstBytes)).toEqual(new Set([handshake]));
  });
});

describe.runIf(redisServer !== undefined)(
  'with a Redis that speaks TLS only, under a private authority',
  () => {
    test.each(kinds)('every connection is encrypted and works: %s', async (kind) => {
      const pem = await makeCertificates();
      const { url, firstBytes } = await startTlsRedis(redisServer ?? '', kind, pem);
      const environment = {
        REDIS_URL: url,
        REDIS_CA_FILE: pem.ca,
        REDIS_CERT_FILE: pem.cert,
        REDIS_KEY_FILE: pem.key,
        ...(kind === 'sentinel' ? { REDIS_SENTINEL_PASSWORD: sentinelPassword } : {}),
      };
      const { redisUrl } = readServiceSettings(environment);
      const running = await startRunningService({ accounts: 'jenga', environment, redisUrl: url });
      onTestFinished(() => running.close());

      const subscribed: string[] = [];
      const connection = connectRedis(redisUrl, 'patient');
      onTestFinished(() => connection.disconnect());
      // Once with a URL, once with a connection, which a subscriber duplicates.
      for (const [group, redis] of [
        ['by-url', redisUrl],
        ['by-connection', connection],
      ] as const) {
        const onResult = ({ id }: { id: string }) => void subscribed.push(`${group} ${id}`);
        const subscription = subscribe({ redis, group, consumer: 'c', prefix: running.prefix, onResult });
        onTestFinished(() => subscription.close());
      }
      const hub = createResultsHub(connection, running.prefix);
      onTestFinished(() => hub.close());
      await openQueues(connection, running.prefix);

      running.simulator.script({
        provider: 'jenga',
        reference: 'OR1',
        amount: '2.00',
        timeline: [{ afterMs: 0, state: 'paid' }],
      });
      await running.enqueue({ orderId: 'ord-1', account: 'jenga', reference: 'OR1', amount: '2.00' });
      await until('both subscribers', async () => subscribed.length >= 2);
      expect(subscribed.sort()).toEqual(['by-connection ord-1:1', 'by-url ord-1:1']);
      expect(firstBytes.length).toBeGreaterThan(6);
      expect(new Set(firstBytes)).toEqual(new Set([handshake]));
    });

    test('rejects a server certificate of another authority; the server rejects a client without a certificate', async () => {
      const pem = await makeCertificates();
      const { url } = await startTlsRedis(redisServer ?? '', 'server', pem);
      const stranger = await makeCertificates();
      for (const parameters of ['', `?ca=${stranger.ca}&cert=${pem.cert}&key=${pem.key}`, `?ca=${pem.ca}`]) {
        const redis = connectRedis(`${url}${parameters}`, 'prompt');
        onTestFinished(() => redis.disconnect());
        await delay(100);
        await expect(redis.ping()).rejects.toThrow();
      }
    });
  },
);

/** BullMQ duplicates the given connection for blocking commands. */
async function openQueues(connection: ReturnType<typeof connectRedis>, prefix: string): Promise<void> {
  const options = { connection, prefix: createKeys(prefix).queuePrefix('other') };
  const queue = new Queue('other', options);
  const events = new QueueEvents('other', options);
  const worker = new Worker('other', async () => 'done', options);
  onTestFinished(async () => void (await Promise.all([worker.close(), events.close(), queue.close()])));
  await events.waitUntilReady();
  const job = await queue.add('job', {});
  expect(await job.waitUntilFinished(events, 20_000)).toBe('done');
}

describe('the settings', () => {
  const faultsOf = (environment: { [name: string]: string }) => {
    try {
      return readServiceSettings(environment).redisUrl;
    } catch (error) {
      if (error instanceof ConfigError) return error.faults;
      throw error;
    }
  };

  test('are added to the URL that every connection is opened from', () => {
    const environment = {
      REDIS_URL: 'rediss+sentinel://s:26379/mymaster',
      REDIS_CA_FILE: import.meta.filename,
      REDIS_SENTINEL_USERNAME: 'watcher',
      REDIS_SENTINEL_PASSWORD: 'a@b/c?&d',
    };
    const url = String(faultsOf(environment));
    expect(url).toContain('sentinelPassword=a%40b%2Fc%3F%26d');
    expect(Object.fromEntries(new URLSearchParams(url.split('?')[1]))).toEqual({
      ca: import.meta.filename,
      sentinelUsername: 'watcher',
      sentinelPassword: 'a@b/c?&d',
    });
  });

  test('reject a certificate without TLS, without its key or without a readable file', () => {
    const file = import.meta.filename;
    expect(faultsOf({ REDIS_CA_FILE: file })).toEqual([expect.stringContaining('rediss instead of redis')]);
    expect(faultsOf({ REDIS_URL: 'rediss://h', REDIS_CERT_FILE: file })).toEqual([
      expect.stringContaining('REDIS_KEY_FILE belong together'),
    ]);
    expect(faultsOf({ REDIS_URL: 'rediss://h', REDIS_CA_FILE: '/no/such/file' })).toEqual([
      expect.stringContaining('REDIS_CA_FILE is not the path'),
    ]);
  });
});
