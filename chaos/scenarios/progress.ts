import type { Child } from '../../test/support/child.ts';

/** Polls that a process has finished since it started; `null` while it does not say. */
export async function pollsOf({ port }: Child): Promise<number | null> {
  try {
    const answer = await fetch(`http://127.0.0.1:${port}/metrics`, { signal: AbortSignal.timeout(5_000) });
    const lines = (await answer.text()).split('\n');
    const polls = lines.filter((line) => line.startsWith('payment_poller_polls_total'));
    return answer.ok ? polls.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0) : null;
  } catch {
    // Too busy to answer, or away.
    return null;
  }
}
