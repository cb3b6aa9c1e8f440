import * as list from './apis/list.ts';
import type { SimulatedProvider } from './apis/simulated-provider.ts';

type Listed = (typeof list)[keyof typeof list];

/** The status APIs that the simulator speaks; the same ids as the product's providers. */
export type ProviderId = Listed['id'];

/** Every simulated provider, by name. */
export const simulatedProviders: readonly SimulatedProvider<ProviderId>[] = Object.values(list);

const byId = new Map(simulatedProviders.map((each) => [each.id, each]));

export const providerIds = simulatedProviders.map(({ id }) => id) as [ProviderId, ...ProviderId[]];

/** All that is known of one of them. */
export function simulatedProvider(id: ProviderId): SimulatedProvider<ProviderId> {
  const found = byId.get(id);
  if (found === undefined) throw new Error(`No such simulated provider: ${id}.`);
  return found;
}

type Credentials = { readonly [Each in Listed as Each['id']]: Each['credentials'] };

/** The fixed, obviously fake credentials that the simulator accepts. They open nothing anywhere else. */
export const simulatorCredentials = Object.fromEntries(
  simulatedProviders.map(({ id, credentials }) => [id, credentials]),
) as unknown as Credentials;
