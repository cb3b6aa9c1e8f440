import { createHash } from 'node:crypto';

/**
 * Texts that are hashed by mistake: an unset variable (`printf %s "$KEY"` hashes nothing, `echo "$KEY"` a line break),
 * words for "nothing" in programming languages, and placeholders of examples.
 */
const noKeys = [
  ...['', ' ', '\n', '\r\n', '\0', '""', "''", '-', '-n', '-n \n', '%s'],
  ...['null', 'undefined', 'none', 'nil', 'None', 'false', 'true', '0', '1', 'NaN', '[object Object]'],
  ...['changeme', 'change-me', 'change_me', 'CHANGEME', 'key', 'KEY', '$KEY', '"$KEY"', '<key>'],
  ...[
    'secret',
    'password',
    'test',
    'example',
    'apikey',
    'api-key',
    'api_key',
    'API_KEY',
    '$API_KEY',
    'your-api-key',
  ],
  ...['admin', 'default', 'todo', 'TODO', 'xxx', '123456', '12345678'],
];

const hashes = new Set(
  noKeys
    .flatMap((text) => [text, `${text}\n`])
    .map((text) => createHash('sha256').update(text).digest('hex')),
);

/** True if a SHA-256 (hex) is the hash of an empty or well-known text. */
export function isHashOfNoKey(hash: string): boolean {
  return hashes.has(hash.toLowerCase());
}

export const hashOfNoKeyHelp =
  'the hash of nothing or of a placeholder, which `printf %s "$KEY" | sha256sum` prints when KEY is not set; ' +
  'make a key first: KEY=$(openssl rand -hex 24)';
