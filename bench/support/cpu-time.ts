import { readdirSync, readFileSync } from 'node:fs';

/** Clock ticks a second in /proc: fixed by Linux for every program. */
const ticksPerSecond = 100;

/**
 * CPU time that these processes and their children have used up, in milliseconds; NaN where there is no /proc.
 * Children that have ended count as well, once they were waited for.
 */
export function cpuMs(pids: readonly number[]): number {
  try {
    const processes = allProcesses();
    const family = (pid: number): number[] => [
      pid,
      ...processes.filter(({ parent }) => parent === pid).flatMap((child) => family(child.pid)),
    ];
    const members = new Set(pids.flatMap(family));
    const ticks = processes.filter(({ pid }) => members.has(pid)).reduce((sum, each) => sum + each.ticks, 0);
    return (ticks * 1_000) / ticksPerSecond;
  } catch {
    // Not Linux: the benchmark goes on without these columns.
    return Number.NaN;
  }
}

/**
 * CPU time that others than this process and its children have used up on this machine, what the host has withheld among
 * it, in milliseconds; NaN where there is no /proc.
 */
export function othersCpuMs(): number {
  try {
    const [user = 0, nice = 0, system = 0, , , , , steal = 0] = readFileSync('/proc/stat', 'utf8')
      .split('\n', 1)
      .flatMap((line) => line.split(/ +/).slice(1).map(Number));
    return ((user + nice + system + steal) * 1_000) / ticksPerSecond - cpuMs([process.pid]);
  } catch {
    // Not Linux.
    return Number.NaN;
  }
}

/** Resident memory of a process in bytes; NaN where there is no /proc. */
export function residentBytes(pid: number): number {
  try {
    const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return Number(kilobytes) * 1_024;
  } catch {
    return Number.NaN;
  }
}

function allProcesses(): { readonly pid: number; readonly parent: number; readonly ticks: number }[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        return [parseStat(Number(name), readFileSync(`/proc/${name}/stat`, 'utf8'))];
      } catch {
        // It ended between the two looks.
        return [];
      }
    });
}

/** proc(5): after the name in brackets, the parent is field 4, the times of the process and of its children 14 to 17. */
function parseStat(pid: number, stat: string) {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  return { pid, parent: Number(fields[1]), ticks };
}
