import type * as undici from 'undici';

/**
 * undici's Agent without the rest of undici (fetch, WebSocket, caches, mocks), which would take 2 MB of memory for nothing.
 * No version promises this path: where it has moved, the whole package is loaded instead.
 */
export const Agent: typeof undici.Agent = await import('undici/lib/dispatcher/agent.js').then(
  ({ default: agent }) => agent,
  async () => (await import('undici')).Agent,
);
