import type { z } from 'zod';
import { variableName } from '../../src/config/config.ts';
import { providers } from '../../src/providers/index.ts';
import { credentialNames } from '../../src/providers/known-secrets.ts';
import type { Provider } from '../../src/providers/provider.ts';

/** Where the secrets begin in the workflow; everything behind it is made from the providers' settings. */
const mark = '        env:\n';

/** .github/workflows/nightly.yml with the sandbox credentials of every provider. @throws when it has no such place */
export function nightlyWorkflow(workflow: string): string {
  const [head, ...rest] = workflow.split(mark);
  if (head === undefined || rest.length !== 1)
    throw new Error('nightly.yml must have one `env:`, at its end.');
  const variables = [...providers.values()].flatMap((provider) =>
    neededIn(provider).map((name) => `LIVE_${variableName(name, provider.id)}`),
  );
  return `${head}${mark}${variables.map((name) => `          ${name}: \${{ secrets.${name} }}\n`).join('')}`;
}

/** What the account logs in with, and whatever else it cannot do without and the declared sandbox does not give. */
function neededIn({ settings, sandbox }: Provider): string[] {
  const given = { ...sandbox.addresses, ...sandbox.settings };
  const credentials = credentialNames(settings);
  return Object.entries(settings.shape)
    .filter(([name, setting]) => !(name in given) && (credentials.includes(name) || isRequired(setting)))
    .map(([name]) => name);
}

function isRequired(setting: unknown): boolean {
  return !(setting as z.ZodType).safeParse(undefined).success;
}
