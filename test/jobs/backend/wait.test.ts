import { setTimeout as delay } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import { createWait } from '../../../src/jobs/backend/wait.ts';

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

const never = () => Promise.resolve();
const nothing = () => {};

test('ends with the sign that the read waits for', async () => {
  const { open, read } = reads();
  const waiting = createWait(read, never, nothing)(10);
  open[0]?.resolve('a sign');
  expect(await Promise.race([waiting, delay(5_000, 'still waits')])).toBeUndefined();
});

test('ends when its time is over, and has the read return then', async () => {
  const { open, read } = reads();
  const end = vi.fn(async () => open[0]?.resolve(null));
  const startedAt = performance.now();
  await createWait(read, end, nothing)(0.01);
  expect(performance.now() - startedAt).toBeGreaterThan(8);
  expect(end).toHaveBeenCalledOnce();
});

test('fails as the read does', async () => {
  const { open, read } = reads();
  const waiting = createWait(read, never, nothing)(10);
  open[0]?.reject(new Error('Connection is closed.'));
  await expect(waiting).rejects.toThrow('Connection is closed.');
});

test('goes on without a read that never ends, begins no second one beside it, and hears it when it is back', async () => {
  const { open, read } = reads();
  const wait = createWait(read, () => Promise.reject(new Error('Redis is away')), nothing);
  await wait(0.001);
  await wait(0.001);
  expect(open).toHaveLength(1);
  const waiting = wait(10);
  open[0]?.resolve('a sign');
  expect(await Promise.race([waiting, delay(5_000, 'still waits')])).toBeUndefined();
  void wait(0.001);
  expect(open).toHaveLength(2);
});

test('a read that fails after it was given up harms nobody', async () => {
  const { open, read } = reads();
  const wait = createWait(read, never, nothing);
  await wait(0.001);
  open[0]?.reject(new Error('too late'));
  await delay(1);
  const waiting = wait(10);
  expect(open).toHaveLength(2);
  open[1]?.resolve('a sign');
  await waiting;
});

test('tells of a sign that comes when nobody waits any more, and of no other', async () => {
  const { open, read } = reads();
  const missed = vi.fn();
  const wait = createWait(read, never, missed);
  const first = wait(10);
  open[0]?.resolve('a sign');
  await first;
  await wait(0.001);
  open[1]?.resolve(null);
  await delay(1);
  expect(missed).not.toHaveBeenCalled();
  await wait(0.001);
  open[2]?.resolve('a sign');
  await delay(1);
  expect(missed).toHaveBeenCalledOnce();
});
