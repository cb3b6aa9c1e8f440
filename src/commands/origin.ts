import { hostname, userInfo } from 'node:os';

/** Who runs a command, for the audit trail: the user of the operating system and the machine. */
export function originOfCommand(): { readonly actor: 'cli'; readonly from: string } {
  return { actor: 'cli', from: `${userName()}@${hostname()}` };
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // A container may run under a number that has no name.
    return `uid ${process.getuid?.() ?? 'unknown'}`;
  }
}
