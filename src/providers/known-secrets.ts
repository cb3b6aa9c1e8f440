import type { Provider } from './provider.ts';

type SettingsSchema = { readonly shape: { readonly [name: string]: unknown } };
type Settings = { readonly [name: string]: unknown };

/** Shorter values would be found in ordinary words. */
const leastLength = 6;
const found = new WeakMap<Settings, readonly string[]>();

/** The values of an account's settings that must be shown nowhere. */
export function secretsOf(provider: Provider, settings: Settings): readonly string[] {
  const known =
    found.get(settings) ??
    secretNames(provider.settings)
      .map((name) => settings[name])
      .filter(isSecret);
  found.set(settings, known);
  return known;
}

/**
 * The text without these secrets, in capitals or small letters. What a provider repeats is found by its value where no pattern
 * would tell it.
 */
export function redactSecrets(text: string, secrets: readonly string[]): string {
  return secrets.reduce(withoutSecret, text);
}

function withoutSecret(text: string, secret: string): string {
  if (!text.toLowerCase().includes(secret.toLowerCase())) return text;
  return text.replace(new RegExp(secret.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&'), 'gi'), '[secret]');
}

function isSecret(value: unknown): value is string {
  return typeof value === 'string' && value.length >= leastLength;
}

/** The settings of a schema whose values must be shown nowhere. */
export function secretNames(settings: SettingsSchema): string[] {
  return namesMarked(settings, 'secret');
}

/**
 * What an account logs in with: its secrets, login names and what they are encrypted with, by the names of its settings.
 * Other settings, such as an address or a time-out, are no part of it.
 */
export function credentialsOf(provider: Provider, settings: Settings): Settings {
  const names = credentialNames(provider.settings).toSorted();
  return Object.fromEntries(names.map((name) => [name, settings[name]]));
}

/** The settings of a schema that an account logs in with. */
export function credentialNames(settings: SettingsSchema): string[] {
  return namesMarked(settings, 'credential');
}

type Mark = 'secret' | 'credential';

function namesMarked({ shape }: SettingsSchema, mark: Mark): string[] {
  return Object.entries(shape)
    .filter(([, setting]) => isMarked(setting, mark))
    .map(([name]) => name);
}

/** The mark may stand beneath a default or an optionality. */
function isMarked(setting: unknown, mark: Mark): boolean {
  const schema = setting as { meta(): { [mark in Mark]?: boolean } | undefined; unwrap?: () => unknown };
  return (
    schema.meta()?.[mark] === true || (typeof schema.unwrap === 'function' && isMarked(schema.unwrap(), mark))
  );
}
