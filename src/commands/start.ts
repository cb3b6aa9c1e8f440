import { once } from 'node:events';
import { Command, Option } from 'commander';
import { readConfig } from '../config.ts';
import { misspeltVariables } from '../misspelt.ts';
import type { Role } from '../service.ts';
import type { Terminal } from '../terminal.ts';

const roles: readonly Role[] = ['worker', 'api'];

export function startCommand(terminal: Terminal): Command {
  return new Command('start')
    .description('run the service until SIGTERM or SIGINT')
    .addOption(new Option('--role <role>', 'run only this part').choices(roles))
    .action(async ({ role }: { role?: Role }) => {
      const config = readConfig(terminal.environment);
      const [{ createLog }, { startService }] = await Promise.all([
        import('../log.ts'),
        import('../service.ts'),
      ]);
      const log = createLog(config.logLevel);
      for (const { variable, text } of misspeltVariables(terminal.environment)) log.warn({ variable }, text);
      const service = await startService(config, log, role === undefined ? roles : [role]);
      if (!terminal.stop.aborted) await once(terminal.stop, 'abort');
      await service.close();
    });
}
