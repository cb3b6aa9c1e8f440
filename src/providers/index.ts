import { daraja } from './daraja.ts';
import { darajaStk } from './daraja-stk.ts';
import { jenga } from './jenga.ts';
import { lipia } from './lipia.ts';
import type { Provider } from './provider.ts';
import { tanda } from './tanda.ts';
import { vexora } from './vexora.ts';

/** Every provider by its id. A new gateway is one file, its fixtures, and one entry here. */
export const providers: ReadonlyMap<string, Provider> = new Map(
  [jenga, daraja, darajaStk, vexora, lipia, tanda].map((provider) => [provider.id, provider]),
);
