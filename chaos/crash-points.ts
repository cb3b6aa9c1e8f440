/** Where a process is made to die. */
export const crashPoints = [
  'after-answer',
  'before-commit',
  'after-commit',
  'before-job-ends',
  'during-sweep',
] as const;
export type CrashPoint = (typeof crashPoints)[number];
