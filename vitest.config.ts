import { defineConfig } from 'vitest/config';

/** Tests of pure functions: without a socket, a file or a child, they need no process of their own. */
const pure = [
  'test/api/ui/{check-queue,styles}.test.ts',
  'test/config/{shared-references,unknown-variables,weak-password}.test.ts',
  'test/demo/*.test.ts',
  'test/domain/{decide,evidence,exact-json,result-event,schedule}.test.ts',
  'test/fuzz/{answers,growth,pushes}.test.ts',
  'test/jobs/{read-json,validate-order}.test.ts',
  'test/orders/{explain,record}.test.ts',
  'test/providers/!(access-token|agent|content-coding|local-fault|wire).test.ts',
  'test/secrets/known-secrets.test.ts',
  'test/workers/adaptive/{completion-times,plan,planned-poll}.test.ts',
];

/** What a poll worker must do whatever its back end is. The others in these folders start no worker, or decide only. */
const onBothBackends = [
  'test/workers/{circuit-breaker,clocks,crash,lost-reply,one-payment,paused-account,poll-worker,sweeper}.test.ts',
  'test/promises/{delivery,hints,outage,truth}.test.ts',
];

/** Far longer than any test takes, so that a busy machine fails none. A test that waits says itself for what it waited. */
const limitMs = 300_000;

export default defineConfig({
  test: {
    globalSetup: ['test/support/global-setup.ts'],
    pool: 'forks',
    // More than cores: most tests wait most of the time.
    maxWorkers: 4,
    // Each test of the command line starts processes, and one that waits for its turn uses up none of its time.
    maxConcurrency: 2,
    teardownTimeout: 30_000,
    projects: [
      project('pure', { include: pure, isolate: false, env: { SHARED_PROCESS: 'yes' } }),
      project('all', {
        include: ['test/**/*.test.ts', 'chaos/test/**/*.test.ts', 'bench/test/**/*.test.ts'],
        exclude: pure,
      }),
      project('bullmq', { include: onBothBackends, env: { POLL_BACKEND: 'bullmq' } }),
    ],
  },
});

function project(
  name: string,
  test: { include: string[]; exclude?: string[]; isolate?: boolean; env?: { [name: string]: string } },
) {
  const limits = { setupFiles: ['test/support/leaks.ts'], testTimeout: limitMs, hookTimeout: limitMs };
  return { extends: true as const, test: { ...limits, name, ...test } };
}
