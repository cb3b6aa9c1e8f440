import { type Html, html } from './html.ts';

/** The row of column headings. */
export function tableHead(...names: readonly (string | Html)[]): Html {
  return html`<thead><tr>${names.map((name) => html`<th scope="col">${name}</th>`)}</tr></thead>`;
}

/** A cell that repeats its column's name, for screens too narrow for a table. */
export function labelledCell(label: string, value: Html | string): Html {
  return html`<td data-label="${label}"><span>${value}</span></td>`;
}
