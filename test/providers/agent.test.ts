import { Agent as wholeAgent } from 'undici';
import { expect, test } from 'vitest';

test("undici's Agent is still found without the rest of undici", async () => {
  const alone = await import('undici/lib/dispatcher/agent.js');
  expect(alone.default).toBe(wholeAgent);
});
