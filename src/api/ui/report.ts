import { toMajor } from '../../domain/money.ts';
import { createZone, type DayRange, dayRange } from '../../domain/zone.ts';
import { type DailyReport, type ReportLine, readDailyReport, reasonsOf } from '../../orders/daily-report.ts';
import type { Redis } from '../../redis/connection.ts';
import type { Keys } from '../../redis/keys.ts';
import { clock, type Html, html } from './html.ts';
import { labelledCell, tableHead } from './table.ts';

/** How long a report is shown before its orders are counted again. */
const freshMs = 60_000;
/** How long a request waits for a report that is being counted. */
const waitMs = 2_000;
const mostKept = 10;

/** The daily reports of a process: one is counted at a time, because that scans all orders. */
export function createDailyReports(redis: Redis, keys: Keys, stop: AbortSignal) {
  const kept = new Map<string, { readonly report: DailyReport; readonly at: number }>();
  let counting: Promise<unknown> | null = null;

  async function count(range: DayRange): Promise<void> {
    const report = await readDailyReport(redis, keys, range, stop);
    kept.delete(range.day);
    kept.set(range.day, { report, at: performance.now() });
    for (const [oldest] of [...kept].slice(0, -mostKept)) kept.delete(oldest);
  }

  return async (range: DayRange): Promise<DailyReport | null> => {
    const known = kept.get(range.day);
    if (known !== undefined && performance.now() - known.at < freshMs) return known.report;
    let failure: unknown = null;
    if (counting === null) {
      const started = count(range).finally(() => {
        counting = null;
      });
      counting = started;
      started.catch((error: unknown) => {
        failure = error;
      });
    }
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise((resolve) => {
      timer = setTimeout(resolve, waitMs);
    });
    await Promise.race([counting.catch(() => {}), late]);
    clearTimeout(timer);
    if (failure !== null) throw failure;
    return kept.get(range.day)?.report ?? null;
  };
}

/** The range that a request asks for: yesterday unless it names another day. */
export function rangeOf(day: unknown, timeZone: string, now: number): DayRange {
  const zone = createZone(timeZone);
  const wanted = typeof day === 'string' ? dayRange(day, zone, now) : null;
  return wanted ?? (dayRange('yesterday', zone, now) as DayRange);
}

/** The page of one day. `null`: its orders are still being counted. */
export function reportBody({ day }: DayRange, report: DailyReport | null, timeZone: string): Html {
  return html`<main><h1>Orders created on ${day}</h1>
<form method="get" action="/report"><label>Day <input type="date" name="day" value="${day}"></label> <button>Show</button>
<small>${timeZone}</small></form>
${report === null ? html`<p>The orders are being counted. This page reloads by itself.</p>` : linesOf(report)}
<p><a href="/">Back to the overview</a></p></main>`;
}

function linesOf({ lines, damaged }: DailyReport): Html {
  if (lines.length === 0) return html`<p>No orders.</p>`;
  const names = ['Account', 'Orders', 'Paid', 'Failed', 'Expired', 'Unresolved', 'Open', 'Corrections'];
  return html`<table>${tableHead(...names, 'Expected', 'Received', 'Oldest unresolved')}<tbody>
${lines.map(lineOf)}</tbody></table>
${damaged > 0 && html`<p class="trouble">${damaged} orders have records that cannot be read.</p>`}`;
}

function lineOf(line: ReportLine): Html {
  const { currency, oldestUnresolved: oldest } = line;
  const unverified =
    line.unverifiedMinor > 0 &&
    html` <small>${currency} ${toMajor(line.unverifiedMinor)} not reported</small>`;
  return html`<tr>${labelledCell('Account', line.account)}
${labelledCell('Orders', String(line.orders))}
${labelledCell('Paid', String(line.paid))}
${labelledCell('Failed', String(line.failed))}
${labelledCell('Expired', String(line.expired))}
${labelledCell('Unresolved', html`${line.unresolved} <small>${reasonsOf(line)}</small>`)}
${labelledCell('Open', String(line.open))}
${labelledCell('Corrections', String(line.corrections))}
${labelledCell('Expected', `${currency} ${toMajor(line.expectedMinor)}`)}
${labelledCell('Received', html`${currency} ${toMajor(line.receivedMinor)}${unverified}`)}
${labelledCell('Oldest unresolved', oldest === null ? '–' : html`<a href="/orders/${encodeURIComponent(oldest.orderId)}"><code>${oldest.orderId}</code></a> ${clock(new Date(oldest.since).toISOString())}`)}</tr>`;
}
