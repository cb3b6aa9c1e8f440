import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { loadScript } from '../../src/redis/script.ts';
import { testRedis } from '../support/redis.ts';

test('a script knows what an included file declares, and the files that this one includes', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'payment-poller-script-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  await mkdir(join(folder, 'sub'));
  await writeFile(join(folder, 'main.lua'), '-- include: sub/sum\nreturn sum(ARGV[1], ARGV[2])\n');
  await writeFile(
    join(folder, 'sub', 'sum.lua'),
    '-- include: ../number\nlocal function sum(a, b) return number(a) + number(b) end\n',
  );
  await writeFile(join(folder, 'number.lua'), 'local function number(text) return tonumber(text) end\n');
  const script = loadScript('main', pathToFileURL(join(folder, 'main.ts')).href);
  expect(await script.run(testRedis(), [], ['2', '3'])).toBe(5);
});
