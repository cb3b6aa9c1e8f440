import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { verdictStatuses } from '../../../src/domain/order.ts';

const folder = new URL('../../../src/api/ui/', import.meta.url);
const read = (name: string) => readFileSync(new URL(name, folder), 'utf8');
const styles = (read('assets/base.css') + read('assets/page.css')).replace(/\/\*.*?\*\//gs, '');
const pages = readdirSync(folder)
  .filter((name) => name.endsWith('.ts'))
  .map(read)
  .join('\n');

describe('the contrast of the pages (WCAG 2.2 AA)', () => {
  const tones = verdictStatuses.map((status) => `--${status}`);
  const texts = ['--ink', '--soft', '--accent', ...tones];

  test.each([0, 1])('of text, in colour scheme %i', (scheme) => {
    for (const text of texts)
      for (const paper of ['--page', '--card'])
        expect(contrast(text, paper, scheme), `${text} on ${paper}`).toBeGreaterThanOrEqual(4.5);
    for (const text of ['--ink', '--accent'])
      expect(contrast(text, '--warning', scheme), text).toBeGreaterThanOrEqual(4.5);
    expect(contrast('--card', '--accent', scheme), 'a button').toBeGreaterThanOrEqual(4.5);
  });

  function contrast(one: string, other: string, scheme: number): number {
    const [dark = 0, light = 0] = [luminance(one, scheme), luminance(other, scheme)].sort((a, b) => a - b);
    return (light + 0.05) / (dark + 0.05);
  }

  function luminance(name: string, scheme: number): number {
    const colours = new RegExp(`${name}: light-dark\\(#(\\w{6}), #(\\w{6})\\);`).exec(styles);
    const colour = Number.parseInt(colours?.[scheme + 1] ?? '', 16);
    expect(colour, name).not.toBeNaN();
    const [red = 0, green = 0, blue = 0] = [16, 8, 0].map((shift) => {
      const value = ((colour >> shift) & 255) / 255;
      return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  }
});

test('every class of the style sheets stands on a page', () => {
  const classes = new Set([...styles.matchAll(/\.([a-z][\w-]*)/g)].map(([, name]) => name ?? ''));
  // Given by the page's script, or made of a status.
  const set = new Set(['live', ...verdictStatuses]);
  const written = new Set(
    [...pages.matchAll(/class="([^"]*)"/g)].flatMap(([, names = '']) => names.split(' ')),
  );
  expect([...classes].filter((name) => !set.has(name as never) && !written.has(name))).toEqual([]);
});
