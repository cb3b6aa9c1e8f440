import { expect, test } from 'vitest';
import { createBeginQuery, parseAnswerToken } from '../../src/orders/begin-query.ts';
import { createOrderStore } from '../../src/orders/store.ts';
import { createKeys } from '../../src/redis/keys.ts';
import { anOrder, aReading } from '../support/builders.ts';
import { testPrefix, testRedis } from '../support/redis.ts';

const redis = testRedis();
const credentials = '0123456789abcdef';

test('the token of a query identifies the credentials that sent it, whichever are in use when the answer arrives', async () => {
  const keys = createKeys(testPrefix());
  const store = createOrderStore({ redis, keys, retentionMs: 60_000 });
  await store.open(anOrder(), 0, []);
  const begin = createBeginQuery(store, 'https://shop.example', 'daraja', credentials);
  const { resultUrl, timeoutUrl } = await begin('ord-1');
  expect(resultUrl).toMatch(
    /^https:\/\/shop\.example\/callbacks\/daraja\/[0-9a-f]{48}0123456789abcdef\.result$/,
  );
  const parsed = parseAnswerToken(resultUrl.split('/').at(-1) ?? '');
  expect(parsed).toMatchObject({ kind: 'result', credentials });
  expect(parseAnswerToken(timeoutUrl.split('/').at(-1) ?? '')).toEqual({ ...parsed, kind: 'timeout' });
  const { queryId = '' } = parsed ?? {};
  expect(await store.orderOfQuery(queryId)).toBe('ord-1');
  await store.deliver('ord-1', { queryId, credentials, reading: aReading.refused() }, false, 1);
  expect(await store.inbox('ord-1')).toMatchObject([{ pushed: { queryId, credentials } }]);
});

test('every query has a token of its own, and a token of another length is rejected', async () => {
  const keys = createKeys(testPrefix());
  const store = createOrderStore({ redis, keys, retentionMs: 60_000 });
  const begin = createBeginQuery(store, 'https://shop.example', 'daraja', credentials);
  const tokens = await Promise.all(Array.from({ length: 50 }, () => begin('ord-1')));
  expect(new Set(tokens.map(({ resultUrl }) => resultUrl)).size).toBe(50);
  const [token = ''] = tokens.map(({ resultUrl }) => resultUrl.split('/').at(-1));
  expect(parseAnswerToken(`0${token}`)).toBeNull();
  expect(parseAnswerToken(token.slice(1))).toBeNull();
});
