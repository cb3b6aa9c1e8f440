/** The result of one check. `danger`: orders may be lost or not be polled. */
export interface Diagnosis {
  readonly level: 'ok' | 'warning' | 'danger';
  readonly subject: string;
  /** What was found and what to do about it. Contains no secrets. */
  readonly text: string;
}
