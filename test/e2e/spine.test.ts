import { describe, expect, onTestFinished, test } from 'vitest';
import { parseEvent, resultEventSchema } from '../../src/domain/result-event.ts';
import { createPollQueue } from '../../src/jobs/queue.ts';
import { type Command, startCommand } from '../support/command-line.ts';
import { startFakeGateway } from '../support/fake-gateway.ts';
import { testRedisUrl } from '../support/redis.ts';
import { openRedisLane } from '../support/redis-lane.ts';
import { type Story, setupWorld, toldOf } from '../support/service-run.ts';
import { until } from '../support/waiting.ts';

const running = /payment-poller is running/;

async function startService(environment: { [name: string]: string }): Promise<Command> {
  const command = startCommand(['start'], { env: { ...environment, LOG_LEVEL: 'info' } });
  await command.printed(running);
  return command;
}

/** The fields of a stream entry, and of its data, in the order in which the contract prints them. */
const contractFields = [
  ...['specversion', 'id', 'source', 'type', 'subject', 'time', 'datacontenttype', 'stateversion'],
  ...['supersedes', 'data'],
];
const contractData = [
  ...['orderId', 'account', 'provider', 'reference', 'status', 'reason', 'amountExpected', 'amountReceived'],
  ...['currency', 'amountVerified', 'receipt', 'providerStatus', 'providerMessage', 'polls', 'answeredPolls'],
  ...['createdAt', 'settledAt', 'evidence', 'metadata'],
];

describe('every verdict stands on the stream as the contract prints it', () => {
  const refusals = {
    jenga: 'failed:cancelled',
    daraja: 'failed:cancelled',
    'daraja-stk': 'failed:insufficient-funds',
    vexora: 'failed:rejected',
    lipia: 'failed:wrong-pin',
    tanda: 'failed:insufficient-funds',
  } as const;
  const providers = Object.keys(refusals) as (keyof typeof refusals)[];
  const pays: Story['timeline'] = [
    { afterMs: 0, state: 'pending' },
    { afterMs: 300, state: 'paid' },
  ];
  const stories = providers.flatMap((provider): Story[] => [
    { provider, orderId: `${provider}:paid`, timeline: pays, order: { metadata: { cart: [7] } } },
    { provider, orderId: `${provider}:refused`, timeline: [{ afterMs: 0, state: refusals[provider] }] },
    {
      ...{ provider, orderId: `${provider}:underpaid`, timeline: [{ afterMs: 0, state: 'paid' }] },
      script: { amountPaid: '50.00' },
    },
  ]);
  const late: Story = {
    ...{ provider: 'jenga', orderId: 'jenga:late' },
    timeline: [{ afterMs: 0, state: { word: 'SETTLEMENT_REVIEW' } }],
    order: { schedule: { deadlineMs: 500 } },
  };
  const unproven = {
    status: 'unresolved',
    reason: 'underpaid',
    amountReceived: '50.00',
    amountVerified: false,
  };

  test('paid, refused and underpaid at every provider, and a correction', async () => {
    const world = await setupWorld({ accounts: providers.join(',') });
    const service = await startService(world.environment);
    await world.follow(...stories, late);
    await world.verdicts(stories.length + 1);
    world.rescript({ ...late, timeline: [{ afterMs: 0, state: 'paid' }] });
    await world.verdicts(stories.length + 2);
    service.kill('SIGTERM');
    expect(await service.ended).toMatchObject({ code: 0, stderr: '' });

    const entries = await world.redis.xrange(world.keys.results, '-', '+');
    expect(entries).toHaveLength(stories.length + 2);
    for (const [, fields] of entries) {
      const names = fields.filter((_, index) => index % 2 === 0);
      expect(names).toEqual(contractFields.filter((name) => name !== 'supersedes' || names.includes(name)));
      const entry = Object.fromEntries(names.map((name, index) => [name, fields[2 * index + 1] ?? '']));
      const data = JSON.parse(entry.data ?? '') as { [name: string]: unknown };
      expect(Object.keys(data).filter((name) => contractData.includes(name))).toEqual(contractData);
      const event = resultEventSchema.parse({ ...entry, data });
      expect(parseEvent(fields)).toEqual(event);
      expect(entry).toMatchObject({
        ...{ specversion: '1.0', id: `${data.orderId}:${entry.stateversion}`, subject: data.orderId },
        ...{ source: `payment-poller/${data.account}`, type: `payment.${data.status}` },
        ...{ datacontenttype: 'application/json', time: data.settledAt },
      });
      expect(data).toMatchObject({ amountExpected: '100.00', currency: 'KES', provider: data.account });
      expect(event.data.evidence.at(-1)).toMatchObject({
        ...{ source: data.provider === 'daraja' ? 'callback' : 'poll', httpStatus: 200 },
        ...{ at: expect.stringMatching(/Z$/), bodySha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
      });
    }

    const events = entries.map(([, fields]) => parseEvent(fields));
    const of = (orderId: string) =>
      events.filter(({ subject }) => subject === orderId).map(({ data }) => data);
    for (const provider of providers) {
      const isBlind = provider === 'daraja-stk';
      const proof = isBlind
        ? { amountReceived: null, amountVerified: false, receipt: null }
        : { amountReceived: '100.00', amountVerified: true, receipt: expect.stringMatching(/^\w{4,}$/) };
      expect(of(`${provider}:paid`)).toMatchObject([
        { status: 'paid', reason: null, ...proof, metadata: { cart: [7] } },
      ]);
      expect(of(`${provider}:refused`)).toMatchObject([
        { status: 'failed', reason: refusals[provider].split(':')[1], amountReceived: null, receipt: null },
      ]);
      expect(of(`${provider}:underpaid`)).toMatchObject([isBlind ? { status: 'paid', ...proof } : unproven]);
    }
    expect(toldOf(events)['jenga:late']).toEqual(['unresolved/deadline', 'paid']);
    expect(events.filter(({ subject }) => subject === 'jenga:late')).toMatchObject([
      { id: 'jenga:late:1', stateversion: 1 },
      { id: 'jenga:late:2', stateversion: 2, supersedes: 'jenga:late:1' },
    ]);
  });
});

describe('exactly once, though the worker is killed with SIGKILL and started again', () => {
  /** One payment pays one order: each reference has a receipt of its own. */
  const referenceOf = (orderId: string) => orderId.padEnd(24, 'f');
  const paid = (reference: string) => ({
    success: true,
    data: {
      response: { Amount: 100, MpesaReceiptNumber: `NEF6${reference}`, ResultCode: 0, Status: 'SUCCESS' },
      status: true,
    },
  });

  async function setup() {
    const gateway = await startFakeGateway(({ url }) => {
      const reference = new URL(url, 'http://gateway').searchParams.get('reference') ?? '';
      return { status: 200, body: paid(reference) };
    });
    onTestFinished(() => gateway.close());
    const world = await setupWorld({ accounts: 'lipia', settings: { BASE_URL: gateway.url } });
    const queue = createPollQueue(world.redis, world.keys, 'lipia');
    onTestFinished(() => queue.close());
    const lane = await openRedisLane(testRedisUrl());
    const service = await startService({ ...world.environment, REDIS_URL: lane.url });
    const enqueue = (orderId: string) =>
      world.producer.enqueue({ orderId, account: 'lipia', reference: referenceOf(orderId), amount: '100' });
    // Redis must know the scripts by then: a script that is sent twice would be cut off before it runs.
    await enqueue('first');
    await world.verdicts(1);
    return {
      ...{ world, gateway, lane, service, enqueue },
      /** The order is closed and its job has ended: nobody has anything left to do. */
      isOver: async () => {
        const { active, waiting, delayed, failed } = await queue.getJobCounts();
        const jobs = [active, waiting, delayed, failed].reduce((sum = 0, count = 0) => sum + count, 0);
        return jobs === 0 && (await world.redis.hget(world.keys.order('o'), 'phase')) === 'closed';
      },
    };
  }

  async function startAgain({ world, isOver }: Awaited<ReturnType<typeof setup>>): Promise<void> {
    const service = await startService(world.environment);
    await until('the order to be over', isOver);
    service.kill('SIGTERM');
    expect((await service.ended).code).toBe(0);
    expect(await world.events('o')).toMatchObject([{ id: 'o:1', type: 'payment.paid' }]);
  }

  test('between the answer and the publish: it asks again', async () => {
    const all = await setup();
    const cut = all.lane.cutAt('payment.paid', 'to Redis');
    await all.enqueue('o');
    await cut;
    all.service.kill('SIGKILL');
    expect(await all.service.ended).toMatchObject({ signal: 'SIGKILL' });
    expect(await all.world.events('o')).toEqual([]);
    await startAgain(all);
    expect(all.gateway.requests).toHaveLength(3);
  });

  test('between the publish and the end of its job: it does not publish again', async () => {
    const all = await setup();
    const cut = all.lane.cutAt('payment.paid', 'from Redis');
    await all.enqueue('o');
    await cut;
    await until('the verdict to be out', async () => (await all.world.events('o')).length === 1);
    all.service.kill('SIGKILL');
    expect(await all.service.ended).toMatchObject({ signal: 'SIGKILL' });
    expect(await all.isOver()).toBe(false);
    await startAgain(all);
    expect(all.gateway.requests).toHaveLength(2);
  });
});
