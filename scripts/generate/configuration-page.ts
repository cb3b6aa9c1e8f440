import { accountSettings } from '../../src/config/account-settings.ts';
import { variableName } from '../../src/config/config.ts';
import { serviceSettings } from '../../src/config/settings.ts';
import { providers } from '../../src/providers/index.ts';
import type { AccountDefaults, Provider } from '../../src/providers/provider.ts';
import { referenceFact, type SettingFacts, settingFacts } from './setting-facts.ts';

/** docs/configuration.md. */
export function configurationPage(): string {
  const ids = [...providers.keys()];
  return `# Configuration

<!-- Made by \`npm run generate\` from the schemas in src; do not edit. -->

payment-poller is configured by environment variables. A file \`.env\` in the working directory is read too; what the
environment says wins. An empty variable counts as an absent one. Start from [.env.example](../.env.example).

All faults of a configuration are reported at once, before anything connects, with exit code 2. Values are never
repeated: one of them may be a secret.

Every setting marked *secret* can be read from a file instead: \`<NAME>_FILE\` names it, for example
\`BOARD_PASSWORD_FILE=/run/secrets/board-password\`. Docker and Kubernetes mount secrets as files. With systemd,
\`LoadCredential=board-password:/etc/payment-poller/board-password\` and
\`Environment=BOARD_PASSWORD_FILE=%d/board-password\` do the same. Setting both the variable and its file is a fault.

## Accounts

\`ACCOUNTS\` is required. It names the accounts to serve, separated by commas: \`id\`, where the id is a provider's, or
\`id=provider\`. An account is one set of credentials at a provider, with a queue, a rate limit, an access token and a
breaker of its own.

\`\`\`sh
ACCOUNTS=jenga,daraja-stk,shop2=jenga
\`\`\`

An id is made of lower-case words joined by \`-\`, at most 40 characters. The settings of an account begin with its id in
capitals, with \`_\` for \`-\`: \`JENGA_MERCHANT_CODE\`, \`DARAJA_STK_PASSKEY\`, \`SHOP2_MERCHANT_CODE\`.

Providers: ${ids.map((id) => `[\`${id}\`](#${id})`).join(', ')}.

## The service

${table(settingFacts(serviceSettings))}

## Every account

\`<ACCOUNT>\` stands for the account's id in capitals. An order may bring its own poll schedule, which then wins.
All times ending in \`_MS\` are milliseconds.

${table(settingFacts(accountSettings, '<account>'))}

## Accounts by provider

Shown under the provider's own id. With \`ACCOUNTS=shop2=jenga\` the same settings begin with \`SHOP2_\`.

${[...providers.values()].map(providerSection).join('\n')}`;
}

function providerSection(provider: Provider): string {
  const { id, title, settings, defaults } = provider;
  return `### ${id}

${title}. Currencies: ${provider.currencies.join(', ')}.${defaults === undefined ? '' : ` Its own defaults: ${ownDefaults(defaults, id)}.`}

An order's \`reference\`: ${referenceFact(provider)}.

${table(settingFacts(settings, id))}
`;
}

function ownDefaults(defaults: AccountDefaults, id: string): string {
  return Object.entries(defaults)
    .map(([setting, value]) => `\`${variableName(setting, id)}=${value}\``)
    .join(', ');
}

function table(facts: readonly SettingFacts[]): string {
  return [
    '| variable | meaning | default | |',
    '|---|---|---|---|',
    ...facts.map(
      (each) => `| \`${each.variable}\` | ${cell(each.meaning)} | ${fallback(each)} | ${notes(each)} |`,
    ),
  ].join('\n');
}

function fallback({ fallback }: SettingFacts): string {
  return fallback === null || fallback === '' ? '' : `\`${fallback}\``;
}

function notes({ isRequired, isSecret }: SettingFacts): string {
  return [isRequired ? 'required' : '', isSecret ? 'secret' : ''].filter((note) => note !== '').join(', ');
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}
