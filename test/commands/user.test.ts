import { describe, expect, test } from 'vitest';
import { readServiceSettings } from '../../src/config/config.ts';
import { isPasswordOf } from '../../src/config/password-hash.ts';
import { runCommand } from '../support/command-line.ts';

const password = 'mwana mbuzi chai barabara';
const good = ['user', 'new', '--name', 'amina', '--role', 'operator'];

test.each(['', '\n', '\r\n'])(
  'user new makes an entry from the password on standard input, ended by %j',
  async (end) => {
    const { code, stdout, stderr } = await runCommand(good, { stdin: `${password}${end}` });
    expect(code).toBe(0);
    expect(stdout + stderr).not.toContain(password);
    const [user] = readServiceSettings({ BOARD_USERS: `[${stdout}]` }).boardUsers;
    expect(user).toMatchObject({ name: 'amina', role: 'operator' });
    if (!user?.password) throw new Error('It has no hash.');
    expect(await isPasswordOf(password, user.password.hash)).toBe(true);
    // Whatever reads an environment file leaves it as it is.
    expect(user.password.text).toMatch(/^[\w:-]+$/);
  },
);

describe.concurrent('wrong usage: exit code 2, one sentence, nothing printed', () => {
  test.each([
    ['no name', ['user', 'new', '--role', 'viewer'], password, /--name/],
    ['no role', ['user', 'new', '--name', 'amina'], password, /--role/],
    ['another role', ['user', 'new', '--name', 'amina', '--role', 'admin'], password, /viewer or operator/],
    [
      'a name that is none',
      ['user', 'new', '--name', 'a b', '--role', 'viewer'],
      password,
      /A name must consist of/,
    ],
    ['a password among the arguments', [...good, password], password, /too many arguments/],
    ['no password', good, '', /at least 12 characters/],
    ['a short password', good, 'short', /at least 12 characters/],
    ['a weak password', good, 'Password1234!', /too easy to guess/],
    ['the name in the password', good, 'Amina chai barabara', /must not contain the name/],
    ['several lines', good, `${password}\n${password}\n`, /nothing else/],
    ['a whole file', good, 'chai'.repeat(2_000), /too long/],
  ])('%s', async (_what, args, stdin, sentence) => {
    const { code, stdout, stderr } = await runCommand(args, { stdin });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(sentence);
    expect(stderr).not.toContain('Password1234');
  });
});
