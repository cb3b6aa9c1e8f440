import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Reading } from '../../src/domain/order.ts';
import { providers } from '../../src/providers/index.ts';
import type { Provider } from '../../src/providers/provider.ts';
import { readAnswer } from '../../src/providers/read-answer.ts';
import { darajaResultFixtures } from '../providers/fixtures/daraja.ts';
import { fixturesOf } from '../providers/fixtures/index.ts';
import { changed } from '../support/provider-contract.ts';
import { type ProviderFixtures, sampleNow } from '../support/provider-fixtures.ts';
import {
  documentsOf,
  hostileDocuments,
  hostileValues,
  hugeValues,
  pathsOf,
  valueAt,
  vocabularyOf,
  withRaw,
  withTwice,
} from './hostile.ts';

/** One kind of answers: a provider's own, or those that are pushed to us. */
interface Source {
  readonly provider: Provider;
  readonly settings: { readonly [name: string]: unknown };
  readonly fixtures: ProviderFixtures;
  readonly pushed: boolean;
  /** Fields that decide besides those of the fixtures: their value must be the documented one. */
  readonly also: readonly string[];
}

const sources = [
  ...[...fixturesOf].map(([id, fixtures]) => source(id, fixtures, false)),
  source('daraja', darajaResultFixtures, true),
].map((each) => [each.pushed ? `${each.provider.id}, pushed` : each.provider.id, each] as const);

function source(id: string, fixtures: ProviderFixtures, pushed: boolean): Source {
  const provider = providers.get(id);
  if (provider === undefined) throw new Error(`There is no provider ${id}.`);
  const settings = provider.settings.parse(fixtures.settings);
  return {
    provider,
    settings,
    fixtures,
    pushed,
    also: id === 'jenga' ? ['data.invoices.0.invoiceStatus'] : [],
  };
}

function read(
  { provider, settings, fixtures, pushed }: Source,
  body: string | Uint8Array,
  httpStatus = 200,
): Reading {
  return readAnswer(provider, { httpStatus, headers: {}, body: Buffer.from(body) }, fixtures.order, {
    at: sampleNow,
    source: pushed ? 'callback' : 'poll',
    settings,
    ...(pushed ? { pushed: true } : {}),
  });
}

type Ending = 'paid' | 'failed' | null;

/** What the reading would end the order as, if believed. */
function endingOf(reading: Reading): Ending {
  if (reading.kind === 'paid') return reading.doubt === null ? 'paid' : null;
  return reading.kind === 'failed' || reading.kind === 'expired' ? 'failed' : null;
}

/**
 * What a body may end the order as, by comparing it with the documented ones: everything that matters must be there as
 * documented. Shares nothing with the adapters.
 */
function endsAs({ provider, fixtures, also }: Source, text: string): readonly Ending[] {
  const body: unknown = JSON.parse(text);
  const { at, order } = fixtures;
  const isLike = (sample: object) =>
    [at.word, ...also].every((path) => printed(valueAt(body, path)) === printed(valueAt(sample, path)));
  const due = dueAs(provider, order.amountMinor);
  const amount = at.amount === undefined ? due : valueAt(body, at.amount);
  const isEnough = typeof amount !== 'object' && Number(amount) >= due;
  const hasReceipt =
    at.receipt === undefined || !provider.guarantees.receipt || isId(valueAt(body, at.receipt));
  const currency = valueAt(body, at.currency) ?? '';
  const isOurCurrency =
    typeof currency === 'string' && ['', order.currency].includes(currency.trim().toUpperCase());
  const isProven = isEnough && isOurCurrency && hasReceipt;
  const isPaid = isLike(fixtures.paid) && isProven && isOurs(provider, fixtures, body);
  return [
    null,
    ...(isPaid ? (['paid'] as const) : []),
    ...(isLike(fixtures.failed) ? (['failed'] as const) : []),
  ];
}

/** What an order is due, in the units of its provider's answers. */
function dueAs({ amountUnit }: Provider, amountMinor: number): number {
  return amountUnit === 'minor' ? amountMinor : amountMinor / 100;
}

/** No name in it is another's; Tanda alone has two names for a payment, of which we know one. */
function isOurs(
  { id, guarantees, aliases }: Provider,
  { at, order }: ProviderFixtures,
  body: unknown,
): boolean {
  const ours = aliases(order.reference).map(plainId);
  const names = at.references
    .map((path) => valueAt(body, path))
    .filter(isId)
    .map((name) => plainId(String(name)));
  if (names.length === 0) return !guarantees.reference;
  return id === 'tanda'
    ? names.some((name) => ours.includes(name))
    : names.every((name) => ours.includes(name));
}

/** Random ids are the same in small letters and in capitals. */
function plainId(name: string): string {
  return /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i.test(name) ? name.toLowerCase() : name;
}

/** A code may be printed as a text or as a number. */
function printed(value: unknown): string {
  return typeof value === 'object' ? 'no word' : String(value);
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

/** Ids are printed as texts, and as numbers. */
function isId(value: unknown): value is string | number {
  return isText(value) || Number.isSafeInteger(value);
}

describe.each(sources)('%s', (_name, each) => {
  const { fixtures, also } = each;
  const { at } = fixtures;
  const matters = [at.word, at.amount, at.currency, at.receipt, ...at.references, ...also].filter(
    (path) => path !== undefined,
  );
  const named = fixtures.withCurrency ?? changed(fixtures.paid, at.currency, fixtures.order.currency);
  const samples = [fixtures.paid, named, fixtures.failed];
  const isAllowed = (text: string) => endsAs(each, text).includes(endingOf(read(each, text)));

  test('the documented bodies end an order', () => {
    expect(samples.map((body) => endingOf(read(each, JSON.stringify(body))))).toEqual([
      'paid',
      'paid',
      'failed',
    ]);
  });

  test('a hostile value anywhere never gives a verdict that the documented bodies do not', () => {
    const wrong: string[] = [];
    for (const body of samples) {
      for (const path of pathsOf(body)) {
        const isHugeToo = body === named && matters.includes(path);
        const values = isHugeToo ? [...hostileValues, ...hugeValues] : hostileValues;
        for (const [name, json] of values) {
          const text = withRaw(body, path, json);
          if (!isAllowed(text)) wrong.push(`${path}: ${name}`);
        }
      }
    }
    expect(wrong).toEqual([]);
  });

  test('of a key that stands twice the last one counts, whatever the first one says', () => {
    const wrong: string[] = [];
    for (const body of samples) {
      for (const path of matters.filter((one) => valueAt(body, one) !== undefined)) {
        const value = JSON.stringify(valueAt(body, path));
        for (const [name, json] of hostileValues) {
          const texts = [withTwice(body, path, json, value), withTwice(body, path, value, json)];
          if (!texts.every(isAllowed)) wrong.push(`${path}: ${name}`);
        }
      }
    }
    expect(wrong).toEqual([]);
  });

  test('a document of another kind ends nothing, on any HTTP status', () => {
    for (const [name, document] of hostileDocuments) {
      for (const httpStatus of [200, 401, 500]) {
        expect(endingOf(read(each, document, httpStatus)), name).toBeNull();
      }
    }
  });

  test('a byte order mark before a documented body is forgiven, one inside is not', () => {
    const text = JSON.stringify(fixtures.paid);
    expect(endingOf(read(each, `\ufeff${text}`))).toBe('paid');
    expect(endingOf(read(each, `{\ufeff${text.slice(1)}`))).toBeNull();
  });

  test('random documents of its own words never throw, and never pay what is not proven', () => {
    const answers = fixtures.answers.map(({ body }) => body).filter((body) => typeof body === 'object');
    const { keys, values } = vocabularyOf([...samples, ...answers]);
    const due = dueAs(each.provider, fixtures.order.amountMinor);
    fc.assert(
      fc.property(
        documentsOf(keys, values),
        fc.constantFrom(...matters),
        fc.constantFrom(...samples),
        (random, path, body) => {
          const json = JSON.stringify(random) ?? 'null';
          // Where a list has no such entry, or a section is null, the sample that has one.
          const parent = path.split('.').slice(0, -1).join('.');
          const isThere = parent === '' || (valueAt(body, parent) ?? null) !== null;
          const sample = path === at.currency ? named : isThere ? body : fixtures.paid;
          for (const text of [json, withRaw(sample, path, json)]) {
            const reading = read(each, text);
            const ending = endingOf(reading);
            if (ending === 'paid') expect(endsAs(each, text)).toContain('paid');
            if (ending === 'paid' && at.amount !== undefined) {
              expect(Number(valueAt(JSON.parse(text), at.amount))).toBeGreaterThanOrEqual(due);
            }
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  test('what people are shown of it is short, clean text', () => {
    const { keys } = vocabularyOf(samples);
    const text = fc.oneof(fc.string({ unit: anyUnit, maxLength: 300 }), fc.constantFrom(...texts));
    fc.assert(
      fc.property(fc.constantFrom(...samples), fc.constantFrom(...keys), text, (body, key, value) => {
        const answer = JSON.stringify(body, (name, old: unknown) =>
          name === key && typeof old === 'string' ? value : old,
        );
        const { providerStatus, providerMessage } = read(each, answer);
        for (const shown of [providerStatus ?? '', providerMessage ?? '']) {
          expect(shown.length).toBeLessThanOrEqual(200);
          expect(shown).not.toMatch(/[\p{Cc}\p{Cs}\p{Cf}\p{Zl}\p{Zp}]/u);
        }
      }),
      { numRuns: 150 },
    );
  });
});

/** Any half of any character. */
const anyUnit = fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit));

const texts = hostileValues
  .map(([, json]): unknown => JSON.parse(json))
  .filter((value) => typeof value === 'string');

test('the acknowledgement of a Daraja query never ends an order', () => {
  const acknowledgements = [
    { ResponseCode: '0', ResponseDescription: 'Accept the service request successfully.' },
    { requestId: '1', errorCode: '404.001.03', errorMessage: 'Invalid Access Token' },
    {
      fault: {
        faultstring: 'Spike arrest',
        detail: { errorcode: 'policies.ratelimit.SpikeArrestViolation' },
      },
    },
    darajaResultFixtures.paid,
  ];
  const each = source('daraja', darajaResultFixtures, false);
  for (const body of acknowledgements) {
    expect(endingOf(read(each, JSON.stringify(body)))).toBeNull();
    for (const path of pathsOf(body)) {
      for (const [name, json] of hostileValues) {
        const ending = endingOf(read(each, withRaw(body, path, json)));
        if (ending !== null) expect.unreachable(`${path}: ${name}`);
      }
    }
  }
});
