import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { ConfigError, readServiceSettings } from '../../src/config/config.ts';
import { fullAccessKeys } from '../../src/config/named-keys.ts';
import {
  type RunningService,
  sha256,
  startRunningService,
  testApiKey,
  testCallbackToken,
} from '../support/running-service.ts';
import { until } from '../support/waiting.ts';

// Sockets that no HTTP client would open: what strangers send, and do not send.

const logged: string[] = [];
let running: RunningService;
beforeAll(async () => {
  running = await startRunningService({
    accounts: 'jenga,daraja,bank=jenga,office=daraja',
    roles: ['api'],
    environment: {
      BANK_CALLBACK_USERNAME: 'u',
      BANK_CALLBACK_PASSWORD: 'p',
      OFFICE_CALLBACK_ADDRESSES: '10.0.0.1',
      BOARD_PASSWORD: 'open sesame, please',
    },
    log: (line) => void logged.push(line),
  });
});
afterAll(() => running.close());

/** A connection that says what it is told to, and what it heard. */
function openSocket(url = running.url) {
  const socket: Socket = connect(Number(new URL(url).port), '127.0.0.1');
  let heard = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => {
    heard += chunk;
  });
  socket.on('error', () => {});
  onTestFinished(() => void socket.destroy());
  return {
    socket,
    say: (text: string) => socket.write(text),
    /** The answer, once its head is there. */
    async answer(): Promise<string> {
      while (!heard.includes('\r\n\r\n')) {
        await Promise.race([once(socket, 'data'), once(socket, 'close')]);
        if (socket.destroyed) break;
      }
      return heard;
    },
    closed: () => (socket.destroyed ? Promise.resolve() : once(socket, 'close')),
  };
}

function head(path: string, length: number | string, more = ''): string {
  return `POST ${path} HTTP/1.1\r\nhost: x\r\nx-request-id: r1\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n${more}\r\n`;
}

const oneTime = `${'f'.repeat(64)}.result`;

function withoutDate(answer: string): string {
  return answer.replace(/^date: .*\r\n/im, '');
}

function errorLines(): string[] {
  return logged.filter((line) => (JSON.parse(line) as { level: number }).level >= 40);
}

describe('a stranger at the callbacks', () => {
  test.each([
    ['an account that does not exist', '/callbacks/nobody/some-token-of-a-kind', 404],
    ['a wrong token', '/callbacks/jenga/some-token-of-a-kind', 404],
    ['a missing password', `/callbacks/bank/${testCallbackToken}`, 404],
    ['a token of no form', '/callbacks/daraja/x', 404],
    ['a one-time token that nobody gave', `/callbacks/daraja/${oneTime}`, 200],
  ])('%s is answered before a byte of the body', async (_name, path, status) => {
    const { say, answer } = openSocket();
    say(head(path, 60_000));
    expect(await answer()).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
  });

  test.each([`/callbacks/jenga/${testCallbackToken}`, '/callbacks/nobody/some-token-of-a-kind'])(
    'more than 64 KiB at %s are refused before a byte of them',
    async (path) => {
      const { say, answer } = openSocket();
      say(head(path, 64 * 1_024 + 1));
      expect(await answer()).toMatch(/^HTTP\/1.1 413 /);
    },
  );

  test('more than 64 KiB that are announced by nothing are refused where they begin', async () => {
    const { say, answer } = openSocket();
    say(
      `POST /callbacks/jenga/${testCallbackToken} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n` +
        `11000\r\n${'x'.repeat(0x11_000)}\r\n`,
    );
    expect(await answer()).toMatch(/^HTTP\/1.1 413 /);
  });

  test('cannot tell one account from another, nor from none', async () => {
    for (const token of [oneTime, 'some-token-of-a-kind', 'x', `${'f'.repeat(64)}.other`]) {
      const answers = new Set<string>();
      for (const account of ['jenga', 'daraja', 'bank', 'office', 'nobody']) {
        const { say, answer } = openSocket();
        say(`${head(`/callbacks/${account}/${token}`, 2)}{}`);
        answers.add(withoutDate(await answer()));
      }
      expect([...answers], token).toHaveLength(1);
    }
  });
});

describe('a client that does not go on', () => {
  // At once: each of them waits for its time-out. Node's own would take a minute, and five for a body.
  test('in the middle of a request gets 408 within seconds, and nobody is blamed', async () => {
    const before = errorLines().length;
    const begun = {
      'a callback': head(`/callbacks/jenga/${testCallbackToken}`, 1_000),
      'an order': head('/v1/orders', 1_000, `authorization: Bearer ${testApiKey}\r\n`),
      'a login': head('/login', 100).replace('json', 'x-www-form-urlencoded'),
      headers: 'GET / HTTP/1.1\r\nhost: x\r\nx-more: ',
    };
    const startedAt = performance.now();
    const answers = Object.entries(begun).map(async ([what, text]) => {
      const { say, answer, closed } = openSocket();
      say(`${text}{`);
      expect(await answer(), what).toMatch(/^HTTP\/1.1 408 /);
      await closed();
      expect(performance.now() - startedAt, what).toBeLessThan(50_000);
    });
    await Promise.all(answers);
    expect(errorLines().slice(before)).toEqual([]);
  });

  test('in the middle of a body and hangs up is no error of ours', async () => {
    const before = errorLines().length;
    for (const path of [`/callbacks/jenga/${testCallbackToken}`, '/v1/orders', '/login']) {
      const { say, socket } = openSocket();
      say(`${head(path, 1_000, `authorization: Bearer ${testApiKey}\r\n`)}{`);
      await once(socket, 'connect');
      // The next answer shows that this one was begun.
      await running.call('GET', '/health/live', { key: null });
      socket.destroy();
    }
    await running.call('GET', '/health/live', { key: null });
    expect(errorLines().slice(before)).toEqual([]);
  });
});

test('a form larger than any login is refused', async () => {
  const { say, answer } = openSocket();
  say(head('/login', 9_000).replace('json', 'x-www-form-urlencoded'));
  expect(await answer()).toMatch(/^HTTP\/1.1 413 /);
});

test('connections beyond MAX_CONNECTIONS are hung up on, and there is room when others go', async () => {
  const small = await startRunningService({
    accounts: 'jenga',
    roles: ['api'],
    environment: { MAX_CONNECTIONS: '16' },
  });
  onTestFinished(() => small.close());
  const sockets = Array.from({ length: 16 }, () => openSocket(small.url));
  await Promise.all(sockets.map(({ socket }) => once(socket, 'connect')));
  const live = 'GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n';
  sockets.at(-1)?.say(live);
  expect(await sockets.at(-1)?.answer()).toMatch(/^HTTP\/1.1 200 /);
  await openSocket(small.url).closed();
  for (const { socket, closed } of sockets.slice(0, 8)) {
    socket.destroy();
    await closed();
  }
  const isLive = () => small.call('GET', '/health/live', { key: null }).catch(() => null);
  expect(await until('the service to be live', isLive)).toMatchObject({ status: 200 });
});

describe('the hash of nothing as API key', () => {
  const nothing = sha256('');

  test.each(['', '\n', ' ', 'changeme', 'changeme\n', '$KEY', 'null', 'undefined'])(
    'that of %j is refused, with where it comes from',
    (text) => {
      const environment = { API_KEYS_SHA256: `${sha256('a good one')},${sha256(text).toUpperCase()}` };
      expect(() => readServiceSettings(environment)).toThrow(ConfigError);
      expect(() => readServiceSettings(environment)).toThrow(/when KEY is not set.*openssl rand/);
    },
  );

  test('lets nobody in who has no key, even where it is configured', async () => {
    const { createKeyFinder } = await import('../../src/api/api-keys.ts');
    const findKey = createKeyFinder(fullAccessKeys([nothing]));
    for (const authorization of [undefined, '', 'Bearer', 'Bearer ', 'Basic x', 'bearer \t']) {
      const headers = authorization === undefined ? {} : { authorization };
      expect(findKey({ headers } as Parameters<typeof findKey>[0]), authorization).toBeNull();
    }
  });
});
