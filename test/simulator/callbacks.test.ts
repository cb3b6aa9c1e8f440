import { describe, expect, it } from 'vitest';
import { merchant } from './merchant.ts';
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

describe('callbacks', () => {
  it('a forged one claims success for an order that is not paid, with a receipt of nobody', async () => {
    const { simulator, ask } = await setup();
    const shop = await merchant();
    const callbacks = [{ afterMs: 0, url: `${shop.url}/hook`, form: 'forged' as const }];
    simulator.script({
      ...order,
      timeline: [{ afterMs: 0, state: 'failed:cancelled' }],
      receipt: 'NEF61H8J60',
      callbacks,
    });
    const { json, path } = await shop.next();
    expect(path).toBe('/hook');
    expect(json).toMatchObject({ status: true, response: { Status: 'Success', Amount: 100 } });
    expect(JSON.stringify(json)).not.toContain('NEF61H8J60');
    expect((await ask.lipia('ref-1')).text).toContain('"Status":"FAILED"');
  });

  it('copies arrive all, and a merchant that is away is counted', async () => {
    const { simulator } = await setup();
    const shop = await merchant();
    const callbacks = [{ afterMs: 0, url: shop.url, form: 'forged' as const, copies: 3 }];
    simulator.script({ ...order, timeline: [...order.timeline], callbacks });
    const texts = [await shop.next(), await shop.next(), await shop.next()].map(({ text }) => text);
    expect(new Set(texts).size).toBe(1);
    expect(simulator.ledger()).toMatchObject([{ callbacks: 3, undelivered: 0 }]);
  });

  it('a genuine one needs an outcome to tell', async () => {
    const { simulator } = await setup();
    const callbacks = [{ afterMs: 0, url: 'http://127.0.0.1:9/', form: 'genuine' as const }];
    const timeline = [{ afterMs: 0, state: 'pending' as const }];
    expect(() => simulator.script({ ...order, timeline, callbacks })).toThrow(
      /needs a timeline that ends in an outcome/,
    );
  });
});
