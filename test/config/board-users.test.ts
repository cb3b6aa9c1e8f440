import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { ConfigError, readServiceSettings } from '../../src/config/config.ts';
import { hashPassword, isPasswordOf, parsePasswordHash } from '../../src/config/password-hash.ts';

const folder = mkdtempSync(join(tmpdir(), 'payment-poller-users-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const salt = 'A'.repeat(22);
const hash = `scrypt:14:8:5:${salt}:${'B'.repeat(43)}`;
const otherHash = `scrypt:14:8:5:${salt}:${'C'.repeat(43)}`;

/** Everything that is wrong with an environment. */
function faultsOf(environment: { readonly [name: string]: string }): string {
  try {
    readServiceSettings(environment);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return '';
}

const ofUsers = (text: unknown) =>
  faultsOf({ BOARD_USERS: typeof text === 'string' ? text : JSON.stringify(text) });

describe('BOARD_USERS', () => {
  const users = [
    { name: 'amina', role: 'operator', passwordHash: hash },
    { name: 'kamau@shop.example', role: 'viewer' },
  ];

  test('is a JSON list, the path of a file with one, or in a file as every secret', () => {
    const file = join(folder, 'users.json');
    writeFileSync(file, `${JSON.stringify(users)}\n`);
    for (const environment of [
      { BOARD_USERS: JSON.stringify(users) },
      { BOARD_USERS: file },
      { BOARD_USERS_FILE: file },
    ]) {
      const { boardUsers } = readServiceSettings(environment);
      expect(boardUsers).toMatchObject([
        { name: 'amina', role: 'operator', password: { text: hash } },
        { name: 'kamau@shop.example', role: 'viewer', password: null },
      ]);
    }
  });

  test.each([
    ['no list', '{}', /neither|must be a JSON list/],
    ['no JSON', '[', /is not JSON/],
    ['no object', ['amina'], /user 1 of the list: must be an object/],
    ['no role', [{ name: 'amina' }], /user "amina": role/],
    ['another role', [{ name: 'amina', role: 'admin' }], /role must be viewer or operator/],
    [
      'a password for a hash',
      [{ name: 'amina', role: 'viewer', passwordHash: 'hunter2hunter2' }],
      /user new/,
    ],
    [
      'a further field',
      [{ name: 'amina', role: 'viewer', hunter2: 1 }],
      /may only have the fields name, role and passwordHash/,
    ],
    ['a prototype', `[{"name":"amina","role":"viewer","__proto__":{"role":"operator"}}]`, /only/],
    ['one name twice', [users[0], { ...users[0], passwordHash: otherHash }], /this name is used twice/],
    ['one hash twice', [users[0], { ...users[0], name: 'bob' }], /the password hash of the user "amina"/],
    ['a hash for a name', [{ name: hash, role: 'viewer' }], /user 1 of the list: name must consist/],
    ...['', ' amina', 'a b', 'a,b', 'a:b', '__proto__', 'amina\n', '<b>', 'ámina', 'a'.repeat(129)].map(
      (name): [string, unknown, RegExp] => [
        `the name ${JSON.stringify(name)}`,
        [{ name, role: 'viewer' }],
        /name must/,
      ],
    ),
  ])('with %s is a fault, told without values', (_what, given, fault) => {
    const told = ofUsers(given);
    expect(told).toMatch(fault);
    expect(told).not.toContain('hunter2');
    expect(told).not.toContain('BBBB');
  });

  test.each([
    ['cheaper than half of ours', `scrypt:14:8:1:${salt}:${'B'.repeat(43)}`],
    ['so dear that a login takes seconds', `scrypt:17:8:9:${salt}:${'B'.repeat(43)}`],
    ['of more memory than a login may take', `scrypt:18:8:1:${salt}:${'B'.repeat(43)}`],
    ['of another block size', `scrypt:14:16:5:${salt}:${'B'.repeat(43)}`],
    ['with a short salt', `scrypt:14:8:5:AAAA:${'B'.repeat(43)}`],
    ['with a short hash', `scrypt:14:8:5:${salt}:BBBB`],
    ['of another algorithm', '$2b$12$abcdefghijklmnopqrstuuJ1'],
    ['empty', ''],
  ])('a hash %s is refused', (_what, passwordHash) => {
    expect(ofUsers([{ name: 'amina', role: 'viewer', passwordHash }])).toContain('user new');
  });

  test('and BOARD_PASSWORD may stand side by side, for different users', () => {
    const environment = { BOARD_USERS: JSON.stringify(users), BOARD_PASSWORD: 'open sesame, please' };
    expect(faultsOf(environment)).toBe('');
    expect(faultsOf({ ...environment, BOARD_USERNAME: 'amina' })).toMatch(
      /BOARD_USERS also contains the user of/,
    );
  });
});

describe('TRUSTED_USER_HEADER', () => {
  const good = {
    TRUSTED_USER_HEADER: 'X-Forwarded-User',
    TRUSTED_PROXIES: '10.0.0.7',
    BOARD_USERS: '[{"name":"amina","role":"viewer"}]',
  };

  test('is a header name, known by it in lower case', () => {
    expect(readServiceSettings(good).trustedUserHeader).toBe('x-forwarded-user');
  });

  test.each([
    [{ TRUSTED_PROXIES: '' }, /needs TRUSTED_PROXIES/],
    [{ TRUSTED_PROXIES: '10.0.0.7, 0.0.0.0/0' }, /anybody could log in as any user/],
    [{ TRUSTED_PROXIES: '::/0' }, /anybody could log in as any user/],
    [{ BOARD_USERS: '' }, /needs BOARD_USERS/],
    [{ TRUSTED_USER_HEADER: 'a b' }, /must be the name of a header/],
    ...[
      'Authorization',
      'cookie',
      'Host',
      'X-Forwarded-For',
      'X-Request-Id',
      'Sec-Fetch-Site',
      'accept-language',
    ].map((name): [{ [name: string]: string }, RegExp] => [
      { TRUSTED_USER_HEADER: name },
      /no other purpose/,
    ]),
  ])('with %j is a fault', (more, fault) => {
    expect(faultsOf({ ...good, ...more } as { [name: string]: string })).toMatch(fault);
  });
});

test('a password is known by its hash, whatever the Unicode form it was typed in', async () => {
  const text = await hashPassword('mbuzi café barabara');
  const parsed = parsePasswordHash(text);
  expect(text).toMatch(/^scrypt:14:8:5:[\w-]{22}:[\w-]{43}$/);
  if (parsed === null) throw new Error('It does not read its own hashes.');
  expect(await isPasswordOf('mbuzi cafe\u0301 barabara', parsed)).toBe(true);
  expect(await isPasswordOf('mbuzi cafe barabara', parsed)).toBe(false);
  expect(await hashPassword('mbuzi café barabara')).not.toBe(text);
});
