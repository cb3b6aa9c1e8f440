import { readFileSync } from 'node:fs';

/** The environment of a process, or a part of it. */
export interface Environment {
  readonly [name: string]: string | undefined;
}

/** Secrets are short. The limit protects against a log file or device configured by mistake. */
const longestSecret = 64 * 1024;

/** The variable with the path of a secret's file: `BOARD_PASSWORD` → `BOARD_PASSWORD_FILE`. */
export function fileVariable(variable: string): string {
  return `${variable}_FILE`;
}

/**
 * Adds secrets from files to the environment: Docker and Kubernetes mount secrets as files, and systemd passes
 * credentials as files. A final line break is not part of the secret.
 *
 * @param variables the variables of all secret settings
 * @param faults receives a sentence for each unusable file, never its content
 */
export function withSecretsFromFiles(
  environment: Environment,
  variables: readonly string[],
  faults: string[],
): Environment {
  const secrets: { [variable: string]: string } = {};
  for (const variable of variables) {
    const path = environment[fileVariable(variable)]?.trim();
    if (!path) continue;
    if (environment[variable]?.trim()) {
      faults.push(`${variable} and ${fileVariable(variable)} are both set; set one of them.`);
      continue;
    }
    const secret = readSecret(path);
    if ('fault' in secret) faults.push(`${fileVariable(variable)} ${secret.fault}.`);
    else secrets[variable] = secret.text;
  }
  return { ...environment, ...secrets };
}

function readSecret(path: string): { readonly text: string } | { readonly fault: string } {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException;
    return { fault: `names a file that cannot be read (${code}): check the path and its permissions` };
  }
  if (text.length > longestSecret)
    return { fault: `names a file with more than ${longestSecret} characters` };
  return text.trim() === '' ? { fault: 'names an empty file' } : { text: text.trim() };
}
