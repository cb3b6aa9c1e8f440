/** What the pages name must be there: files, alerts, metrics, settings, headings. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { accountSettings } from '../../src/config/account-settings.ts';
import { readConfig, variableName } from '../../src/config/config.ts';
import { serviceSettings } from '../../src/config/settings.ts';
import { doubts, failureReasons } from '../../src/domain/order.ts';
import { createMetrics } from '../../src/observability/metrics.ts';
import { providers } from '../../src/providers/index.ts';
import { pages, root } from './code-blocks.ts';

const text = (file: string) => readFileSync(join(root, file), 'utf8');
const all = (source: string, pattern: RegExp) => [...source.matchAll(pattern)].map(([, name = '']) => name);

describe.each(pages())('%s', (page) => {
  test('its links lead somewhere', () => {
    const links = all(text(page).replace(/^```[\s\S]*?^```/gm, ''), /\]\(((?!https?:|mailto:)[^)\s]+)\)/g);
    const dead = links.filter((link) => {
      const [path = '', anchor] = link.split('#');
      const file = path === '' ? page : join(dirname(page), path);
      return !existsSync(join(root, file)) || (anchor !== undefined && !anchors(file).includes(anchor));
    });
    expect(dead).toEqual([]);
  });

  test('the metrics that it names exist', async () => {
    const known = await metricNames();
    const named = all(text(page), /\b(payment_poller_[a-z_]+)\b/g);
    expect(named.filter((name) => !known.includes(name))).toEqual([]);
  });
});

/** The anchors that a page's headings get on GitHub. */
function anchors(page: string): string[] {
  return all(text(page), /^#+ +(.+)$/gm).map((heading) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

async function metricNames(): Promise<string[]> {
  const { registry } = createMetrics();
  return (await registry.getMetricsAsJSON()).map(({ name }) => name);
}

test('operations names every alert, and no other', () => {
  const alerts = all(text('ops/alerts.yml'), /^ *- alert: (\w+)$/gm);
  const table = text('docs/operations.md')
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .join('\n');
  const named = all(table, /`([A-Z][a-z]+(?:[A-Z][a-z]+)+)`/g);
  expect([...new Set(named)].sort()).toEqual([...alerts].sort());
});

test('the settings that operations, security and consuming results name exist', () => {
  const service = Object.keys(serviceSettings.shape).map((name) => variableName(name));
  const account = Object.keys(accountSettings.shape).map((name) => variableName(name));
  const others = [
    'API_URL',
    'API_KEY',
    'ACCOUNTS',
    'BUSYGROUP',
    'MISCONF',
    'SIGTERM',
    'PESABOX_API_KEY',
    'KEY',
    'DARAJA_RESULT_TIMEOUT_MS',
    'HTTP',
  ];
  for (const page of ['docs/operations.md', 'docs/security.md', 'docs/consuming-results.md']) {
    const named = all(text(page), /`(?:<ACCOUNT>)?(_?[A-Z]+(?:_[A-Z0-9]+)+)(?:=[^`]*)?`/g).map((name) =>
      name.replace(/^_/, ''),
    );
    const unknown = named.filter((name) => ![...service, ...account, ...others].includes(name));
    expect(unknown, page).toEqual([]);
  }
});

test('consuming results tells what to do with every reason', () => {
  const page = text('docs/consuming-results.md');
  expect(failureReasons.filter((reason) => !page.includes(`\`${reason}\``))).toEqual([]);
  expect(['deadline', ...doubts].filter((reason) => !page.includes(`\`${reason}\``))).toEqual([]);
});

test('ops/kubernetes.yml configures a service, but for what it says to change', () => {
  const pairs = [...text('ops/kubernetes.yml').matchAll(/^ {2}([A-Z][A-Z0-9_]+): '?([^'\n]+)'?$/gm)];
  const environment = Object.fromEntries(pairs.map(([, name, value]) => [name, value]));
  expect(() => readConfig(environment)).toThrow(/has 1 fault\b.*\n {2}API_KEYS_SHA256/);
  const config = readConfig({ ...environment, API_KEYS_SHA256: 'a'.repeat(64) });
  expect(config.accounts.map(({ id }) => id)).toEqual(['jenga']);
  expect(config.host).toBe('0.0.0.0');
});

test('every provider has a sandbox for the nightly check, and its credentials there', () => {
  const workflow = text('.github/workflows/nightly.yml');
  for (const { id, settings, reference, sandbox } of providers.values()) {
    expect(reference.safeParse(sandbox.reference((digits) => 'a'.repeat(digits))).success, id).toBe(true);
    for (const [name, setting] of Object.entries(settings.shape)) {
      const variable = `LIVE_${variableName(name, id)}`;
      const isGiven = name in { ...sandbox.addresses, ...sandbox.settings };
      if (name.endsWith('Url')) expect(sandbox.addresses, id).toHaveProperty(name);
      if (isGiven || setting.safeParse(undefined).success) continue;
      expect(workflow).toContain(`${variable}: \${{ secrets.${variable} }}`);
    }
  }
});

test('the nightly check asks no host but the sandboxes, whatever the environment says', async () => {
  const { checkLive } = await import('../../scripts/live-check.ts');
  // Paystack and Lipia have no sandbox host, only test keys.
  const testKeysOnly = ['lipia-api.kreativelabske.com', 'api.paystack.co'];
  for (const { sandbox } of providers.values()) {
    for (const address of Object.values(sandbox.addresses)) {
      const { host } = new URL(address);
      if (!testKeysOnly.includes(host)) expect(host).toMatch(/sandbox|uat|cybqa/);
    }
  }
  for (const [id, provider] of providers) {
    const environment = { [`LIVE_${variableName('baseUrl', id)}`]: 'https://live.example' };
    expect(await checkLive(provider, environment)).toMatchObject({ level: 'skipped' });
  }
  const incomplete = await checkLive(providers.get('jenga') as never, { LIVE_JENGA_API_KEY: 'secret-word' });
  expect(incomplete.level).toBe('FAULT');
  expect(incomplete.text).toMatch(/LIVE_JENGA_MERCHANT_CODE/);
  expect(incomplete.text).not.toContain('secret-word');
});
