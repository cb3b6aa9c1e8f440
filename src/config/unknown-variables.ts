import { providers } from '../providers/index.ts';
import { accountSettings } from './account-settings.ts';
import {
  type AccountConfig,
  accountsNamed,
  type Environment,
  secretVariables,
  variableName,
} from './config.ts';
import { fileVariable } from './secret-files.ts';
import { serviceSettings } from './settings.ts';

/** An environment variable that looks like a misspelt setting. */
export interface UnknownVariable {
  readonly variable: string;
  /** A sentence that names the setting probably meant, never the value. */
  readonly text: string;
}

/** Variables that API clients use, as the demo prints them: these are not misspelt settings. */
const clientVariables = ['API_KEY', 'API_URL'];

type Account = Pick<AccountConfig, 'id' | 'provider'>;

/**
 * Finds variables that are probably misspelt: they start with the prefix of an account, or differ from a setting by a few
 * letters. They only cause warnings, because an environment also holds variables of other programs.
 */
export function unknownVariables(environment: Environment): UnknownVariable[] {
  const accounts = accountsNamed(environment);
  const known = knownVariables(accounts);
  const prefixes = accounts.map(({ id }) => variableName('', id));
  // Settings of providers without an account are not misspelt.
  const others = [...providers.values()].flatMap((provider) =>
    settingsOf(provider).map((setting) => variableName(setting, provider.id)),
  );
  const otherFiles = secretVariables(
    [...providers.values()].map((provider) => ({ id: provider.id, provider })),
  );
  const names = new Set([...clientVariables, ...known, ...others, ...otherFiles.map(fileVariable)]);
  return Object.keys(environment).flatMap((variable) => {
    if (names.has(variable) || !environment[variable]?.trim()) return [];
    const { name, slips } = nearest(variable, known);
    const isOurs = prefixes.some((prefix) => variable.startsWith(prefix));
    if (!isOurs && slips > slipsIn(variable)) return [];
    const text = `${variable} is not a setting and has no effect; did you mean ${name}? docs/configuration.md lists all settings.`;
    return [{ variable, text }];
  });
}

function knownVariables(accounts: readonly Account[]): string[] {
  return [
    'ACCOUNTS',
    ...Object.keys(serviceSettings.shape).map((setting) => variableName(setting)),
    ...accounts.flatMap(({ id, provider }) => settingsOf(provider).map((each) => variableName(each, id))),
    ...secretVariables(accounts).map(fileVariable),
  ];
}

function settingsOf({ settings }: Account['provider']): string[] {
  return Object.keys({ ...accountSettings.shape, ...settings.shape });
}

/** Most typing errors at which two names still count as similar. HOME is not HOST, though only two letters differ. */
function slipsIn(variable: string): number {
  return Math.min(2, Math.floor(variable.length / 4));
}

function nearest(variable: string, known: readonly string[]): { name: string; slips: number } {
  return known
    .map((name) => ({ name, slips: distance(variable, name) }))
    .reduce((best, each) => (each.slips < best.slips ? each : best));
}

/** Levenshtein distance: letters to insert, remove or replace. */
function distance(a: string, b: string): number {
  let above = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (const [row, letter] of [...a].entries()) {
    const current = [row + 1];
    for (let column = 1; column <= b.length; column += 1) {
      const changed = (above[column - 1] ?? 0) + (letter === b[column - 1] ? 0 : 1);
      current.push(Math.min(changed, (above[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1));
    }
    above = current;
  }
  return above.at(-1) ?? 0;
}
