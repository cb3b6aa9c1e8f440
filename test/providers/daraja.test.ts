import {
  constants,
  createPrivateKey,
  generateKeyPairSync,
  privateDecrypt,
  X509Certificate,
} from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ConfigError, readConfig } from '../../src/config/config.ts';
import { daraja } from '../../src/providers/daraja.ts';
import type { Provider } from '../../src/providers/provider.ts';
import { parseJson, readAnswer } from '../../src/providers/read-answer.ts';
import { bytes, providerContract } from '../support/provider-contract.ts';
import { type Fixture, sampleNow } from '../support/provider-fixtures.ts';
import { expiredCertificate, privateKeyOfCertificate } from './fixtures/certificate.ts';
import { darajaAcknowledgements, darajaResultFixtures } from './fixtures/daraja.ts';

const { settings: sampleSettings, order } = darajaResultFixtures;
const settings = daraja.settings.parse(sampleSettings);

// What is posted to us is held to the promises that every answer is held to, and read by the same code.
const resultsOnly = { ...daraja, ...daraja.asyncResult, id: 'daraja results' } as Provider;
providerContract(resultsOnly, darajaResultFixtures);

function readPushed(body: unknown, more: Partial<Fixture> = {}) {
  const { order: asked = order } = more;
  const answer = { httpStatus: 200, headers: {}, body: bytes(body) };
  return readAnswer(daraja, answer, asked, {
    at: sampleNow,
    source: 'callback',
    pushed: true,
    settings: { ...settings, ...more.settings },
  });
}

function readAcknowledgement({ httpStatus, headers = {}, body }: Fixture) {
  const answer = { httpStatus, headers, body: bytes(body) };
  return readAnswer(daraja, answer, order, { at: sampleNow, source: 'poll', settings });
}

describe('daraja: the result as it is pushed', () => {
  test.each(darajaResultFixtures.answers.map((each) => [each.name, each] as const))('%s', (_name, each) => {
    const { reading, ...rest } = each.expect;
    expect(readPushed(each.body, each)).toMatchObject({ ...rest, kind: reading, source: 'callback' });
  });

  test('what locks the initiator rests the account, and nothing else does', () => {
    const locks = darajaResultFixtures.answers
      .map(({ body }) => readPushed(body))
      .filter((reading) => reading.kind === 'refused' && reading.locksAccount === true)
      .map(({ providerStatus }) => providerStatus);
    expect(new Set(locks)).toEqual(new Set(['2001', '8006', 'SFC_IC0003', '18', '20']));
  });
});

describe('daraja: which way the money went', () => {
  const customer = '254708374149 - John Doe';
  const shop = '600310 - Safaricom333';

  function doubtOf(
    parties: readonly (readonly [key: string, value: string])[],
    known: { readonly [name: string]: unknown } | null,
  ) {
    const ResultParameter = [
      ...parties,
      ['TransactionStatus', 'Completed'],
      ['Amount', '300'],
      ['ReceiptNo', 'MBN31H462N'],
    ].map(([Key, Value]) => ({ Key, Value }));
    const answer = {
      httpStatus: 200,
      headers: {},
      body: bytes({ Result: { ResultCode: 0, ResultParameters: { ResultParameter } } }),
    };
    const options = { at: sampleNow, source: 'callback', pushed: true, settings: known } as const;
    const reading = readAnswer(daraja, answer, order, options);
    return reading.kind === 'paid' ? reading.doubt : reading.kind;
  }

  test('a payout that names a person first, under the same key, is not paid', () => {
    const payout = [
      ['DebitPartyName', customer],
      ['DebitPartyName', shop],
    ] as const;
    for (const known of [{ shortCode: '600310' }, {}, null]) {
      expect(doubtOf(payout, known)).toBe('wrong-direction');
      expect(doubtOf([...payout].reverse(), known)).toBe('wrong-direction');
    }
  });

  test('a till and its store number are both ours, also without a main short code', () => {
    const payment = [
      ['DebitPartyName', customer],
      ['CreditPartyName', '5511001 - Duka'],
    ] as const;
    expect(doubtOf(payment, { shortCode: '600310' })).toBe('wrong-direction');
    for (const given of [
      { shortCode: '600310', shortCodes: '5511001' },
      { shortCode: undefined, shortCodes: '600310, 5511001' },
    ]) {
      const known = daraja.settings.parse({ ...sampleSettings, ...given });
      expect(doubtOf(payment, known)).toBeNull();
    }
  });

  test('the first of several short codes asks', () => {
    const given = { ...sampleSettings, shortCode: undefined };
    const ask = { reference: 'MBN31H462N', token: 'T', now: 0, answerTo: null };
    const { body } = daraja.request(ask, daraja.settings.parse({ ...given, shortCodes: '600310,5511001' }));
    expect(JSON.parse(body ?? '')).toMatchObject({ PartyA: '600310' });
    const none = daraja.settings.safeParse(given);
    expect(none.error?.issues.map(({ path }) => path)).toEqual([['shortCode']]);
  });

  test('is the same in whatever order parameters and keys stand', () => {
    const listed = darajaResultFixtures.answers.flatMap((each) => {
      const { Result } = each.body as { Result?: { ResultParameters?: { ResultParameter?: unknown } } };
      const parameters = Result?.ResultParameters?.ResultParameter;
      return Array.isArray(parameters) ? [{ each, Result, parameters: parameters as unknown[] }] : [];
    });
    expect(listed.length).toBeGreaterThan(30);
    for (const { each, Result, parameters } of listed) {
      const whole = essence(readPushed(each.body, each));
      const shuffled = fc.shuffledSubarray(parameters, { minLength: parameters.length });
      const entries = Object.entries(Result ?? {});
      const keys = fc.shuffledSubarray(entries, { minLength: entries.length });
      fc.assert(
        fc.property(shuffled, keys, (ResultParameter, sorted) => {
          const body = { Result: { ...Object.fromEntries(sorted), ResultParameters: { ResultParameter } } };
          expect(essence(readPushed(body, each)), each.name).toEqual(whole);
        }),
        { numRuns: 20 },
      );
    }
  });

  function essence(reading: object): object {
    return { ...reading, bodySha256: null };
  }
});

describe('daraja: the acknowledgement', () => {
  test.each(darajaAcknowledgements.map((each) => [each.name, each] as const))('%s', (_name, each) => {
    const { reading, ...rest } = each.expect;
    expect(readAcknowledgement(each)).toMatchObject({ ...rest, kind: reading, source: 'poll' });
  });

  test('a query that was taken is awaited as long as the account says, and no longer', () => {
    const [taken, asNumber, notTaken] = darajaAcknowledgements as [Fixture, Fixture, Fixture];
    expect(readAcknowledgement(taken)).toMatchObject({ awaitedUntil: sampleNow + 240_000 });
    expect(readAcknowledgement(asNumber)).toMatchObject({ awaitedUntil: sampleNow + 240_000 });
    expect(readAcknowledgement(notTaken)).not.toHaveProperty('awaitedUntil');
  });

  test('it decides nothing, whatever it says', () => {
    for (const each of darajaAcknowledgements) {
      expect(['paid', 'failed', 'expired']).not.toContain(readAcknowledgement(each).kind);
    }
    for (const { body } of darajaResultFixtures.answers) {
      const reading = readAcknowledgement({ httpStatus: 200, body } as Fixture);
      expect(['paid', 'failed', 'expired']).not.toContain(reading.kind);
    }
  });

  test('every code of its table has a fixture', () => {
    const seen = new Set(
      darajaAcknowledgements.flatMap(({ body, httpStatus }) => {
        const parsed = daraja.answer.safeParse(parseJson(bytes(body)));
        const finding = parsed.success
          ? daraja.read(parsed.data, { httpStatus, reference: null, settings: null })
          : null;
        return finding?.about === 'call' ? [finding.code] : [];
      }),
    );
    expect([...daraja.call.keys()].filter((code) => !seen.has(code))).toEqual([]);
  });

  test('the message that echoes our token is redacted', () => {
    const token = 'c9SQxWWhmdVRlyh0zh8gZDTkubVF';
    const body = {
      errorCode: '401.002.01',
      errorMessage: `Error Occurred - Invalid Access Token - ${token}`,
    };
    const reading = readAcknowledgement({ httpStatus: 401, body } as Fixture);
    expect(JSON.stringify(reading)).not.toContain(token);
  });
});

describe('daraja: its query', () => {
  const answerTo = {
    resultUrl: 'https://pay.example/callbacks/daraja/aa.result',
    timeoutUrl: 'https://pay.example/callbacks/daraja/aa.timeout',
  };
  const ask = (reference: unknown, more: object = {}) =>
    daraja.request(
      { reference: daraja.reference.parse(reference), token: 'TOKEN', now: sampleNow, answerTo },
      daraja.settings.parse({ ...sampleSettings, ...more }),
    );
  const body = {
    Initiator: 'testapi',
    SecurityCredential: 'sample-credential',
    CommandID: 'TransactionStatusQuery',
    PartyA: '600997',
    IdentifierType: '4',
    ResultURL: answerTo.resultUrl,
    QueueTimeOutURL: answerTo.timeoutUrl,
    Remarks: 'status',
    Occasion: 'status',
  };

  test('by receipt, given as text or by its name', () => {
    for (const reference of ['MBN31H462N', { transactionId: 'MBN31H462N' }]) {
      expect(JSON.parse(ask(reference).body ?? '')).toEqual({ ...body, TransactionID: 'MBN31H462N' });
    }
  });

  test('by the conversation of the payment', () => {
    const asked = ask({ originatorConversationId: '3211-416020-3' }, { identifierType: '2' });
    expect(JSON.parse(asked.body ?? '')).toEqual({
      ...body,
      IdentifierType: '2',
      OriginalConversationID: '3211-416020-3',
    });
  });

  test.each([
    { transactionId: 'A', originatorConversationId: 'B' },
    { transactionId: '' },
    { conversationId: 'A' },
    ['A'],
  ])('the reference %j is refused', (reference) => {
    expect(daraja.reference.safeParse(reference).success).toBe(false);
  });
});

describe('daraja: SecurityCredential', () => {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
  const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
  const made = { ...sampleSettings, securityCredential: undefined, initiatorPassword: 'Safaricom999!*!' };

  function credentialOf(account: object): string {
    const ask = { reference: 'MBN31H462N', token: 'T', now: 0, answerTo: null };
    return JSON.parse(daraja.request(ask, daraja.settings.parse(account)).body ?? '').SecurityCredential;
  }

  /** The padding is looked at by hand: only its form tells PKCS#1 v1.5 from OAEP. */
  function opened(credential: string, key = privateKey): string {
    const block = privateDecrypt(
      { key, padding: constants.RSA_NO_PADDING },
      Buffer.from(credential, 'base64'),
    );
    const end = block.indexOf(0, 2);
    expect([block[0], block[1], end >= 10]).toEqual([0, 2, true]);
    return block.subarray(end + 1).toString('utf8');
  }

  test('is made from the password and a public key', () => {
    const credential = credentialOf({ ...made, certificate: pem });
    expect(credential).toMatch(/^[A-Za-z0-9+/]{342}==$/);
    expect(opened(credential)).toBe('Safaricom999!*!');
  });

  test('is made from a certificate, also with its newlines written out, and when it has run out', () => {
    const der = Buffer.from(privateKeyOfCertificate, 'base64');
    const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
    expect(new X509Certificate(expiredCertificate).validToDate.getTime()).toBeLessThan(Date.now());
    for (const certificate of [expiredCertificate, expiredCertificate.replaceAll('\n', '\\n')]) {
      expect(opened(credentialOf({ ...made, certificate }), key)).toBe('Safaricom999!*!');
    }
  });

  test('is made once per account', () => {
    const account = daraja.settings.parse({ ...made, certificate: pem });
    const ask = { reference: 'MBN31H462N', token: 'T', now: 0, answerTo: null };
    // The padding is random, so two makings would differ.
    expect(daraja.request(ask, account).body).toBe(daraja.request(ask, account).body);
    expect(credentialOf({ ...made, certificate: pem })).not.toBe(credentialOf({ ...made, certificate: pem }));
  });

  test('a given one is used as it is, even beside a password', () => {
    const given = { ...sampleSettings, initiatorPassword: 'x', certificate: 'no certificate' };
    expect(credentialOf(given)).toBe('sample-credential');
  });

  test.each([
    ['no PEM', { certificate: 'MIIB' }],
    ['an empty one', { certificate: '-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----' }],
    ['none', {}],
    ['no password', { certificate: pem, initiatorPassword: undefined }],
    [
      'another kind of key',
      { certificate: generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' }) },
    ],
    [
      'an elliptic key',
      {
        certificate: generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({
          type: 'spki',
          format: 'pem',
        }),
      },
    ],
    ['a password too long for the key', { certificate: pem, initiatorPassword: 'x'.repeat(300) }],
  ])(
    'a certificate at fault (%s) is a fault of the configuration, not of the first query',
    (_name, given) => {
      const parsed = daraja.settings.safeParse({ ...made, ...given });
      expect(parsed.error?.issues.map(({ path }) => path)).toEqual([['securityCredential']]);
      expect(parsed.error?.message).not.toContain('Safaricom999');
    },
  );

  test('it is reported together with all other faults, and without the secret', () => {
    const environment = {
      ACCOUNTS: 'daraja',
      PUBLIC_URL: 'https://pay.example',
      DARAJA_CONSUMER_SECRET: 'sample-secret',
      DARAJA_INITIATOR: 'testapi',
      DARAJA_SHORT_CODE: '600997',
      DARAJA_INITIATOR_PASSWORD: 'Safaricom999!*!',
      DARAJA_CERTIFICATE: 'not a certificate',
    };
    const faults = faultsOf(environment);
    expect(faults.find((fault) => fault.startsWith('DARAJA_CONSUMER_KEY is missing'))).toBeDefined();
    expect(faults.find((fault) => fault.startsWith('DARAJA_SECURITY_CREDENTIAL'))).toContain('certificate');
    expect(faults.join()).not.toMatch(/Safaricom999|sample-secret|not a certificate/);
  });
});

describe('daraja: addresses for its answers', () => {
  const environment = {
    ACCOUNTS: 'daraja',
    DARAJA_CONSUMER_KEY: 'k',
    DARAJA_CONSUMER_SECRET: 's',
    DARAJA_SHORT_CODE: '600997',
    DARAJA_INITIATOR: 'testapi',
    DARAJA_SECURITY_CREDENTIAL: 'c',
  };

  test('are needed', () => {
    expect(faultsOf(environment)).toEqual([expect.stringMatching(/^PUBLIC_URL is missing/)]);
    expect(faultsOf({ ...environment, PUBLIC_URL: 'https://pay.example' })).toEqual([]);
  });

  test.each([
    'https://mpesa.example',
    'https://pay.example/SQL',
    'https://cmd.example',
    'https://x.example/query',
  ])('%s holds a word that Daraja does not allow', (url) =>
    expect(faultsOf({ ...environment, PUBLIC_URL: url })).toEqual([
      expect.stringContaining('does not allow'),
    ]),
  );
});

function faultsOf(environment: { readonly [name: string]: string }): readonly string[] {
  try {
    readConfig(environment);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
}
