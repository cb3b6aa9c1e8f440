import { describe, expect, it } from 'vitest';
import { isRefused } from '../../src/providers/callback-rules.ts';
import { providers } from '../../src/providers/index.ts';
import { type SimulatedOrder, type State, simulatorCredentials } from '../../src/simulator/simulator.ts';
import { merchant } from './merchant.ts';
import { type Setup, setup } from './support.ts';

const id = '247b1bd8-f5a0-4b71-a898-f62f67b8ae1c';
const { clientId, clientSecret } = simulatorCredentials.kopokopo;
const script: SimulatedOrder = {
  provider: 'kopokopo',
  reference: id,
  amount: '100.00',
  receipt: 'OJM6Q1W84K',
  timeline: [{ afterMs: 0, state: 'paid' }],
};

function login({ fetch }: Setup, secret = clientSecret) {
  const form = { grant_type: 'client_credentials', client_id: clientId, client_secret: secret };
  return fetch('/kopokopo/oauth/token', {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams(form).toString(),
  });
}

async function ask(given: Setup, reference = id) {
  const { json } = await login(given);
  const { access_token: token } = json as { access_token: string };
  return given.fetch(`/kopokopo/api/v2/incoming_payments/${reference}`, {
    headers: { authorization: `Bearer ${token}` },
  });
}

async function told(...states: State[]) {
  const given = await setup();
  let answer: Awaited<ReturnType<typeof ask>> | undefined;
  for (const state of states) {
    given.simulator.script({ ...script, timeline: [{ afterMs: 0, state }] });
    answer = await ask(given);
  }
  return answer;
}

describe('Kopo Kopo', () => {
  it('prints a payment as the documents do, its amount as text and as a number by turns', async () => {
    const resource = { reference: 'OJM6Q1W84K', currency: 'KES', status: 'Received' };
    const said = (amount: unknown) => ({
      status: 200,
      json: {
        data: {
          id,
          type: 'incoming_payment',
          attributes: { status: 'Success', event: { resource: { ...resource, amount }, errors: null } },
        },
      },
    });
    expect(await told('paid')).toMatchObject(said('100.0'));
    expect(await told('paid', 'paid')).toMatchObject(said(100));
  });

  it.each<[State, string]>([
    ['failed:insufficient-funds', 'The balance is insufficient for the transaction'],
    ['failed:cancelled', 'Request cancelled by user'],
    ['failed:wrong-pin', 'The initiator information is invalid.'],
    ['failed:limit-exceeded', 'Declined due to limit rule'],
    ['failed:rejected', 'The transaction was rejected'],
    ['expired:not-reached', 'DS timeout user cannot be reached'],
    ['expired', 'Transaction has expired'],
  ])('prints %j as Failed, which only a text explains', async (state, errors) => {
    const attributes = { status: 'Failed', event: { resource: null, errors } };
    expect(await told(state)).toMatchObject({ json: { data: { attributes } } });
  });

  it('calls what waits Received and Pending by turns, and has no payment yet', async () => {
    const waiting = (status: string) => ({
      json: { data: { attributes: { status, event: { resource: null } } } },
    });
    expect(await told('pending')).toMatchObject(waiting('Received'));
    expect(await told('pending', 'pending')).toMatchObject(waiting('Pending'));
  });

  it('knows no other id, token or client', async () => {
    const given = await setup();
    expect(await ask(given, 'nope')).toMatchObject({ status: 404, json: { error_code: 404 } });
    const path = `/kopokopo/api/v2/incoming_payments/${id}`;
    const refused = { status: 401, json: { error: 'invalid_token' } };
    expect(await given.fetch(path, { headers: { authorization: 'Bearer x' } })).toMatchObject(refused);
    expect(await login(given, 'x')).toMatchObject({ status: 401, json: { error: 'invalid_client' } });
  });

  it('signs its callbacks with the API key, so that the adapter takes them', async () => {
    const { simulator } = await setup();
    const shop = await merchant();
    simulator.script({ ...script, callbacks: [{ afterMs: 0, url: shop.url, form: 'genuine' }] });
    const { text, json, headers, path } = await shop.next();
    expect(json).toMatchObject({ data: { id, attributes: { status: 'Success' } } });
    const { callback } = providers.get('kopokopo') ?? {};
    if (callback === undefined) throw new Error('Kopo Kopo has callbacks.');
    const push = {
      ...{ method: 'POST', authority: headers.host ?? '', target: path, headers },
      rawBody: Buffer.from(text),
    };
    const account = simulatorCredentials.kopokopo;
    expect(isRefused(callback, push, account, json, 0)).toBe(false);
    expect(isRefused(callback, push, { ...account, apiKey: clientSecret }, json, 0)).toBe(true);
    expect(isRefused(callback, { ...push, headers: {} }, account, json, 0)).toBe(true);
    expect(callback.aliases(json)).toEqual([id]);
  });
});
