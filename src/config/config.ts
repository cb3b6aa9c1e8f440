import { readFileSync } from 'node:fs';
import type { z } from 'zod';
import type { BreakerPolicy } from '../accounts/circuit-breaker.ts';
import { brokenRule } from '../domain/broken-rule.ts';
import type { Policy } from '../domain/decide.ts';
import type { Schedule } from '../domain/order.ts';
import { usualCurrencies } from '../providers/currency.ts';
import { providers } from '../providers/index.ts';
import { secretNames } from '../providers/known-secrets.ts';
import { type Overrides, parseOverrides } from '../providers/overrides.ts';
import type { Provider } from '../providers/provider.ts';
import type { StatusTable } from '../providers/status-table.ts';
import type { TransportLimits } from '../providers/transport.ts';
import { secureRedisUrl } from '../redis/security.ts';
import { type NamedAccount, readAccountIds } from './account-ids.ts';
import { type AccountSettings, accountSettings } from './account-settings.ts';
import { answerAddressFaults } from './answer-address.ts';
import { userFaults } from './board-users.ts';
import { doubledKeyFaults } from './named-keys.ts';
import { type Environment, withSecretsFromFiles } from './secret-files.ts';
import { type ServiceSettings, serviceSettings } from './settings.ts';

/** The validated configuration of the service. */
export interface Config extends ServiceSettings {
  readonly accounts: readonly AccountConfig[];
}

/** One set of credentials at a provider, with its schedule and limits. */
export interface AccountConfig {
  readonly id: string;
  readonly provider: Provider;
  /** Validated by the provider's own schema. */
  readonly settings: { readonly [name: string]: unknown };
  /** Configured meanings for further values of the provider's status field. */
  readonly overrides: StatusTable | undefined;
  /** The currencies that its orders may use; the first is the default. */
  readonly currencies: readonly [string, ...string[]];
  readonly schedule: Schedule;
  /** Least interval between polls of an order with `SCHEDULE=adaptive`; `null` for other schedules. */
  readonly adaptive: { readonly minIntervalMs: number } | null;
  /** Limits on the schedules of single orders. */
  readonly overrideLimits: { readonly minIntervalMs: number; readonly maxDeadlineMs: number };
  readonly policy: Policy;
  /** Several orders may be paid by one payment, as far as it reaches. */
  readonly sharedReferences: boolean;
  readonly breaker: BreakerPolicy;
  readonly transport: TransportLimits;
  readonly callbacks: CallbackSettings;
  readonly concurrency: number;
  readonly ratePerSecond: number;
}

/** How an account's callbacks are authenticated. */
export interface CallbackSettings {
  /** Absent if the account accepts no callbacks. */
  readonly token: string | undefined;
  readonly basic: { readonly username: string; readonly password: string } | undefined;
  readonly addresses: readonly string[];
  readonly minHintIntervalMs: number;
}

/** Lists everything that is wrong with a configuration. Names settings, never their values. */
export class ConfigError extends Error {
  readonly faults: readonly string[];
  constructor(faults: readonly string[]) {
    // Deduplicated: a list with three bad entries gives the same sentence three times.
    const distinct = [...new Set(faults)];
    const list = distinct.map((fault) => `  ${fault}`).join('\n');
    const count = `${distinct.length} fault${distinct.length === 1 ? '' : 's'}`;
    super(`The configuration has ${count} (all settings are described in docs/configuration.md):\n${list}`);
    this.name = 'ConfigError';
    this.faults = distinct;
  }
}

export type { Environment };

/** The environment variable of a setting: `redisUrl` → `REDIS_URL`. */
export function variableName(setting: string, accountId?: string): string {
  const name = setting.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
  return accountId === undefined ? name : `${accountId.replaceAll('-', '_').toUpperCase()}_${name}`;
}

/**
 * Reads the configuration from an environment.
 *
 * @throws ConfigError with every fault at once
 */
export function readConfig(given: Environment): Config {
  const faults: string[] = [];
  const named = readAccountIds(given.ACCOUNTS, faults);
  const environment = withSecretsFromFiles(given, secretVariables(named), faults);
  const service = readService(environment, faults);
  // Read from the environment, not from `service`, so that one fault does not hide others.
  const overrides = readOverrides(clean(environment.STATUS_OVERRIDES), faults);
  faults.push(...clashes(named));
  const accounts = named.map(({ id, provider }) => {
    const common = readSettings(accountSettings, environment, faults, id, { ...provider.defaults });
    const settings = readSettings(provider.settings, environment, faults, id);
    const unpaired = unpairedFault(id, environment);
    if (unpaired !== null) faults.push(unpaired);
    faults.push(...currencyFaults(id, provider, common), ...sharingFaults(id, provider, common));
    if (provider.asyncResult !== undefined)
      faults.push(...answerAddressFaults(id, clean(environment.PUBLIC_URL)));
    return common === null || settings === null ? null : toAccount(id, provider, common, settings, overrides);
  });
  if (faults.length > 0 || service === null) throw new ConfigError(faults);
  return { ...service, accounts: accounts.filter((account) => account !== null) };
}

/** Reads only the service's own settings, for commands that need no accounts. @throws ConfigError */
export function readServiceSettings(environment: Environment): ServiceSettings {
  const faults: string[] = [];
  const service = readService(withSecretsFromFiles(environment, secretVariables([]), faults), faults);
  if (faults.length > 0 || service === null) throw new ConfigError(faults);
  return service;
}

/** Reads the service's own settings; `null` if any is invalid. */
function readService(environment: Environment, faults: string[]): ServiceSettings | null {
  const service = readSettings(serviceSettings, environment, faults);
  if (service === null) return null;
  faults.push(...doubledKeyFaults(service), ...userFaults(service));
  if (service.callbackPort === service.port && service.port !== 0)
    faults.push('CALLBACK_PORT and PORT are the same; choose another port for callbacks.');
  return { ...service, redisUrl: secureRedisUrl(service, faults) };
}

/** The variables of all secrets of the service and these accounts; each may be in a file instead. */
export function secretVariables(accounts: readonly NamedAccount[]): string[] {
  return [
    ...secretNames(serviceSettings).map((setting) => variableName(setting)),
    ...accounts.flatMap(({ id, provider }) =>
      [...secretNames(accountSettings), ...secretNames(provider.settings)].map((setting) =>
        variableName(setting, id),
      ),
    ),
  ];
}

/** The valid entries of an environment's `ACCOUNTS`. */
export function accountsNamed(environment: Environment): NamedAccount[] {
  return readAccountIds(environment.ACCOUNTS, []);
}

/** Reads one schema's settings; `null` if any is invalid. */
function readSettings<Schema extends z.ZodObject>(
  schema: Schema,
  environment: Environment,
  faults: string[],
  accountId?: string,
  /** Of the provider, in place of the schema's own. */
  defaults: { readonly [setting: string]: unknown } = {},
): z.infer<Schema> | null {
  const raw = Object.fromEntries(
    Object.keys(schema.shape).map((name) => [
      name,
      clean(environment[variableName(name, accountId)]) ?? defaults[name],
    ]),
  );
  const parsed = schema.safeParse(raw);
  if (parsed.success) return parsed.data;
  for (const issue of parsed.error.issues) {
    const setting = String(issue.path[0]);
    const description = schema.shape[setting]?.description ?? '';
    // Our own rule about a missing value says what to do; zod's would only say that it has no type.
    const rule = raw[setting] === undefined && issue.code !== 'custom' ? '' : brokenRule(issue);
    const what = raw[setting] === undefined ? 'is missing' : 'is not valid';
    const wrong = rule === '' ? what : `${what}: ${rule}`;
    faults.push(`${variableName(setting, accountId)} ${wrong} (${description}).`);
  }
  return null;
}

/** An empty variable counts as not set. */
function clean(value: string | undefined): string | undefined {
  return value?.trim() || undefined;
}

function toAccount(
  id: string,
  provider: Provider,
  common: AccountSettings,
  settings: AccountConfig['settings'],
  overrides: Overrides,
): AccountConfig {
  const { firstPollAfterMs, initialIntervalMs, factor, maxIntervalMs, jitter, deadlineMs } = common;
  const { breakerFailures, breakerPauseMs, breakerMaxPauseMs, throttlePauseMs } = common;
  const { timeoutMs, maxBodyBytes, concurrency } = common;
  return {
    id,
    provider,
    settings,
    overrides: overrides.get(provider.id),
    currencies: common.currency ?? usualCurrencies(provider),
    schedule: { firstPollAfterMs, initialIntervalMs, factor, maxIntervalMs, jitter, deadlineMs },
    adaptive: common.schedule === 'adaptive' ? { minIntervalMs: common.minIntervalMs ?? 2_000 } : null,
    sharedReferences: common.sharedReferences,
    overrideLimits: { minIntervalMs: common.minIntervalMs ?? 1_000, maxDeadlineMs: common.maxDeadlineMs },
    policy: { confirmAfterMs: common.confirmAfterMs, watchMs: common.watchMs },
    breaker: { breakerFailures, breakerPauseMs, breakerMaxPauseMs, throttlePauseMs },
    transport: { timeoutMs, maxBodyBytes, connections: concurrency },
    callbacks: {
      token: common.callbackToken,
      basic: basicOf(common),
      addresses: common.callbackAddresses,
      minHintIntervalMs: common.minHintIntervalMs,
    },
    concurrency,
    ratePerSecond: common.ratePerSecond,
  };
}

/** Reads STATUS_OVERRIDES, which is JSON or the path of a JSON file. */
export function readOverrides(given: string | undefined, faults: string[]): Overrides {
  if (given === undefined) return new Map();
  let json = given;
  if (!given.trimStart().startsWith('{')) {
    try {
      json = readFileSync(given, 'utf8');
    } catch {
      faults.push('STATUS_OVERRIDES is neither JSON nor the path of a readable file.');
      return new Map();
    }
  }
  const parsed = parseOverrides(json, providers);
  if ('overrides' in parsed) return parsed.overrides;
  faults.push(...parsed.faults);
  return new Map();
}

/** If an API does not report the currency of amounts, the account must have exactly one. */
function currencyFaults(id: string, provider: Provider, common: AccountSettings | null): string[] {
  const currencies = common?.currency ?? usualCurrencies(provider);
  if (common === null || provider.guarantees.currency || currencies.length === 1) return [];
  return [
    `${variableName('currency', id)} must name exactly one currency: ${provider.id} does not report the currency of an amount.`,
  ];
}

/** If an API does not report amounts, payments cannot be shared: one payment could pay any number of orders. */
function sharingFaults(id: string, provider: Provider, common: AccountSettings | null): string[] {
  if (common === null || !common.sharedReferences || provider.guarantees.amount) return [];
  return [
    `${variableName('sharedReferences', id)} must be false: ${provider.id} does not report the amount received.`,
  ];
}

function unpairedFault(id: string, environment: Environment): string | null {
  const [user, password] = [variableName('callbackUsername', id), variableName('callbackPassword', id)];
  if (Boolean(clean(environment[user])) === Boolean(clean(environment[password]))) return null;
  return `${user} and ${password} belong together: set both or neither.`;
}

/** Finds variables of two accounts, e.g. DARAJA_RESULT_TIMEOUT_MS of the accounts `daraja` and `daraja-result`. */
function clashes(accounts: readonly NamedAccount[]): string[] {
  const owners = new Map(
    Object.keys(serviceSettings.shape).map((name) => [variableName(name), 'the service']),
  );
  return accounts.flatMap(({ id, provider }) => {
    const settings = Object.keys({ ...accountSettings.shape, ...provider.settings.shape });
    return settings.flatMap((setting) => {
      const variable = variableName(setting, id);
      const owner = owners.get(variable);
      owners.set(variable, `the account ${id}`);
      return owner === undefined
        ? []
        : [
            `${variable} would be a setting of both ${owner} and the account ${id}; give the account another id.`,
          ];
    });
  });
}

function basicOf(common: AccountSettings): CallbackSettings['basic'] {
  const { callbackUsername: username, callbackPassword: password } = common;
  return username === undefined || password === undefined ? undefined : { username, password };
}
