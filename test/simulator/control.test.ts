import { describe, expect, it } from 'vitest';
import { setup } from './support.ts';

const order = {
  provider: 'lipia',
  reference: 'ref-1',
  amount: '100',
  timeline: [
    { afterMs: 0, state: 'pending' },
    { afterMs: 5_000, state: 'paid' },
  ],
} as const;

describe('control over HTTP', () => {
  it('scripts one order or many, and tells their receipts', async () => {
    const { post, ask, fetch } = await setup();
    const one = await post('/_simulator/orders', order);
    expect(one).toMatchObject({ status: 201, json: [{ provider: 'lipia', reference: 'ref-1' }] });
    const many = await post('/_simulator/orders', [
      order,
      { ...order, reference: 'ref-2', receipt: 'NEF61H8J60' },
    ]);
    expect(many).toMatchObject({ status: 201, json: [{}, { reference: 'ref-2', receipt: 'NEF61H8J60' }] });
    expect((await ask.lipia('ref-2')).status).toBe(200);
    expect((await fetch('/_simulator/health')).json).toMatchObject({ status: 'ok', orders: 2 });
  });

  it('lists every fault of a script with 422, and then does nothing', async () => {
    const { post, simulator } = await setup();
    const bad = {
      ...order,
      amount: '1.234',
      timeline: [
        { afterMs: 10, state: 'paid' },
        { afterMs: 5, state: 'payed' },
      ],
      callbacks: [{ afterMs: 0, url: 'https://merchant.example/hook', form: 'genuine' }],
    };
    const answer = await post('/_simulator/orders', [order, bad]);
    expect(answer.status).toBe(422);
    const { faults } = answer.json as { faults: string[] };
    expect(faults).toEqual([
      expect.stringMatching(/^1\.amount: .*major units/),
      expect.stringMatching(/^1\.timeline\.1\.state: A state is/),
      expect.stringMatching(/^1\.callbacks\.0\.url: The simulator posts only to/),
    ]);
    expect(simulator.ledger()).toEqual([]);
    expect((await post('/_simulator/outages', { provider: 'lipia', kind: 'credential-locked' })).status).toBe(
      422,
    );
    expect((await post('/_simulator/tokens/expire', { provider: 'mpesa' })).status).toBe(422);
  });

  it('throws the same faults from the object’s own methods', async () => {
    const { simulator } = await setup();
    expect(() => simulator.script({ ...order, timeline: [] })).toThrow(
      /The order script is not valid: timeline:/,
    );
    const backwards = [
      { afterMs: 10, state: 'pending' as const },
      { afterMs: 5, state: 'paid' as const },
    ];
    expect(() => simulator.script({ ...order, timeline: backwards })).toThrow(/runs forward/);
    expect(() => simulator.outage({ provider: 'lipia', kind: 'silent-results' })).toThrow(
      /The outage is not valid/,
    );
  });

  it.each(['http://127.8.8.8:1/x', 'http://localhost:1/x', 'http://[::1]:1/x'])(
    'may post to %s',
    async (url) => {
      const { simulator } = await setup();
      const callbacks = [{ afterMs: 60_000, url, form: 'forged' as const }];
      simulator.script({ ...order, timeline: [...order.timeline], callbacks });
    },
  );

  it.each([
    'http://10.0.0.1/x',
    'https://localhost/x',
    'http://localhost.example/x',
    'http://127.0.0.1@evil.example/',
    'x',
  ])('may not post to %s', async (url) => {
    const { simulator } = await setup();
    const callbacks = [{ afterMs: 0, url, form: 'forged' as const }];
    expect(() => simulator.script({ ...order, timeline: [...order.timeline], callbacks })).toThrow(
      /posts only to/,
    );
  });

  it('answers unknown paths with the list of routes', async () => {
    const { fetch } = await setup();
    const answer = await fetch('/_simulator/nothing');
    expect(answer.status).toBe(404);
    expect(answer.text).toContain('POST /orders');
    expect((await fetch('/nowhere/x')).status).toBe(404);
  });

  it('serves the key that seals the initiator’s password', async () => {
    const { fetch, simulator } = await setup();
    expect((await fetch('/_simulator/daraja-certificate')).text).toBe(simulator.darajaCertificate);
    expect(simulator.darajaCertificate).toContain('BEGIN PUBLIC KEY');
  });
});
