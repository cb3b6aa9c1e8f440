import { type CommandContext, UsageError } from './command-context.ts';

/** Far above the longest password. */
const maxLength = 4_096;

/**
 * Reads a password: from a terminal twice, without showing it; from a pipe or a file the whole input, without its line break.
 * Never from arguments, which every user of the machine can see.
 */
export async function readPassword({
  stdin,
  stderr,
}: Pick<CommandContext, 'stdin' | 'stderr'>): Promise<string> {
  if (!stdin.isTTY) return readAll(stdin);
  stderr.write('Password: ');
  const first = await readHiddenLine(stdin);
  stderr.write('\nOnce more: ');
  const second = await readHiddenLine(stdin);
  stderr.write('\n');
  if (first !== second) throw new UsageError('The two passwords differ; run the command again.');
  return first;
}

async function readAll(stdin: CommandContext['stdin']): Promise<string> {
  let text = '';
  stdin.setEncoding('utf8');
  for await (const chunk of stdin) {
    text += String(chunk);
    if (text.length > maxLength) throw new UsageError('That is too long for a password.');
  }
  const password = text.replace(/\r?\n$/, '');
  if (/[\r\n]/.test(password))
    throw new UsageError('Standard input must hold the password and nothing else.');
  return password;
}

/** One line of a terminal that does not echo. */
async function readHiddenLine(stdin: CommandContext['stdin']): Promise<string> {
  let line = '';
  stdin.setRawMode(true);
  stdin.setEncoding('utf8');
  stdin.resume();
  try {
    return await new Promise((resolve, reject) => {
      const take = (text: string) => {
        for (const character of text) {
          if (character === '\r' || character === '\n') {
            stdin.off('data', take);
            return resolve(line);
          }
          if (character === '\u0003' || character === '\u0004') {
            stdin.off('data', take);
            return reject(new UsageError('Nothing was made.'));
          }
          line = character === '\u007f' || character === '\b' ? line.slice(0, -1) : line + character;
        }
      };
      stdin.on('data', take);
    });
  } finally {
    stdin.setRawMode(false);
    stdin.pause();
  }
}
