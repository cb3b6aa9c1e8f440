import { request } from 'undici';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createUsers } from '../../../src/api/ui/users.ts';
import { readServiceSettings } from '../../../src/config/config.ts';
import { hashPassword } from '../../../src/config/password-hash.ts';
import { createKeys } from '../../../src/redis/keys.ts';
import { testPrefix, testRedis } from '../../support/redis.ts';
import {
  type RunningService,
  type RunningServiceOptions,
  startRunningService,
} from '../../support/running-service.ts';
import { until } from '../../support/waiting.ts';

// Several users of the pages, each with a password and a role of their own.

const passwords = {
  amina: 'mwana mbuzi chai barabara',
  kamau: 'ugali samaki pwani mvua',
  operator: 'open sesame, please',
};
type Name = keyof typeof passwords;

interface Entry {
  readonly name: string;
  readonly role: string;
  readonly passwordHash?: string;
}

/** The least that is accepted: this file checks many. */
const cost = { log2n: 14, r: 8, p: 2 };
/** A check takes a core, which other tests want too. */
const prefix = testPrefix();
let users: Entry[];
let running: RunningService;

function start(boardUsers: readonly Entry[], options: RunningServiceOptions = {}): Promise<RunningService> {
  return startRunningService({
    accounts: 'jenga',
    roles: ['api'],
    prefix,
    ...options,
    environment: {
      BOARD_USERS: JSON.stringify(boardUsers),
      BOARD_WRITABLE: 'true',
      TRUSTED_PROXIES: 'loopback',
      ...options.environment,
    },
  });
}

beforeAll(async () => {
  users = [
    { name: 'amina', role: 'operator', passwordHash: await hashPassword(passwords.amina, cost) },
    { name: 'kamau', role: 'viewer', passwordHash: await hashPassword(passwords.kamau, cost) },
    { name: 'proxied', role: 'operator' },
  ];
  running = await start(users, { environment: { BOARD_PASSWORD: passwords.operator } });
});
afterAll(() => running.close());

let addresses = 0;

/** From an address of its own, so that no test is held up by another's wrong passwords. */
function logIn(name: string, password: string, at = running) {
  addresses += 1;
  return at.call('POST', '/login', {
    key: null,
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      'x-forwarded-for': `10.1.${addresses}.1`,
    },
    body: new URLSearchParams({ username: name, password }).toString(),
  });
}

async function cookieOf(name: Name, at = running): Promise<string> {
  const { status, headers } = await logIn(name, passwords[name], at);
  expect(status).toBe(303);
  return String([headers['set-cookie']].flat()[0]).split(';')[0] ?? '';
}

async function send(method: string, path: string, headers: { [name: string]: string }, at = running) {
  const answer = await request(`${at.url}${path}`, { dispatcher: at.agent, method, headers });
  return { status: answer.statusCode, text: await answer.body.text() };
}

const look = async (path: string, cookie: string, at = running) =>
  (await send('GET', path, { cookie }, at)).status;
const pause = '/board/api/queues/jenga/pause';
const resume = '/board/api/queues/jenga/resume';

test('each logs in by name and password, and sees who it is', async () => {
  for (const name of ['amina', 'kamau', 'operator'] as const) {
    const { text } = await send('GET', '/', { cookie: await cookieOf(name) });
    expect(text).toContain(`<span class="user">${name}`);
    expect(text.includes('read-only')).toBe(name === 'kamau');
    expect(text).toContain('Log out');
  }
});

test.each([
  ['a wrong password', 'amina', 'mwana mbuzi chai barabar'],
  ["another's password", 'amina', passwords.kamau],
  ['an unknown name', 'nobody', passwords.amina],
  ['a user without a password', 'proxied', ''],
  ['a name in capitals', 'AMINA', passwords.amina],
  ['a name of JavaScript', '__proto__', passwords.amina],
  ['another one', 'constructor', passwords.amina],
  ['no name', '', passwords.amina],
  ['nothing', '', ''],
])('%s opens nothing', async (_what, name, password) => {
  const { status, text, headers } = await logIn(name, password);
  expect(status).toBe(401);
  expect(text).toContain('User or password is wrong.');
  expect(headers['set-cookie']).toBeUndefined();
});

describe('a viewer', () => {
  test('sees everything and changes nothing, whatever the board may do', async () => {
    const cookie = await cookieOf('kamau');
    for (const path of ['/', '/board/', '/board/api/queues', '/orders/none', '/docs/json']) {
      expect([200, 404], path).toContain(await look(path, cookie));
    }
    for (const path of [pause, '/board/api/queues/jenga/obliterate', '/board/api/queues/sweeper/pause']) {
      const refused = await send('PUT', path, { cookie });
      expect(refused.status, path).toBe(403);
      expect(refused.text).toContain('needs a user with the role operator');
    }
    for (const method of ['POST', 'DELETE', 'PATCH'])
      expect([403, 404]).toContain((await send(method, '/board/api/queues/jenga', { cookie })).status);
    const authorization = `Basic ${Buffer.from(`kamau:${passwords.kamau}`).toString('base64')}`;
    expect((await send('PUT', pause, { authorization })).status).toBe(403);
    const { text } = await send('GET', '/board/api/queues', { cookie });
    expect(text).toContain('"readOnlyMode":true');
    expect(text).not.toContain('"readOnlyMode":false');
  });

  test('is distinguished from an operator in the audit trail', async () => {
    const [viewer, operator] = [await cookieOf('kamau'), await cookieOf('amina')];
    expect((await send('PUT', pause, { cookie: viewer, 'x-request-id': 'u1' })).status).toBe(403);
    expect((await send('PUT', pause, { cookie: operator, 'x-request-id': 'u2' })).status).toBe(200);
    expect((await send('PUT', resume, { cookie: operator, 'x-request-id': 'u3' })).status).toBe(200);
    const entry = (id: string) =>
      until('the audit entry', async () => {
        const entries = await testRedis().xrange(createKeys(prefix).audit, '-', '+');
        return entries.map(([, fields]) => fields).find((fields) => fields.includes(id));
      });
    expect(await entry('u1')).toEqual(expect.arrayContaining(['kamau', 'pause jenga: 403']));
    expect(await entry('u2')).toEqual(expect.arrayContaining(['amina', 'pause jenga: 200']));
  });
});

describe('an operator', () => {
  test('does what the board offers, also by Basic authentication', async () => {
    const authorization = `Basic ${Buffer.from(`amina:${passwords.amina}`).toString('base64')}`;
    for (const path of [pause, resume]) expect((await send('PUT', path, { authorization })).status).toBe(200);
    const { text } = await send('GET', '/board/api/queues', { authorization });
    expect(text).toContain('"readOnlyMode":false');
  });

  test('is asked for the slow check once: later requests of a script are quick', async () => {
    const authorization = `Basic ${Buffer.from(`amina:${passwords.amina}`).toString('base64')}`;
    const { boardUsers } = readServiceSettings({ BOARD_USERS: JSON.stringify(users) });
    const alone = createUsers({ boardUsers, boardUsername: 'operator' });
    const times = 20;
    const repeated = (act: () => Promise<unknown>) =>
      cpuTime(async () => {
        for (let n = 0; n < times; n += 1) await act();
      });
    await send('GET', '/orders/none', { authorization });
    const requests = await repeated(() => send('GET', '/orders/none', { authorization }));
    expect(requests).toBeLessThan(await repeated(() => alone.check('amina', 'wrong', 0)));
  });
});

describe('a session', () => {
  test('goes by the role that is configured now, not by that of its beginning', async () => {
    const cookie = await cookieOf('amina');
    const demoted = await start(
      users.map((user) => (user.name === 'amina' ? { ...user, role: 'viewer' } : user)),
    );
    try {
      expect(await look('/', cookie, demoted)).toBe(200);
      expect((await send('PUT', pause, { cookie }, demoted)).status).toBe(403);
    } finally {
      await demoted.close();
    }
  });

  test('ends with its user, and with its user’s password, and no other does', async () => {
    const [ofAmina, ofKamau] = [await cookieOf('amina'), await cookieOf('kamau')];
    const deleted = await start(users.filter(({ name }) => name !== 'amina'));
    try {
      expect(await look('/', ofAmina, deleted)).toBe(401);
      expect((await send('PUT', pause, { cookie: ofAmina }, deleted)).status).toBe(401);
      expect(await look('/', ofKamau, deleted)).toBe(200);
    } finally {
      await deleted.close();
    }
    const passwordHash = await hashPassword('another good password of hers', cost);
    const changed = await start(
      users.map((user) => (user.name === 'amina' ? { ...user, passwordHash } : user)),
    );
    try {
      expect(await look('/', ofAmina, changed)).toBe(401);
      expect(await look('/', ofKamau, changed)).toBe(200);
      expect((await logIn('amina', passwords.amina, changed)).status).toBe(401);
    } finally {
      await changed.close();
    }
    expect(await look('/', ofAmina)).toBe(200);
  });

  test('made a viewer’s by the cookie of an operator’s browser gives no further right', async () => {
    const { headers } = await logIn('amina', passwords.amina);
    const device = String([headers['set-cookie']].flat()[1]).split(';')[0] ?? '';
    expect(device).toContain('-device-');
    const value = device.slice(device.indexOf('=') + 1);
    expect(await look('/', device)).toBe(401);
    expect(await look('/', `payment-poller-${prefix}=${value}`)).toBe(401);
  });
});

test('the time that a wrong login takes does not tell which names there are', async () => {
  const { boardUsers } = readServiceSettings({ BOARD_USERS: JSON.stringify(users) });
  const known = createUsers({ boardUsers, boardUsername: 'operator', boardPassword: passwords.operator });
  const names = ['amina', 'nobody', 'proxied', 'operator', 'toString', ''];
  // In turn, and the least of several each: a check that is left out stays quick however often it is repeated, while one that
  // was slowed down by what else the machine does becomes quick in another round.
  const quickest = new Map<string, number>();
  const ratio = () => Math.max(...quickest.values()) / Math.min(...quickest.values());
  for (let round = 0; round < 30 && (round < 3 || ratio() >= 2); round += 1) {
    for (const name of names) {
      const took = await cpuTime(async () => expect(await known.check(name, 'wrong', 0)).toBeNull());
      quickest.set(name, Math.min(took, quickest.get(name) ?? Number.POSITIVE_INFINITY));
    }
  }
  expect(ratio(), JSON.stringify([...quickest])).toBeLessThan(2);
});

/** Processor time in microseconds, of all threads: what else the machine does is not in it. */
async function cpuTime(act: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  await act();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

test('a flood of guesses keeps out nobody whose browser is known, nor whoever has logged in here before', async () => {
  const { headers } = await logIn('kamau', passwords.kamau);
  const device = String([headers['set-cookie']].flat()[1]).split(';')[0] ?? '';
  const form = (name: string, password: string) => ({
    key: null,
    body: new URLSearchParams({ username: name, password }).toString(),
  });
  const type = { 'content-type': 'application/x-www-form-urlencoded' };
  const guesses = Array.from({ length: 60 }, (_, nth) =>
    running.call('POST', '/login', {
      ...form('kamau', `guess ${nth}`),
      headers: { ...type, 'x-forwarded-for': `10.77.${nth}.1` },
    }),
  );
  const from = { 'x-forwarded-for': '10.77.250.1' };
  const known = await running.call('POST', '/login', {
    ...form('kamau', passwords.kamau),
    headers: { ...type, ...from, cookie: device },
  });
  expect(known.status).toBe(303);
  const statuses = (await Promise.all(guesses)).map(({ status }) => status);
  // Wrong, or not looked at: nothing failed, and nothing came in.
  expect(statuses.filter((status) => status !== 401 && status !== 429)).toEqual([]);
  expect(statuses).toContain(429);
});
