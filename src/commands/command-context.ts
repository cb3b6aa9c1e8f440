/** The environment, streams and stop signal of a command. */
export interface CommandContext {
  readonly environment: { readonly [name: string]: string | undefined };
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  /** Aborted by the first SIGINT or SIGTERM (the second ends the process at once), or when stdout is closed. */
  readonly stop: AbortSignal;
  /** Ends the process after `ms` at the latest, with the exit code set by then. Does not keep it alive that long. */
  endWithin(ms: number): void;
}

/** Wrong usage of a command, with exit code 2. The message is one sentence that says what to do. */
export class UsageError extends Error {}
