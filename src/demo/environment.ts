import { variableName } from '../config.ts';
import { type ProviderId, type Simulator, simulatorCredentials } from '../simulator/simulator.ts';

/** The accounts of the demo, one per provider. */
export const demoAccounts = [
  'jenga',
  'daraja-stk',
  'vexora',
  'lipia',
  'tanda',
] as const satisfies readonly ProviderId[];

/** Times in milliseconds, so short that a person can watch an order live its whole life. */
const hurried = {
  firstPollAfterMs: 500,
  initialIntervalMs: 500,
  maxIntervalMs: 1_500,
  deadlineMs: 14_000,
  confirmAfterMs: 2_000,
  watchMs: '3000,10000,30000,60000,300000',
  ratePerSecond: 100,
} as const;

/** The environment of a service that polls the simulator: the demo is configured as any service is. */
export function demoEnvironment(
  simulator: Simulator,
  redisUrl: string,
  prefix: string,
): { [name: string]: string } {
  const variables: { [name: string]: string } = {
    ACCOUNTS: demoAccounts.join(','),
    REDIS_URL: redisUrl,
    PREFIX: prefix,
  };
  for (const account of demoAccounts) {
    const { baseUrl, ...more } = addresses(account, simulator.url);
    const settings = { baseUrl, ...more, ...credentials(account), ...hurried };
    for (const [setting, value] of Object.entries(settings))
      variables[variableName(setting, account)] = String(value);
  }
  return variables;
}

function addresses(
  account: (typeof demoAccounts)[number],
  url: string,
): { baseUrl: string; identityUrl?: string } {
  switch (account) {
    case 'daraja-stk':
      return { baseUrl: `${url}/daraja` };
    case 'tanda':
      return { baseUrl: `${url}/tanda`, identityUrl: `${url}/tanda` };
    case 'jenga':
    case 'vexora':
    case 'lipia':
      return { baseUrl: `${url}/${account}` };
  }
}

function credentials(account: (typeof demoAccounts)[number]): { [setting: string]: string } {
  return simulatorCredentials[account];
}
