import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { classifyCommand } from '../../src/commands/classify.ts';
import { UsageError } from '../../src/commands/command-context.ts';
import { enqueueCommand } from '../../src/commands/enqueue.ts';
import { readLines } from '../../src/commands/read-lines.ts';
import { createKeys } from '../../src/redis/keys.ts';
import { capturedTerminal } from '../support/captured-terminal.ts';
import { testPrefix, testRedis, testRedisUrl } from '../support/redis.ts';
import { registerEveryAccount } from '../support/registered.ts';
import { hostileDocuments, hostileValues, pathsOf, withRaw } from './hostile.ts';

const order = { orderId: 'ord-1', account: 'lipia', reference: 'a', amount: '2.00', metadata: { a: 1 } };

/** `payment-poller enqueue --file -`, on keys of its own. */
async function enqueue(input: string | Uint8Array, prefix = testPrefix(), file = '-') {
  await registerEveryAccount(testRedis(), prefix);
  const captured = capturedTerminal({ REDIS_URL: testRedisUrl(), PREFIX: prefix }, input);
  let exitCode = -1;
  const command = enqueueCommand(captured.terminal, (code) => {
    exitCode = code;
  });
  await command.parseAsync(['--file', file], { from: 'user' });
  return { exitCode, output: captured.output(), errors: captured.errors(), prefix };
}

describe('orders in a file', () => {
  test('that strangers wrote: the good ones go in, the others are reported by number and in clean text', async () => {
    const good = (nth: number) =>
      JSON.stringify({ ...order, orderId: `good-${nth}`, reference: `good-${nth}` });
    const hostile = [
      ...hostileDocuments.map(([, document]) => Buffer.from(document)),
      ...pathsOf(order).flatMap((path) =>
        hostileValues.map(([, json]) => Buffer.from(withRaw({ ...order, account: 'nobody' }, path, json))),
      ),
      Buffer.from('{"orderId":"a","\\u001b[2J":1,"metadata":{"\\u001b[2J\\n":1e400}}'),
    ].filter((line) => !line.includes('\n') && line.toString('utf8').trim() !== '');
    const input = Buffer.concat(hostile.flatMap((line, nth) => [line, Buffer.from(`\n${good(nth)}\r\n`)]));
    const { exitCode, output, errors, prefix } = await enqueue(input);
    expect(exitCode).toBe(1);
    expect(output).toBe(`${hostile.length} new, 0 same, ${hostile.length} refused\n`);
    const told = errors.trimEnd().split('\n');
    expect(told.length).toBe(hostile.length);
    const numbers = told
      .map((line) => Number(/^line (\d+)(?: \([^)]*\))?: /.exec(line)?.[1]))
      .sort((a, b) => a - b);
    expect(numbers).toEqual(hostile.map((_, nth) => 2 * nth + 1));
    expect(errors.replaceAll('\n', '')).not.toMatch(/\p{C}/u);
    expect(await testRedis().zcard(createKeys(prefix).open)).toBe(hostile.length);
  });

  test('with a byte order mark, CRLF and blank lines', async () => {
    const { output } = await enqueue(`\ufeff${JSON.stringify(order)}\r\n\r\n   \n`);
    expect(output).toBe('1 new, 0 same, 0 refused\n');
  });

  test('without any line end, of 20 megabytes, is one bad line', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'payment-poller-test-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const file = join(folder, 'orders.jsonl');
    await writeFile(file, '['.repeat(20_000_000));
    const { exitCode, output } = await enqueue('', testPrefix(), file);
    expect([exitCode, output]).toEqual([1, '0 new, 0 same, 1 refused\n']);
  });
});

test('classify says of any answer what it would teach, or what is wrong with it', async () => {
  for (const [name, document] of hostileDocuments) {
    const text = Buffer.from(document).toString('utf8');
    for (const input of [text, `{"body":${text}}`, `{"body":${JSON.stringify(text)}}`, `{"order":${text}}`]) {
      const { terminal, output } = capturedTerminal({}, input);
      try {
        await classifyCommand(terminal).parseAsync(['lipia'], { from: 'user' });
        expect(JSON.parse(output()).verdict, name).toBeNull();
      } catch (error) {
        expect(error, name).toBeInstanceOf(UsageError);
      }
    }
  }
});

test('lines are those of the text, wherever its bytes are cut', async () => {
  const unit = fc.constantFrom('a', '\n', '\r', '👍', '\u2028', '\ufeff', 'é', '\u0000');
  const text = fc.string({ unit, maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(text, fc.integer({ min: 1, max: 5 }), async (whole, size) => {
      const bytes = Buffer.from(whole);
      const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, nth) =>
        bytes.subarray(nth * size, (nth + 1) * size),
      );
      const lines: (string | null)[] = [];
      for await (const { text: line } of readLines(of(chunks), 10)) lines.push(line);
      // The decoder takes a mark at the very beginning for what it is.
      const expected = whole.replace(/^\ufeff/, '').split('\n');
      if (expected.at(-1) === '') expected.pop();
      expect(lines).toEqual(expected.map((line) => (line.length > 10 ? null : line.replace(/\r$/, ''))));
    }),
  );
});

async function* of(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}
