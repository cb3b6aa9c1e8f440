/** Wrong usage of a command, with exit code 2. The message is one sentence that says what to do. */
export class UsageError extends Error {}
