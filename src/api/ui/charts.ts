import { type VerdictStatus, verdictStatuses } from '../../domain/order.ts';
import { type readStatistics, timeToVerdictSeconds } from '../../orders/statistics.ts';
import { count, type Html, html } from './html.ts';

/** The counters of the last hours, oldest first. */
export type Hours = Awaited<ReturnType<typeof readStatistics>>;

const total = (hours: Hours, counter: string) =>
  hours.reduce((sum, { counters }) => sum + (counters[counter] ?? 0), 0);

/** Verdicts per hour as stacked columns; the same as a table for those who cannot see them. */
export function verdictsChart(hours: Hours): Html {
  const sums = hours.map(({ counters }) =>
    verdictStatuses.reduce((sum, status) => sum + (counters[`status:${status}`] ?? 0), 0),
  );
  const highest = Math.max(...sums);
  if (highest === 0) return html`<p class="empty">No verdict in the last 24 hours.</p>`;
  const corrections = total(hours, 'corrections');
  return html`<ul class="legend">${verdictStatuses.map(
    (status) => html`<li class="${status}"><b>${count(total(hours, `status:${status}`))}</b> ${status}</li>`,
  )}</ul>
<div class="columns">
<span class="peak">${count(highest)}</span>
<svg viewBox="0 0 ${hours.length * 10} 100" preserveAspectRatio="none" role="img" aria-label="Verdicts per hour in the last 24 hours, at most ${highest} in one hour; the table below has the numbers.">${hours.map(
    ({ counters }, index) => column(counters, index * 10, highest),
  )}</svg>
<p class="axis">${[0, 8, 16, 23].map((index) => hourTime(hours[index]?.hour ?? ''))}</p>
</div>
${corrections > 0 && html`<p class="note">${count(corrections)} of them corrected an earlier one.</p>`}
<details><summary>As a table</summary>
<table><thead><tr><th scope="col">Hour</th>${verdictStatuses.map((status) => html`<th scope="col">${status}</th>`)}</tr></thead>
<tbody>${hours
    .filter((_, index) => (sums[index] ?? 0) > 0)
    .toReversed()
    .map(
      ({ hour, counters }) =>
        html`<tr><th scope="row">${hourTime(hour)}</th>${verdictStatuses.map((status) => html`<td>${count(counters[`status:${status}`] ?? 0)}</td>`)}</tr>`,
    )}</tbody></table></details>`;
}

function column(counters: Hours[number]['counters'], x: number, highest: number): Html[] {
  let y = 100;
  return verdictStatuses.map((status: VerdictStatus) => {
    const verdicts = counters[`status:${status}`] ?? 0;
    if (verdicts === 0) return html``;
    const height = (verdicts / highest) * 100;
    y -= height;
    return html`<rect class="${status}" x="${x + 1}" y="${y.toFixed(2)}" width="8" height="${height.toFixed(2)}"/>`;
  });
}

function hourTime(hour: string): Html {
  const iso = `${hour}:00:00.000Z`;
  return html`<time datetime="${iso}" data-local="hour">${hour.slice(11)}:00 UTC</time>`;
}

/** How long first verdicts took, as bars with counts and the share that came by then. */
export function truthChart(hours: Hours): Html {
  const classes = [
    ...timeToVerdictSeconds.map((bound) => ({
      label: `≤ ${shortTime(bound)}`,
      verdicts: total(hours, `truth:${bound}`),
    })),
    { label: `> ${shortTime(timeToVerdictSeconds.at(-1) ?? 0)}`, verdicts: total(hours, 'truth:more') },
  ];
  const all = classes.reduce((sum, { verdicts }) => sum + verdicts, 0);
  if (all === 0) return html`<p class="empty">No first verdict in the last 24 hours.</p>`;
  const highest = Math.max(...classes.map(({ verdicts }) => verdicts));
  let sum = 0;
  return html`<p class="note">${shares(classes, all)}</p>
<table class="bars"><thead><tr><th scope="col">Within</th><th scope="col"><span class="unseen">Bar</span></th><th scope="col">Verdicts</th><th scope="col">By then</th></tr></thead>
<tbody>${classes.map(({ label, verdicts }) => {
    sum += verdicts;
    return html`<tr><th scope="row">${label}</th><td class="bar">${bar(verdicts / highest)}</td><td>${count(verdicts)}</td><td>${Math.floor((sum / all) * 100)} %</td></tr>`;
  })}</tbody></table>`;
}

/** One bar, `share` of its room. */
export function bar(share: number): Html {
  const width = Math.min(Math.max(share, 0), 1) * 100;
  return html`<svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true"><rect class="room" width="100" height="10"/><rect class="full" width="${width.toFixed(2)}" height="10"/></svg>`;
}

/** "Half of the verdicts came within 20 s, 95 % within 2 min." */
function shares(classes: readonly { label: string; verdicts: number }[], all: number): string {
  const within = (share: number) => {
    let sum = 0;
    const reached = classes.find(({ verdicts }) => {
      sum += verdicts;
      return sum >= all * share;
    });
    return reached?.label.replace('≤ ', 'within ').replace('> ', 'after more than ') ?? '';
  };
  return `Half of the verdicts came ${within(0.5)}, 95 % ${within(0.95)}.`;
}

function shortTime(seconds: number): string {
  return seconds < 120 ? `${seconds} s` : `${seconds / 60} min`;
}
