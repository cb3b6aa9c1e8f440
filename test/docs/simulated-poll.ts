/**
 * Asks a simulated provider about a payment, once while it is pending and once when it is paid, and prints both readings.
 *
 *   node test/docs/simulated-poll.ts <provider>
 */
import type { AccessTokens } from '../../src/providers/access-token.ts';
import { createAsker } from '../../src/providers/ask.ts';
import { providers } from '../../src/providers/index.ts';
import { parseJson } from '../../src/providers/read-answer.ts';
import { createTransport } from '../../src/providers/transport.ts';
import { type ProviderId, simulatedProvider, startSimulator } from '../../src/simulator/simulator.ts';

const id = process.argv[2] as ProviderId;
const provider = providers.get(id);
if (provider === undefined) throw new Error(`There is no provider ${id}.`);

let now = Date.now();
const simulator = await startSimulator({ now: () => now });
const { credentials, settings, references } = simulatedProvider(id);
const given = settings(simulator.url, simulator.darajaCertificate);
const currency = String(given.currency ?? provider.currencies[0]);
const account = provider.settings.parse({
  ...given,
  ...credentials,
});
const material = { hex: '0123456789abcdef0123456789abcdef', digits: '1000000001', receipt: 'SH90HU7FO2' };
const { key, reference } = references(material)[0];
const transport = createTransport({ timeoutMs: 30_000, maxBodyBytes: 100_000, connections: 1 });
const tokens: AccessTokens = { current: logIn, renew: logIn, rejectedAgain: async () => {} };

async function logIn() {
  const answer = await transport.send(
    provider?.auth?.request(account) ?? { method: 'GET', url: simulator.url },
  );
  if (!('body' in answer)) throw new Error(`The login failed: ${answer.reason}`);
  const granted = provider?.auth?.grant(parseJson(answer.body), now);
  if (granted == null) throw new Error(`The login granted no token: HTTP ${answer.httpStatus}`);
  return { token: granted.token };
}

const asker = createAsker({
  provider,
  settings: account,
  currencies: [currency],
  transport,
  tokens: provider.auth === undefined ? null : tokens,
});
simulator.script({
  provider: id,
  reference: key,
  amount: '100.00',
  timeline: [
    { afterMs: 0, state: 'pending' },
    { afterMs: 1_000, state: 'paid' },
  ],
});
for (const laterMs of [0, 2_000]) {
  now += laterMs;
  const reading = await asker.ask({
    reference: provider.reference.parse(reference),
    amountMinor: 10_000,
    currency,
  });
  console.log(`${reading.kind}${reading.kind === 'paid' ? ` ${reading.doubt ?? 'proven'}` : ''}`);
}
await transport.close();
await simulator.close();
