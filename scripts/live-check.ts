/**
 * Asks every provider's sandbox about a payment that does not exist, to check that its login, address and error bodies still
 * match the adapter. Providers without credentials are skipped. Exit code 1 if an answer is not understood.
 *
 * Credentials come as `LIVE_<PROVIDER>_<SETTING>`, e.g. `LIVE_JENGA_API_KEY`. Addresses are those of the provider's declared
 * sandbox and taken from nowhere else, so that no mistake in the environment can point this at a live account.
 */
import { randomBytes } from 'node:crypto';
import { variableName } from '../src/config/config.ts';
import type { Reading, ReadingKind } from '../src/domain/order.ts';
import type { AccessTokens, TokenResult } from '../src/providers/access-token.ts';
import { createAsker } from '../src/providers/ask.ts';
import { providers } from '../src/providers/index.ts';
import type { Provider } from '../src/providers/provider.ts';
import { parseJson } from '../src/providers/read-answer.ts';
import { createTransport, type Transport } from '../src/providers/transport.ts';

const hex = (length: number) => randomBytes(length).toString('hex').slice(0, length);

/** Acceptable readings for a payment that does not exist. `pending` only if a query was acknowledged. */
const expected: readonly ReadingKind[] = ['not-found', 'refused', 'unavailable'];

type Environment = { readonly [name: string]: string | undefined };
type Outcome = { readonly level: 'ok' | 'skipped' | 'FAULT'; readonly text: string };

/** Asks one provider. Reports only kind and code of the answer: no gateway text, no settings. */
export async function checkLive(provider: Provider, environment: Environment): Promise<Outcome> {
  const { sandbox } = provider;
  const given = settingsOf(provider, environment);
  if (Object.keys(given).length === 0) return { level: 'skipped', text: 'no credentials (LIVE_…)' };
  const parsed = provider.settings.safeParse({ ...sandbox.settings, ...given, ...sandbox.addresses });
  if (!parsed.success) {
    const names = parsed.error.issues.map(({ path }) => `LIVE_${variableName(String(path[0]), provider.id)}`);
    return { level: 'FAULT', text: `is missing or wrong: ${[...new Set(names)].join(', ')}` };
  }
  const transport = createTransport({ timeoutMs: 20_000, maxBodyBytes: 1_048_576, connections: 1 });
  try {
    const tokens = provider.auth === undefined ? null : ownTokens(provider, parsed.data, transport);
    const asker = createAsker({ provider, settings: parsed.data, transport, tokens });
    const reference = provider.reference.parse(sandbox.reference(hex));
    return judge(
      provider,
      await asker.ask({ reference, amountMinor: 100, currency: provider.currencies[0] }, nowhere()),
    );
  } finally {
    await transport.close();
  }
}

function judge(provider: Provider, reading: Reading): Outcome {
  const { kind, httpStatus, providerStatus } = reading;
  const isTaken =
    provider.asyncResult !== undefined && kind === 'pending' && reading.awaitedUntil !== undefined;
  const code = /^[\w .-]{1,24}$/.test(providerStatus ?? '') ? providerStatus : '…';
  const text = `${kind} (HTTP ${httpStatus ?? 'none'}, code ${providerStatus === null ? 'none' : code})`;
  return { level: expected.includes(kind) || isTaken ? 'ok' : 'FAULT', text };
}

/** All settings except addresses. */
function settingsOf(provider: Provider, environment: Environment): { [setting: string]: string } {
  const names = Object.keys(provider.settings.shape).filter((name) => !name.endsWith('Url'));
  const given = names.map((name) => [name, environment[`LIVE_${variableName(name, provider.id)}`]?.trim()]);
  return Object.fromEntries(given.filter(([, value]) => value));
}

/** Callback URL of pushed answers: the reserved domain `.invalid` never resolves. */
function nowhere() {
  const url = `https://payment-poller.invalid/callbacks/${hex(32)}`;
  return { resultUrl: `${url}.result`, timeoutUrl: `${url}.timeout` };
}

/** An access token store in memory. */
function ownTokens(provider: Provider, settings: object, transport: Transport): AccessTokens {
  async function logIn(): Promise<TokenResult> {
    const access = provider.auth;
    const answer = access && (await transport.send(access.request(settings as never)));
    const body = answer !== undefined && 'body' in answer ? parseJson(answer.body) : undefined;
    const httpStatus = answer !== undefined && 'httpStatus' in answer ? answer.httpStatus : null;
    const token =
      httpStatus !== null && httpStatus < 300 ? access?.grant(body, Date.now())?.token : undefined;
    if (token !== undefined) return { token };
    const refused = httpStatus !== null && httpStatus >= 400 && httpStatus < 500;
    return { token: null, refused, throttled: false, retryAfterMs: null, httpStatus, reason: 'no token' };
  }
  let login: Promise<TokenResult> | null = null;
  return {
    current() {
      login ??= logIn();
      return login;
    },
    renew() {
      login = logIn();
      return login;
    },
    async rejectedAgain() {},
  };
}

if (process.argv[1] === import.meta.filename) {
  let faults = 0;
  for (const provider of providers.values()) {
    const { level, text } = await checkLive(provider, process.env);
    if (level === 'FAULT') faults += 1;
    console.log(`${level.padEnd(8)} ${provider.id.padEnd(11)} ${text}`);
  }
  process.exitCode = faults === 0 ? 0 : 1;
}
