import * as list from './list.ts';
import type { Provider } from './provider.ts';

/** Every provider by its id. */
export const providers: ReadonlyMap<string, Provider> = new Map(
  Object.values(list).map((provider): [string, Provider] => [provider.id, provider]),
);
