import { accountSettings } from '../../src/config/account-settings.ts';
import { serviceSettings } from '../../src/config/settings.ts';
import { providers } from '../../src/providers/index.ts';
import type { Provider } from '../../src/providers/provider.ts';
import { referenceFact, type SettingFacts, settingFacts } from './setting-facts.ts';

const wrapAt = 116;

/** An environment file to copy: required settings are empty, settings with a default are commented out. */
export function envExample(): string {
  const first = 'jenga';
  return [
    ...comment('payment-poller. Copy this file to .env and fill in what your accounts need.'),
    ...comment('Made by `npm run generate` from the code; docs/configuration.md has the same as tables.'),
    ...comment(
      'A secret can be in a file instead: BOARD_PASSWORD_FILE=<path> in place of BOARD_PASSWORD, and so on.',
    ),
    '',
    ...comment(
      `The accounts to serve, separated by commas: \`id\` or \`id=provider\`, for example ${first},shop2=${first}. ` +
        `Providers: ${[...providers.keys()].join(', ')}. Only the sections of the accounts named here are read.`,
    ),
    `ACCOUNTS=${first}`,
    '',
    ...heading('The service'),
    ...settingFacts(serviceSettings).flatMap(entry),
    ...[...providers.values()].flatMap(providerSection),
    ...heading('Every account has these too'),
    ...comment(
      `Shown for the account ${first}. For another one write its id in capitals, with _ for -, in front: SHOP2_CURRENCY.`,
    ),
    '',
    ...settingFacts(accountSettings, first).flatMap(entry),
  ].join('\n');
}

function providerSection(provider: Provider): string[] {
  const { id, title, settings } = provider;
  return [
    ...heading(`Account ${id}: ${title}`),
    ...comment(`Orders are known by ${referenceFact(provider)}.`),
    '',
    ...settingFacts(settings, id).flatMap(entry),
  ];
}

function heading(text: string): string[] {
  return [`# ---- ${text} ${'-'.repeat(Math.max(4, wrapAt - 8 - text.length))}`, ''];
}

function entry({ variable, meaning, fallback, isRequired, isSecret }: SettingFacts): string[] {
  const notes = [isSecret ? 'Secret.' : '', isRequired ? 'Required.' : ''].filter((note) => note !== '');
  return [
    ...comment([`${meaning}.`, ...notes].join(' ')),
    isRequired ? `${variable}=` : `#${variable}=${fallback ?? ''}`,
    '',
  ];
}

function comment(text: string): string[] {
  const lines: string[] = [];
  let line = '#';
  for (const word of text.split(' ')) {
    if (line.length + 1 + word.length > wrapAt) {
      lines.push(line);
      line = '#';
    }
    line += ` ${word}`;
  }
  return [...lines, line];
}
