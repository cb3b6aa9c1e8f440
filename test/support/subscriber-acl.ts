import { eventFields } from '../../src/domain/result-event.ts';
import { createKeys } from '../../src/redis/keys.ts';
import { codeBlocks } from '../docs/code-blocks.ts';
import { aResult } from '../results/publish.ts';

/** The rights that docs/security.md gives the subscriber's user of the group `shop`, as arguments of ACL SETUSER. */
export function subscriberRights(prefix: string): string[] {
  const rules =
    codeBlocks('docs/security.md').find(({ code }) => code.includes('ACL SETUSER shop'))?.code ?? '';
  const [, words = ''] = /SETUSER shop ([\s\S]*?)\n\s*redis-cli/.exec(rules) ?? [];
  // As the shell splits them: blanks outside of quotes.
  const args = words
    .replaceAll('\\\n', ' ')
    .replaceAll('$PREFIX', prefix)
    .matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g);
  return [...args].map(([, double, single, bare]) => double ?? single ?? bare ?? '');
}

/** The password among these rights. */
export const subscriberPassword = 'change-me';

/** Commands by which such a user would publish, remove, expire, overwrite, or hurt others. Each must be refused. */
export function subscriberAttacks(prefix: string): string[][] {
  const keys = createKeys(prefix);
  return [
    ['XADD', keys.results, '*', ...eventFields(aResult('forged'))],
    ['PEXPIRE', keys.results, '1'],
    ['HSET', keys.results, 'a', 'b'],
    ['DEL', keys.results],
    ['XTRIM', keys.results, 'MAXLEN', '0'],
    ['XGROUP', 'CREATE', keys.results, 'more', '0'],
    ['XGROUP', 'DESTROY', keys.results, 'other'],
    ['XGROUP', 'SETID', keys.results, 'other', '$'],
    ['XGROUP', 'DELCONSUMER', keys.results, 'other', 'one'],
    ['HSET', keys.order('ord-1'), 'a', 'b'],
    ['GET', keys.token('jenga')],
    ['CLIENT', 'KILL', 'TYPE', 'normal'],
    ['CLIENT', 'PAUSE', '60000'],
    ['CLIENT', 'LIST'],
    ['SCRIPT', 'FLUSH'],
    ['FLUSHALL'],
    ['CONFIG', 'SET', 'maxmemory', '1'],
    ['ACL', 'SETUSER', 'me', 'on', 'nopass', '+@all', '~*'],
    ['KEYS', '*'],
    ['SUBSCRIBE', 'anything'],
  ];
}
