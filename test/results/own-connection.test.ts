import { expect, onTestFinished, test } from 'vitest';
import { patientCopy, watchEachOther } from '../../src/results/own-connection.ts';
import { testRedis, testRedisUrl } from '../support/redis.ts';
import { eventually } from '../support/waiting.ts';

test('when one of two connections is lost, the other sends a PING', async () => {
  const [one, other, admin] = [patientCopy(testRedisUrl()), patientCopy(testRedisUrl()), testRedis()];
  onTestFinished(() => {
    for (const connection of [one, other]) connection.disconnect();
  });
  watchEachOther(one, other);
  const [oneId, otherId] = await Promise.all([one.client('ID'), other.client('ID')]);
  const lastOf = async (id: number) =>
    / cmd=(\S+)/.exec(String(await admin.call('CLIENT', 'LIST', 'ID', String(id))))?.[1];
  expect(await lastOf(otherId)).toBe('client|id');

  await admin.client('KILL', 'ID', oneId);
  await eventually(async () => expect(await lastOf(otherId)).toBe('ping'));
  await eventually(() => expect(one.status).toBe('ready'));
});
