/** The environment, streams and stop signal of a command. */
export interface CommandContext {
  readonly environment: { readonly [name: string]: string | undefined };
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  /** Aborted by the first SIGINT or SIGTERM (the second ends the process at once), or when stdout is closed. */
  readonly stop: AbortSignal;
}
