import { PassThrough } from 'node:stream';
import type { CommandContext } from '../../src/commands/command-context.ts';

/** A terminal that captures its output. */
export interface CapturedTerminal {
  readonly terminal: CommandContext;
  output(): string;
  errors(): string;
  /** Stops a command that runs until stopped. */
  stop(): void;
}

export function capturedTerminal(
  environment: CommandContext['environment'],
  input: string | Uint8Array = '',
): CapturedTerminal {
  const stdin = new PassThrough();
  stdin.end(input);
  const [stdout, stderr] = [keeping(), keeping()];
  const stopping = new AbortController();
  const streams = { stdin, stdout: stdout.stream, stderr: stderr.stream } as unknown as CommandContext;
  return {
    terminal: { ...streams, environment, stop: stopping.signal },
    output: stdout.text,
    errors: stderr.text,
    stop: () => stopping.abort(),
  };
}

function keeping() {
  const stream = new PassThrough();
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  return { stream, text: () => Buffer.concat(chunks).toString('utf8') };
}
