import { accountIdPattern } from '../domain/order.ts';
import { providers } from '../providers/index.ts';
import type { Provider } from '../providers/provider.ts';

/** An account id and its provider. */
export interface NamedAccount {
  readonly id: string;
  readonly provider: Provider;
}

/** Reserved: the sweeper's queue has this name, and queues are named after accounts. */
const reservedId = 'sweeper';

/** Parses `ACCOUNTS`; adds a sentence to `faults` for each invalid entry. */
export function readAccountIds(text: string | undefined, faults: string[]): NamedAccount[] {
  const known = [...providers.keys()].join(', ');
  const entries = (text ?? '')
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
  if (entries.length === 0) {
    faults.push(
      `ACCOUNTS is missing: name the accounts to serve, e.g. jenga,shop2=jenga (providers: ${known}).`,
    );
  }
  const variables = new Set<string>();
  return entries.flatMap((entry) => {
    const [id = '', providerId = id, ...rest] = entry.split('=').map((part) => part.trim());
    const provider = providers.get(providerId);
    if (!accountIdPattern.test(id) || id.length > 40 || rest.length > 0) {
      faults.push(
        'ACCOUNTS has an invalid entry: write `id` or `id=provider`, where the id is lower-case words joined by "-".',
      );
      return [];
    }
    if (id === reservedId) {
      faults.push(`ACCOUNTS: ${id} is a reserved name; give the account another id.`);
      return [];
    }
    if (variables.has(id)) {
      faults.push(`ACCOUNTS names ${id} twice; every account needs its own id and settings.`);
      return [];
    }
    variables.add(id);
    if (provider === undefined) {
      faults.push(`ACCOUNTS: ${id} has no known provider; write ${id}=<provider> (providers: ${known}).`);
      return [];
    }
    return [{ id, provider }];
  });
}
