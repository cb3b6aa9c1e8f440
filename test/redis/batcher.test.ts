import { expect, test } from 'vitest';
import { createBatcher } from '../../src/redis/batcher.ts';

/** A batcher whose batches are answered by hand. */
function setup(limit = 100) {
  const batches: {
    requests: readonly number[];
    answer: (replies: (string | Error)[]) => void;
    fail: (e: Error) => void;
  }[] = [];
  const ask = createBatcher<number, string>(
    (requests) =>
      new Promise((resolve, reject) => {
        batches.push({ requests, answer: resolve, fail: reject });
      }),
    limit,
  );
  return { ask, batches, turn: () => new Promise((resolve) => setImmediate(resolve)) };
}

test('sends requests of one turn of the event loop together, and gives each its own reply', async () => {
  const { ask, batches, turn } = setup();
  const replies = Promise.all([ask(1), ask(2), ask(3)]);
  await turn();
  expect(batches.map(({ requests }) => requests)).toEqual([[1, 2, 3]]);
  batches[0]?.answer(['one', 'two', 'three']);
  expect(await replies).toEqual(['one', 'two', 'three']);
});

test('requests that arrive while a batch is in flight go into the next batch, in order', async () => {
  const { ask, batches, turn } = setup();
  const first = ask(1);
  await turn();
  const others = Promise.all([ask(2), ask(3)]);
  await turn();
  expect(batches).toHaveLength(1);
  batches[0]?.answer(['one']);
  await first;
  // A request made right after a reply joins the next batch.
  const more = ask(4);
  await turn();
  expect(batches[1]?.requests).toEqual([2, 3, 4]);
  batches[1]?.answer(['two', 'three', 'four']);
  expect([await others, await more]).toEqual([['two', 'three'], 'four']);
});

test('a batch is no larger than the limit', async () => {
  const { ask, batches, turn } = setup(2);
  const replies = Promise.all([ask(1), ask(2), ask(3)]);
  await turn();
  batches[0]?.answer(['one', 'two']);
  await turn();
  await turn();
  expect(batches.map(({ requests }) => requests)).toEqual([[1, 2], [3]]);
  batches[1]?.answer(['three']);
  expect(await replies).toEqual(['one', 'two', 'three']);
});

test('a full batch is sent while another is in flight, at most two at a time, in order', async () => {
  const { ask, batches, turn } = setup(2);
  const replies = Promise.all([1, 2, 3, 4, 5, 6, 7].map(ask));
  await turn();
  const sent = () => batches.map(({ requests }) => requests);
  expect(sent()).toEqual([
    [1, 2],
    [3, 4],
  ]);
  batches[1]?.answer(['three', 'four']);
  await turn();
  await turn();
  expect(sent()).toHaveLength(3);
  batches[0]?.answer(['one', 'two']);
  await turn();
  await turn();
  // A batch of one is not full, so it waits for the one in flight.
  expect(sent()).toHaveLength(3);
  batches[2]?.answer(['five', 'six']);
  await turn();
  await turn();
  expect(sent()[3]).toEqual([7]);
  batches[3]?.answer(['seven']);
  expect(await replies).toEqual(['one', 'two', 'three', 'four', 'five', 'six', 'seven']);
});

test('an Error among the replies rejects only its request; a rejected batch rejects all of its requests, and the next is sent', async () => {
  const { ask, batches, turn } = setup();
  const mixed = Promise.allSettled([ask(1), ask(2)]);
  await turn();
  batches[0]?.answer([new Error('only one'), 'two']);
  expect((await mixed).map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
  await turn();
  const lost = Promise.allSettled([ask(3), ask(4)]);
  await turn();
  batches[1]?.fail(new Error('Redis is lost'));
  expect((await lost).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  await turn();
  const next = ask(5);
  await turn();
  batches[2]?.answer(['five']);
  expect(await next).toBe('five');
});
