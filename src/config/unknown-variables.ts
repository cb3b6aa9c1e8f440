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

/** A variable that looks as if it were meant for us, and is no setting. */
export interface UnknownVariable {
  readonly variable: string;
  /** One sentence with what it may have been meant to be. Never its value. */
  readonly text: string;
}

/** What the demo tells clients of the API to set: no slips for settings of the service. */
const clientVariables = ['API_KEY', 'API_URL'];

type Account = Pick<AccountConfig, 'id' | 'provider'>;

/**
 * The variables that are misspelt, it seems: they begin as the settings of one of our accounts do, or are a slip away from
 * a setting. Nothing is refused for that: an environment holds what belongs to others, too.
 */
export function unknownVariables(environment: Environment): UnknownVariable[] {
  const accounts = accountsNamed(environment);
  const known = knownVariables(accounts);
  const prefixes = accounts.map(({ id }) => variableName('', id));
  // Settings of an account that is not served at present are no slip.
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

/** Slips that still tell the word: HOME is not HOST, though only two letters differ. */
function slipsIn(variable: string): number {
  return Math.min(2, Math.floor(variable.length / 4));
}

function nearest(variable: string, known: readonly string[]): { name: string; slips: number } {
  return known
    .map((name) => ({ name, slips: distance(variable, name) }))
    .reduce((best, each) => (each.slips < best.slips ? each : best));
}

/** Letters to be put in, left out or changed to make one of the other (Levenshtein). */
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
