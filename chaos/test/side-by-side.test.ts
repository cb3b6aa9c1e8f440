import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { playSideBySide } from '../side-by-side.ts';

/** Plays parts of a few milliseconds; `!` marks those that need the machine for themselves. */
async function played(names: string, atOnce: number, stop = new AbortController()) {
  const running = new Set<string>();
  const together: string[] = [];
  const parts = names.split(' ').map((name) => ({ name, isAlone: name.endsWith('!') }));
  await playSideBySide(parts, atOnce, stop.signal, async ({ name }) => {
    running.add(name);
    together.push([...running].join('+'));
    await delay(name.startsWith('long') ? 30 : 10);
    if (name === 'stop') stop.abort();
    running.delete(name);
  });
  return together;
}

test('parts are played in order, so many at once, each as soon as there is room', async () => {
  expect(await played('a b c', 1)).toEqual(['a', 'b', 'c']);
  expect(await played('long a b', 2)).toEqual(['long', 'long+a', 'long+b']);
});

test('one that needs the machine for itself has it', async () => {
  expect(await played('a b! c d', 2)).toEqual(['a', 'b!', 'c', 'c+d']);
});

test('none is begun after the signal', async () => {
  expect(await played('stop a', 1)).toEqual(['stop']);
});
