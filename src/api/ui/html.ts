/** A piece of a page that is safe to send as it is. */
export interface Html {
  readonly html: string;
}

/** What may stand in a template: text is escaped, pieces are taken as they are, nothing leaves nothing. */
export type Inset = Html | string | number | null | undefined | false | readonly Inset[];

/** Tagged template: everything put in is escaped, except what is `Html` already. */
export function html(texts: TemplateStringsArray, ...insets: readonly Inset[]): Html {
  return { html: texts.map((text, index) => text + render(insets[index])).join('') };
}

function render(inset: Inset): string {
  if (inset === null || inset === undefined || inset === false) return '';
  if (Array.isArray(inset)) return inset.map(render).join('');
  if (typeof inset === 'object') return (inset as Html).html;
  return String(inset).replace(/[&<>"'`]/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** `12 s`, `3 min`, `5 h`, `2 d`: a length of time as people say it. */
export function span(ms: number): string {
  const seconds = Math.max(0, ms) / 1_000;
  if (seconds < 10) return `${Math.round(seconds * 10) / 10} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3_600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}

/** An instant as its distance from now, with the instant itself for those who want it. */
export function ago(at: number, now: number): Html {
  const iso = new Date(at).toISOString();
  const text = at <= now ? `${span(now - at)} ago` : `in ${span(at - now)}`;
  return html`<time datetime="${iso}" title="${iso}">${text}</time>`;
}

/** An instant to the second, UTC; the page's script turns it into the reader's own time. */
export function clock(iso: string): Html {
  return html`<time datetime="${iso}" data-local="clock">${iso.slice(0, 19).replace('T', ' ')} UTC</time>`;
}

/** `1 234 567`: a number that can be read. */
export function count(value: number): string {
  return value.toString().replace(/\B(?=(\d{3})+$)/g, '\u202f');
}

/** `KES 1 234.00`. */
export function money(currency: string, major: string): string {
  const [whole = '', fraction = '00'] = major.split('.');
  return `${currency}\u00a0${whole.replace(/\B(?=(\d{3})+$)/g, '\u202f')}.${fraction}`;
}
