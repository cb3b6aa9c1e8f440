import { createHash } from 'node:crypto';
import { variableName } from '../config/config.ts';
import { providerIds, type Simulator, simulatedProvider } from '../simulator/simulator.ts';

/** The accounts of the demo, one per provider. */
export const demoAccounts = providerIds;

/** Times in milliseconds, short enough to watch an order until it is closed. */
const shortTimes = {
  firstPollAfterMs: 500,
  initialIntervalMs: 500,
  maxIntervalMs: 1_500,
  deadlineMs: 14_000,
  confirmAfterMs: 2_000,
  watchMs: '3000,10000,30000,60000,300000',
  ratePerSecond: 100,
} as const;

/** Addresses and credentials of one demo run. */
export interface DemoPlaces {
  readonly simulator: Pick<Simulator, 'url' | 'darajaCertificate'>;
  readonly redisUrl: string;
  readonly prefix: string;
  /** Port of the HTTP API. */
  readonly port: number;
  /** Key for the HTTP API, generated for this run. */
  readonly apiKey: string;
  /** Password of the web pages, generated for this run; without one there are no pages. */
  readonly boardPassword?: string;
  /** Last part of every callback URL, generated for this run. */
  readonly callbackToken: string;
}

/** The environment variables of a service that polls the simulator. The demo has no other configuration. */
export function demoEnvironment(places: DemoPlaces): { [name: string]: string } {
  const { simulator, redisUrl, prefix, port, apiKey, boardPassword, callbackToken } = places;
  const variables: { [name: string]: string } = {
    ACCOUNTS: demoAccounts.join(','),
    REDIS_URL: redisUrl,
    PREFIX: prefix,
    PORT: String(port),
    PUBLIC_URL: `http://127.0.0.1:${port}`,
    ...(boardPassword && { BOARD_PASSWORD: boardPassword }),
    API_KEYS_SHA256: createHash('sha256').update(apiKey).digest('hex'),
  };
  for (const account of demoAccounts) {
    const { credentials, settings: addresses } = simulatedProvider(account);
    const settings = {
      ...addresses(simulator.url, simulator.darajaCertificate),
      ...credentials,
      ...shortTimes,
      callbackToken,
    };
    for (const [setting, value] of Object.entries(settings))
      variables[variableName(setting, account)] = String(value);
  }
  return variables;
}
