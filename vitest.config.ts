import { defineConfig } from 'vitest/config';

/** What a poll worker must do whatever its back end is. */
const onBothBackends = ['test/workers/*.test.ts', 'test/promises/{delivery,hints,outage,truth}.test.ts'];

export default defineConfig({
  test: {
    globalSetup: ['test/support/global-setup.ts'],
    pool: 'forks',
    maxWorkers: 2,
    teardownTimeout: 30_000,
    projects: [
      {
        extends: true,
        test: {
          ...perTest(),
          name: 'all',
          include: ['test/**/*.test.ts', 'chaos/test/**/*.test.ts', 'bench/test/**/*.test.ts'],
        },
      },
      {
        extends: true,
        test: {
          ...perTest(),
          name: 'bullmq',
          include: onBothBackends,
          env: { POLL_BACKEND: 'bullmq' },
        },
      },
    ],
  },
});

/** Far longer than any test takes, so that a busy machine fails none: a test that waits says itself what it waited for. */
function perTest() {
  return { setupFiles: ['test/support/leaks.ts'], testTimeout: 120_000, hookTimeout: 120_000 };
}
