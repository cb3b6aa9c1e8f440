import type { FastifyInstance } from 'fastify';
import { orderIdPattern } from '../../domain/order.ts';
import { type OrderFilter, searchPhases, searchStatuses } from '../../orders/order-filter.ts';
import type { OrderRecord } from '../../orders/record.ts';
import { InvalidPlaceError, type SearchParts, searchOrders } from '../../orders/search.ts';
import { summaryOf } from '../../orders/view.ts';
import { clock, type Html, html, money } from './html.ts';
import { sendPage } from './layout.ts';
import { labelledCell, tableHead } from './table.ts';

const pageSize = 50;
/** Longer texts are no id, receipt or reference. */
const maxTextLength = 512;

interface Query {
  readonly id?: unknown;
  readonly status?: unknown;
  readonly phase?: unknown;
  readonly after?: unknown;
}

/** `/orders`: what the lookup of the overview found, or all orders, latest first. */
export function serveOrdersPage(app: FastifyInstance, search: SearchParts): void {
  app.get<{ Querystring: Query }>('/orders', { schema: { hide: true } }, async (request, reply) => {
    const { id, after } = request.query;
    const text = typeof id === 'string' ? id.trim().slice(0, maxTextLength) : '';
    if (text !== '') {
      const found = await lookUp(search, text);
      if (found.length <= 1) {
        const orderId = found[0]?.order.orderId ?? text;
        return reply.redirect(`/orders/${encodeURIComponent(orderId)}`, 303);
      }
      const body = ordersBody(html`Orders with <code>${text}</code>`, found, null);
      return sendPage(reply, 200, { title: 'Orders · payment-poller', body, isInside: true });
    }
    const filter = filterOf(request.query);
    const from = typeof after === 'string' && after !== '' ? after : null;
    // A place that somebody changed by hand: the list begins again.
    const page = await searchOrders(search, filter, pageSize, from).catch((error: unknown) => {
      if (!(error instanceof InvalidPlaceError)) throw error;
      return searchOrders(search, filter, pageSize, null);
    });
    const body = ordersBody(html`Orders`, page.records, nextAddress(filter, page.next));
    return sendPage(reply, 200, { title: 'Orders · payment-poller', body, isInside: true });
  });
}

/** The orders whose id, receipt or reference a text is. */
async function lookUp(search: SearchParts, text: string): Promise<OrderRecord[]> {
  const everywhere = { accounts: null };
  const [own, byReceipt, byReference] = await Promise.all([
    orderIdPattern.test(text) ? search.store.read(text) : null,
    searchOrders(search, { ...everywhere, receipt: text }, pageSize, null),
    searchOrders(search, { ...everywhere, reference: text }, pageSize, null),
  ]);
  const found = [...(own === null ? [] : [own]), ...byReceipt.records, ...byReference.records];
  return [...new Map(found.map((record) => [record.order.orderId, record])).values()];
}

function filterOf({ status, phase }: Query): OrderFilter {
  return {
    accounts: null,
    status: searchStatuses.find((each) => each === status),
    phase: searchPhases.find((each) => each === phase),
  };
}

function nextAddress({ status, phase }: OrderFilter, next: string | null): string | null {
  if (next === null) return null;
  const query = new URLSearchParams({ ...(status && { status }), ...(phase && { phase }), after: next });
  return `/orders?${query}`;
}

function ordersBody(heading: Html, records: readonly OrderRecord[], next: string | null): Html {
  const filters = searchStatuses.map(
    (status) => html`<a href="/orders?status=${status}">${status === 'none' ? 'no verdict' : status}</a> `,
  );
  return html`<main>
<h1>${heading}</h1>
<p><a href="/orders">all</a> ${filters}</p>
${
  records.length === 0
    ? html`<p class="note">None${next === null ? '' : ' among those examined so far'}.</p>`
    : html`<table class="wide">
${tableHead('Order', 'Verdict', 'Amount', 'Receipt', 'Account', 'Created')}
<tbody>${records.map(orderRow)}</tbody></table>`
}
${next !== null && html`<p><a href="${next}" rel="next">Older orders</a></p>`}
</main>`;
}

function orderRow(record: OrderRecord): Html {
  const { orderId, status, reason, currency, amount, receipt, account, createdAt } = summaryOf(record);
  return html`<tr>
<th scope="row"><a href="/orders/${encodeURIComponent(orderId)}"><code>${orderId}</code></a></th>
${labelledCell('Verdict', html`<span class="badge ${status}">${status ?? 'no verdict yet'}</span> <small>${reason}</small>`)}
${labelledCell('Amount', money(currency, amount))}
${labelledCell('Receipt', receipt === null ? '–' : html`<code>${receipt}</code>`)}
${labelledCell('Account', account)}
${labelledCell('Created', clock(createdAt))}</tr>`;
}
