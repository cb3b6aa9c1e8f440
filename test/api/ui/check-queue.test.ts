import { expect, test } from 'vitest';
import { createCheckQueue, TooManyChecksError } from '../../../src/api/ui/check-queue.ts';

/** Work that ends when it is told to. */
function someWork(queue: ReturnType<typeof createCheckQueue>) {
  const started: string[] = [];
  const ends = new Map<string, (error?: Error) => void>();
  const run = (name: string, rank: number) =>
    queue.run(rank, () => {
      started.push(name);
      return new Promise<string>((resolve, reject) => {
        ends.set(name, (error) => (error ? reject(error) : resolve(name)));
      });
    });
  return { started, run, end: (name: string, error?: Error) => ends.get(name)?.(error) };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

test('so many run at once; whoever has guessed less comes first', async () => {
  const { started, run, end } = someWork(createCheckQueue(2, 10));
  const all = [run('a', 0), run('b', 0), run('c', 3_000), run('d', 0), run('e', -1), run('f', 0)];
  await settled();
  expect(started).toEqual(['a', 'b']);
  for (const name of ['a', 'b', 'e', 'd', 'f', 'c']) {
    end(name);
    await settled();
  }
  expect(started).toEqual(['a', 'b', 'e', 'd', 'f', 'c']);
  expect(await Promise.all(all)).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
});

test('when too many wait, whoever has guessed most is refused', async () => {
  const { run, end } = someWork(createCheckQueue(1, 2));
  const first = run('first', 0);
  const guessing = run('guessing', 3_000);
  const second = run('second', 0);
  const third = run('third', 0);
  await expect(guessing).rejects.toThrow(TooManyChecksError);
  await expect(run('late', 0)).rejects.toThrow('try again in a few seconds');
  for (const name of ['first', 'second', 'third']) {
    end(name);
    await settled();
  }
  expect(await Promise.all([first, second, third])).toEqual(['first', 'second', 'third']);
});

test('work that fails leaves its place to the next', async () => {
  const { run, end } = someWork(createCheckQueue(1, 2));
  const broken = run('broken', 0);
  const next = run('next', 0);
  end('broken', new Error('no memory'));
  await expect(broken).rejects.toThrow('no memory');
  await settled();
  end('next');
  expect(await next).toBe('next');
});

test('a caller that waits too long to be in time gets an error, and its place goes to others', async () => {
  const { started, run, end } = someWork(createCheckQueue(1, 5));
  const first = run('first', 0);
  await expect(run('second', 0)).rejects.toThrow(TooManyChecksError);
  end('first');
  expect(await first).toBe('first');
  const third = run('third', 0);
  await settled();
  expect(started).toEqual(['first', 'third']);
  end('third');
  expect(await third).toBe('third');
});
