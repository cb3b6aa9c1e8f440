import type { Child } from '../child.ts';

/** Polls that a process has finished since it started. */
export async function pollsOf({ port }: Child): Promise<number> {
  try {
    const answer = await fetch(`http://127.0.0.1:${port}/metrics`, { signal: AbortSignal.timeout(5_000) });
    const lines = (await answer.text()).split('\n');
    const polls = lines.filter((line) => line.startsWith('payment_poller_polls_total'));
    return polls.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  } catch {
    // Too busy to answer, or away: no progress to be seen.
    return 0;
  }
}
