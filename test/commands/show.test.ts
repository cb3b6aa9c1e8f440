import { expect, test } from 'vitest';
import { runCommand } from '../support/command-line.ts';
import { registerEveryAccount } from '../support/registered.ts';
import { orderOf, type Story, setupWorld } from '../support/service-run.ts';
import { until } from '../support/waiting.ts';

const rarely = { firstPollAfterMs: 60_000, initialIntervalMs: 60_000, maxIntervalMs: 60_000 };

async function setup() {
  const { environment, ...world } = await setupWorld({ accounts: 'lipia' });
  const { REDIS_URL = '', PREFIX = '' } = environment as { [name: string]: string };
  await registerEveryAccount(world.redis, PREFIX);
  return { ...world, run: (...args: string[]) => runCommand(args, { env: { REDIS_URL, PREFIX } }) };
}

test('show tells people and programs what is known of an order, and why', async () => {
  const { start, follow, verdicts, run } = await setup();
  const story: Story = {
    ...{ provider: 'lipia', orderId: 'short', timeline: [{ afterMs: 0, state: 'paid' }] },
    order: { amount: '250.00' },
  };
  await follow(story);
  await start();
  await verdicts(1);
  const people = await run('show', 'short');
  expect({ code: people.code, stderr: people.stderr }).toEqual({ code: 0, stderr: '' });
  expect(people.stdout).toMatch(/^verdict +unresolved, underpaid$/m);
  expect(people.stdout).toMatch(/^why +\S.{20,}/m);
  expect(people.stdout).toMatch(/^amount +KES 250\.00$/m);
  expect(people.stdout).toMatch(/^received +KES 100\.00$/m);
  expect(people.stdout).toMatch(/^receipt +SIM\w+$/m);
  expect(people.stdout).toMatch(
    /^what the provider said, oldest first:\n {2}\d{4}-\d\d-\d\dT\S+ +paid .*HTTP 200/m,
  );
  const program = await run('show', 'short', '--json');
  expect(JSON.parse(program.stdout)).toMatchObject({
    orderId: 'short',
    status: 'unresolved',
    reason: 'underpaid',
    amount: '250.00',
    ...{ amountVerified: false, amountReceived: '100.00', receipt: expect.stringMatching(/^SIM/) },
    history: [{ reading: 'paid', httpStatus: 200 }],
  });
});

test('poll has an order polled now', async () => {
  const { start, follow, verdicts, run, store, simulator } = await setup();
  const timeline = [{ afterMs: 0, state: 'paid' as const }];
  await follow({ provider: 'lipia', orderId: 'later', timeline, order: { schedule: rarely } });
  await start();
  expect(simulator.ledger()[0]?.polls).toBe(0);
  const { code, stdout, stderr } = await run('poll', 'later');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toContain('later is polled now');
  await verdicts(1);
  await until('it to be closed', async () => (await store.read('later'))?.progress.phase === 'closed');
  const again = await run('poll', 'later');
  expect(again).toMatchObject({ code: 1, stdout: '' });
  expect(again.stderr).toContain('later is closed: its verdict is final');
});

test.each(['show', 'poll'])(
  '%s of an order that nobody knows is exit code 1, of no order id 2',
  async (command) => {
    const { run, producer } = await setup();
    // Somebody else's order must not be mistaken for it.
    await producer.enqueue(orderOf({ provider: 'lipia', orderId: 'known', timeline: [] }));
    const unknown = await run(command, 'unknown');
    expect(unknown).toMatchObject({ code: 1, stdout: '' });
    expect(unknown.stderr).toBe('Order unknown is unknown; check its id and REDIS_URL.\n');
    expect((await run(command, 'a b')).code).toBe(2);
  },
);
