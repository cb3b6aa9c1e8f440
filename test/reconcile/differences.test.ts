import { createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { expect, onTestFinished, test } from 'vitest';
import { reconcileCommand } from '../../src/commands/reconcile.ts';
import { startSimulator } from '../../src/simulator/simulator.ts';
import { capturedTerminal } from '../support/captured-terminal.ts';
import { createRandom } from '../support/random.ts';
import { createJudge, drawDifferences } from '../support/statement-differences.ts';
import { openShop } from './support.ts';

test('all seeded differences are found, and none is invented', { timeout: 90_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'payment-poller-differences-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const simulator = await startSimulator();
  onTestFinished(() => simulator.close());
  const shop = await openShop();
  const file = join(folder, 'statement.csv');
  const stream = createWriteStream(file);
  const drawn = await drawDifferences({
    ...{ shop, simulator, random: createRandom(7), orders: 300, rows: 1_000 },
    write: async (text) => void stream.write(text),
  });
  stream.end();
  await finished(stream);
  const { terminal, output } = capturedTerminal(shop.env);
  let code = 0;
  const command = reconcileCommand(terminal, (exit) => {
    code = exit;
  });
  await command.parseAsync(['--account', 'daraja-stk', '--statement', file, '--json'], { from: 'user' });
  const judge = createJudge(drawn);
  for (const line of output().trimEnd().split('\n')) judge.line(line);
  expect(judge.verdict()).toEqual([]);
  expect(code).toBe(1);
});
