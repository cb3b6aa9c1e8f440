import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type Redis, sendDirectly } from './connection.ts';

/** A Lua script, run by its hash; the full text is sent only when Redis does not have it cached. */
export interface Script {
  run(redis: Redis, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown>;
}

/** A line that is replaced by another file, given by its path relative to the including file. */
const includeLine = /^-- include: (\S+)$/gm;

/** Reads a script and its includes. */
export function readScript(file: URL): string {
  return readFileSync(file, 'utf8').replace(includeLine, (_line, name) =>
    readScript(new URL(`${name}.lua`, file)),
  );
}

/**
 * Loads `<name>.lua` from the folder of the module whose `import.meta.url` is given. A line `-- include: <path>` inserts another
 * Lua file, whose locals can be used from there on.
 */
export function loadScript(name: string, module: string): Script {
  const lua = readScript(new URL(`./${name}.lua`, module));
  const sha = createHash('sha1').update(lua).digest('hex');
  return {
    async run(redis, keys, args) {
      const rest = [keys.length, ...keys, ...args];
      try {
        return await sendDirectly(redis, 'evalsha', [sha, ...rest]);
      } catch (error) {
        if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
        return sendDirectly(redis, 'eval', [lua, ...rest]);
      }
    },
  };
}
