/** One thing that the doctor looked at. `danger`: orders may get lost or stand still. */
export interface Diagnosis {
  readonly level: 'ok' | 'warning' | 'danger';
  readonly subject: string;
  /** What was found, and what to do about it. Never a secret. */
  readonly text: string;
}
