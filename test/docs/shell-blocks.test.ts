/**
 * Runs every shell block of the documentation, page by page from top to bottom, as a reader would who has a service running.
 *
 * Marks: ```sh is run, by `bash -euo pipefail`; ```console is for the eye. A block is not run, but counted, whose first line
 * is `# not run: <reason>`; and one whose first line is `# needs: <command> …` where such a command is missing (`python3-redis`
 * stands for the Python package).
 *
 * What a block finds: the repository's files in a working folder of its own (what it writes is thrown away), the environment
 * of a service with all six accounts (REDIS_URL, PREFIX, ACCOUNTS, their settings), API_URL, API_KEY, SIMULATOR_URL, and two
 * orders: `ord-1` is paid, `ord-2` is still pending.
 */
import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { demoAccounts, demoEnvironment } from '../../src/demo/environment.ts';
import { testRedisUrl } from '../support/redis.ts';
import {
  type RunningService,
  startRunningService,
  testApiKey,
  testCallbackToken,
} from '../support/running-service.ts';
import { type CodeBlock, codeBlocks, pages, root } from './code-blocks.ts';

const blocks = pages().flatMap((page) => codeBlocks(page));
const shellBlocks = blocks.filter(({ language }) => language === 'sh');
const blockMs = 120_000;

let service: RunningService;
let environment: NodeJS.ProcessEnv;
const folder = mkdtempSync(join(tmpdir(), 'payment-poller-docs-'));

beforeAll(async () => {
  for (const entry of readdirSync(root)) {
    if (entry !== '.git' && entry !== '.env') symlinkSync(join(root, entry), join(folder, entry));
  }
  service = await startRunningService({ accounts: demoAccounts.join(',') });
  environment = {
    ...demoEnvironment({
      simulator: service.simulator,
      redisUrl: testRedisUrl(),
      prefix: service.prefix,
      port: Number(new URL(service.url).port),
      apiKey: testApiKey,
      callbackToken: testCallbackToken,
    }),
    PATH: [dirname(process.execPath), join(root, 'node_modules', '.bin'), process.env.PATH].join(delimiter),
    HOME: process.env.HOME,
    API_URL: service.url,
    API_KEY: testApiKey,
    SIMULATOR_URL: service.simulator.url,
    NO_COLOR: '1',
    npm_config_update_notifier: 'false',
  };
  await pay('ord-1', 'OR28922980077', 'paid');
  await pay('ord-2', 'OR28922980078', 'pending');
  await service.call('GET', '/v1/orders/ord-1?wait=30');
});

afterAll(async () => {
  await service.close();
  rmSync(folder, { recursive: true, force: true });
});

async function pay(orderId: string, reference: string, state: 'paid' | 'pending'): Promise<void> {
  service.simulator.script({
    provider: 'jenga',
    reference,
    amount: '2.00',
    timeline: [{ afterMs: 0, state }],
  });
  await service.enqueue({ orderId, account: 'jenga', reference, amount: '2.00' });
}

test('every block of shell commands says whether it is run', () => {
  const others = blocks.filter(({ language }) =>
    ['bash', 'shell', 'zsh', 'shell-session'].includes(language),
  );
  expect(others.map(({ at, language }) => `${at} is ${language}: write sh or console`)).toEqual([]);
  const nameless = blocks.filter(
    ({ language, code }) => language === '' && /^(\$|npx?|docker|curl|redis-cli) /m.test(code),
  );
  expect(nameless.map(({ at }) => `${at} looks like shell: write sh or console`)).toEqual([]);
});

const skipped = shellBlocks.map((block) => ({ block, reason: reasonNotToRun(block) }));
const notRun = skipped.filter(({ reason }) => reason !== null);
console.log(
  [
    `Shell blocks of the documentation: ${shellBlocks.length - notRun.length} run, ${notRun.length} not:`,
    ...notRun.map(({ block, reason }) => `  ${block.at} ${reason}`),
  ].join('\n'),
);

describe.each(pages())('%s', (page) => {
  const here = skipped.filter(({ block }) => block.at.startsWith(`${page}:`));
  test.skipIf(here.length === 0)(`has ${here.length} shell blocks`, () => {});
  for (const { block, reason } of here) {
    test.skipIf(reason !== null)(`${block.at} ${firstLine(block)}`, () => runBlock(block), blockMs);
  }
});

/** Why a block is not run; `null` when it is. */
function reasonNotToRun({ code }: CodeBlock): string | null {
  const [first = ''] = code.split('\n');
  if (first.startsWith('# not run: ')) return first.slice(2);
  const needs = /^# needs: (.+)$/.exec(first)?.[1]?.trim().split(/[ ,]+/) ?? [];
  const missing = needs.filter((command) => !isThere(command));
  return missing.length === 0 ? null : `${missing.join(', ')} is missing here`;
}

function isThere(command: string): boolean {
  try {
    if (command === 'python3-redis') execFileSync('python3', ['-c', 'import redis'], { stdio: 'ignore' });
    else execFileSync('/bin/sh', ['-c', 'command -v "$1"', 'sh', command], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

function firstLine({ code }: CodeBlock): string {
  return code.split('\n').find((line) => line.trim() !== '' && !line.startsWith('#')) ?? '';
}

function runBlock({ at, code }: CodeBlock): Promise<void> {
  return new Promise((resolve, reject) => {
    const options = { cwd: folder, env: environment, timeout: blockMs - 5_000, maxBuffer: 64e6 };
    execFile('bash', ['--norc', '-euo', 'pipefail', '-c', code], options, (error, stdout, stderr) => {
      if (error === null) return resolve();
      const how = error.killed ? 'did not end' : `ended with code ${error.code}`;
      reject(new Error(`${at} ${how}:\n${code}\n${stdout}${stderr}`.slice(0, 8_000)));
    }).stdin?.end();
  });
}
