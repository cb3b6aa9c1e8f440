import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type Redis, sendDirectly } from './connection.ts';

/** A Lua script, sent by its hash and in full only when Redis does not know it yet. */
export interface Script {
  run(redis: Redis, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown>;
}

/** A line that stands for the text of another file, named by its path from the file that it stands in. */
const includeLine = /^-- include: (\S+)$/gm;

/** The text of a script, its includes in place. */
export function readScript(file: URL): string {
  return readFileSync(file, 'utf8').replace(includeLine, (_line, name) =>
    readScript(new URL(`${name}.lua`, file)),
  );
}

/**
 * Loads `<name>.lua` from beside the module whose `import.meta.url` this is. Scripts share Lua by `-- include: <path>`, on a
 * line of its own: what the other file declares is known from there on.
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
