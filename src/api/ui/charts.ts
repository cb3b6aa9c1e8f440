import { type VerdictStatus, verdictStatuses } from '../../domain/order.ts';
import { type readStatistics, timeToVerdictSeconds } from '../../orders/statistics.ts';
import { count, type Html, html } from './html.ts';
import { tableHead } from './table.ts';

/** The counters of the last hours, oldest first. */
export type Hours = Awaited<ReturnType<typeof readStatistics>>;

const total = (hours: Hours, counter: string) =>
  hours.reduce((sum, { counters }) => sum + (counters[counter] ?? 0), 0);

/** Verdicts per hour as stacked columns; also as a table, for screen readers. */
export function verdictsChart(hours: Hours): Html {
  const sums = hours.map(({ counters }) =>
    verdictStatuses.reduce((sum, status) => sum + (counters[`status:${status}`] ?? 0), 0),
  );
  const highest = Math.max(...sums);
  if (highest === 0) return html`<p class="note">No verdict in the last 24 hours.</p>`;
  const corrections = total(hours, 'corrections');
  const label = `Verdicts per hour in the last 24 hours, at most ${highest} in one hour; the table below has the numbers.`;
  const legend = (status: VerdictStatus) =>
    html`<li class="dot ${status}"><b>${count(total(hours, `status:${status}`))}</b> ${status}</li>`;
  return html`<ul class="legend">${verdictStatuses.map(legend)}</ul>
<figure>
<small>${count(highest)}</small>
<svg class="columns" viewBox="0 0 ${hours.length * 10} 100" preserveAspectRatio="none" role="img" aria-label="${label}">
${hours.map(({ counters }, index) => column(counters, index * 10, highest))}
</svg>
<figcaption>${[0, 8, 16, 23].map((index) => hourTime(hours[index]?.hour ?? ''))}</figcaption>
</figure>
${corrections > 0 && html`<p class="note">${count(corrections)} of them corrected an earlier one.</p>`}
<details><summary>As a table</summary>
<table class="numbers">${tableHead('Hour', ...verdictStatuses)}
<tbody>${hours
    .filter((_, index) => (sums[index] ?? 0) > 0)
    .toReversed()
    .map(hourRow)}</tbody></table></details>`;
}

function hourRow({ hour, counters }: Hours[number]): Html {
  const cells = verdictStatuses.map((status) => html`<td>${count(counters[`status:${status}`] ?? 0)}</td>`);
  return html`<tr><th scope="row">${hourTime(hour)}</th>${cells}</tr>`;
}

function column(counters: Hours[number]['counters'], x: number, highest: number): Html[] {
  let y = 100;
  return verdictStatuses.map((status: VerdictStatus) => {
    const verdicts = counters[`status:${status}`] ?? 0;
    if (verdicts === 0) return html``;
    const height = (verdicts / highest) * 100;
    y -= height;
    const [top, tall] = [y.toFixed(2), height.toFixed(2)];
    return html`<rect class="${status}" x="${x + 1}" y="${top}" width="8" height="${tall}"/>`;
  });
}

function hourTime(hour: string): Html {
  const iso = `${hour}:00:00.000Z`;
  return html`<time datetime="${iso}" data-local="hour">${hour.slice(11)}:00 UTC</time>`;
}

/** The time to the first verdict, as bars with counts and cumulative shares. */
export function timeToVerdictChart(hours: Hours): Html {
  const classes = [
    ...timeToVerdictSeconds.map((bound) => ({
      label: `≤ ${shortTime(bound)}`,
      verdicts: total(hours, `truth:${bound}`),
    })),
    { label: `> ${shortTime(timeToVerdictSeconds.at(-1) ?? 0)}`, verdicts: total(hours, 'truth:more') },
  ];
  const all = classes.reduce((sum, { verdicts }) => sum + verdicts, 0);
  if (all === 0) return html`<p class="note">No first verdict in the last 24 hours.</p>`;
  const highest = Math.max(...classes.map(({ verdicts }) => verdicts));
  let sum = 0;
  return html`<p class="note">${shares(classes, all)}</p>
<table class="numbers bars">
${tableHead('Within', html`<span class="unseen">Bar</span>`, 'Verdicts', 'Cumulative')}
<tbody>${classes.map(({ label, verdicts }) => {
    sum += verdicts;
    const cells = html`<td>${count(verdicts)}</td><td>${Math.floor((sum / all) * 100)} %</td>`;
    return html`<tr><th scope="row">${label}</th><td>${bar(verdicts / highest)}</td>${cells}</tr>`;
  })}</tbody></table>`;
}

/** A bar that fills `share` of its width. */
export function bar(share: number): Html {
  const width = Math.min(Math.max(share, 0), 1) * 100;
  return html`<svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">
<rect class="track" width="100" height="10"/><rect width="${width.toFixed(2)}" height="10"/></svg>`;
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
