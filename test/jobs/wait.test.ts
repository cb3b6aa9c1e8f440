import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { createWait } from '../../src/jobs/wait.ts';

/** Reads that end when they are told to, and how many there were. */
function reads() {
  const open: PromiseWithResolvers<string | null>[] = [];
  return {
    open,
    read: () => {
      const reading = Promise.withResolvers<string | null>();
      open.push(reading);
      return reading.promise;
    },
  };
}

test('gives the sign that the read gave', async () => {
  const { open, read } = reads();
  const wait = createWait(read, () => Promise.resolve());
  const waiting = wait(10);
  open[0]?.resolve('a sign');
  expect(await waiting).toBe('a sign');
});

test('ends the read when its time is over', async () => {
  const { open, read } = reads();
  const wait = createWait(read, async () => open[0]?.resolve(null));
  expect(await wait(0.01)).toBeNull();
});

test('fails as the read does', async () => {
  const { open, read } = reads();
  const wait = createWait(read, () => Promise.resolve());
  const waiting = wait(10);
  open[0]?.reject(new Error('Connection is closed.'));
  await expect(waiting).rejects.toThrow('Connection is closed.');
});

test('goes on without a read that never ends, begins no second one beside it, and hears it when it is back', async () => {
  const { open, read } = reads();
  const wait = createWait(read, () => Promise.reject(new Error('Redis is away')));
  expect(await wait(0.001)).toBeNull();
  expect(await wait(0.001)).toBeNull();
  expect(open).toHaveLength(1);
  const waiting = wait(10);
  open[0]?.resolve('a sign');
  expect(await waiting).toBe('a sign');
  void wait(0.001);
  expect(open).toHaveLength(2);
});

test('a read that fails after it was given up harms nobody', async () => {
  const { open, read } = reads();
  const wait = createWait(read, () => Promise.resolve());
  expect(await wait(0.001)).toBeNull();
  open[0]?.reject(new Error('too late'));
  await delay(1);
  const waiting = wait(10);
  expect(open).toHaveLength(2);
  open[1]?.resolve('a sign');
  expect(await waiting).toBe('a sign');
});
