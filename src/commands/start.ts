import { once } from 'node:events';
import { Command, Option } from 'commander';
import type { Terminal } from '../cli.ts';
import { readConfig } from '../config.ts';
import { createLog } from '../log.ts';
import { allRoles, type Role, startService } from '../service.ts';

export function startCommand(terminal: Terminal): Command {
  return new Command('start')
    .description('run the service until SIGTERM or SIGINT')
    .addOption(new Option('--role <role>', 'run only this part').choices(allRoles))
    .action(async ({ role }: { role?: Role }) => {
      const config = readConfig(terminal.environment);
      const service = await startService(
        config,
        createLog(config.logLevel),
        role === undefined ? allRoles : [role],
      );
      if (!terminal.stop.aborted) await once(terminal.stop, 'abort');
      await service.close();
    });
}
