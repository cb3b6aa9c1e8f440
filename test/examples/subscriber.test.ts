import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createKeys } from '../../src/redis/keys.ts';
import { codeBlocks, root } from '../docs/code-blocks.ts';
import { aResult, publish } from '../results/publish.ts';
import { createdAt } from '../support/builders.ts';
import { testRedis } from '../support/redis.ts';
import { startRunningService } from '../support/running-service.ts';
import { eventually } from '../support/waiting.ts';
import { runExample, runTypeScript } from './run-example.ts';

async function setup() {
  const service = await startRunningService({ accounts: 'lipia' });
  onTestFinished(() => service.close());
  const redis = testRedis();
  const { results, parked } = createKeys(service.prefix);
  let orders = 0;
  return {
    ...{ service, redis, results, parked, publish: publish.bind(null, redis, service.prefix) },
    async pay(state: string) {
      orders += 1;
      const reference = `example-${orders}`;
      service.simulator.script({
        provider: 'lipia',
        reference,
        amount: '1.00',
        timeline: [{ afterMs: 0, state: state as 'paid' }],
      });
      await service.enqueue({ orderId: `order-${orders}`, account: 'lipia', reference, amount: '1.00' });
    },
    isAcknowledged: (group: string, count: number) =>
      eventually(async () => {
        const [pending] = (await redis.xpending(results, group)) as [number];
        const [info = []] = (await redis.xinfo('GROUPS', results)) as (string | number)[][];
        expect([pending, info[info.indexOf('entries-read') + 1]]).toEqual([0, count]);
      }),
  };
}

describe('examples/subscriber.ts', () => {
  test('prints every verdict, and ends on SIGTERM', async () => {
    const { service, pay } = await setup();
    const subscriber = runTypeScript('subscriber.ts', service);
    await pay('paid');
    await pay('failed:cancelled');
    await subscriber.prints(/^order-1:1 paid \w{10}$/m);
    await subscriber.prints(/^order-2:1 failed cancelled$/m);
    expect(await subscriber.end('SIGTERM')).toBe(0);
    expect(subscriber.output().trim().split('\n')).toHaveLength(2);
  });

  test('has ten lines', () => {
    const source = readFileSync(join(import.meta.dirname, '../../examples/subscriber.ts'), 'utf8');
    const code = source.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('//'));
    expect(code.length).toBeLessThanOrEqual(10);
  });
});

describe("the README's own subscriber", () => {
  const block = codeBlocks('README.md').find(
    ({ language, code }) => language === 'ts' && /subscribe\(/.test(code),
  );
  const code = block?.code ?? '';

  test('prints every verdict, also in a project whose modules are CommonJS', async () => {
    const { service, pay } = await setup();
    // The demo keeps to the prefix that is usual; a test has one of its own.
    const own = code.replace("  group: 'shop',", "  group: 'shop', prefix: process.env.PREFIX,");
    // A project as `npm init` makes it: its own modules are CommonJS.
    const project = mkdtempSync(join(tmpdir(), 'payment-poller-project-'));
    onTestFinished(() => rmSync(project, { recursive: true }));
    writeFileSync(join(project, 'package.json'), JSON.stringify({ name: 'shop', type: 'commonjs' }));
    mkdirSync(join(project, 'node_modules'));
    symlinkSync(root, join(project, 'node_modules', 'payment-poller'));
    const file = 'my-subscriber.mts';
    writeFileSync(join(project, file), own);
    const condition = '--conditions=payment-poller-source';
    const readme = readFileSync(join(root, 'README.md'), 'utf8');
    expect(readme).toContain(`save this as \`${file}\``);
    expect(readme).toContain(`npx node ${condition} ${file}`);
    const subscriber = runExample(process.execPath, [condition, join(project, file)], service);
    await pay('paid');
    await subscriber.prints(/^order-1 1 paid null \w{10}$/m);
    await subscriber.end('SIGTERM');
  });

  test('says so when Redis is not where it looks', async () => {
    const { service } = await setup();
    const flags = ['--conditions=payment-poller-source', '--input-type=module-typescript'];
    const away = { REDIS_URL: 'redis://127.0.0.1:9' };
    const subscriber = runExample(process.execPath, [...flags, '--eval', code], service, away);
    await subscriber.prints(/^Redis does not answer; .*ECONNREFUSED/m);
    await subscriber.end('SIGTERM');
  });
});

const python = ['python3', '/usr/bin/python3'].find(hasRedisPy);
if (python === undefined)
  console.log('No redis-py here: examples/subscriber.py is not tested (Debian: python3-redis).');

function hasRedisPy(command: string): boolean {
  try {
    execFileSync(command, ['-c', 'import redis'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

describe.runIf(python !== undefined)('examples/subscriber.py', () => {
  const group = 'example-python';
  const start = (service: Parameters<typeof runExample>[2]) =>
    runExample(python ?? '', ['examples/subscriber.py'], service, { RETRY_AFTER_MS: '100' });

  test('prints every verdict, and ends on SIGTERM', async () => {
    const { service, pay, isAcknowledged } = await setup();
    const subscriber = start(service);
    await pay('paid');
    await pay('failed:cancelled');
    await subscriber.prints(/^order-1:1 paid \w{10}$/m);
    await subscriber.prints(/^order-2:1 failed cancelled$/m);
    await isAcknowledged(group, 2);
    expect(await subscriber.end('SIGTERM')).toBe(0);
    expect(subscriber.output().trim().split('\n')).toHaveLength(2);
  });

  test('takes over what a dead consumer left, passes over what is stale, parks what is foreign', async () => {
    const { service, publish, redis, results, parked, isAcknowledged } = await setup();
    await redis.xgroup('CREATE', results, group, '0', 'MKSTREAM');
    await publish(aResult('left'), aResult('new', 2));
    await redis.xreadgroup('GROUP', group, 'dead', 'COUNT', 1, 'STREAMS', results, '>');
    await publish(aResult('new', 1, 'unresolved'));
    await redis.xadd(results, '*', 'hello', 'world');
    const subscriber = start(service);
    await subscriber.prints(/^left:1 paid/m);
    await subscriber.prints(/^new:2 paid/m);
    await isAcknowledged(group, 4);
    expect(subscriber.output()).not.toContain('new:1');
    // Its id is used again, long after its record was removed.
    await publish(aResult('new', 1, 'paid', createdAt + 100 * 86_400_000));
    await subscriber.prints(/^new:1 paid/m);
    const [entry] = await redis.xrange(parked(group), '-', '+');
    expect(entry?.[1].slice(2)).toEqual(['reason', 'not a result of payment-poller', 'hello', 'world']);
  });
});
