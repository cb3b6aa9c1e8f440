import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createAddressList } from '../../../src/config/address-list.ts';
import { hashPassword } from '../../../src/config/password-hash.ts';
import { createKeys } from '../../../src/redis/keys.ts';
import { testRedis } from '../../support/redis.ts';
import { type RunningService, startRunningService } from '../../support/running-service.ts';
import { until } from '../../support/waiting.ts';

// Users whom a proxy has logged in. The proxy is at 127.0.0.3; everybody else comes from another address.

const proxy = '127.0.0.3';
const stranger = '127.0.0.2';
const header = 'X-Forwarded-User';
const password = 'mwana mbuzi chai barabara';
const lines: string[] = [];
let running: RunningService;
let withoutPasswords: RunningService;

const users = [
  { name: 'amina@shop.example', role: 'operator' },
  { name: 'kamau@shop.example', role: 'viewer' },
];
const environment = { TRUSTED_USER_HEADER: header, TRUSTED_PROXIES: proxy, BOARD_WRITABLE: 'true' };

beforeAll(async () => {
  const jane = { name: 'jane', role: 'viewer', passwordHash: await hashPassword(password) };
  const shared = { accounts: 'jenga', roles: ['api'] } as const;
  running = await startRunningService({
    ...shared,
    environment: { ...environment, BOARD_USERS: JSON.stringify([...users, jane]) },
    log: (line) => lines.push(line),
  });
  withoutPasswords = await startRunningService({
    ...shared,
    environment: { ...environment, BOARD_USERS: JSON.stringify(users) },
  });
});
afterAll(() => Promise.all([running.close(), withoutPasswords.close()]));

interface Sent {
  readonly from: string;
  readonly method?: string;
  readonly path?: string;
  /** Header lines as they go over the wire. */
  readonly head?: readonly string[];
  readonly at?: RunningService;
}

/** Sends exact bytes from an address of its own. */
function send({ from, method = 'GET', path = '/', head = [], at = running }: Sent) {
  const { hostname, port } = new URL(at.url);
  const lines = [
    `${method} ${path} HTTP/1.1`,
    `Host: ${hostname}`,
    'Connection: close',
    'Accept: text/html',
    ...head,
  ];
  return new Promise<{ status: number; text: string }>((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port), localAddress: from });
    let text = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    socket.on('error', reject);
    socket.on('close', () => resolve({ status: Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1]), text }));
    socket.write(`${lines.join('\r\n')}\r\n\r\n`);
  });
}

const amina = `${header}: amina@shop.example`;
const kamau = `${header}: kamau@shop.example`;
const pause = { method: 'PUT', path: '/board/api/queues/jenga/pause' };
const resume = { method: 'PUT', path: '/board/api/queues/jenga/resume' };

describe('from the proxy', () => {
  test('a listed user comes in with the role that is configured, and logs out there', async () => {
    const page = await send({ from: proxy, head: [amina] });
    expect(page.status).toBe(200);
    expect(page.text).toContain('amina@shop.example');
    expect(page.text).not.toContain('Log out');
    expect(page.text).not.toContain('read-only');
    expect((await send({ from: proxy, head: [kamau] })).text).toContain('read-only');
    expect((await send({ from: proxy, path: '/login?next=/docs', head: [amina] })).text).toMatch(
      /location: \/docs\r/i,
    );
    expect(page.text).not.toMatch(/set-cookie/i);
  });

  test('an operator acts and a viewer does not; the audit trail names both', async () => {
    expect((await send({ from: proxy, ...pause, head: [kamau, 'X-Request-Id: p1'] })).status).toBe(403);
    expect((await send({ from: proxy, ...pause, head: [amina, 'X-Request-Id: p2'] })).status).toBe(200);
    expect((await send({ from: proxy, ...resume, head: [amina] })).status).toBe(200);
    const entries = async () =>
      (await testRedis().xrange(createKeys(running.prefix).audit, '-', '+')).map(([, fields]) =>
        fields.join(' '),
      );
    for (const words of [
      ['kamau@shop.example', 'p1', 'pause jenga: 403'],
      ['amina@shop.example', 'p2', 'pause jenga: 200'],
    ])
      await until('the audit entry', async () =>
        (await entries()).some((entry) => words.every((word) => entry.includes(word))),
      );
    const logins = (await entries()).filter((entry) => entry.includes('succeeded-at-proxy'));
    expect(logins.filter((entry) => entry.includes('amina'))).toHaveLength(1);
  });

  test('a write still has to come from a page of ours', async () => {
    expect((await send({ from: proxy, ...pause, head: [amina, 'Sec-Fetch-Site: cross-site'] })).status).toBe(
      403,
    );
  });

  test.each([
    ['somebody who is not listed', [`${header}: mallory@shop.example`], 'mallory@shop.example'],
    ['a name of JavaScript', [`${header}: __proto__`], 'not listed'],
    ['no name', [`${header}:`], 'not listed'],
    ['a name in other letters', [`${header}: Amina@shop.example`], 'not listed'],
    ['markup', [`${header}: <script>alert(1)</script>`], 'not listed'],
    ['two names in two lines', [kamau, amina], 'more than one user'],
    ['the same name twice', [amina, amina], 'more than one user'],
    ['two names in one line', [`${header}: kamau@shop.example, amina@shop.example`], 'not listed'],
    ['bytes beyond ASCII', [`${header}: amina@shop.example\u00a0`], 'not listed'],
    [
      'two spellings of the header',
      [amina, `${header.toLowerCase()}: kamau@shop.example`],
      'more than one user',
    ],
  ])('%s gets nothing', async (_what, head, why) => {
    for (const path of ['/', '/login', '/events', '/board/api/queues']) {
      const { status, text } = await send({ from: proxy, path, head });
      expect(status, path).toBe(403);
      expect(text, path).toContain(why);
      expect(text, path).not.toContain('<script>alert');
    }
    const basic = `Authorization: Basic ${Buffer.from(`jane:${password}`).toString('base64')}`;
    expect((await send({ from: proxy, head: [...head, basic] })).status).toBe(403);
  });

  test('a header of a similar name is none', async () => {
    for (const name of ['X_Forwarded_User', 'X-Forwarded-User-', 'Forwarded-User'])
      expect((await send({ from: proxy, head: [`${name}: amina@shop.example`] })).status).toBe(303);
  });

  test('without a name, people log in by password where there is one', async () => {
    expect((await send({ from: proxy, path: '/login' })).text).toContain('name="password"');
    const authorization = `Basic ${Buffer.from(`jane:${password}`).toString('base64')}`;
    expect((await send({ from: proxy, head: [`Authorization: ${authorization}`] })).status).toBe(200);
    const nobody = await send({ from: proxy, path: '/login', at: withoutPasswords });
    expect(nobody.status).toBe(403);
    expect(nobody.text).toContain('log in through the proxy');
    expect((await send({ from: proxy, head: [amina], at: withoutPasswords })).status).toBe(200);
  });
});

describe('from anywhere else', () => {
  test.each([
    ['the header alone', [amina]],
    ['with the address of the proxy claimed', [amina, `X-Forwarded-For: ${proxy}`]],
    ['and as the last of several', [amina, `X-Forwarded-For: 10.0.0.1, ${proxy}`]],
    ['as Forwarded', [amina, `Forwarded: for=${proxy}`]],
  ])('%s is ignored', async (_what, head) => {
    expect((await send({ from: stranger, head })).status).toBe(303);
    expect((await send({ from: stranger, ...pause, head })).status).toBe(401);
    expect((await send({ from: stranger, path: '/login', head })).text).toContain('name="password"');
    expect((await send({ from: stranger, head, at: withoutPasswords })).status).toBe(303);
  });

  test('it adds nothing to the rights of who is logged in', async () => {
    const authorization = `Authorization: Basic ${Buffer.from(`jane:${password}`).toString('base64')}`;
    expect((await send({ from: stranger, head: [authorization, amina] })).text).toContain('read-only');
    expect((await send({ from: stranger, ...pause, head: [authorization, amina] })).status).toBe(403);
  });

  test('the log says so once: the proxy may have another address than was thought', async () => {
    await send({ from: stranger, head: [amina] });
    const warnings = lines.filter((line) => line.includes('is not in TRUSTED_PROXIES'));
    expect(warnings).toHaveLength(1);
    expect(JSON.parse(warnings[0] ?? '')).toMatchObject({ from: stranger, header: 'x-forwarded-user' });
  });
});

test.each([
  [['loopback'], '127.9.9.9', true],
  [['loopback'], '::1', true],
  [['loopback'], '::ffff:127.0.0.1', true],
  [['loopback'], '10.0.0.1', false],
  [['uniquelocal'], '10.0.0.1', true],
  [['uniquelocal'], '172.31.0.1', true],
  [['uniquelocal'], '172.32.0.1', false],
  [['uniquelocal'], 'fd00::1', true],
  [['linklocal'], '169.254.1.1', true],
  [['linklocal'], 'fe80::1', true],
  [['10.0.0.0/30'], '10.0.0.3', true],
  [['10.0.0.0/30'], '::ffff:10.0.0.3', true],
  [['10.0.0.0/30'], '10.0.0.4', false],
  [['2001:db8::/32'], '2001:db8:1::1', true],
  [['10.0.0.1'], '10.0.0.10', false],
  [['10.0.0.1'], '', false],
  [['10.0.0.1'], 'unknown', false],
  [[], '127.0.0.1', false],
])('of %j, %s is one: %j', (entries, address, expected) => {
  expect(createAddressList(entries)(address)).toBe(expected);
});
