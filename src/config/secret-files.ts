import { readFileSync } from 'node:fs';

/** The environment of a process, or a part of it. */
export interface Environment {
  readonly [name: string]: string | undefined;
}

/** A secret is a line or two; whoever names a log or a device by mistake must not fill the memory. */
const longestSecret = 64 * 1024;

/** The variable that names the file with a secret: `BOARD_PASSWORD` → `BOARD_PASSWORD_FILE`. */
export function fileVariable(variable: string): string {
  return `${variable}_FILE`;
}

/**
 * The environment with every secret that is in a file: Docker and Kubernetes mount secrets as files, systemd passes
 * credentials as files. A file's final line break is no part of its secret.
 *
 * @param variables the variables of all secret settings
 * @param faults gets a sentence for each file that cannot be used; never what is in it
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
