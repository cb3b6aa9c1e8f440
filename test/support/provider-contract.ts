import { describe, expect, test } from 'vitest';
import type { Reading, ReadingKind } from '../../src/domain/order.ts';
import type { Provider } from '../../src/providers/provider.ts';
import { parseJson, readAnswer, rejectsToken } from '../../src/providers/read-answer.ts';
import { findRow } from '../../src/providers/status-table.ts';
import { type Fixture, type FixtureOrder, type ProviderFixtures, sampleNow } from './provider-fixtures.ts';

const deciding: readonly ReadingKind[] = ['paid', 'failed', 'expired'];

/** What every provider promises, whatever its gateway sends. One line per provider in contract.test.ts. */
export function providerContract(provider: Provider, fixtures: ProviderFixtures): void {
  const settings = provider.settings.parse(fixtures.settings);

  function read(httpStatus: number, body: unknown, more: Partial<Fixture> = {}): Reading {
    const order = more.order === undefined ? fixtures.order : more.order;
    const answer = { httpStatus, headers: more.headers ?? {}, body: bytes(body) };
    return readAnswer(provider, answer, order, {
      at: sampleNow,
      source: 'poll',
      settings: { ...settings, ...more.settings },
    });
  }

  describe(`${provider.id}: answers`, () => {
    test.each(fixtures.answers.map((each) => [each.name, each] as const))('%s', (_name, each) => {
      const { reading, ...rest } = each.expect;
      expect(read(each.httpStatus, each.body, each)).toMatchObject({ ...defined(rest), kind: reading });
    });

    test('every word of its tables has a fixture', () => {
      const seen = wordsSeen(provider, fixtures);
      expect([...provider.payment.keys()].filter((word) => !seen.payment.has(word))).toEqual([]);
      expect([...provider.call.keys()].filter((code) => !seen.call.has(code))).toEqual([]);
    });

    test('every row of its tables says where it comes from', () => {
      for (const [word, meaning] of [...provider.payment, ...provider.call]) {
        expect(meaning.from, word).toMatch(/\w{5}/);
      }
    });
  });

  describe(`${provider.id}: doubt is never failure`, () => {
    test('the sample bodies decide on HTTP 200', () => {
      expect(read(200, fixtures.paid)).toMatchObject({ kind: 'paid', doubt: null, certainty: 'firm' });
      expect(read(200, fixtures.failed).kind).toBe('failed');
    });

    test.each([
      100, 199, 300, 301, 302, 304, 400, 401, 403, 404, 408, 418, 422, 429, 500, 502, 503, 504, 599,
    ])('HTTP %i decides nothing, whatever the body says', (httpStatus) => {
      for (const { body } of [{ body: fixtures.paid }, { body: fixtures.failed }, ...fixtures.answers]) {
        expect(deciding).not.toContain(read(httpStatus, body).kind);
      }
    });

    test.each(malformed(fixtures.paid))('%s decides nothing and does not throw', (_name, body) => {
      for (const httpStatus of [200, 201, 400, 401, 404, 429, 500]) {
        expect(deciding).not.toContain(read(httpStatus, body).kind);
        expect(deciding).not.toContain(read(httpStatus, body, { order: null }).kind);
      }
    });

    test.each([
      '',
      'PAID!',
      'constructor',
      '__proto__',
      'toString',
      'hasOwnProperty',
      ' 0',
      '0 ',
      '٠',
      'x'.repeat(9_999),
    ])('the unknown word %j is unrecognised', (word) => {
      expect(read(200, changed(fixtures.paid, fixtures.at.word, word)).kind).toBe('unrecognised');
      expect(deciding).not.toContain(read(200, changed(fixtures.failed, fixtures.at.word, word)).kind);
    });

    test.each(labelled(wrongTypes))('a deciding field that is %s is unrecognised', (_label, value) => {
      expect(read(200, changed(fixtures.paid, fixtures.at.word, value)).kind).toBe('unrecognised');
    });

    test('a field of the wrong type anywhere never throws, and never turns paid into failed', () => {
      for (const value of wrongTypes) {
        for (const path of pathsOf(fixtures.paid)) {
          const { kind } = read(200, changed(fixtures.paid, path, value));
          expect(['failed', 'expired'], path).not.toContain(kind);
        }
        for (const path of pathsOf(fixtures.failed)) {
          expect(read(200, changed(fixtures.failed, path, value)).kind, path).not.toBe('paid');
        }
      }
    });

    test('an adapter that cannot cope with an answer has learnt nothing from it', () => {
      const read = () => {
        throw new RangeError('Maximum call stack size exceeded');
      };
      const failing: Provider = { ...provider, read };
      const options = { at: sampleNow, source: 'poll', settings } as const;
      const answer = { httpStatus: 200, headers: {}, body: bytes(fixtures.paid) };
      expect(readAnswer(failing, answer, fixtures.order, options)).toMatchObject({ kind: 'unrecognised' });
      const refusal = { ...answer, httpStatus: 401 };
      expect(readAnswer(failing, refusal, fixtures.order, options)).toMatchObject({ kind: 'refused' });
      expect(rejectsToken(failing, refusal)).toBe(failing.auth !== undefined);
    });

    test('429 asks us to wait', () => {
      const reading = read(429, '', { headers: { 'retry-after': '12' } });
      expect(reading).toMatchObject({ kind: 'unavailable', throttled: true, retryAfterMs: 12_000 });
    });
  });

  describe(`${provider.id}: paid is proven`, () => {
    const { at, paid, failed, order } = fixtures;

    test('another reference', () => {
      const foreign = at.references.reduce((body, path) => changed(body, path, 'SOMEBODY1'), paid);
      expect(read(200, foreign)).toMatchObject({ kind: 'paid', doubt: 'reference-mismatch' });
    });

    test('another reference says nothing about a failure of ours', () => {
      const foreign = at.references.reduce((body, path) => changed(body, path, 'SOMEBODY1'), failed);
      expect(read(200, foreign).kind).toBe('unrecognised');
    });

    test('another reference says nothing about a pending order of ours', () => {
      const pending = [...provider.payment].find(([, meaning]) => meaning.reading === 'pending')?.[0];
      const foreign = at.references.reduce((body, path) => changed(body, path, 'SOMEBODY1'), paid);
      expect(read(200, changed(foreign, at.word, pending)).kind).toBe('unrecognised');
    });

    test('no reference at all', () => {
      const nameless = at.references.reduce((body, path) => changed(body, path, undefined), paid);
      const reading = read(200, nameless);
      if (provider.guarantees.reference) {
        expect(reading.kind === 'paid' && reading.doubt === null).toBe(false);
      }
      expect(deciding.slice(1)).not.toContain(reading.kind);
    });

    test.runIf(provider.guarantees.amount)('less money than expected', () => {
      const more: FixtureOrder = { ...order, amountMinor: order.amountMinor + 1 };
      expect(read(200, paid, { order: more })).toMatchObject({
        kind: 'paid',
        doubt: 'underpaid',
        certainty: 'firm',
      });
    });

    test.runIf(provider.guarantees.amount)('more money than expected is enough', () => {
      const less: FixtureOrder = { ...order, amountMinor: order.amountMinor - 1 };
      expect(read(200, paid, { order: less })).toMatchObject({ kind: 'paid', doubt: null });
    });

    test.runIf(provider.guarantees.amount).each(labelled(notAmounts))(
      'the amount %s is unknown',
      (_label, value) => {
        const body = changed(paid, at.amount ?? '', value);
        const unknown = { kind: 'paid', doubt: 'amount-unknown', amountReceivedMinor: null };
        expect(read(200, body)).toMatchObject(unknown);
        expect(read(200, body, { order: null })).toMatchObject(unknown);
      },
    );

    const named = fixtures.withCurrency ?? changed(paid, at.currency, order.currency);

    test.each(spellingsOf(order.currency))('our currency, written %j', (value) => {
      const reading = read(200, changed(named, at.currency, value));
      expect(reading).toMatchObject({ kind: 'paid', doubt: null });
    });

    test.each(labelled(otherCurrencies))('the currency %s is not ours', (_label, value) => {
      const body = changed(named, at.currency, value);
      const mismatch = {
        kind: 'paid',
        doubt: 'currency-mismatch',
        certainty: 'firm',
        amountReceivedMinor: null,
      };
      expect(read(200, body)).toMatchObject(mismatch);
      expect(read(200, body, { order: null })).toMatchObject(mismatch);
      expect(read(200, body, { order: { ...order, amountMinor: 1 } })).toMatchObject(mismatch);
      expect(read(200, body, { order: { ...order, amountMinor: 1e9 } })).toMatchObject(mismatch);
    });

    test('an order in a currency that the provider cannot have', () => {
      const reading = read(200, paid, { order: { ...order, currency: 'ISK' } });
      const other = { currency: order.currency, amountMinor: order.amountMinor };
      expect(reading).toMatchObject({ doubt: 'currency-mismatch', amountReceivedMinor: null });
      const shown = reading.kind === 'paid' ? reading.otherAmount : null;
      expect(shown).toEqual(provider.guarantees.amount ? other : undefined);
    });

    test.runIf(fixtures.withCurrency === undefined)('a currency says nothing about a failure', () => {
      expect(read(200, changed(failed, at.currency, 'UGX')).kind).toBe('failed');
    });

    test.runIf(provider.guarantees.receipt).each(labelled(notReceipts))(
      'the receipt %s is missing, and may still come',
      (_label, value) => {
        const isReference = at.references.includes(at.receipt ?? '');
        const body = changed(paid, at.receipt ?? '', value);
        const reading = read(200, body, isReference ? { order: null } : {});
        const missing = { kind: 'paid', doubt: 'receipt-missing', certainty: 'soft', receipt: null };
        expect(reading).toMatchObject(missing);
      },
    );
  });

  describe(`${provider.id}: receipts`, () => {
    test.runIf(provider.guarantees.receipt).each(['719876543', '112345678', '363440463', 'fv9n_TDX'])(
      '%s is a receipt, whatever else could look like it',
      (receipt) => {
        const { at, paid } = fixtures;
        const isReference = at.references.includes(at.receipt ?? '');
        const reading = read(
          200,
          changed(paid, at.receipt ?? '', receipt),
          isReference ? { order: null } : {},
        );
        expect(reading).toMatchObject({ kind: 'paid', doubt: null, receipt });
      },
    );

    test.runIf(provider.guarantees.receipt)('our own reference and the customer’s number are none', () => {
      const { at, paid, order } = fixtures;
      if (at.references.includes(at.receipt ?? '')) {
        expect(read(200, paid)).toMatchObject({ kind: 'paid', doubt: null });
        return;
      }
      const missing = { kind: 'paid', doubt: 'receipt-missing', receipt: null };
      for (const alias of provider.aliases(order.reference)) {
        expect(read(200, changed(paid, at.receipt ?? '', alias))).toMatchObject(missing);
        expect(read(200, changed(paid, at.receipt ?? '', alias.toUpperCase()))).toMatchObject(missing);
      }
      const body = changed(paid, at.receipt ?? '', '772123456') as object;
      for (const payer of [
        { partyId: '256772123456' },
        { phone: 772123456 },
        { MSISDN: '+256 772-123456' },
      ]) {
        expect(read(200, { ...body, payer })).toMatchObject(missing);
      }
      expect(read(200, body)).toMatchObject({ kind: 'paid', doubt: null });
      expect(read(200, { ...body, requestId: 772_123_456 })).toMatchObject(missing);
    });

    test.runIf(provider.guarantees.receipt)('a number of the country is none', () => {
      const { at, paid, order } = fixtures;
      const callingCode = { KES: 254, UGX: 256, GHS: 233, ZMW: 260 }[order.currency];
      expect(callingCode).toBeDefined();
      const isReference = at.references.includes(at.receipt ?? '');
      for (const number of [
        `${callingCode}712345678`,
        `+${callingCode}712345678`,
        `00${callingCode}712345678`,
      ]) {
        const reading = read(
          200,
          changed(paid, at.receipt ?? '', number),
          isReference ? { order: null } : {},
        );
        expect(reading).toMatchObject({ kind: 'paid', doubt: 'receipt-missing', receipt: null });
      }
    });

    test('an answer proves nothing to an order whose reference the adapter does not know', () => {
      const order = { ...fixtures.order, reference: { nobodysKey: 'x' } };
      expect(read(200, fixtures.paid, { order })).toMatchObject({ doubt: 'reference-mismatch' });
      expect(read(200, fixtures.paid, { order: { ...order, reference: '' } })).toMatchObject({
        doubt: 'reference-mismatch',
      });
      expect(read(200, fixtures.failed, { order }).kind).not.toBe('failed');
    });

    test('every word of its tables is shown as it is', () => {
      for (const each of fixtures.answers.filter(
        ({ expect: { providerStatus } }) => providerStatus != null,
      )) {
        expect(read(each.httpStatus, each.body, each).providerStatus).not.toMatch(
          /\[(?:secret|phone|email)\]/,
        );
      }
    });
  });

  describe(`${provider.id}: its request`, () => {
    test.each(fixtures.requests.map((each) => [each.name, each] as const))('%s', (_name, each) => {
      const account = provider.settings.parse({ ...fixtures.settings, ...each.settings });
      const reference = provider.reference.parse(each.reference);
      const request = provider.request(
        { reference, token: 'TOKEN', now: sampleNow, answerTo: null },
        account,
      );
      const { body, ...rest } = each.expect;
      expect(request).toMatchObject(rest);
      if (body !== undefined) expect(JSON.parse(request.body ?? '')).toEqual(body);
      expect(new URL(request.url).href).toBe(request.url);
    });

    test.each(['', '.', '..', 'a\nb', '\ud800', '\u0000', 'x'.repeat(129), 5, null, {}, { unknown: 'x' }])(
      'the reference %j is refused at the door',
      (reference) => expect(provider.reference.safeParse(reference).success).toBe(false),
    );

    test('every setting is described, and every secret is marked', () => {
      for (const [name, setting] of Object.entries(provider.settings.shape)) {
        const { description, secret } = metaOf(setting);
        expect(description, name).toMatch(/\w{3}/);
        if (/secret|key$/i.test(name)) expect(secret, name).toBe(true);
      }
    });

    test('a missing setting is a fault, not a request to "undefined"', () => {
      expect(provider.settings.safeParse({}).success).toBe(false);
    });
  });
}

/** The bytes of a body: JSON, or a string as it stands. */
export function bytes(body: unknown): Uint8Array {
  if (body instanceof Uint8Array) return body;
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body), 'utf8');
}

/** A copy of `body` with another value at a dotted path. */
export function changed(body: object, path: string, value: unknown): object {
  const copy = structuredClone(body);
  const keys = path.split('.');
  const last = keys.pop() ?? '';
  const parent = keys.reduce<unknown>((at, key) => (at as { [key: string]: unknown })[key], copy);
  (parent as { [key: string]: unknown })[last] = value;
  return copy;
}

function pathsOf(value: unknown, path = ''): string[] {
  if (typeof value !== 'object' || value === null) return [path];
  const below = Object.entries(value).flatMap(([key, each]) =>
    pathsOf(each, path === '' ? key : `${path}.${key}`),
  );
  return path === '' ? below : [path, ...below];
}

const wrongTypes: readonly unknown[] = [
  true,
  false,
  [],
  {},
  [[]],
  { toString: null, valueOf: 1 },
  -1.5,
  1e300,
];

const notAmounts: readonly unknown[] = [
  undefined,
  null,
  '',
  'x',
  '1e9',
  '-5',
  '1,000',
  '5.001',
  '٣',
  {},
  [],
  [5],
  true,
  1e30,
  -1,
  '9'.repeat(400),
  '1.'.repeat(400),
];

function spellingsOf(currency: string): string[] {
  return [currency, currency.toLowerCase(), ` ${currency[0]}${currency.slice(1).toLowerCase()}\n`];
}

const otherCurrencies: readonly unknown[] = [
  'ISK',
  'isk',
  'KE',
  'KESX',
  'K E S',
  'KSh',
  'Kenyan shillings',
  '\u212aES',
  404,
  0,
  false,
  true,
  [],
  ['KES'],
  {},
  { code: 'KES' },
];

const notReceipts: readonly unknown[] = [
  undefined,
  null,
  '',
  '  ',
  'NONE',
  'null',
  '-',
  'x'.repeat(999),
  'a b c d e',
];

/** Values with a short name for the test's title; a list of lists also keeps `each` from unpacking them. */
function labelled(values: readonly unknown[]): [string, unknown][] {
  return values.map((value) => [(JSON.stringify(value) ?? 'undefined').slice(0, 40), value]);
}

function malformed(paid: object): [string, string | Uint8Array][] {
  const text = JSON.stringify(paid);
  return [
    ['nothing', ''],
    ['blanks', ' \n '],
    ['HTML', `<html><body>${text}</body></html>`],
    ['JSON cut short', text.slice(0, -1)],
    ['JSON with something behind it', `${text}x`],
    ['JSON twice', `${text}\n${text}`],
    ['JSON in a string', JSON.stringify(text)],
    ['JSON in a list', `[${text}]`],
    ['JSON in UTF-16', Buffer.from(text, 'utf16le')],
    ['null', 'null'],
    ['true', 'true'],
    ['a list', '[]'],
    ['an empty object', '{}'],
    ['a number', '0'],
    ['a huge number', '1e999'],
    ['text', '"Paid"'],
    ['deep lists', '['.repeat(100_000)],
    ['deep closed lists', '['.repeat(100_000) + ']'.repeat(100_000)],
    ['deep objects', `${'{"data":'.repeat(50_000)}null${'}'.repeat(50_000)}`],
    ['a prototype', `{"__proto__":${text}}`],
    ['a constructor', `{"constructor":{"prototype":${text}}}`],
    ['nested prototypes', `{"data":{"__proto__":${text}},"status":{"__proto__":${text}}}`],
    ['lone surrogates', '{"message":"\\ud800","code":"\\udfff","status":"\\ud800"}'],
    ['bytes that are no text', new Uint8Array([0xff, 0xfe, 0x00, 0xd8, 0x80])],
    ['nulls everywhere', text.replace(/:("[^"]*"|[\d.]+|true|false)/g, ':null')],
    ['a long text', JSON.stringify({ message: 'T'.repeat(200_000), code: 'x'.repeat(200_000) })],
  ];
}

function wordsSeen(provider: Provider, fixtures: ProviderFixtures) {
  const seen = { payment: new Set<string>(), call: new Set<string>() };
  for (const each of fixtures.answers) {
    const parsed = provider.answer.safeParse(parseJson(bytes(each.body)));
    if (!parsed.success) continue;
    const context = { httpStatus: each.httpStatus, reference: null, settings: null };
    const finding = provider.read(parsed.data, context);
    if (finding?.about === 'payment' && each.httpStatus < 300)
      seen.payment.add(findRow(provider.payment, finding.word, finding.reason).status);
    if (finding?.about === 'call') seen.call.add(finding.code);
  }
  return seen;
}

function defined(fields: object): object {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

/** What a setting says of itself, beneath its default or its optionality too. */
function metaOf(setting: unknown): { description?: string; secret?: boolean } {
  const schema = setting as { meta(): object | undefined; unwrap?: () => unknown };
  const inner = typeof schema.unwrap === 'function' ? metaOf(schema.unwrap()) : {};
  return { ...inner, ...schema.meta() };
}
