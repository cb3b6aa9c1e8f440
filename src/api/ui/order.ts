import { jobIdOf } from '../../jobs/queue.ts';
import type { OrderView } from '../../orders/view.ts';
import type { Delivery } from '../../webhooks/deliveries.ts';
import { clock, type Html, html, money } from './html.ts';
import { labelledCell, tableHead } from './table.ts';

/** Everything known about one order. Expects a redacted view. */
export function orderBody(view: OrderView, deliveries: readonly Delivery[]): Html {
  const { orderId, account, provider, status, reason, reference, metadata } = view;
  const verdict = status ?? 'no verdict yet';
  const queue = `/board/queue/${account}`;
  const job = `${queue}/${encodeURIComponent(jobIdOf(orderId))}`;
  const row = (name: string, value: Html | string) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`;
  return html`<main>
<h1><code>${orderId}</code></h1>
<p><span class="badge ${status}">${verdict}</span> ${reason}</p>
<p>${withClocks(view.explanation)}</p>
<dl class="facts">
${row('Amount', money(view.currency, view.amount))}
${row('Received', received(view))}
${row('Receipt', view.receipt === null ? '–' : html`<code>${view.receipt}</code>`)}
${row('Account', html`<a href="${queue}">${account}</a> ${account !== provider && html`<small>${provider}</small>`}`)}
${row('Reference', typeof reference === 'string' ? html`<code>${reference}</code>` : pairs(reference))}
${row('State', html`${view.phase} ${view.nextPollAt !== null && html`<small><a href="${job}">job</a></small>`}`)}
${row('Polls', `${view.polls}, ${view.answeredPolls} with a usable answer`)}
${row('Created', clock(view.createdAt))}
${row('Deadline', clock(view.deadlineAt))}
${row('Verdict', settled(view))}
${row('Last poll', view.lastPolledAt === null ? '–' : clock(view.lastPolledAt))}
${row('Next poll', view.nextPollAt === null ? 'none: closed' : clock(view.nextPollAt))}
${
  Object.keys(metadata).length > 0 &&
  html`<div class="broad"><dt>Metadata</dt><dd><pre>${JSON.stringify(metadata, null, 2)}</pre></dd></div>`
}
</dl>
<section><h2>Answers of the provider, latest first</h2>
${view.history.length === 0 ? html`<p class="note">None yet: the order has not been polled.</p>` : history(view)}
</section>
${deliveries.length > 0 && html`<section><h2>Webhooks, latest first</h2>${webhooks(deliveries)}</section>`}
</main>`;
}

/** Which endpoints have received which results. */
function webhooks(deliveries: readonly Delivery[]): Html {
  return html`<table class="wide">${tableHead('When', 'Result', 'Endpoint', 'Delivery')}
<tbody>${deliveries.toReversed().map(({ at, type, stateversion, endpoint, state, attempts, answer }) => {
    const notes = [attempts > 1 && `${attempts} attempts`, answer];
    return html`<tr>${labelledCell('When', clock(at))}
${labelledCell('Result', html`${type} <small>version ${stateversion}</small>`)}
${labelledCell('Endpoint', html`<code>${endpoint}</code>`)}
${labelledCell('Delivery', html`${state} <small>${notes.filter((note) => note).join(', ')}</small>`)}</tr>`;
  })}</tbody></table>`;
}

/** The amount received, and whether it could be verified. */
function received({ currency, amountReceived, amountVerified, status }: OrderView): Html {
  const amount = amountReceived === null ? '–' : money(currency, amountReceived);
  if (status !== 'paid') return html`${amount}`;
  return html`${amount} <small>${amountVerified ? 'verified' : 'unknown: the amount is not verified'}</small>`;
}

function settled({ settledAt, stateversion }: OrderView): Html {
  return settledAt === null ? html`–` : html`${clock(settledAt)} <small>version ${stateversion}</small>`;
}

/** A sentence with its RFC 3339 times shown as local times. */
function withClocks(text: string): Html {
  const parts = text.split(/(\d{4}-\d\d-\d\dT[\d:.]+Z)/);
  return html`${parts.map((part, index) => (index % 2 === 1 ? clock(part) : part))}`;
}

function history(view: OrderView): Html {
  return html`<table class="wide history">${tableHead('When', 'Reading', 'Provider status', 'Source')}
<tbody>${view.history.toReversed().map((entry) => {
    const {
      reading,
      certainty,
      reason,
      receipt,
      amountReceived,
      otherAmount,
      providerStatus,
      providerMessage,
      count,
      source,
      httpStatus,
      usedBy,
    } = entry as { readonly [name: string]: unknown };
    const said = [providerStatus, providerMessage].filter((text) => typeof text === 'string' && text !== '');
    const how = [
      source === 'callback' || source === 'statement' ? source : 'poll',
      httpStatus != null && `HTTP ${httpStatus}`,
      Number(count ?? 1) > 1 && `${count} times`,
    ];
    const arrived = otherAmount ?? amountReceived;
    const notes = [
      certainty,
      reason,
      receipt != null && `receipt ${receipt}`,
      arrived != null && `received ${arrived}`,
    ].filter((note) => note);
    const owner =
      typeof usedBy === 'string' &&
      html` <small>payment of <a href="/orders/${encodeURIComponent(usedBy)}"><code>${usedBy}</code></a></small>`;
    const read = html`<span class="dot ${String(reading)}">${String(reading)}</span>`;
    return html`<tr>${labelledCell('When', clock(entry.at))}
${labelledCell('Reading', html`${read} <small>${notes.join(', ')}</small>${owner}`)}
${labelledCell('Provider status', said.length === 0 ? '–' : said.join(': '))}
${labelledCell('Source', how.filter((note) => note).join(', '))}</tr>`;
  })}</tbody></table>`;
}

function pairs(reference: { readonly [name: string]: string }): Html {
  return html`${Object.entries(reference).map(([name, value]) => html`${name} <code>${value}</code> `)}`;
}

/** The page for an order that does not exist. */
export function noOrderBody(orderId: string): Html {
  return html`<main><h1>No such order</h1>
<p>No order <code>${orderId}</code> exists here: it was never submitted, or it was closed so long ago
that its record has been deleted.</p>
<p><a href="/">Back to the overview</a></p></main>`;
}
