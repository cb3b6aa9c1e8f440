import { expect, test } from 'vitest';
import { providers } from '../../src/providers/index.ts';
import { providerContract } from '../support/provider-contract.ts';
import { fixturesOf } from './fixtures/index.ts';

// A provider that answers later, elsewhere, makes other promises; they are tested with its adapter.
test('every provider that answers at once has its fixtures', () => {
  const atOnce = [...providers.values()].filter((provider) => provider.asyncResult === undefined);
  expect([...fixturesOf.keys()].sort()).toEqual(atOnce.map((provider) => provider.id).sort());
});

for (const [id, provider] of providers) {
  const fixtures = fixturesOf.get(id);
  if (fixtures !== undefined) providerContract(provider, fixtures);
}
