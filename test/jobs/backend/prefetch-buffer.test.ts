import { setImmediate as immediate } from 'node:timers/promises';
import type { JobJson } from 'bullmq';
import { expect, onTestFinished, test, vi } from 'vitest';
import type { Taken } from '../../../src/jobs/backend/poll-exchange.ts';
import { createJobSupply } from '../../../src/jobs/backend/prefetch-buffer.ts';

const usableMs = 15_000;
const now = 1_700_000_000_000;

/** A queue with so many due jobs, and what was asked of it. `tookMs`: how long a turn takes. */
function setup(due: number, slots: number, rest: Partial<Taken> & { readonly tookMs?: number } = {}) {
  vi.useFakeTimers({ now, toFake: ['Date', 'setTimeout', 'performance'] });
  onTestFinished(() => void vi.useRealTimers());
  const asked: number[] = [];
  const gone: [jobId: string, at: number | null][] = [];
  const locked: string[] = [];
  let given = 0;
  const { tookMs = 0, ...turn } = rest;
  const take = (most: number): Promise<Taken> => {
    asked.push(most);
    vi.advanceTimersByTime(tookMs);
    const jobs = Array.from(
      { length: Math.min(most, due - given) },
      () => ({ id: `job:${given++}` }) as JobJson,
    );
    return Promise.resolve({ jobs, limitedMs: 0, nextDueAt: 0, ...turn });
  };
  const letGo = (jobId: string, at: number | null) => {
    gone.push([jobId, at]);
    return Promise.resolve(0);
  };
  let looks = 0;
  const look = () => {
    looks += 1;
    return Promise.resolve(locked);
  };
  const turns = { take, letGo, locked: look };
  return { asked, gone, locked, looks: () => looks, supply: createJobSupply(turns, slots, usableMs) };
}

test('asks for as many jobs as slots are free, and gives each once', async () => {
  const { asked, supply } = setup(10, 3);
  expect(await supply.fill()).toBeNull();
  expect([supply.ahead(), supply.ahead(), supply.ahead(), supply.ahead()].map(([job]) => job?.id)).toEqual([
    'job:0',
    'job:1',
    'job:2',
    undefined,
  ]);
  supply.release('job:1');
  supply.release('job:2');
  await supply.fill();
  expect(asked).toEqual([3, 2]);
});

test('counts what other slots are asking for at the moment', async () => {
  const { asked, supply } = setup(10, 3);
  await Promise.all([supply.ask(), supply.fill()]);
  expect(asked).toEqual([1, 2]);
});

test('asks nobody while something is in stock', async () => {
  const { asked, supply } = setup(2, 2);
  await supply.fill();
  await supply.ask();
  expect(asked).toEqual([2]);
});

test('says when the next job is due, and nothing of that while the rate is used up', async () => {
  const due = setup(0, 2, { nextDueAt: now + 70 });
  expect(await due.supply.fill()).toBe(now + 70);
  expect(due.supply.ahead()).toEqual([null, null, 0, 0]);

  const limited = setup(0, 2, { limitedMs: 40, nextDueAt: now - 5 });
  expect(await limited.supply.fill()).toBeNull();
  expect(limited.supply.ahead()).toEqual([null, null, 40, 0]);
  vi.advanceTimersByTime(50);
  expect(limited.supply.ahead()).toEqual([null, null, 0, 0]);
});

test('asks for no more while something is in stock', async () => {
  const { asked, supply } = setup(5, 2);
  await supply.fill();
  expect(await supply.fill()).toBeNull();
  expect(asked).toEqual([2]);
});

test('gives back a job whose lock may have run out before it is begun', async () => {
  const { gone, supply } = setup(2, 2);
  await supply.fill();
  vi.advanceTimersByTime(usableMs + 1);
  expect(supply.ahead()[0]).toBeNull();
  expect(gone).toEqual([
    ['job:0', now + usableMs + 1],
    ['job:1', now + usableMs + 1],
  ]);
});

test('gives back what nobody will ask for, once', async () => {
  const { gone, supply } = setup(2, 2);
  await supply.fill();
  supply.ahead();
  await supply.giveBack();
  await supply.giveBack();
  expect(gone).toEqual([['job:1', now]]);
});

/** Long enough for a look for strays to begin; it ends with the next turn of the event loop. */
const lookMs = 1_000;

test('after a slow turn, gives back what is locked for it and unknown to it, and nothing else', async () => {
  const { gone, locked, supply } = setup(2, 3, { tookMs: 150 });
  locked.push('job:0', 'job:1', 'job:leaving', 'job:stray');
  void supply.leave('job:leaving', new Promise(() => {}));
  await supply.fill();
  supply.ahead();
  await vi.advanceTimersByTimeAsync(lookMs);
  await immediate();
  expect(gone).toEqual([['job:stray', now + 150 + lookMs]]);
});

test('a job that leaves, or comes, during the look for strays is none', async () => {
  const { gone, locked, supply } = setup(2, 3, { tookMs: 150 });
  locked.push('job:0', 'job:1', 'job:left', 'job:came');
  const left = Promise.withResolvers<void>();
  const leaving = supply.leave('job:left', left.promise);
  await supply.fill();
  vi.advanceTimersByTime(lookMs);
  await Promise.resolve();
  left.resolve();
  await leaving;
  void supply.leave('job:came', new Promise(() => {}));
  await immediate();
  expect(gone).toEqual([]);
});

test('however many turns are slow, it looks once a second, and once after the last of them', async () => {
  const { looks, supply } = setup(0, 3, { tookMs: 150 });
  await supply.fill();
  await supply.fill();
  await vi.advanceTimersByTimeAsync(lookMs);
  await immediate();
  expect(looks()).toBe(1);
  await supply.fill();
  await vi.advanceTimersByTimeAsync(lookMs);
  await immediate();
  expect(looks()).toBe(2);
});

test('after a quick turn it does not look', async () => {
  const { looks, supply } = setup(2, 2);
  await supply.fill();
  await vi.advanceTimersByTimeAsync(lookMs);
  await immediate();
  expect(looks()).toBe(0);
});

test('is full when every slot has a job, or will have one', async () => {
  const { supply } = setup(2, 2);
  expect(supply.isFull()).toBe(false);
  await supply.fill();
  expect(supply.isFull()).toBe(true);
  supply.ahead();
  supply.release('job:0');
  expect(supply.isFull()).toBe(false);
  const asking = supply.fill();
  await asking;
  expect(supply.isFull()).toBe(false);
});

test('a turn that fails takes nothing and leaves the count of slots right', async () => {
  const asked: number[] = [];
  const take = (most: number) => {
    asked.push(most);
    return Promise.reject(new Error('Redis is away'));
  };
  const turns = { take, letGo: () => Promise.resolve(0), locked: () => Promise.resolve([]) };
  const supply = createJobSupply(turns, 4, usableMs);
  await expect(supply.ask()).rejects.toThrow('away');
  await expect(supply.fill()).rejects.toThrow('away');
  expect(asked).toEqual([1, 4]);
});
