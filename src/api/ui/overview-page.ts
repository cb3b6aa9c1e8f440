import type { BreakerState } from '../../accounts/breaker-state.ts';
import { toMajor } from '../../domain/money.ts';
import type { VerdictStatus } from '../../domain/order.ts';
import { pollClasses } from '../../domain/poll-class.ts';
import { ageClasses, type MoneyOfClass } from '../../orders/unresolved-tally.ts';
import { redact } from '../../providers/redact.ts';
import { bar, type Hours, timeToVerdictChart, verdictsChart } from './charts.ts';
import { ago, count, type Html, html, money, span } from './html.ts';
import type { AccountHealth, Overview } from './overview.ts';
import { labelledCell, tableHead } from './table.ts';

/** The live parts of the overview, by the id of their element. */
export type Sections = { readonly [id in SectionId]: Html };
const sectionIds = ['attention', 'now', 'verdicts', 'truth', 'accounts', 'money', 'readers'] as const;
type SectionId = (typeof sectionIds)[number];

export function renderSections(overview: Overview, hours: Hours): Sections {
  return {
    attention: attention(overview),
    now: now(overview),
    verdicts: html`<h2>Verdicts, last 24 hours</h2>${verdictsChart(hours)}`,
    truth: html`<h2>Time to verdict, last 24 hours</h2>${timeToVerdictChart(hours)}`,
    accounts: accounts(overview),
    money: unresolvedMoney(overview),
    readers: readers(overview),
  };
}

/** The whole page with its live parts. */
export function overviewBody(sections: Sections, at: number): Html {
  const place = (id: SectionId) => html`<section id="${id}" data-live>${sections[id]}</section>`;
  const iso = new Date(at).toISOString();
  return html`<main id="overview">
<div id="attention" data-live>${sections.attention}</div>
${place('now')}
<form class="lookup" method="get" action="/orders" role="search">
<label for="order">Look up an order</label>
<input id="order" name="id" placeholder="order id, receipt or reference" autocapitalize="none" autocomplete="off" spellcheck="false" required>
<button>Show</button>
<a href="/orders">all orders</a>
</form>
<div class="pair">${place('verdicts')}${place('truth')}</div>
${place('accounts')}
<div class="pair">${place('money')}${place('readers')}</div>
<p class="as-of dot"><small><span id="live">As of</span>
<time id="at" datetime="${iso}" data-local="clock">${iso.slice(11, 19)} UTC</time></small></p>
</main>`;
}

const lateMs = 60_000;
const silentMs = 300_000;
const lagging = 1_000;

/** What somebody should look at, worst first; one sentence when there is nothing. */
function attention(overview: Overview): Html {
  const { at, unresolved, groups, used } = overview;
  const troubles = [
    ...overview.unreadable.map((what) => {
      const because = "another program writes to payment-poller's keys";
      return html`A Redis key has another type than ${what} should have: ${because}.`;
    }),
    ...used.map(({ orderId, usedBy }) => {
      const [order, owner] = [orderLink(orderId), orderLink(usedBy)];
      return html`One payment for two orders: ${order} refers to the payment that paid ${owner}.`;
    }),
    ...overview.accounts.flatMap((account) => accountTroubles(account, at)),
    lostOrder(overview),
    ...groups
      .filter(({ lag, pending }) => lag + pending > lagging)
      .map(({ group, lag, pending }) => {
        return html`Consumer group <b>${group}</b> is ${count(lag + pending)} results behind.`;
      }),
    ...groups
      .filter(({ parked }) => parked > 0)
      .map(({ group, parked }) => {
        return html`Consumer group <b>${group}</b> has parked ${plural(parked, 'result')} that it could not handle.`;
      }),
    ...unresolvedTroubles(unresolved),
  ].filter((trouble) => trouble !== null);
  return html`<h2 class="unseen">What needs attention</h2>${
    troubles.length === 0
      ? html`<p class="note dot paid">Nothing needs attention.</p>`
      : html`<ul class="trouble">${troubles.map((trouble) => html`<li>${trouble}</li>`)}</ul>`
  }`;
}

/** Any unresolved money needs attention until somebody acknowledges it; how much of it is old is said as well. */
function unresolvedTroubles(unresolved: Overview['unresolved']): Html[] {
  const link = html`<a href="#money">below</a>`;
  if (unresolved === null) return [html`Unresolved money is being counted; see ${link}.`];
  return unresolved.currencies.map(({ currency, classes }) => {
    const all = Object.values(classes);
    const sum = (of: readonly MoneyOfClass[]) => ({
      orders: of.reduce((orders, each) => orders + each.orders, 0),
      money: money(currency, toMajor(of.reduce((minor, each) => minor + each.amountMinor, 0))),
    });
    const [total, old] = [sum(all), sum([classes['7d'], classes.older])];
    const since = old.orders > 0 && html`, ${old.money} of it for more than a day`;
    return html`${total.money} in ${plural(total.orders, 'order')} is unresolved${since}; see ${link}.`;
  });
}

/** An overdue order without a job at an account whose breaker is closed: nothing would poll it. */
function lostOrder({ nextDue, accounts, at }: Overview): Html | null {
  if (nextDue === null || at - nextDue.at <= lateMs) return null;
  const order = html`Order ${orderLink(nextDue.orderId)}`;
  const account = accounts.find(({ id }) => id === nextDue.account);
  if (account === undefined)
    return html`${order} belongs to the account <b>${nextDue.account}</b>, which ACCOUNTS does not name, so it is not polled.`;
  if (account.breaker.state !== 'closed' || nextDue.hasJob) return null;
  return html`${order} has been due for ${span(at - nextDue.at)} and has no job; the sweeper should create one.`;
}

function accountTroubles(account: AccountHealth, at: number): Html[] {
  const { id, breaker, orders, answeredAt, polledAt, isQueuePaused } = account;
  const link = html`<a href="/board/queue/${id}"><b>${id}</b></a>`;
  if (isQueuePaused)
    return [html`The queue of ${link} is paused on the board: not even deadline verdicts are published.`];
  if (breaker.pause !== null) {
    const { since, by, reason } = breaker.pause;
    return [html`${link} has been paused for ${span(at - since)}, by ${by}: ${redact(reason)}`];
  }
  const why = breaker.why === null ? '' : ` ${redact(breaker.why)}.`;
  switch (breaker.state) {
    case 'locked':
      return [html`The provider refused the credentials of ${link}: replace them. Its orders wait.${why}`];
    case 'open':
    case 'half-open':
      return [
        html`${link} fails (${count(breaker.failures)} times in a row) and its circuit breaker is open; its orders wait.${why}`,
      ];
    case 'closed':
    case 'resting': {
      if (account.lateMs > lateMs) {
        return [
          html`Polls of <b>${id}</b> are ${span(account.lateMs)} late. Are the workers running, and is its rate limit high enough?`,
        ];
      }
      const isSilent =
        orders > 0 && polledAt !== null && at - (answeredAt ?? 0) > silentMs && at - polledAt < silentMs;
      if (!isSilent) return [];
      const since = answeredAt === null ? 'yet' : html`for ${span(at - answeredAt)}`;
      return [html`<b>${id}</b> is polled, but has given no usable answer ${since}.${why}`];
    }
  }
}

function now({ asking, watching, oldestAsking, accounts, at, unresolved }: Overview): Html {
  const latest = accounts.toSorted((a, b) => b.lateMs - a.lateMs)[0];
  const isLate = latest !== undefined && latest.lateMs >= 1_000;
  const toMoney = html`<a href="#money">money to account for</a>`;
  return html`<h2 class="unseen">Orders now</h2><dl class="figures">
${figure('Asking', count(asking), 'no verdict yet')}
${figure('Watching', count(watching), 'verdict may still change')}
${figure('Unresolved', unresolved === null ? '–' : count(unresolved.orders), toMoney)}
${
  oldestAsking === null
    ? figure('Oldest asking', '–', 'no open order')
    : figure('Oldest asking', span(at - oldestAsking.createdAt), orderLink(oldestAsking.orderId))
}
${figure('Polls late by', isLate ? span(latest.lateMs) : '0 s', isLate ? latest.id : 'on time')}
</dl>`;
}

function figure(name: string, value: string, note: string | Html): Html {
  return html`<div><dt>${name}</dt><dd><strong>${value}</strong><small>${note}</small></dd></div>`;
}

/** The name of each breaker state on the page, and the colour of its dot. */
const states: { readonly [state in BreakerState]: readonly [word: string, tone: VerdictStatus] } = {
  closed: ['polling', 'paid'],
  resting: ['paused by the provider', 'expired'],
  open: ['breaker open', 'failed'],
  'half-open': ['probing', 'expired'],
  locked: ['credentials refused', 'failed'],
};

function accounts({ accounts, at }: Overview): Html {
  return html`<h2>Accounts</h2><table class="wide">
${tableHead('Account', 'State', 'Last answer', 'Seen after', 'Late by', 'Limit in use', 'Open orders')}
<tbody>${accounts.map((account) => accountRow(account, at))}</tbody></table>`;
}

function accountRow(account: AccountHealth, at: number): Html {
  const { id, provider, answeredAt, lateMs, pollsPerMinute, ratePerSecond, orders } = account;
  const use = pollsPerMinute / (ratePerSecond * 60);
  const percent = `${Math.round(use * 100)} %`;
  return html`<tr>
<th scope="row"><a href="/board/queue/${id}">${id}</a> ${id !== provider && html`<small>${provider}</small>`}</th>
${labelledCell('State', stateOfAccount(account, at))}
${labelledCell('Last answer', answeredAt === null ? '–' : ago(answeredAt, at))}
${labelledCell('Seen after', seenAfter(account))}
${labelledCell('Late by', html`${lateMs < 1_000 ? '0 s' : span(lateMs)} ${waitingNote(account)}`)}
${labelledCell('Limit in use', html`${bar(use)} ${percent} <small>of ${ratePerSecond}/s</small>`)}
${labelledCell('Open orders', count(orders))}</tr>`;
}

/** The median lag of the last hour, from the final status to the poll that saw it, and what the schedule expected. */
function seenAfter({ lag }: AccountHealth): string | Html {
  if (lag === null) return '–';
  const seconds = (ms: number) => `${(ms / 1_000).toFixed(1)} s`;
  if (lag.expectedMs === null) return seconds(lag.medianMs);
  return html`${seconds(lag.medianMs)} <small>expected ${seconds(lag.expectedMs)}</small>`;
}

/** The most valuable class of polls that waits because fewer may start than are due. */
function waitingNote({ lateMs, waiting }: AccountHealth): Html | false {
  const first = pollClasses.find((pollClass) => waiting[pollClass] > 0);
  return lateMs >= 1_000 && first !== undefined && html`<small>${count(waiting[first])} ${first}</small>`;
}

/** The state of an account, and why it is not polled if it is not. */
export function stateOfAccount({ breaker, isQueuePaused }: AccountHealth, at: number): Html {
  if (isQueuePaused) return html`<span class="dot failed">queue paused on the board</span>`;
  if (breaker.pause !== null) {
    const { by, reason } = breaker.pause;
    return html`<span class="dot expired">paused</span> <small>by ${by}: ${redact(reason)}</small>`;
  }
  const [word, tone] = states[breaker.state];
  const until = breaker.pausedUntil !== null && html`<small>for ${span(breaker.pausedUntil - at)}</small>`;
  const why =
    breaker.state !== 'closed' && breaker.why !== null && html`<br><small>${redact(breaker.why)}</small>`;
  return html`<span class="dot ${tone}">${word}</span> ${until}${why}`;
}

function unresolvedMoney({ unresolved, at }: Overview): Html {
  if (unresolved === null)
    return html`<h2>Money unresolved</h2>
<p class="note">Being counted; the sums appear after the sweeper's next pass.</p>`;
  const { currencies, oldest, orders } = unresolved;
  if (orders === 0) return html`<h2>Money unresolved</h2><p class="note">None.</p>`;
  const names = currencies.map(({ currency }) => currency);
  return html`<h2>Money unresolved</h2><table class="numbers">${tableHead('For', ...names, 'Orders')}
<tbody>${ageClasses.map(({ id, label }) => {
    const inClass = currencies.reduce((sum, { classes }) => sum + classes[id].orders, 0);
    const sums = currencies.map(({ classes }) => money('', toMajor(classes[id].amountMinor)).trim());
    return html`<tr${inClass === 0 && html` class="note"`}><th scope="row">${label}</th>
${sums.map((sum) => html`<td>${sum}</td>`)}<td>${count(inClass)}</td></tr>`;
  })}</tbody></table>
<h3>The oldest</h3><ul class="oldest">${oldest.map(
    ({ orderId, currency, amountMinor, account, at: since }) =>
      html`<li>${orderLink(orderId)} ${money(currency, toMajor(amountMinor))}<br>
<small>${account}, ${ago(since, at)}</small></li>`,
  )}</ul>`;
}

function readers({ groups }: Overview): Html {
  if (groups.length === 0)
    return html`<h2>Consumer groups</h2><p class="note">No consumer group reads the results yet.</p>`;
  const cells = (...figures: (number | null)[]) =>
    figures.map((figure) => html`<td>${figure === null ? 'unknown' : count(figure)}</td>`);
  return html`<h2>Consumer groups</h2><table class="numbers">
${tableHead('Group', 'Unread', 'In progress', 'Parked')}
<tbody>${groups.map(
    ({ group, lag, pending, parked }) =>
      html`<tr><th scope="row">${group}</th>${cells(lag, pending, parked)}</tr>`,
  )}</tbody></table>`;
}

function orderLink(orderId: string): Html {
  return html`<a href="/orders/${encodeURIComponent(orderId)}"><code>${orderId}</code></a>`;
}

function plural(number: number, noun: string): string {
  return `${count(number)} ${noun}${number === 1 ? '' : 's'}`;
}
