import { styleText } from 'node:util';
import { Command } from 'commander';
import { ConfigError, readConfig, readServiceSettings } from '../config/config.ts';
import { unknownVariables } from '../config/unknown-variables.ts';
import type { Diagnosis } from '../doctor/diagnosis.ts';
import { diagnoseRedis } from '../doctor/redis.ts';
import type { CommandContext } from './command-context.ts';

const signs = { ok: ['ok', 'green'], warning: ['warning', 'yellow'], danger: ['DANGER', 'red'] } as const;

export function doctorCommand(terminal: CommandContext, exit: (code: number) => void): Command {
  return new Command('doctor')
    .description('check Redis, the configuration and the clock; exit with 1 on a danger')
    .option('--live', 'also fetch an access token for every account', false)
    .action(async ({ live }: { live: boolean }) => {
      const findings: Diagnosis[] = [];
      for await (const finding of examine(terminal, live)) {
        findings.push(finding);
        terminal.stdout.write(`${line(finding, terminal.stdout.isTTY)}\n`);
      }
      const dangers = findings.filter(({ level }) => level === 'danger').length;
      terminal.stdout.write(dangers === 0 ? '\nNo dangers found.\n' : `\n${dangers} to fix first.\n`);
      exit(dangers === 0 ? 0 : 1);
    });
}

async function* examine({ environment }: CommandContext, live: boolean): AsyncGenerator<Diagnosis> {
  const { redisUrl, prefix } = readServiceSettings(environment);
  const isRedisReachable = yield* diagnoseRedis(redisUrl, prefix);
  for (const { text } of unknownVariables(environment))
    yield { level: 'warning', subject: 'configuration', text };
  try {
    const config = readConfig(environment);
    const { diagnoseAccounts } = await import('../doctor/accounts.ts');
    yield* diagnoseAccounts(config, live, isRedisReachable);
    if (!isRedisReachable) return;
    const { diagnoseUnserved } = await import('../doctor/unserved.ts');
    yield* await diagnoseUnserved(config);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    for (const fault of error.faults) yield { level: 'danger', subject: 'configuration', text: fault };
  }
}

function line({ level, subject, text }: Diagnosis, coloured: boolean): string {
  const [word, colour] = signs[level];
  const sign = word.padEnd(8);
  return `${coloured ? styleText(colour, sign, { validateStream: false }) : sign} ${subject.padEnd(14)} ${text}`;
}
