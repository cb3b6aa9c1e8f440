import { deepStrictEqual as equal, ok } from 'node:assert';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { connectRedis } from '../../src/redis/connection.ts';
import { createKeys } from '../../src/redis/keys.ts';
import { testPrefix, testRedis, testRedisUrl } from '../support/redis.ts';

// Tests the scripts of consumer groups, then that removing any line of a script fails one of its tests.

const redis = testRedis();
const scriptNames = ['begin', 'claim', 'finish', 'forget-handled', 'give-back', 'keep', 'leave'] as const;
type ScriptName = (typeof scriptNames)[number];
type Lua = { readonly [name in ScriptName]: string };

const sources = Object.fromEntries(
  scriptNames.map((name) => [
    name,
    readFileSync(new URL(`../../src/results/${name}.lua`, import.meta.url), 'utf8'),
  ]),
) as Lua;

/** A stream with a group, and the scripts on it. */
function world(lua: Lua) {
  const keys = createKeys(testPrefix());
  const [notes, lock, group] = [keys.handled('g', 0), keys.handling('g', 'a'), 'g'];
  const run = (name: ScriptName, names: string[], args: (string | number)[], client = redis) =>
    client.eval(lua[name], names.length, ...names, ...args);
  return {
    ...{ keys, notes, lock, run },
    async publish(...entries: [id: string, subject: string][]) {
      const fill = redis.pipeline();
      for (const [id, subject] of entries) fill.xadd(keys.results, id, 'subject', subject);
      await fill.exec();
      await redis.xgroup('CREATE', keys.results, group, '0').catch(() => {});
    },
    take: (consumer: string, count: number) =>
      redis.xreadgroup('GROUP', group, consumer, 'COUNT', count, 'STREAMS', keys.results, '>'),
    /** Sets how often an entry was delivered, and how long ago. */
    age: (id: string, consumer: string, tries: number, idleMs: number) =>
      redis.xclaim(
        keys.results,
        group,
        consumer,
        0,
        id,
        'IDLE',
        idleMs,
        'RETRYCOUNT',
        tries,
        'FORCE',
        'JUSTID',
      ),
    async pending(id: string) {
      const [found] = await redis.xpending(keys.results, group, id, id, 1);
      return (found ?? null) as [string, consumer: string, idleMs: number, tries: number] | null;
    },
    begin: (id: string, version: number, time: number, holder = 'me') =>
      run('begin', [notes, lock, keys.results], [group, id, 'a', version, time, holder, 60_000, 1_000]),
    finish: (id: string, note: string, parked: string[] = [], client = redis) =>
      run(
        'finish',
        [notes, lock, keys.results, keys.parked(group)],
        [group, id, 'me', 'a', note, 90_000, ...parked],
        client,
      ),
    async claim(count: number, from = '-', inHand: string[] = [], [retry, longest] = [1_000, 10_000]) {
      const reply = await run('claim', [keys.results], [group, 'me', retry, longest, count, from, ...inHand]);
      const [taken, next] = reply as [[string, string[], number][], string];
      return {
        taken: taken.map(([id, , tries]) => [id, tries]),
        fields: taken.map(([, each]) => each),
        next,
      };
    },
    /** A connection as a user without permission for one command. */
    async without(command: string) {
      const user = keys.results.replaceAll(/\W/g, '');
      await redis.acl('SETUSER', user, 'reset', 'on', '>secret', '~*', '+@all', `-${command}`);
      const client = connectRedis(testRedisUrl().replace('redis://', `redis://${user}:secret@`), 'patient');
      return {
        client,
        async close() {
          client.disconnect();
          await redis.acl('DELUSER', user);
        },
      };
    },
  };
}
type World = ReturnType<typeof world>;

/** Each check throws if its script behaves differently. */
const cases: { readonly [script in ScriptName]: { readonly [what: string]: (w: World) => Promise<void> } } = {
  begin: {
    'locks the order of a result whose turn has come': async ({ publish, begin, lock }) => {
      await publish(['1-1', 'a']);
      equal(await begin('1-1', 1, 5), 'go');
      equal(await redis.get(lock), 'me');
      ok((await redis.pttl(lock)) > 30_000);
      equal(await begin('1-1', 1, 5), 'go');
      equal(await begin('1-1', 1, 5, 'other'), 'wait');
    },
    'knows what was handled by its place': async ({ begin, notes, lock }) => {
      await redis.hset(notes, 'a', '2 10-3 5');
      for (const id of ['10-3', '10-2', '9-9']) equal(await begin(id, 9, 9), 'stale');
      equal(await redis.exists(lock), 0);
      equal(await begin('10-4', 3, 4), 'go');
      await redis.hset(notes, 'a', '2 9-3 5');
      equal(await begin('10-0', 3, 5), 'go');
      await redis.hset(notes, 'a', '2 9-10 5');
      equal(await begin('9-9', 3, 5), 'stale');
      equal(await begin('9-11', 3, 5), 'go');
    },
    'tells an id that is used again from a result that is published again': async ({ begin, notes }) => {
      await redis.hset(notes, 'a', '2 10-3 500');
      equal(await begin('11-0', 2, 500), 'stale');
      equal(await begin('11-0', 1, 60), 'stale');
      equal(await begin('11-0', 1, 501), 'go');
      await redis.hset(notes, 'a', '10 10-3 500');
      equal(await begin('11-0', 9, 500), 'stale');
    },
    'handles what it knows nothing readable of': async ({ begin, notes, lock }) => {
      await redis.hset(notes, 'a', 'broken');
      await redis.rpush(lock, 'broken');
      equal(await begin('1-1', 1, 5), 'go');
      await redis.set(notes, 'broken');
      equal(await begin('1-1', 1, 5), 'go');
    },
    'waits for an older result that is under way': async ({ publish, take, age, begin, notes }) => {
      await publish(['1-1', 'a'], ['1-2', 'a']);
      await take('other', 2);
      equal(await begin('1-2', 2, 5), 'wait');
      equal(await begin('1-1', 1, 5), 'go');
      await age('1-1', 'other', 4, 500);
      equal(await begin('1-2', 2, 5), 'wait');
      await age('1-1', 'other', 3, 5_000);
      equal(await begin('1-2', 2, 5), 'wait');
      await age('1-1', 'other', 4, 5_000);
      equal(await begin('1-2', 2, 5), 'go');
      await age('1-1', 'other', 1, 0);
      await redis.hset(notes, 'a', '1 1-1 4');
      equal(await begin('1-2', 2, 5), 'go');
    },
    'does not wait for results of others, for a first one, nor without a group': async (w) => {
      equal(await w.begin('1-3', 2, 5), 'go');
      await w.publish(['1-1', 'b'], ['1-2', 'a']);
      equal(await w.begin('1-3', 2, 5), 'go');
      await w.take('other', 1);
      equal(await w.begin('1-2', 2, 5), 'go');
      await w.take('other', 1);
      equal(await w.begin('1-3', 1, 5), 'go');
      await redis.xdel(w.keys.results, '1-1', '1-2');
      equal(await w.begin('1-3', 2, 5), 'go');
    },
    'looks at 5,000 results, and then rather waits': async ({ publish, take, begin }) => {
      const others = Array.from({ length: 5_000 }, (_, nth): [string, string] => [`1-${nth + 1}`, 'b']);
      await publish(...others.slice(0, 150), ['1-151', 'a'], ['1-152', 'a']);
      await take('other', 200);
      equal(await begin('1-152', 2, 5), 'wait');
      equal(await begin('1-151', 2, 5), 'go');
      await publish(...others.slice(152), ['1-5001', 'a']);
      await take('other', 5_000);
      equal(await begin('1-151', 2, 5), 'go');
      equal(await begin('1-5002', 2, 5), 'wait');
    },
    'waits when there are too many to look at': async ({ publish, take, begin }) => {
      const others = Array.from({ length: 5_001 }, (_, nth): [string, string] => [`1-${nth + 1}`, 'b']);
      await publish(...others);
      await take('other', others.length);
      equal(await begin('1-5000', 2, 5), 'go');
      equal(await begin('1-5002', 2, 5), 'wait');
    },
  },
  finish: {
    'remembers, acknowledges and unlocks, once': async ({ publish, take, finish, pending, notes, lock }) => {
      await publish(['1-1', 'a']);
      await take('c', 1);
      await redis.set(lock, 'me');
      equal(await finish('1-1', '1 1-1 5'), 1);
      equal(await redis.hgetall(notes), { a: '1 1-1 5' });
      ok((await redis.pttl(notes)) > 60_000);
      equal([await pending('1-1'), await redis.exists(lock)], [null, 0]);
      equal(await finish('1-1', '1 1-1 5'), 0);
    },
    'leaves the lock of another': async ({ publish, take, finish, lock }) => {
      await publish(['1-1', 'a']);
      await take('c', 1);
      await redis.set(lock, 'other');
      equal(await finish('1-1', ''), 1);
      equal(await redis.get(lock), 'other');
      await redis.del(lock);
      await redis.rpush(lock, 'broken');
      equal(await finish('1-1', ''), 0);
    },
    'remembers only what stands behind what it knows': async ({ publish, finish, notes }) => {
      await publish(['1-1', 'a']);
      for (const [known, next, left] of [
        ['9-9', '10-0', '10-0'],
        ['10-9', '9-99', '10-9'],
        ['10-9', '10-10', '10-10'],
        ['10-9', '10-8', '10-9'],
      ]) {
        await redis.hset(notes, 'a', `1 ${known} 5`);
        await finish(String(next), `2 ${next} 6`);
        ok(((await redis.hget(notes, 'a')) ?? '').includes(` ${left} `));
      }
      await redis.hset(notes, 'a', 'broken');
      await finish('1-1', '1 1-1 5');
      equal(await redis.hget(notes, 'a'), '1 1-1 5');
    },
    'remembers nothing of what was not handled': async ({ publish, finish, notes }) => {
      await publish(['1-1', 'a']);
      await finish('1-1', '');
      equal(await redis.exists(notes), 0);
    },
    'puts its notes in the place of something else': async ({ publish, finish, notes }) => {
      await publish(['1-1', 'a']);
      await redis.set(notes, 'broken');
      await finish('1-1', '1 1-1 5');
      equal(await redis.hget(notes, 'a'), '1 1-1 5');
    },
    'removes no notes that it may not read, and acknowledges nothing': async (w) => {
      await w.publish(['1-1', 'a']);
      await w.take('c', 1);
      await redis.hset(w.notes, 'b', '1 1-0 5');
      const { client, close } = await w.without('hget');
      try {
        const said = await w.finish('1-1', '1 1-1 5', [], client).then(String, String);
        ok(/permission|can't run/.test(said), said);
        equal(await redis.hgetall(w.notes), { b: '1 1-0 5' });
        ok(await w.pending('1-1'));
      } finally {
        await close();
      }
    },
    'parks what is pending, once, before it acknowledges it': async ({ publish, take, finish, keys }) => {
      await publish(['1-1', 'a']);
      await finish('1-1', '', ['x', 'y']);
      equal(await redis.xlen(keys.parked('g')), 0);
      await take('c', 1);
      equal(await finish('1-1', '', ['x', 'y', 'z', 'w']), 1);
      equal(await finish('1-1', '', ['x', 'y']), 0);
      const parked = await redis.xrange(keys.parked('g'), '-', '+');
      equal(
        parked.map(([, fields]) => fields),
        [['x', 'y', 'z', 'w']],
      );
    },
    'parks nothing that it may not acknowledge, and acknowledges nothing that it cannot park': async (w) => {
      await w.publish(['1-1', 'a']);
      await w.take('c', 1);
      const { client, close } = await w.without('xack');
      try {
        await w.finish('1-1', '', ['x', 'y'], client).catch(() => {});
        equal(await redis.xlen(w.keys.parked('g')), 0);
      } finally {
        await close();
      }
      await redis.set(w.keys.parked('g'), 'broken');
      await w.finish('1-1', '', ['x', 'y']).catch(() => {});
      ok(await w.pending('1-1'));
    },
    'parks nothing of a group that is gone': async ({ finish, keys }) => {
      equal(await finish('1-1', '', ['x', 'y']), 0);
      equal(await redis.exists(keys.parked('g')), 0);
    },
  },
  claim: {
    'takes what is due, one try further, in its order': async ({ publish, take, age, claim, pending }) => {
      await publish(['1-1', 'a'], ['1-2', 'b'], ['1-3', 'c']);
      await take('dead', 3);
      for (const id of ['1-1', '1-2']) await age(id, 'dead', 1, 1_500);
      equal(await claim(10), {
        taken: [
          ['1-1', 2],
          ['1-2', 2],
        ],
        fields: [
          ['subject', 'a'],
          ['subject', 'b'],
        ],
        next: '-',
      });
      equal((await pending('1-1'))?.[1], 'me');
      equal((await pending('1-1'))?.[3], 2);
      ok(((await pending('1-1'))?.[2] ?? 0) < 1_000);
      equal((await pending('1-3'))?.[1], 'dead');
    },
    'waits twice as long after every try, but not longer than the longest': async (w) => {
      await w.publish(['1-1', 'a'], ['1-2', 'b'], ['1-3', 'c'], ['1-4', 'd']);
      await w.take('dead', 4);
      await w.age('1-1', 'dead', 3, 3_000);
      await w.age('1-2', 'dead', 3, 4_500);
      await w.age('1-3', 'dead', 9, 9_000);
      await w.age('1-4', 'dead', 9, 10_500);
      equal((await w.claim(10)).taken, [
        ['1-2', 4],
        ['1-4', 10],
      ]);
    },
    'leaves what the caller has in hand': async ({ publish, take, age, claim }) => {
      await publish(['1-1', 'a'], ['1-2', 'b'], ['1-3', 'c']);
      await take('me', 3);
      for (const id of ['1-1', '1-2', '1-3']) await age(id, 'me', 1, 5_000);
      equal((await claim(10, '-', ['1-1', '1-3'])).taken, [['1-2', 2]]);
    },
    'takes as many as are wanted, and goes on behind them': async ({ publish, take, age, claim }) => {
      await publish(['1-1', 'a'], ['1-2', 'b'], ['1-3', 'c']);
      await take('dead', 3);
      for (const id of ['1-1', '1-2', '1-3']) await age(id, 'dead', 1, 5_000);
      equal(await claim(2), {
        taken: [
          ['1-1', 2],
          ['1-2', 2],
        ],
        fields: [
          ['subject', 'a'],
          ['subject', 'b'],
        ],
        next: '1-2',
      });
      equal(await claim(2, '1-2'), { taken: [['1-3', 2]], fields: [['subject', 'c']], next: '-' });
    },
    'drops what was removed from the stream': async ({ publish, take, age, claim, pending, keys }) => {
      await publish(['1-1', 'a'], ['1-2', 'b']);
      await take('dead', 2);
      for (const id of ['1-1', '1-2']) await age(id, 'dead', 1, 5_000);
      await redis.xdel(keys.results, '1-1');
      equal((await claim(1)).taken, [['1-2', 2]]);
      equal(await pending('1-1'), null);
    },
    'looks at 5,000 in one call, and goes on': async ({ publish, take, claim, age }) => {
      const many = Array.from({ length: 5_001 }, (_, nth): [string, string] => [`1-${nth + 1}`, 'x']);
      await publish(...many);
      await take('dead', many.length);
      await age('1-5001', 'dead', 1, 3_600_000);
      const never: [number, number] = [1_800_000, 1_800_000];
      equal(await claim(1, '-', [], never), { taken: [], fields: [], next: '1-5000' });
      equal((await claim(5, '1-5000', [], never)).taken, [['1-5001', 2]]);
    },
  },
  keep: {
    'renews what is in hand, and its lock': async ({ publish, take, age, pending, run, keys, lock }) => {
      await publish(['1-1', 'a'], ['1-2', 'b']);
      await take('me', 2);
      for (const id of ['1-1', '1-2']) await age(id, 'me', 3, 5_000);
      const other = keys.handling('g', 'b');
      await redis.set(lock, 'holder', 'PX', 1_000);
      await redis.set(other, 'holder', 'PX', 1_000);
      await run('keep', [keys.results, lock, other], ['g', 'me', 'holder', 60_000, '1-1', '1-2']);
      for (const id of ['1-1', '1-2']) {
        const [, consumer, idleMs, tries] = (await pending(id)) ?? ['', '', 0, 0];
        equal([consumer, tries, idleMs < 1_000], ['me', 3, true]);
      }
      ok((await redis.pttl(lock)) > 30_000);
      ok((await redis.pttl(other)) > 30_000);
    },
    'leaves what is another by now': async ({ publish, take, age, pending, run, keys, lock }) => {
      await publish(['1-1', 'a']);
      await take('other', 1);
      await age('1-1', 'other', 2, 5_000);
      await redis.set(lock, 'holder', 'PX', 1_000);
      await run('keep', [keys.results, lock], ['g', 'me', 'holder', 60_000, '1-1']);
      equal((await pending('1-1'))?.[1], 'other');
      ok((await redis.pttl(lock)) <= 1_000);
      await age('1-1', 'me', 2, 5_000);
      await redis.set(lock, 'somebody', 'PX', 1_000);
      await run('keep', [keys.results, lock], ['g', 'me', 'holder', 60_000, '1-1']);
      ok((await redis.pttl(lock)) <= 1_000);
    },
  },
  'give-back': {
    'unlocks, and sets when the result comes again': async ({
      publish,
      take,
      age,
      pending,
      run,
      keys,
      lock,
    }) => {
      await publish(['1-1', 'a']);
      await take('me', 1);
      await age('1-1', 'me', 3, 9_000);
      await redis.set(lock, 'holder');
      await run('give-back', [lock, keys.results], ['g', 'me', '1-1', 'holder', 2, 500]);
      const [, consumer, idleMs, tries] = (await pending('1-1')) ?? ['', '', 0, 0];
      equal([consumer, tries, idleMs >= 500 && idleMs < 5_000], ['me', 2, true]);
      equal(await redis.exists(lock), 0);
      await run('give-back', [lock, keys.results], ['g', 'me', '1-1', 'holder', '', 0]);
      equal((await pending('1-1'))?.[3], 2);
    },
    'leaves what is another by now': async ({ publish, take, age, pending, run, keys, lock }) => {
      await publish(['1-1', 'a']);
      await take('other', 1);
      await age('1-1', 'other', 3, 9_000);
      await redis.set(lock, 'somebody');
      await run('give-back', [lock, keys.results], ['g', 'me', '1-1', 'holder', 2, 500]);
      const [, consumer, idleMs, tries] = (await pending('1-1')) ?? ['', '', 0, 0];
      equal([consumer, tries, idleMs >= 9_000], ['other', 3, true]);
      equal(await redis.get(lock), 'somebody');
    },
  },
  leave: {
    'strikes off a consumer that holds nothing': async ({ publish, take, run, keys }) => {
      await publish(['1-1', 'a']);
      await take('me', 1);
      await run('leave', [keys.results], ['g', 'me']);
      equal(((await redis.xinfo('CONSUMERS', keys.results, 'g')) as unknown[]).length, 1);
      await redis.xack(keys.results, 'g', '1-1');
      await run('leave', [keys.results], ['g', 'me']);
      equal(await redis.xinfo('CONSUMERS', keys.results, 'g'), []);
    },
  },
  'forget-handled': {
    'forgets what is over, and renews the rest': async ({ run, notes }) => {
      await redis.hset(notes, {
        ...{ old: '1 400-9 1', nth: '1 500-4 1', first: '1 500-5 1', on: '1 501-0 1' },
        ...{ numeric: '1 99-0 1', broken: 'broken' },
      });
      equal(await run('forget-handled', [notes], [450, '500-5', 70_000]), 3);
      equal((await redis.hkeys(notes)).sort(), ['first', 'nth', 'on']);
      equal(await run('forget-handled', [notes], [1_000, '500-5', 70_000]), 1);
      equal((await redis.hkeys(notes)).sort(), ['first', 'on']);
      ok((await redis.pttl(notes)) > 60_000);
      await redis.hset(notes, 'young', '1 499-0 1');
      equal(await run('forget-handled', [notes], [499, '500-5', 70_000]), 0);
    },
    'goes past what is none of its notes, and through all that there are': async ({ run, notes, keys }) => {
      const broken = keys.handled('g', 1);
      await redis.set(broken, 'broken');
      const many = Array.from({ length: 1_500 }, (_, nth) => [`o-${nth}`, '1 1-1 1']).flat();
      await redis.hset(notes, ...many);
      equal(await run('forget-handled', [broken, notes], [450, '500-5', 70_000]), 1_500);
      equal(await redis.exists(notes), 0);
    },
  },
};

describe.each(scriptNames)('%s', (script) => {
  test.each(Object.entries(cases[script]))('%s', (_what, check) => check(world(sources)));
});

/** Lines that only Redis before version 7 needs. */
const spared: { readonly [script in ScriptName]?: readonly RegExp[] } = { claim: [/'XACK'/] };

describe.each(scriptNames)('every line of %s is needed', (script) => {
  const lines = sources[script].split('\n');
  const mutants = lines
    .map((text, nth) => ({ text: text.trim(), nth }))
    .filter(({ text }) => text !== '' && !text.startsWith('--'))
    .filter(({ text }) => !spared[script]?.some((each) => each.test(text)));

  test.each(mutants)('line $nth: $text', async ({ nth }) => {
    const mutant = { ...sources, [script]: lines.filter((_, index) => index !== nth).join('\n') };
    const outcomes: boolean[] = [];
    for (const check of Object.values(cases[script])) {
      outcomes.push(
        await check(world(mutant)).then(
          () => true,
          () => false,
        ),
      );
      if (!outcomes.at(-1)) break;
    }
    expect(outcomes).toContain(false);
  });
});
