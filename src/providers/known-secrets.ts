import type { Provider } from './provider.ts';

type Settings = { readonly [name: string]: unknown };

/** Shorter values would be found in ordinary words. */
const leastLength = 6;
const found = new WeakMap<Settings, readonly string[]>();

/** The values of an account's settings that must be shown nowhere. */
export function secretsOf(provider: Provider, settings: Settings): readonly string[] {
  const known =
    found.get(settings) ??
    secretNames(provider)
      .map((name) => settings[name])
      .filter(isSecret);
  found.set(settings, known);
  return known;
}

/** The text without these secrets. What a provider repeats is found by its value where no pattern would tell it. */
export function hide(text: string, secrets: readonly string[]): string {
  return secrets.reduce((shown, secret) => shown.replaceAll(secret, '[secret]'), text);
}

function isSecret(value: unknown): value is string {
  return typeof value === 'string' && value.length >= leastLength;
}

function secretNames(provider: Provider): string[] {
  return Object.entries(provider.settings.shape)
    .filter(([, setting]) => isMarked(setting))
    .map(([name]) => name);
}

/** The mark may stand beneath a default or an optionality. */
function isMarked(setting: unknown): boolean {
  const schema = setting as { meta(): { secret?: boolean } | undefined; unwrap?: () => unknown };
  return schema.meta()?.secret === true || (typeof schema.unwrap === 'function' && isMarked(schema.unwrap()));
}
