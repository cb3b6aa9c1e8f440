import { jobIdOf } from '../../jobs/queue.ts';
import type { OrderView } from '../../orders/view.ts';
import { clock, type Html, html, money } from './html.ts';

/** Everything known about one order. The view is masked already. */
export function orderBody(view: OrderView): Html {
  const { orderId, account, provider, status, reason, reference, metadata } = view;
  const verdict = status ?? 'no verdict yet';
  const row = (name: string, value: Html | string) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`;
  return html`<main class="order">
<h1><span class="id">${orderId}</span></h1>
<p class="verdict"><span class="badge ${status ?? 'open'}">${verdict}</span>${reason !== null && html` <span class="reason">${reason}</span>`}</p>
<p class="why">${withClocks(view.explanation)}</p>
<dl class="facts">
${row('Amount', money(view.currency, view.amount))}
${row('Received', received(view))}
${row('Receipt', view.receipt === null ? '–' : html`<span class="id">${view.receipt}</span>`)}
${row('Account', html`<a href="/board/queue/${account}">${account}</a>${account !== provider && html` <small>${provider}</small>`}`)}
${row('Reference', typeof reference === 'string' ? html`<span class="id">${reference}</span>` : pairs(reference))}
${row('State', html`${view.phase}${view.nextPollAt !== null && html` <small><a href="/board/queue/${account}/${encodeURIComponent(jobIdOf(orderId))}">its job</a></small>`}`)}
${row('Polls', `${view.polls}, ${view.answeredPolls} with a usable answer`)}
${row('Created', clock(view.createdAt))}
${row('Deadline', clock(view.deadlineAt))}
${row('Verdict', view.settledAt === null ? '–' : html`${clock(view.settledAt)} <small>version ${view.stateversion}</small>`)}
${row('Last poll', view.lastPolledAt === null ? '–' : clock(view.lastPolledAt))}
${row('Next poll', view.nextPollAt === null ? 'none: closed' : clock(view.nextPollAt))}
${Object.keys(metadata).length > 0 && html`<div class="broad"><dt>Metadata</dt><dd><pre>${JSON.stringify(metadata, null, 2)}</pre></dd></div>`}
</dl>
<section><h2>What the provider said, latest first</h2>
${view.history.length === 0 ? html`<p class="empty">Nothing yet: it has not been asked.</p>` : history(view)}
</section>
</main>`;
}

/** What arrived, and whether it could be compared with the amount. */
function received({ currency, amountReceived, amountVerified, status }: OrderView): Html {
  const amount = amountReceived === null ? '–' : money(currency, amountReceived);
  if (status !== 'paid') return html`${amount}`;
  return html`${amount} <small>${amountVerified ? 'verified' : 'not known: the amount is not verified'}</small>`;
}

/** A sentence whose instants are turned into times that people read. */
function withClocks(text: string): Html {
  const parts = text.split(/(\d{4}-\d\d-\d\dT[\d:.]+Z)/);
  return html`${parts.map((part, index) => (index % 2 === 1 ? clock(part) : part))}`;
}

function history(view: OrderView): Html {
  const cell = (label: string, value: Html | string) =>
    html`<td data-label="${label}"><span>${value}</span></td>`;
  return html`<table class="wide history"><thead><tr>${['When', 'Reading', 'In the provider’s words', 'How'].map((name) => html`<th scope="col">${name}</th>`)}</tr></thead>
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
      source === 'callback' ? 'pushed' : 'asked',
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
      html` <small>owned by <a class="id" href="/orders/${encodeURIComponent(usedBy)}">${usedBy}</a></small>`;
    return html`<tr>${cell('When', clock(entry.at))}
${cell('Reading', html`<span class="reading ${String(reading)}">${String(reading)}</span>${notes.length > 0 && html` <small>${notes.join(', ')}</small>`}${owner}`)}
${cell('In the provider’s words', said.length === 0 ? '–' : said.join(': '))}
${cell('How', how.filter((note) => note).join(', '))}</tr>`;
  })}</tbody></table>`;
}

function pairs(reference: { readonly [name: string]: string }): Html {
  return html`${Object.entries(reference).map(([name, value]) => html`<span class="pairs">${name} <span class="id">${value}</span></span> `)}`;
}

/** The page for an order that is not there. */
export function noOrderBody(orderId: string): Html {
  return html`<main class="order"><h1>No such order</h1>
<p class="why">No order <span class="id">${orderId}</span> is known here: it was never handed in, or it was closed so long ago that it is no longer kept.</p>
<p><a href="/">Back to the overview</a></p></main>`;
}
