import { parseEnv } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import { readConfig } from '../../src/config/config.ts';
import { unknownVariables } from '../../src/config/unknown-variables.ts';
import { startSimulator } from '../../src/simulator/simulator.ts';
import { plainStates } from '../../src/simulator/words.ts';
import { runCommand, startCommand } from '../support/command-line.ts';
import { testPrefix, testRedisUrl } from '../support/redis.ts';
import { startRunningService } from '../support/running-service.ts';
import { eventually } from '../support/waiting.ts';

test('simulate prints a .env that is complete, the callback addresses and the states', async () => {
  const command = startCommand(['simulate', '--port', '0']);
  const [states] = await command.printed(/^# States, .*$/m);
  const environment = parseEnv(command.stdout()) as { [name: string]: string };
  const config = readConfig(environment);
  expect(config.accounts.length).toBeGreaterThan(5);
  expect(unknownVariables(environment).map(({ text }) => text)).toEqual(
    unknownVariables({ ...environment, SIMULATOR_URL: '' }).map(({ text }) => text),
  );
  expect(environment.LIPIA_BASE_URL).toContain(environment.SIMULATOR_URL);
  const token = config.accounts.find(({ id }) => id === 'lipia')?.callbacks.token;
  expect(command.stdout()).toContain(`${environment.API_URL}/callbacks/lipia/${token}`);
  for (const state of plainStates) expect(states).toContain(state);
  command.kill('SIGINT');
  expect(await command.ended).toMatchObject({ code: 0, stderr: '' });
});

describe('trigger', () => {
  async function setup() {
    const simulator = await startSimulator();
    onTestFinished(() => simulator.close());
    const env = { SIMULATOR_URL: simulator.url };
    return { simulator, trigger: (...args: string[]) => runCommand(['trigger', ...args], { env }) };
  }

  test('begins a payment and moves it', async () => {
    const { simulator, trigger } = await setup();
    const begun = await trigger('R1', 'pending', '--provider', 'lipia', '--amount', '1.00');
    expect(begun).toMatchObject({ code: 0, stdout: 'R1 is pending from now on\n', stderr: '' });
    const [before] = simulator.ledger();
    expect(await trigger('R1', 'cancelled')).toMatchObject({
      code: 0,
      stdout: 'R1 is failed:cancelled from now on\n',
    });
    const entries = simulator.ledger();
    expect(entries).toHaveLength(1);
    expect(entries[0]).toMatchObject({ reference: 'R1', amount: '1.00', receipt: before?.receipt });
  });

  test('says what it needs', async () => {
    const { simulator, trigger } = await setup();
    const unknown = await trigger('R2', 'paid');
    expect(unknown).toMatchObject({ code: 1, stdout: '' });
    expect(unknown.stderr).toContain('No payment is called R2; name its provider and amount to begin one.');
    const timeline = [{ afterMs: 0, state: 'pending' as const }];
    for (const provider of ['lipia', 'jenga'] as const)
      simulator.script({ provider, reference: 'R3', amount: '1.00', timeline });
    expect((await trigger('R3', 'paid')).stderr).toMatch(
      /(?:jenga and lipia|lipia and jenga) have a payment R3/,
    );
    expect(await trigger('R3', 'paid', '--provider', 'jenga')).toMatchObject({ code: 0 });
    expect(await trigger('R3', 'gone')).toMatchObject({ code: 2, stdout: '' });
    const nowhere = await runCommand(['trigger', 'R1', 'paid', '--simulator', 'http://127.0.0.1:9']);
    expect(nowhere).toMatchObject({ code: 1, stdout: '' });
    expect(nowhere.stderr).toContain('start it with payment-poller simulate, or set SIMULATOR_URL');
  });

  test('decides an order', async () => {
    const service = await startRunningService({ accounts: 'lipia' });
    onTestFinished(() => service.close());
    const env = { SIMULATOR_URL: service.simulator.url };
    await runCommand(['trigger', 'R1', 'pending', '--provider', 'lipia', '--amount', '1.00'], { env });
    await service.enqueue({ orderId: 'ord-1', account: 'lipia', reference: 'R1', amount: '1.00' });
    await runCommand(['trigger', 'R1', 'paid'], { env });
    await eventually(async () =>
      expect((await service.call('GET', '/v1/orders/ord-1')).json).toMatchObject({ status: 'paid' }),
    );
  });
});

test('demo --empty is a service without orders and with an API key, until SIGINT', async () => {
  const command = startCommand(['demo', '--empty'], {
    env: { REDIS_URL: testRedisUrl(), PREFIX: testPrefix() },
  });
  const [, url, key] = await command.printed(/export API_URL=(\S+) API_KEY=(\S+) SIMULATOR_URL=http/);
  const answer = await fetch(`${url}/v1/orders`, { headers: { authorization: `Bearer ${key}` } });
  expect(await answer.json()).toEqual({ orders: [], next: null });
  command.kill('SIGINT');
  expect(await command.ended).toMatchObject({ code: 0, stderr: '' });
});
