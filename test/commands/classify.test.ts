import { readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { classifyCommand } from '../../src/commands/classify.ts';
import { capturedTerminal } from '../support/captured-terminal.ts';
import { emptyFolder, runCommand } from '../support/command-line.ts';
import { changed } from '../support/provider-contract.ts';

/** One answer of a seed document, as `classify` takes it, and what it must teach. */
interface Sample {
  readonly name: string;
  readonly provider: string;
  readonly input: { readonly body: unknown; readonly [field: string]: unknown };
  readonly expect: { readonly [field: string]: unknown };
}

const seeds = new URL('./seeds/', import.meta.url);
const documents = readdirSync(seeds).map((file) => {
  const text = readFileSync(new URL(file, seeds), 'utf8');
  return JSON.parse(text) as { source: string; answers: Sample[] };
});

/** `classify` in this process: what a process of its own adds is tested below, and takes half a second for each answer. */
async function classify(provider: string, input: unknown): Promise<{ [field: string]: unknown }> {
  const captured = capturedTerminal({}, JSON.stringify(input));
  await classifyCommand(captured.terminal).parseAsync([provider], { from: 'user' });
  expect(captured.errors()).toBe('');
  expect(captured.output()).toMatch(/^\{.*\}\n$/);
  return JSON.parse(captured.output()) as { [field: string]: unknown };
}

function sample(source: string, name: string): Sample['input'] & { body: object } {
  const found = documents
    .find((document) => document.source.startsWith(source))
    ?.answers.find((answer) => answer.name.startsWith(name));
  if (found === undefined) throw new Error(`There is no sample ${source}, ${name}.`);
  const { body } = found.input;
  return { ...found.input, body: (typeof body === 'string' ? JSON.parse(body) : body) as object };
}

/** A sample with other values at dotted paths. */
function vary(from: readonly [source: string, name: string], fields: { [path: string]: unknown }) {
  const input = sample(...from);
  const body = Object.entries(fields).reduce((each, [path, value]) => changed(each, path, value), input.body);
  return { ...input, body };
}

describe('every sample answer of the seed documents', () => {
  test('all five documents are here', () => expect(documents).toHaveLength(5));

  const rows = documents.flatMap(({ source, answers }) =>
    answers.map((answer) => [source, answer.name, answer] as const),
  );
  test.each(rows)('%s: %s', async (_source, _name, { provider, input, expect: expected }) => {
    expect(await classify(provider, input)).toEqual(expected);
  });
});

const jenga = ['Jenga', 'paid'] as const;
const vexora = ['Vexora', '0000'] as const;
const lipia = ['Lipia', 'paid'] as const;
const tanda = ['Tanda', 'a payout'] as const;
const daraja = ['Safaricom', 'the result'] as const;
/** Where the seed's result keeps its parameters. */
const parameters = 'Result.ResultParameters.ResultParameter';

const checkoutRequestId = 'ws_CO_09082024162250197712345678';
const stk = (ResultCode: unknown, more = {}) => ({
  body: { ResponseCode: '0', CheckoutRequestID: checkoutRequestId, ResultCode, ResultDesc: 'x', ...more },
  order: { amount: 2, reference: checkoutRequestId },
});
const stkError = (httpStatus: number, errorCode: string, errorMessage: string) => ({
  httpStatus,
  body: { requestId: '11728-2929992-1', errorCode, errorMessage },
});
const queryFailed = (ResultCode: unknown) => ({
  kind: 'result',
  body: { Result: { ResultType: 1, ResultCode, ResultDesc: 'x' } },
});
const incoming = { type: 'Payment', 'request.commandId': 'CustomerToMerchantMobileMoneyPayment' };

/** What a cancelled Jenga order shows of money: nothing. */
const unpaid = {
  ...{ 'data.order.amountPaid': 0, 'data.invoices.0.invoiceStatus': 'Cancelled' },
  'data.invoices.0.externalReference': null,
};

describe('an answer with a content coding', () => {
  const paid = JSON.stringify(sample('Jenga', 'paid').body);
  const headers = { 'Content-Encoding': 'gzip' };
  const zipped = gzipSync(paid);

  test.each([
    ['one character per byte', zipped.toString('latin1'), 'paid'],
    ['base64', zipped.toString('base64'), 'paid'],
    ['JSON that was decoded before', JSON.parse(paid) as object, 'paid'],
    ['text that is not compressed', paid, 'unavailable'],
  ])('%s', async (_name, body, reading) => {
    expect(await classify('jenga', { headers, body })).toMatchObject({ reading });
  });

  test('in a coding that nobody knows', async () => {
    const unknown = { headers: { 'content-encoding': 'lzma' }, body: zipped.toString('latin1') };
    expect(await classify('jenga', unknown)).toMatchObject({ reading: 'unavailable' });
    expect(await classify('jenga', { ...unknown, kind: 'callback' })).toMatchObject({
      reading: 'unrecognised',
    });
  });

  test('of a push', async () => {
    const push = brotliCompressSync(JSON.stringify({ customer: { reference: 'OR1' } })).toString('latin1');
    const input = { kind: 'callback', headers: { 'content-encoding': 'br' }, body: push };
    expect(await classify('jenga', input)).toEqual({ reading: 'hint', reference: 'OR1' });
  });
});

describe('every trap of docs/providers.md section 8', () => {
  test.each([
    [
      '1: the outer layer',
      'jenga',
      vary(jenga, { ...unpaid, 'data.order.orderStatus': 'Pending' }),
      { reading: 'failed', certainty: 'soft', reason: 'cancelled', verdict: null },
    ],
    [
      '1: the outer layer',
      'vexora',
      vary(vexora, { 'data.status': null }),
      { reading: 'unrecognised', verdict: null },
    ],
    [
      '1: the outer layer',
      'lipia',
      vary(lipia, { 'data.response.Status': 'PENDING' }),
      { reading: 'pending' },
    ],
    ['1: the outer layer', 'tanda', vary(tanda, { ...incoming, status: 'P202000' }), { reading: 'pending' }],
    [
      '1: the outer layer',
      'daraja',
      vary(daraja, { [`${parameters}.1.Value`]: 'Authorized' }),
      { reading: 'pending' },
    ],
    ['1: ResponseCode 0', 'daraja-stk', stk(undefined), { reading: 'unrecognised' }],
    [
      '2: codes are strings',
      'vexora',
      vary(vexora, { 'data.status': '00000' }),
      { reading: 'unrecognised', providerStatus: '00000' },
    ],
    ['2: codes are strings', 'vexora', vary(vexora, { 'data.status': 0 }), { reading: 'unrecognised' }],
    ['2: "" is not zero', 'daraja-stk', stk(''), { reading: 'unrecognised' }],
    [
      '2: E3008 is no number',
      'daraja-stk',
      stk('E3008'),
      { reading: 'unrecognised', providerStatus: 'E3008' },
    ],
    [
      '2: 0 and "0" were both seen',
      'daraja-stk',
      stk(0),
      { reading: 'paid', certainty: 'firm', amountReceived: null, receipt: null, verdict: 'paid' },
    ],
    [
      '3: 1 is no funds',
      'daraja-stk',
      stk('1'),
      { reading: 'failed', certainty: 'firm', reason: 'insufficient-funds', verdict: 'failed' },
    ],
    ['3: 1 is our query timed out', 'daraja', queryFailed(1), { reading: 'unavailable', verdict: null }],
    [
      '3: 2001 is a wrong PIN',
      'daraja-stk',
      stk('2001'),
      { reading: 'failed', certainty: 'soft', reason: 'wrong-pin', verdict: null },
    ],
    ['3: 2001 is our initiator', 'daraja', queryFailed(2001), { reading: 'refused', verdict: null }],
    ['3: 2032 is no receipt', 'daraja', queryFailed('2032'), { reading: 'not-found' }],
    [
      '3: E422006 of the transaction',
      'tanda',
      vary(tanda, { ...incoming, status: 'E422006', result: null }),
      { reading: 'failed', reason: 'insufficient-funds' },
    ],
    [
      '3: E422006 of the call',
      'tanda',
      { body: { status: 'E422006', category: 'Business', severity: 'Low' } },
      { reading: 'refused' },
    ],
    [
      '4: the text decides',
      'daraja-stk',
      stkError(500, '500.001.1001', 'The transaction is being processed'),
      { reading: 'pending' },
    ],
    [
      '4: the text decides',
      'daraja-stk',
      stkError(500, '500.001.1001', 'The transaction does not Exist'),
      { reading: 'not-found' },
    ],
    ['4: an empty text', 'daraja-stk', stkError(500, '500.001.1001', ''), { reading: 'unrecognised' }],
    [
      '5: "300"',
      'vexora',
      vary(vexora, { 'data.amount': '3' }),
      { reading: 'paid', amountReceived: '3.00', verdict: 'paid' },
    ],
    [
      '5: what was received',
      'vexora',
      vary(vexora, { 'data.payAmount': '2.5' }),
      { reading: 'paid', reason: 'underpaid', amountReceived: '2.50', verdict: 'unresolved' },
    ],
    [
      '5: three decimals',
      'tanda',
      vary(tanda, { ...incoming, 'result.amount': '1.001' }),
      { reading: 'paid', reason: 'amount-unknown', verdict: 'unresolved' },
    ],
    [
      '6: money that came in',
      'tanda',
      vary(tanda, incoming),
      { reading: 'paid', reason: null, verdict: 'paid' },
    ],
    [
      '6: money that went out',
      'daraja',
      { ...sample(...daraja), order: { shortCode: '600310' } },
      { reading: 'paid', reason: 'wrong-direction', verdict: 'unresolved' },
    ],
    [
      '7: a time that cannot be read',
      'jenga',
      vary(jenga, { 'data.invoices.0.completedOn': 'soon' }),
      { reading: 'paid', verdict: 'paid' },
    ],
    [
      '8: an expired token',
      'jenga',
      { httpStatus: 401, body: { status: false, code: '401101' } },
      { reading: 'refused' },
    ],
    [
      '8: a token that is no "not found"',
      'daraja-stk',
      stkError(404, '404.001.03', 'Invalid Access Token'),
      { reading: 'refused' },
    ],
    [
      '9: throttling in disguise',
      'daraja-stk',
      stkError(500, '500.003.02', 'System is busy'),
      { reading: 'unavailable' },
    ],
    [
      '9: a gateway fault',
      'daraja',
      {
        httpStatus: 429,
        body: { fault: { faultstring: 'x', detail: { errorcode: 'policies.ratelimit.QuotaViolation' } } },
      },
      { reading: 'unavailable' },
    ],
    [
      '9: 429',
      'lipia',
      { httpStatus: 429, headers: { 'Retry-After': '5' }, body: '' },
      { reading: 'unavailable', providerStatus: null },
    ],
    [
      '10: secrets come back',
      'daraja-stk',
      stk('Invalid token - c9SQxWWhmdVRlyh0zh8gZDTkubVF'),
      { reading: 'unrecognised', providerStatus: 'Invalid token - [secret]' },
    ],
    [
      '10: phone numbers come back',
      'vexora',
      vary(vexora, { 'data.status': 'of 254712345678' }),
      { providerStatus: 'of [phone]' },
    ],
    [
      'HTML with status 200',
      'jenga',
      { body: '<html>Paid</html>' },
      { reading: 'unavailable', verdict: null },
    ],
    [
      'a body cut short',
      'jenga',
      { body: JSON.stringify(sample(...jenga).body).slice(0, -9) },
      { reading: 'unavailable' },
    ],
    [
      'underpaid',
      'jenga',
      { ...sample(...jenga), order: { amount: '2.01' } },
      { reading: 'paid', reason: 'underpaid', verdict: 'unresolved' },
    ],
    [
      'another reference',
      'jenga',
      { ...sample(...jenga), order: { reference: 'OR1' } },
      { reading: 'paid', reason: 'reference-mismatch', verdict: 'unresolved' },
    ],
    [
      'no order: checks against it are skipped',
      'jenga',
      { ...sample(...jenga), order: undefined },
      { reading: 'paid', reason: null, verdict: 'paid' },
    ],
  ] as const)('trap %s: %s', async (_trap, provider, input, expected) => {
    expect(await classify(provider, input)).toMatchObject(expected);
  });
});

describe('the currency', () => {
  test.each([
    [
      'of the order, named by the answer',
      'UGX',
      'ugx',
      { reading: 'paid', reason: null, amountReceived: '2.00' },
    ],
    ['of the answer alone', undefined, 'EUR', { reason: 'currency-mismatch', verdict: 'unresolved' }],
    [
      'that both name',
      'KES',
      'EUR',
      { reason: 'currency-mismatch', amountReceived: null, verdict: 'unresolved' },
    ],
    ['of the order alone', 'EUR', undefined, { reason: 'currency-mismatch', verdict: 'unresolved' }],
    ['of the order, in lower case', 'kes', undefined, { reason: null, verdict: 'paid' }],
    ['that is no code', 'KES', 404, { reason: 'currency-mismatch', verdict: 'unresolved' }],
  ])('%s', async (_name, ofOrder, ofAnswer, expected) => {
    const input = vary(jenga, { 'data.order.currency': ofAnswer });
    const order = { amount: '2.00', reference: 'OR28922980077', currency: ofOrder };
    const told = await classify('jenga', { ...input, order });
    expect(told).toMatchObject(expected);
  });
});

describe('pushes teach which order to ask about, and never more', () => {
  test.each([
    [
      'jenga',
      { callbackType: 'IPN', customer: { reference: ' OR1' }, transaction: { status: 'SUCCESS' } },
      'OR1',
    ],
    ['daraja-stk', { Body: { stkCallback: { CheckoutRequestID: 'ws_1', ResultCode: 0 } } }, 'ws_1'],
    ['vexora', { tradeNo: '00000020', status: '0000' }, '00000020'],
    ['lipia', { response: { ExternalReference: 'order_123', Status: 'Success' }, status: true }, 'order_123'],
    ['tanda', { trackingId: 't-1', status: 'S000000' }, 't-1'],
  ])('%s', async (provider, body, reference) => {
    expect(await classify(provider, { kind: 'callback', body })).toEqual({ reading: 'hint', reference });
  });

  test('a push of no known shape', async () => {
    const unknown = { reading: 'unrecognised', reference: null };
    expect(await classify('jenga', { kind: 'callback', body: 'Paid' })).toEqual(unknown);
  });
});

describe.concurrent('its input and its exit codes', () => {
  test('an answer in a file, with a byte order mark', async () => {
    const file = join(emptyFolder, 'answer.json');
    await writeFile(file, `\uFEFF${JSON.stringify(sample(...jenga))}`);
    const { code, stdout } = await runCommand(['classify', 'jenga', file]);
    expect(code).toBe(0);
    expect(Object.keys(JSON.parse(stdout))).toEqual([
      ...['reading', 'certainty', 'reason', 'receipt', 'amountReceived', 'providerStatus', 'verdict'],
    ]);
  });

  test('an answer on standard input', async () => {
    const { code, stdout, stderr } = await runCommand(['classify', 'jenga'], {
      stdin: JSON.stringify(sample(...jenga)),
    });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toBe(`${JSON.stringify(await classify('jenga', sample(...jenga)))}\n`);
  });

  test('STATUS_OVERRIDES teaches it further words', async () => {
    const overrides = { jenga: { Reversed: { reading: 'failed', certainty: 'firm', reason: 'rejected' } } };
    const { stdout } = await runCommand(['classify', 'jenga'], {
      env: { STATUS_OVERRIDES: JSON.stringify(overrides) },
      stdin: JSON.stringify(vary(jenga, { ...unpaid, 'data.order.orderStatus': 'Reversed' })),
    });
    expect(JSON.parse(stdout)).toMatchObject({ reading: 'failed', reason: 'rejected', verdict: 'failed' });
  });

  test.each([
    ['an unknown provider', ['nobody'], '{}', /nobody.*daraja, .*jenga, .*vexora/s],
    ['no JSON', ['jenga'], 'Paid', /must be JSON/],
    ['nothing', ['jenga'], '', /must be JSON/],
    ['a list', ['jenga'], '[]', /does not have the form/],
    ['a wrong kind and a wrong status', ['jenga'], '{"kind":"x","httpStatus":7}', /kind: .*; httpStatus: /],
    ['a misspelt field', ['jenga'], '{"bdy":{}}', /body: is missing; the input: has unknown fields: "?bdy/],
    [
      'an amount with three decimals',
      ['jenga'],
      '{"order":{"amount":"1.001"}}',
      /order\.amount: .*two decimals/,
    ],
    ['a result of a provider that posts none', ['jenga'], '{"kind":"result","body":{}}', /posts no results/],
    ['a missing file', ['jenga', 'nowhere.json'], '', /Cannot read nowhere\.json/],
    ['a folder', ['jenga', '.'], '', /Cannot read \./],
    ['too many arguments', ['jenga', 'a', 'b'], '', /too many arguments/],
  ])('%s is wrong usage', async (_what, args, stdin, sentence) => {
    const { code, stdout, stderr } = await runCommand(['classify', ...args], { stdin });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(sentence);
    expect(stderr).not.toMatch(/\n\s+at /);
  });
});
