/** The command was called in a way that cannot work; one sentence that says what to do. Exit code 2. */
export class UsageError extends Error {}
