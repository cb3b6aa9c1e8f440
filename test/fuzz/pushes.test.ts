import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isRefused } from '../../src/providers/callback-rules.ts';
import { providers } from '../../src/providers/index.ts';
import type { Provider } from '../../src/providers/provider.ts';
import { parseJson } from '../../src/providers/read-answer.ts';
import { sign } from '../../src/providers/vexora-sign.ts';
import { fixturesOf } from '../providers/fixtures/index.ts';
import { documentsOf, hostileDocuments, hostileValues, hugeValues, pathsOf, withRaw } from './hostile.ts';

/** A genuine push of each provider, by the field that names its order. */
const pushes = {
  jenga: { customer: { reference: 'OR1', mobileNumber: 'x' }, transaction: { reference: ' OR1' } },
  'daraja-stk': { Body: { stkCallback: { CheckoutRequestID: 'ws_CO_1', ResultCode: 0 } } },
  vexora: { tradeNo: 'T1', mpesaReceiptNumber: 'SH90HU7FO2', amount: 2, status: '0000' },
  lipia: { TransactionReference: 'a', response: { TransactionReference: 'a', ExternalReference: 'b' } },
  tanda: { trackingId: 't-1', reference: 'r-1', status: 'S000000' },
} as const;

/** What the callback door does with a body before it touches Redis. */
function take(provider: Provider, body: string | Uint8Array): { names: string[]; isSigned: boolean } | null {
  const rules = provider.callback;
  const parsed = rules?.body.safeParse(parseJson(Buffer.from(body)));
  if (rules === undefined || !parsed?.success) return null;
  const rawBody = Buffer.from(body);
  const push = { method: 'POST', authority: 'shop.example', target: '/', headers: {}, rawBody };
  const settings = provider.settings.parse(fixturesOf.get(provider.id)?.settings);
  return {
    isSigned: !isRefused(rules, push, settings, parsed.data, 0),
    names: rules.aliases(parsed.data).filter((name) => name != null && name !== '') as string[],
  };
}

describe.each(Object.entries(pushes))('the push of %s', (id, push) => {
  const provider = providers.get(id) as Provider;

  test('names its order', () => {
    expect(take(provider, JSON.stringify(push))?.names.length).toBeGreaterThan(0);
  });

  test('with a hostile value anywhere names texts or nothing', () => {
    for (const path of pathsOf(push)) {
      for (const [name, json] of [...hostileValues, ...hugeValues]) {
        const taken = take(provider, withRaw(push, path, json));
        expect(taken?.names.every((each) => typeof each === 'string') ?? true, `${path}: ${name}`).toBe(true);
      }
    }
  });

  test('that is a document of another kind names nothing', () => {
    for (const [name, document] of hostileDocuments) {
      expect(take(provider, document)?.names ?? [], name).toEqual([]);
    }
  });

  test('of random words never throws', () => {
    const keys = pathsOf(push).flatMap((path) => path.split('.'));
    fc.assert(
      fc.property(documentsOf([...keys, 'sign'], ['OR1', 'T1', 1, null]), (document) => {
        take(provider, JSON.stringify(document) ?? '');
      }),
      { numRuns: 300 },
    );
  });
});

test('a signature is right for exactly the fields that it was made of', () => {
  const vexora = providers.get('vexora') as Provider;
  const { appSecret } = vexora.settings.parse(fixturesOf.get('vexora')?.settings) as { appSecret: string };
  const plain = fc.oneof(fc.string({ maxLength: 10 }), fc.integer());
  const field = fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 8 }).filter(isPlainKey);
  fc.assert(
    fc.property(fc.dictionary(field, plain, { maxKeys: 6 }), plain, (fields, other) => {
      const signed = { ...fields, sign: sign(fields, appSecret, 'append') };
      expect(take(vexora, JSON.stringify(signed))?.isSigned).toBe(true);
      // Something is joined to the signed text, so the signature no longer fits.
      if (other === '') return;
      expect(take(vexora, JSON.stringify({ ...signed, zzzzzzzzz: other }))?.isSigned).toBe(false);
      expect(take(vexora, JSON.stringify({ ...signed, sign: 'x' }))?.isSigned).toBe(false);
    }),
    { numRuns: 300 },
  );
});

/** A key that JSON needs not escape (nodejs/node issue 63785), and that is no property of every object. */
function isPlainKey(key: string): boolean {
  return JSON.stringify(key) === `"${key}"` && key !== 'sign' && key !== '__proto__';
}
