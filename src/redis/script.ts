import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type Redis, sendDirectly } from './connection.ts';

/** A Lua script, run by its hash; the full text is sent only when Redis does not have it cached. */
export interface Script {
  run(redis: Redis, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown>;
}

/** Loads `<name>.lua` from the folder of the module whose `import.meta.url` is given. */
export function loadScript(name: string, module: string): Script {
  const lua = readFileSync(new URL(`./${name}.lua`, module), 'utf8');
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
