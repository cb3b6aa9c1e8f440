/** A statement that cannot be read as a whole, with what to do about it. */
export class StatementError extends Error {
  override readonly name = 'StatementError';
}
