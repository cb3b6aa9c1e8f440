/**
 * Writes what follows from the code: `.env.example`, docs/configuration.md and the secrets of the nightly check, from the zod
 * schemas of the settings; the rules in ops/alerts.yml that payment-poller evaluates itself as well.
 *
 *   node scripts/generate.ts            writes them
 *   node scripts/generate.ts --check    writes nothing; fails when one of them is stale
 *
 * A folder as last argument replaces the project's own folder.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { alertsFile } from './generate/alert-rules.ts';
import { configurationPage } from './generate/configuration-page.ts';
import { envExample } from './generate/env-example.ts';
import { nightlyWorkflow } from './generate/nightly-workflow.ts';

const flags = process.argv.slice(2);
const isCheck = flags.includes('--check');
const source = fileURLToPath(new URL('..', import.meta.url));
const root = flags.find((flag) => !flag.startsWith('--')) ?? source;

const nightly = '.github/workflows/nightly.yml';
const alerts = 'ops/alerts.yml';

const files: readonly (readonly [path: string, text: string])[] = [
  ['.env.example', envExample()],
  ['docs/configuration.md', configurationPage()],
  [alerts, alertsFile(await readFile(join(source, alerts), 'utf8'))],
  [nightly, nightlyWorkflow(await readFile(join(source, nightly), 'utf8'))],
];

const stale: string[] = [];
for (const [path, text] of files) {
  if ((await readFile(join(root, path), 'utf8').catch(() => null)) === text) continue;
  stale.push(path);
  if (isCheck) continue;
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), text);
}

if (isCheck && stale.length > 0) {
  const verb = stale.length === 1 ? 'does' : 'do';
  process.stderr.write(
    `${stale.join(' and ')} ${verb} not match the settings in src: run \`npm run generate\` and commit the result.\n`,
  );
  process.exitCode = 1;
} else {
  const what = isCheck
    ? 'All generated files are up to date.'
    : `Written: ${stale.join(', ') || 'nothing new'}.`;
  process.stdout.write(`${what}\n`);
}
