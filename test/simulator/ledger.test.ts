import { describe, expect, it } from 'vitest';
import { setup, startedAt } from './support.ts';

const order = {
  provider: 'lipia',
  reference: 'ref-1',
  amount: '100',
  timeline: [
    { afterMs: 0, state: 'pending' },
    { afterMs: 5_000, state: 'paid' },
  ],
} as const;

describe('the truth', () => {
  it('follows the timeline and counts what was seen', async () => {
    const { simulator, clock, ask, fetch, post } = await setup();
    await post('/_simulator/orders', order);
    expect((await ask.lipia('ref-1')).text).toContain('"Status":"PENDING"');
    clock.at += 5_000;
    expect((await ask.lipia('ref-1')).text).toContain('"Status":"SUCCESS"');
    await ask.lipia('ref-1', 'wrong-key');
    const { json } = await fetch('/_simulator/ledger');
    expect(json).toEqual([
      {
        provider: 'lipia',
        reference: 'ref-1',
        amount: '100.00',
        amountPaid: '100.00',
        receipt: expect.stringMatching(/^[A-Z0-9]{10}$/),
        finalState: 'paid',
        finalAt: startedAt + 5_000,
        paidAt: startedAt + 5_000,
        polls: 3,
        answered: 2,
        overLimit: 0,
        queries: 0,
        results: 0,
        queueTimeouts: 0,
        callbacks: 0,
        undelivered: 0,
      },
    ]);
    expect(json).toEqual(simulator.ledger());
  });

  it('knows no money for an order that ends unpaid, half of it for one partly paid', async () => {
    const { simulator } = await setup();
    const ends = ['failed:cancelled', 'partly-paid', { word: 'Odd' }] as const;
    for (const [index, state] of ends.entries()) {
      simulator.script({ ...order, reference: `ref-${index}`, timeline: [{ afterMs: 0, state }] });
    }
    expect(simulator.ledger()).toMatchObject([
      { finalState: 'failed:cancelled', amountPaid: '0.00', receipt: null, paidAt: null },
      { finalState: 'partly-paid', amountPaid: '50.00', paidAt: startedAt },
      { finalState: 'unknown', amountPaid: '0.00', receipt: null },
    ]);
  });

  it('counts the busiest second and what came over the limit', async () => {
    const { simulator, clock, ask, fetch } = await setup({ limits: { lipia: 2 } });
    simulator.script({ ...order, timeline: [...order.timeline] });
    for (const afterMs of [0, 400, 400, 400]) {
      clock.at += afterMs;
      await ask.lipia('ref-1');
    }
    const { lipia } = (await fetch('/_simulator/requests')).json as { lipia: unknown };
    expect(lipia).toMatchObject({ paths: { status: 4 }, maxPerSecond: 3, limitPerSecond: 2, overLimit: 2 });
    expect(simulator.ledger()).toMatchObject([{ overLimit: 2 }]);
  });

  it('starts a reference afresh when it is scripted again', async () => {
    const { simulator, clock, ask } = await setup();
    simulator.script({ ...order, timeline: [...order.timeline] });
    clock.at += 9_000;
    await ask.lipia('ref-1');
    simulator.script({ ...order, timeline: [...order.timeline] });
    expect((await ask.lipia('ref-1')).text).toContain('"Status":"PENDING"');
    expect(simulator.ledger()).toMatchObject([{ polls: 1 }]);
  });
});
