/** What is played, and whether it needs the machine for itself. */
export interface Part {
  readonly isAlone: boolean;
}

/**
 * Plays parts in their order, so many of them at once. One that needs the machine for itself waits until the others have
 * ended, and they wait for it.
 */
export async function playSideBySide<P extends Part>(
  parts: readonly P[],
  atOnce: number,
  stop: AbortSignal,
  play: (part: P) => Promise<void>,
): Promise<void> {
  const running = new Set<Promise<void>>();
  for (const part of parts) {
    const room = part.isAlone ? 0 : atOnce - 1;
    while (running.size > room) await Promise.race(running);
    if (stop.aborted) break;
    const one = play(part).finally(() => running.delete(one));
    running.add(one);
    if (part.isAlone) await one;
  }
  await Promise.all(running);
}
