import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseEnv, promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { ConfigError, readConfig } from '../src/config/config.ts';
import { providers } from '../src/providers/index.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

async function generate(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  try {
    const script = join(root, 'scripts', 'generate.ts');
    return { code: 0, ...(await promisify(execFile)(process.execPath, [script, ...args])) };
  } catch (error) {
    return error as { code: number; stdout: string; stderr: string };
  }
}

test('the generated files are up to date', async () => {
  expect(await generate('--check')).toMatchObject({ code: 0, stderr: '' });
});

test('a stale file is reported by name, and corrected without --check', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'payment-poller-generate-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  await generate(folder);
  expect(await generate('--check', folder)).toMatchObject({ code: 0 });
  await writeFile(join(folder, '.env.example'), 'OLD=1\n');
  expect(await generate('--check', folder)).toMatchObject({
    code: 1,
    stderr:
      '.env.example does not match the settings in src: run `npm run generate` and commit the result.\n',
  });
  expect(await generate(folder)).toMatchObject({ code: 0, stdout: 'Written: .env.example.\n' });
});

test('.env.example only lacks what its account requires', async () => {
  const example = parseEnv(await readFile(join(root, '.env.example'), 'utf8'));
  const faults = faultsOf(example as Record<string, string>);
  expect(faults.map((fault) => fault.split(' ')[0])).toEqual([
    ...['JENGA_API_KEY', 'JENGA_MERCHANT_CODE', 'JENGA_CONSUMER_SECRET'],
  ]);
  const filled = { JENGA_API_KEY: 'k', JENGA_MERCHANT_CODE: 'm', JENGA_CONSUMER_SECRET: 's' };
  expect(faultsOf({ ...(example as Record<string, string>), ...filled })).toEqual([]);
});

test('what stands commented out in .env.example is what is assumed without it', async () => {
  const text = await readFile(join(root, '.env.example'), 'utf8');
  const filled = 'JENGA_API_KEY=k\nJENGA_MERCHANT_CODE=m\nJENGA_CONSUMER_SECRET=s\n';
  const plain = parseEnv(`${text}\n${filled}`) as Record<string, string>;
  const uncommented = parseEnv(`${text.replaceAll(/^#(?=[A-Z][A-Z0-9_]*=)/gm, '')}\n${filled}`);
  expect(withoutFunctions(readConfig(uncommented as Record<string, string>))).toEqual(
    withoutFunctions(readConfig(plain)),
  );
});

test('no secret has a value in .env.example', async () => {
  const text = await readFile(join(root, '.env.example'), 'utf8');
  expect(text.match(/^#?\w*(?:SECRET|PASSWORD|PASSKEY|_KEY|CREDENTIAL|TOKEN)=.+$/gm)).toBeNull();
});

test('the page has every provider', async () => {
  const page = await readFile(join(root, 'docs', 'configuration.md'), 'utf8');
  for (const [id] of providers) expect(page).toContain(`### ${id}\n`);
});

function faultsOf(environment: Record<string, string>): readonly string[] {
  try {
    readConfig(environment);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
}

function withoutFunctions(value: object): unknown {
  return JSON.parse(JSON.stringify(value));
}
