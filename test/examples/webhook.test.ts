import { spawnSync } from 'node:child_process';
import { request } from 'undici';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { signedHeaders } from '../../src/webhooks/message.ts';
import { freePort } from '../support/ports.ts';
import { startRunningService } from '../support/running-service.ts';
import { testSecret } from '../webhooks/receiver.ts';
import { runExample } from './run-example.ts';

vi.setConfig({ testTimeout: 120_000 });

const oldSecret = `whsec_${Buffer.alloc(32, 5).toString('base64')}`;

interface Receiver {
  readonly file: string;
  readonly command: string;
  /** How it is started on a port. */
  args(port: number): readonly string[];
  /** What it needs; asked with `--version`. */
  readonly needs: string | null;
}

const receivers: readonly Receiver[] = [
  {
    ...{ file: 'webhook.ts', command: process.execPath, needs: null },
    args: () => ['examples/webhook.ts'],
  },
  {
    ...{ file: 'webhook.php', command: 'php', needs: 'php' },
    args: (port) => ['-S', `127.0.0.1:${port}`, 'examples/webhook.php'],
  },
  {
    ...{ file: 'webhook.py', command: 'python3', needs: 'python3' },
    args: () => ['examples/webhook.py'],
  },
];

describe.each(receivers)('examples/$file', ({ file, command, args, needs }) => {
  const isMissing = needs !== null && spawnSync(needs, ['--version']).status !== 0;
  if (isMissing) console.log(`No ${needs} here: examples/${file} is not tested.`);

  test.skipIf(isMissing)('verifies the webhooks of a running service, and nothing else', async () => {
    const port = await freePort();
    const url = `http://127.0.0.1:${port}/`;
    const service = await startRunningService({
      accounts: 'lipia',
      environment: {
        WEBHOOKS: JSON.stringify([{ name: 'shop', url, secrets: [oldSecret, testSecret] }]),
        WEBHOOK_ALLOWED_ADDRESSES: '127.0.0.1',
        WEBHOOK_RETRY_MS: '100',
      },
    });
    onTestFinished(() => service.close());
    const environment = { WEBHOOK_SECRET: testSecret, PORT: String(port) };
    const receiver = runExample(command, args(port), service, environment);
    service.simulator.script({
      ...{ provider: 'lipia', reference: 'r-1', amount: '1.00' },
      timeline: [{ afterMs: 0, state: 'paid' }],
    });
    const metadata = { note: 'karibu – 感謝 "x"' };
    await service.enqueue({ orderId: 'ord-1', account: 'lipia', reference: 'r-1', amount: '1.00', metadata });
    await receiver.prints(/^(?:\[.*\] )?ord-1:1 paid \w{10}$/m);

    const send = async (secrets: readonly string[], sentAt: number, change = (body: string) => body) => {
      const body = JSON.stringify({ id: 'forged:1', type: 'payment.paid', data: { status: 'paid' } });
      const headers = { ...signedHeaders(secrets, 'msg_1', body, sentAt) };
      const answer = await request(url, { method: 'POST', headers, body: change(body) });
      await answer.body.dump();
      return answer.statusCode;
    };
    const now = Date.now();
    expect(await send([testSecret], now)).toBe(204);
    expect(await send([oldSecret, testSecret], now)).toBe(204);
    expect(await send([oldSecret], now)).toBe(401);
    expect(await send([testSecret], now, (body) => body.replace('paid', 'fail'))).toBe(401);
    expect(await send([testSecret], now - 3_600_000)).toBe(401);
    expect(await send([testSecret], now + 3_600_000)).toBe(401);
    const unsigned = await request(url, { method: 'POST', body: '{}' });
    await unsigned.body.dump();
    expect(unsigned.statusCode).toBe(401);
  });
});
