import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { providers } from '../../src/providers/index.ts';
import { redact } from '../../src/providers/redact.ts';
import { growthOf, mostGrowth } from '../support/growth.ts';
import { africanNumbers } from './african-numbers.ts';
import { darajaResultFixtures } from './fixtures/daraja.ts';
import { fixturesOf } from './fixtures/index.ts';

describe('what people may read stays', () => {
  test.each([
    'Order found',
    'Test payment successful, however, no e-value will be disbursed.',
    'The balance is insufficient for the transaction.',
    'Request cancelled by user (1032)',
    'REJECTED_TRANSACTION',
    'Receipt SH90HU7FO2 of 2024-08-09 16:22:50',
    '01-02-2024 10:30:00',
    '500.001.1001 being processed',
    'KES 1,000.00 paid to 600310 - Safaricom333',
    'Malipo yamekamilika 👍',
    '[DS timeout] no response from user.',
  ])('%s', (text) => {
    expect(redact(text)).toBe(text);
  });
});

describe('secrets go', () => {
  const token = 'GUACN2Kf5xqoGXjAKPRfqsyjYAxL';
  test.each([
    [`Error Occurred - Invalid Access Token - ${token}`, token],
    ['Invalid Access Token - abcdefgh', 'abcdefgh'],
    ['{"password":"hunter22"}', 'hunter22'],
    ['passkey=hunter22&x=1', 'hunter22'],
    ['Authorization: Bearer abc.def', 'abc.def'],
    ['access_token=abcd1234', 'abcd1234'],
    ['{"refreshToken":"abcd1234"}', 'abcd1234'],
    ['client_secret: hunter22', 'hunter22'],
    ['?consumer_key=abcd1234&x=1', 'abcd1234'],
    ['ａｃｃｅｓｓ＿ｔｏｋｅｎ＝abcd1234', 'abcd1234'],
    ['correct-horse-battery-staple-again', 'battery'],
    ['sign: 0123456789abcdef0123456789abcdef', '0123456789abcdef'],
    ['key eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dBjftJeZ4CVP end', 'eyJ'],
    ['Basic c2FtcGxlLWtleTpzYW1wbGUtc2VjcmV0LWtleQ==', 'c2Ftc'],
  ])('%s', (text, secret) => {
    expect(redact(text)).not.toContain(secret);
    expect(redact(text)).toContain('[secret]');
  });
});

describe('phone numbers go', () => {
  test.each([
    '254712345678',
    '+254712345678',
    '00254712345678',
    '+254 712 345 678',
    '254-712-345-678',
    '254 712345678',
    '+254 (0)712 345 678',
    '254708***149',
    '2547******49',
    '0712345678',
    '0712 345 678',
    '0712-345-678',
    '0712***678',
    '0110345678',
    '712345678',
    '+255 754 123 456',
    '256772123456',
    '+251 911 234 567',
    '250788123456',
    'tel0712345678',
    'a:254712345678b',
    '2547\u200b12345678',
    'msisdn=254712345678',
  ])('%s', (number) => {
    const shown = redact(`Sent to ${number}, thank you`);
    expect(shown).toMatch(/^Sent to .{0,8}\[phone\].?, thank you$/);
    expect(shown).not.toMatch(/\d{3}/);
  });
});

describe('phone numbers of all of Africa go, however they are written', () => {
  const digitsOf = (text: string) => text.replace(/\D/g, '');
  const fullWidth = (text: string) =>
    text.replace(/[\d+]/g, (sign) => String.fromCharCode(sign.charCodeAt(0) + 0xfee0));
  const arabic = (text: string) =>
    text.replace(/\d/g, (digit) => String.fromCharCode(0x0660 + Number(digit)));

  test.each(africanNumbers)('%s: %s, %s', (_country, international, national) => {
    const bare = digitsOf(international);
    const forms = [
      ...[international, `+${bare}`, bare, `00${bare}`, international.replaceAll(' ', '-')],
      ...[bare.split('').join(' '), national, national.replaceAll(' ', '-')],
      ...[digitsOf(national).split('').join(' '), `(${national})`, `tel: ${digitsOf(national)}`],
    ];
    // Seven digits in one piece, and nothing that announces them, are as often a till number.
    if (digitsOf(national).length > 7) forms.push(digitsOf(national));
    for (const form of [...forms, ...forms.map(fullWidth), ...forms.map(arabic)]) {
      for (const text of [
        form,
        `Sent to ${form}, thank you`,
        `msisdn=${form}`,
        `${form} at 2024-08-09 16:22:50`,
      ]) {
        const shown = redact(text);
        expect(shown, text).toContain('[phone]');
        expect(shown.replace('2024-08-09 16:22:50', ''), text).not.toMatch(/\p{Nd}/u);
      }
    }
  });

  test('beside other numbers', () => {
    expect(redact('0712345678 0241234567, 2024-08-09 233241234567')).toBe(
      '[phone] [phone], 2024-08-09 [phone]',
    );
    expect(redact('+44 7400 123456 and +1 (202) 555-0123')).toBe('[phone] and [phone]');
  });
});

describe('numbers that are no phone numbers stay', () => {
  test.each([
    '500.001.1001',
    '20240809162250',
    '1719830071094',
    '3211-416020-3',
    '22205-34066-1',
    '29115-34620561-1',
    'INV-20240001',
    'invoice 2024-0012',
    'Till 5123456',
    'KES 12000000',
    '12000000 UGX',
    '1,000,000.00',
    '196.201.214.200',
    'ws_CO_191220191020363925',
    'attempt 3 of 10',
    '00000020',
  ])('%s', (text) => expect(redact(text)).toBe(text));
});

describe('what gateways use as words stays', () => {
  test.each([
    'NOT_ALLOWED_TARGET_ENVIRONMENT',
    'LOW_BALANCE_OR_PAYEE_LIMIT_REACHED_OR_NOT_ALLOWED',
    'FAILED/SOME_REASON_THAT_NO_TABLE_LISTS_YET',
    'policies.ratelimit.SpikeArrestViolation',
    'E000002',
    'Invalid token: 401.002.01',
    'token: INVALID_TOKEN',
  ])('%s', (text) => expect(redact(text)).toBe(text));

  test('every word of every table', () => {
    for (const { payment, call, asyncResult } of providers.values()) {
      const tables = [payment, call, asyncResult?.payment ?? payment, asyncResult?.call ?? call];
      for (const word of tables.flatMap((table) => [...table.keys()])) expect(redact(word)).toBe(word);
    }
  });

  test('every receipt of every fixture, in its reading and in a text', () => {
    const all = [...fixturesOf, ['daraja', darajaResultFixtures] as const].flatMap(
      ([, { answers }]) => answers,
    );
    const receipts = all.flatMap(({ expect: { receipt } }) => receipt ?? []);
    expect(receipts.length).toBeGreaterThan(20);
    // In a text nothing tells a receipt of digits alone from a phone number; a reading's own field is never redacted.
    for (const receipt of receipts.filter((each) => /\D/.test(each)))
      expect(redact(`Receipt ${receipt}.`)).toBe(`Receipt ${receipt}.`);
  });
});

test('e-mail addresses go', () => {
  expect(redact('sent to jane.doe+shop@mail.example.co.ke.')).toBe('sent to [email].');
});

test('control characters, direction marks and half characters go', () => {
  expect(redact('a\u0000\u001b[31mb\nc\u2028d\ud800e')).toBe('a  [31mb c d e');
  expect(redact('a\u202eb\u200bc\ufeff')).toBe('abc');
  expect(redact(`${'a '.repeat(99)}a👍`).isWellFormed()).toBe(true);
});

test('never throws, is at most 200 characters of clean text, and redacting twice changes nothing more', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.string({ maxLength: 5_000 })), (text) => {
      const shown = redact(text);
      expect(shown.length).toBeLessThanOrEqual(200);
      expect(shown.isWellFormed()).toBe(true);
      expect(shown).not.toMatch(/\p{Cc}/u);
    }),
    { numRuns: 1_000 },
  );
});

test('a secret is gone wherever it stands in whatever text', () => {
  const noise = fc.string({
    unit: fc.constantFrom('a', 'B', ' ', '.', '-', '7', '👍', '\n'),
    maxLength: 300,
  });
  const length = { minLength: 28, maxLength: 60 };
  const token = fc.string({ unit: fc.constantFrom(...'ABCDEFGHJKMNPQRSTUVWXYZ'), ...length });
  fc.assert(
    fc.property(noise, token, noise, fc.nat(4_000), (before, secret, after, padding) => {
      const shown = redact(`${'. '.repeat(padding)}${before} ${secret} ${after}`);
      expect(shown).not.toContain(secret.slice(0, 10));
    }),
  );
});

test('nothing of a secret is left where the text is cut', () => {
  for (let padding = 1_900; padding < 2_010; padding += 1) {
    const opaque = 'x'.repeat(padding);
    expect(redact(`${opaque} 254712345678`)).not.toContain('254');
    expect(redact(`${opaque} ${'Q'.repeat(40)}`)).not.toContain('Q');
  }
  for (let padding = 150; padding < 210; padding += 1) {
    expect(redact(`${'y '.repeat(padding / 2)}254712345678 ${'Q'.repeat(40)}`)).not.toMatch(/Q|25/);
  }
});

test('long texts are redacted quickly', () => {
  for (const unit of [
    'a',
    '0',
    '254 ',
    '07',
    '*',
    'token ',
    'token - ',
    '=',
    ' ',
    '\u200b',
    '\ud800',
    '+254 (0)',
    '1 ',
    '12-',
    '0 7 ',
    '1.00 ',
    'KES 1',
    'a@',
    'A_',
  ]) {
    const growth = growthOf(redact, (length) => unit.repeat(length / unit.length));
    expect(growth, unit).toBeLessThan(mostGrowth);
  }
});
