import { createHash } from 'node:crypto';
import { variableName } from '../src/config/config.ts';
import { type ProviderId, providerIds, simulatedProvider } from '../src/simulator/simulator.ts';

/** The accounts of the chaos test, one per provider. */
export const chaosAccounts = providerIds;

/** From an order's creation to its deadline, in milliseconds. */
export const orderDeadlineMs = 10_000;
/** How soon a dead worker is noticed: lock, then one to two looks. */
export const lockDurationMs = 3_000;
export const stalledIntervalMs = 1_000;
export const shutdownMs = 5_000;
export const confirmAfterMs = 1_000;
/** How often is looked for what fell through, and for orders of accounts that nobody serves. */
export const sweepIntervalMs = 5_000;

/** Steps so close that a late payment is noticed within seconds, as long as a run may last. */
const watchSeconds = [
  1, 2, 3, 4, 6, 8, 10, 12, 15, 18, 21, 25, 30, 35, 40, 45, 50, 55, 60, 70, 80, 90, 100, 120, 140, 160, 180,
  200, 220, 240, 270, 300, 360, 420, 480, 540, 600,
];

const hurried = {
  firstPollAfterMs: 300,
  initialIntervalMs: 500,
  maxIntervalMs: 2_000,
  deadlineMs: orderDeadlineMs,
  confirmAfterMs,
  watchMs: watchSeconds.map((seconds) => seconds * 1_000).join(','),
  ratePerSecond: 2_000,
  timeoutMs: 2_000,
  breakerPauseMs: 500,
  breakerMaxPauseMs: 2_000,
  throttlePauseMs: 300,
  minHintIntervalMs: 500,
} as const;

/** Where the parts of a run are. */
export interface Places {
  readonly simulator: { readonly url: string; readonly darajaCertificate: string };
  readonly redisUrl: string;
  readonly prefix: string;
  readonly apiPort: number;
  readonly apiKey: string;
  readonly callbackToken: string;
}

/** The environment of one process of the service, configured as any other. */
export function serviceEnvironment(places: Places, port: number): { [name: string]: string } {
  const { simulator, redisUrl, prefix, apiPort, apiKey, callbackToken } = places;
  const variables: { [name: string]: string } = {
    ACCOUNTS: chaosAccounts.join(','),
    REDIS_URL: redisUrl,
    PREFIX: prefix,
    PORT: String(port),
    PUBLIC_URL: `http://127.0.0.1:${apiPort}`,
    API_KEYS_SHA256: createHash('sha256').update(apiKey).digest('hex'),
    API_RATE_PER_SECOND: '1000000',
    LOG_LEVEL: 'warn',
    LOCK_DURATION_MS: String(lockDurationMs),
    STALLED_INTERVAL_MS: String(stalledIntervalMs),
    SWEEP_INTERVAL_MS: String(sweepIntervalMs),
    SHUTDOWN_MS: String(shutdownMs),
    // Every scenario can be played with either back end of the poll workers.
    ...(process.env.POLL_BACKEND && { POLL_BACKEND: process.env.POLL_BACKEND }),
  };
  // Or with the adaptive schedule: its least interval is as much shorter than usual as the other times are.
  const learning = process.env.SCHEDULE === 'adaptive' ? { schedule: 'adaptive', minIntervalMs: 300 } : {};
  for (const account of chaosAccounts) {
    const { credentials, settings: addresses } = simulatedProvider(account);
    const settings = {
      ...addresses(simulator.url, simulator.darajaCertificate),
      ...credentials,
      ...hurried,
      ...learning,
      callbackToken,
    };
    for (const [setting, value] of Object.entries(settings))
      variables[variableName(setting, account)] = String(value);
  }
  return variables;
}

/** Variables that give every account the same settings. */
export function settingsOfAll(settings: { readonly [setting: string]: string | number }): {
  [name: string]: string;
} {
  return Object.fromEntries(
    chaosAccounts.flatMap((account) =>
      Object.entries(settings).map(([setting, value]) => [variableName(setting, account), String(value)]),
    ),
  );
}

/** The address that providers push to. */
export function callbackUrl({ apiPort, callbackToken }: Places, account: ProviderId): string {
  return `http://127.0.0.1:${apiPort}/callbacks/${account}/${callbackToken}`;
}
