import { openSync } from 'node:fs';
import { createTransport } from '../../src/providers/transport.ts';

// Prints the result of a request when this process has no file descriptors left.
const transport = createTransport({ timeoutMs: 1_000, maxBodyBytes: 10_000, connections: 1 });
try {
  for (;;) openSync('/dev/null', 'r');
} catch {
  const request = { url: process.argv[2] ?? '', method: 'GET', headers: {} } as const;
  const answer = await transport.send(request).catch((error: Error) => error);
  process.stdout.write(
    answer instanceof Error ? `${answer.name}: ${answer.message}` : JSON.stringify(answer),
  );
  process.exit();
}
