/** Follows docs/adding-a-provider.md to the letter, in a copy of the sources, and lets the contract suite judge the result. */
import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type CodeBlock, codeBlocks, root } from './code-blocks.ts';

const run = promisify(execFile);
const bin = join(root, 'node_modules', '.bin');
const page = 'docs/adding-a-provider.md';
const folder = mkdtempSync(join(tmpdir(), 'payment-poller-tutorial-'));
const steps = codeBlocks(page).filter(
  ({ language, info }) => ['ts', 'diff'].includes(language) && info !== '',
);

beforeAll(() => {
  for (const entry of ['src', 'test', 'bin', 'package.json', 'tsconfig.json', 'biome.json']) {
    cpSync(join(root, entry), join(folder, entry), { recursive: true });
  }
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  writeFileSync(
    join(folder, 'vitest.config.js'),
    "export default { test: { include: ['test/providers/contract.test.ts'], maxWorkers: 1 } };",
  );
  for (const step of steps) follow(step);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function follow({ at, language, info, code }: CodeBlock): void {
  const file = join(folder, info);
  if (language === 'ts') writeFileSync(file, code);
  else writeFileSync(file, patched(readFileSync(file, 'utf8'), code, at));
}

/** The text with a diff's `-` and context lines, which must be in it as they are, replaced by its `+` and context lines. */
function patched(text: string, diff: string, at: string): string {
  const lines = diff.trimEnd().split('\n');
  const side = (sign: string) =>
    lines.filter((line) => line.startsWith(' ') || line.startsWith(sign)).map((line) => `${line.slice(1)}\n`);
  const [before, after] = [side('-').join(''), side('+').join('')];
  if (text.split(before).length !== 2) throw new Error(`${at}: the file has no such lines:\n${before}`);
  return text.replace(before, () => after);
}

test('polled with four files and simulated with two more: no more is touched, and a list grows by one line', () => {
  expect(steps.map(({ language, info }) => `${language} ${info}`)).toEqual([
    'ts src/providers/pesabox.ts',
    'diff src/providers/list.ts',
    'ts test/providers/fixtures/pesabox.ts',
    'diff test/providers/fixtures/list.ts',
    'ts src/simulator/apis/pesabox.ts',
    'diff src/simulator/apis/list.ts',
  ]);
  for (const { code } of steps.filter(({ language }) => language === 'diff'))
    expect(code.match(/^[+-]/gm)).toEqual(['+']);
  expect((steps[0]?.code ?? '').split('\n').length).toBeLessThan(120);
});

interface Report {
  readonly numPassedTests: number;
  readonly testResults: readonly {
    readonly message: string;
    readonly assertionResults: readonly {
      readonly status: string;
      readonly fullName: string;
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

test('the contract suite takes it', async () => {
  const file = join(folder, 'report.json');
  const args = [
    'run',
    '--root',
    folder,
    '-t',
    'pesabox',
    '--testTimeout=300000',
    '--reporter=json',
    `--outputFile=${file}`,
  ];
  const output = await run(join(bin, 'vitest'), args, { cwd: folder }).catch((error) => `${error}`);
  if (!existsSync(file)) throw new Error(`The suite did not run: ${output}`);
  const { numPassedTests, testResults } = JSON.parse(readFileSync(file, 'utf8')) as Report;
  const faults = testResults.flatMap(({ message, assertionResults }) => [
    message,
    ...assertionResults
      .filter(({ status }) => status === 'failed')
      .map(({ fullName, failureMessages }) => `${fullName}: ${failureMessages.join(' ').slice(0, 300)}`),
  ]);
  expect(faults.filter((fault) => fault !== '')).toEqual([]);
  expect(numPassedTests).toBeGreaterThan(100);
});

test('it can be configured and classified, and its code is as the house writes it', async () => {
  const answer = {
    payment: { id: 'PB-1001', state: 'COMPLETED', received: '250.00', receipt: 'SH90HU7FO2' },
  };
  writeFileSync(
    join(folder, 'answer.json'),
    JSON.stringify({ kind: 'status', httpStatus: 200, body: answer }),
  );
  const { stdout } = await run(process.execPath, ['src/cli.ts', 'classify', 'pesabox', 'answer.json'], {
    cwd: folder,
  });
  expect(JSON.parse(stdout)).toMatchObject({
    reading: 'paid',
    receipt: 'SH90HU7FO2',
    amountReceived: '250.00',
  });
  const written = steps.map(({ info }) => info);
  await run(join(bin, 'biome'), ['lint', '--vcs-enabled=false', ...written], { cwd: folder });
  const derived = ['test/providers/fixtures/index.ts', 'src/simulator/registry.ts'];
  writeFileSync(join(folder, 'tsconfig.json'), tsconfig([...written, ...derived]));
  await run(join(bin, 'tsc'), ['--noEmit', '-p', folder], { cwd: folder }).catch((error) => {
    throw new Error(String(error.stdout));
  });
});

test('adapter and simulator, written apart, understand each other', async () => {
  const { stdout } = await run(process.execPath, ['test/docs/simulated-poll.ts', 'pesabox'], { cwd: folder });
  expect(stdout.trim().split('\n')).toEqual(['pending', 'paid proven']);
});

test('its secrets are listed for the nightly check, its settings in the documentation', async () => {
  for (const entry of ['docs', 'scripts', 'ops', '.github']) {
    cpSync(join(root, entry), join(folder, entry), { recursive: true });
  }
  await run(process.execPath, ['scripts/generate.ts', folder], { cwd: folder });
  const text = (file: string) => readFileSync(join(folder, file), 'utf8');
  expect(text('.github/workflows/nightly.yml')).toContain('LIVE_PESABOX_CLIENT_SECRET');
  expect(text('docs/configuration.md')).toContain('PESABOX_CLIENT_SECRET');
});

/** The project's own settings, for these files and what they import. */
function tsconfig(files: readonly string[]): string {
  writeFileSync(join(folder, 'tsconfig.base.json'), readFileSync(join(root, 'tsconfig.json')));
  return JSON.stringify({ extends: './tsconfig.base.json', include: [], files });
}
