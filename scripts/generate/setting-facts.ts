import type { z } from 'zod';
import { variableName } from '../../src/config/config.ts';
import type { Provider } from '../../src/providers/provider.ts';

/** What the documentation states about one setting. */
export interface SettingFacts {
  /** Its environment variable. */
  readonly variable: string;
  readonly meaning: string;
  /** The default as written in the environment; `null` if there is none. */
  readonly fallback: string | null;
  readonly isRequired: boolean;
  readonly isSecret: boolean;
}

/** Describes the reference of a provider's orders. @throws when its schema has no description */
export function referenceFact({ id, reference }: Provider): string {
  const { description } = reference;
  if (description === undefined) throw new Error(`The reference of ${id} needs a description.`);
  return description;
}

/** The settings of a schema, in order. @throws when one has no description */
export function settingFacts(schema: z.ZodObject, accountId?: string): SettingFacts[] {
  return Object.entries(schema.shape).map(([name, setting]) => {
    const { description, secret } = metaOf(setting as Wrapped);
    if (description === undefined) throw new Error(`The setting ${name} needs a description.`);
    return {
      variable: variableName(name, accountId),
      meaning: description,
      fallback: fallbackOf(setting as Wrapped),
      isRequired: !(setting as z.ZodType).safeParse(undefined).success,
      isSecret: secret === true,
    };
  });
}

/** A schema, possibly wrapped in a default or optional. */
interface Wrapped {
  meta(): { description?: string; secret?: boolean } | undefined;
  readonly def: { readonly innerType?: Wrapped; readonly defaultValue?: unknown };
}

/** The description of a setting; that of the outermost schema takes precedence. */
function metaOf({ meta, def }: Wrapped): { description?: string; secret?: boolean } {
  return { ...(def.innerType === undefined ? {} : metaOf(def.innerType)), ...meta() };
}

function fallbackOf({ def }: Wrapped): string | null {
  const { defaultValue } = def;
  if (defaultValue !== undefined) {
    return Array.isArray(defaultValue) ? defaultValue.join(',') : String(defaultValue);
  }
  return def.innerType === undefined ? null : fallbackOf(def.innerType);
}
