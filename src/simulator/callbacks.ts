import type { ProviderApi } from './apis/api.ts';
import type { Posts, Push } from './posts.ts';
import { createReceiptMaker } from './receipts.ts';
import type { OrderScript } from './script.ts';
import type { ScriptedOrder } from './scripted-orders.ts';
import { finalState } from './timeline.ts';

type Callback = OrderScript['callbacks'][number];

/** Makes the part that posts an order's callbacks, genuine and forged, when they are due. */
export function createCallbacks(posts: Posts): (order: ScriptedOrder, api: ProviderApi) => void {
  const forgeReceipt = createReceiptMaker();
  const post = async (order: ScriptedOrder, api: ProviderApi, callback: Callback): Promise<void> => {
    const { url, shape, basic } = callback;
    const said =
      callback.form === 'genuine' ? genuine(order, api, shape) : forged(order, api, shape, forgeReceipt());
    const push: Push = typeof said === 'string' ? { body: said } : said;
    const headers = { ...push.headers, ...(basic && { authorization: basicHeader(basic) }) };
    // All copies at once: that is what a receiver must bear.
    const sent = Array.from({ length: callback.copies }, async () => {
      order.callbacks += 1;
      if (!(await posts.send({ ...push, url, headers }))) order.undelivered += 1;
    });
    await Promise.all(sent);
  };
  return (order, api) => {
    for (const callback of order.script.callbacks) {
      posts.after(callback.afterMs, () => void post(order, api, callback));
    }
  };
}

/** Tells the outcome, even before the status API knows it: that order of events is seen in life. */
function genuine(order: ScriptedOrder, api: ProviderApi, shape: Callback['shape']): string | Push {
  return api.callback(order, finalState(order), shape);
}

/** Claims full payment, whatever is true, with a receipt that no payment has. */
function forged(
  order: ScriptedOrder,
  api: ProviderApi,
  shape: Callback['shape'],
  receipt: string,
): string | Push {
  const claim = { ...order, receipt: `F${receipt.slice(1)}`, amountPaid: order.script.amount };
  return api.callback(claim, { state: 'paid', since: order.scriptedAt, step: 0 }, shape);
}

function basicHeader({ username, password }: NonNullable<Callback['basic']>): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}
