import { Agent } from 'undici';

/** What the gateway said about an order. */
export interface Answer {
  readonly isFinal: boolean;
  readonly status: string;
  readonly receipt: string;
}

/** The part of the gateway's answer that a contender needs. */
interface StatusBody {
  readonly data: {
    readonly response: { readonly Status: string; readonly MpesaReceiptNumber: string };
  };
}

/** How every contender but ours asks: undici's `request` on a keep-alive pool, the cheapest way there is. */
export function createAsk(gatewayUrl: string, connections: number) {
  const agent = new Agent({ connections });
  return {
    async ask(orderId: string): Promise<Answer> {
      const { body } = await agent.request({
        origin: gatewayUrl,
        path: `/payments/status?reference=${orderId}`,
        method: 'GET',
      });
      const { data } = (await body.json()) as StatusBody;
      const { Status: status, MpesaReceiptNumber: receipt } = data.response;
      return { isFinal: status !== 'PENDING', status, receipt };
    },
    close: () => agent.close(),
  };
}
