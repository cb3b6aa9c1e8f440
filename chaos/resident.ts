import { readFileSync } from 'node:fs';
import type { Child } from '../test/support/child.ts';

/** Memory that a process takes. Linux only; elsewhere nobody knows. */
export function residentMb({ pid }: Pick<Child, 'pid'>): number | null {
  try {
    const kilobytes = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return Math.round(Number(kilobytes) / 1_024);
  } catch {
    // No such file system here.
    return null;
  }
}
