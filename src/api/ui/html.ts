/** Markup that is safe to send unescaped. */
export interface Html {
  readonly html: string;
}

/** Values for a template: text is escaped, `Html` is inserted unchanged, null and false are omitted. */
export type Inset = Html | string | number | null | undefined | false | readonly Inset[];

/** Tagged template that escapes all values except `Html`. */
export function html(texts: TemplateStringsArray, ...insets: readonly Inset[]): Html {
  return { html: texts.map((text, index) => text + render(insets[index])).join('') };
}

function render(inset: Inset): string {
  if (inset === null || inset === undefined || inset === false) return '';
  if (Array.isArray(inset)) return inset.map(render).join('');
  if (typeof inset === 'object') return (inset as Html).html;
  return String(inset).replace(/[&<>"'`]/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** A duration for people: `12 s`, `3 min`, `5 h`, `2 d`. */
export function span(ms: number): string {
  const seconds = Math.max(0, ms) / 1_000;
  if (seconds < 10) return `${Math.round(seconds * 10) / 10} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3_600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}

/** A time relative to now, with the exact time as a tooltip. */
export function ago(at: number, now: number): Html {
  const iso = new Date(at).toISOString();
  const text = at <= now ? `${span(now - at)} ago` : `in ${span(at - now)}`;
  return html`<time datetime="${iso}" title="${iso}">${text}</time>`;
}

/** A time to the second in UTC, which the page's script converts to local time. */
export function clock(iso: string): Html {
  return html`<time datetime="${iso}" data-local="clock">${iso.slice(0, 19).replace('T', ' ')} UTC</time>`;
}

/** A number with its digits grouped: `1 234 567`. */
export function count(value: number): string {
  return value.toString().replace(/\B(?=(\d{3})+$)/g, '\u202f');
}

/** `KES 1 234.00`. */
export function money(currency: string, major: string): string {
  const [whole = '', fraction = '00'] = major.split('.');
  return `${currency}\u00a0${whole.replace(/\B(?=(\d{3})+$)/g, '\u202f')}.${fraction}`;
}
