import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';

const preload = pathToFileURL(join(import.meta.dirname, '../skewed-clock.ts')).href;

test('a skewed clock shifts what "now" is, and neither other dates nor durations', () => {
  const folder = mkdtempSync(join(tmpdir(), 'payment-poller-clock-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'clock');
  writeFileSync(file, '-180000');
  const program = `
    const at = performance.now();
    const now = [Date.now(), new Date().getTime(), Date.parse(new Date().toISOString())];
    const given = [new Date(5).getTime(), new Date('1970-01-01T00:00:00.007Z').getTime(), new Date(1970, 0, 1) instanceof Date];
    setTimeout(() => console.log(JSON.stringify({ now, given, tookMs: performance.now() - at })), 50);
  `;
  const { stdout, stderr } = spawnSync(process.execPath, [`--import=${preload}`, '-e', program], {
    env: { CLOCK_FILE: file },
    encoding: 'utf8',
  });
  const endedAt = Date.now();
  expect(stderr).not.toContain('Error');
  const { now, given, tookMs } = JSON.parse(stdout);
  for (const at of now) {
    expect(endedAt - at).toBeGreaterThanOrEqual(180_000);
    expect(endedAt - at).toBeLessThan(240_000);
  }
  expect(given).toEqual([5, 7, true]);
  expect(tookMs).toBeGreaterThan(45);
  expect(tookMs).toBeLessThan(60_000);
});
