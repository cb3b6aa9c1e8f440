import { setTimeout as delay } from 'node:timers/promises';
import { afterAll } from 'vitest';

/** Resources that keep a process alive and that tests must close: sockets, servers, pipes, children, workers. */
const mustBeClosed = new Set([
  'TCPSocketWrap',
  'TCPServerWrap',
  'UDPWrap',
  'PipeServerWrap',
  'ProcessWrap',
  'FSEventWrap',
]);

/** Closing takes a few turns of the event loop. */
const settleWithinMs = 2_000;

const before = openResources();

// Set-up files register first and hooks at the end run in reverse, so this sees what the whole file left behind.
afterAll(async () => {
  const giveUpAt = Date.now() + settleWithinMs;
  while (leaked().length > 0 && Date.now() < giveUpAt) await delay(5);
  if (leaked().length > 0) throw new Error(`These tests left open: ${leaked().join(', ')}`);
});

function leaked(): string[] {
  const known = [...before];
  return openResources().filter((resource) => {
    const at = known.indexOf(resource);
    if (at >= 0) known.splice(at, 1);
    return at < 0;
  });
}

function openResources(): string[] {
  return process.getActiveResourcesInfo().filter((resource) => mustBeClosed.has(resource));
}
