import { createRandom } from '../../test/support/random.ts';
import { forge } from '../forged-callbacks.ts';
import { type Attack, atRate } from './attack.ts';
import { bearer, form, send, sendForHeaders } from './send.ts';

/** What any HTTP client can do. */

const mostInFlight = 20;
const json = { 'content-type': 'application/json' };

/** "Paid", says somebody who is not the provider. */
export const forgedCallbacks: Attack = {
  name: 'forged callbacks',
  // 429: the connection had sent too much that was refused.
  resisted: /^(?:200|404|413|429)$/,
  run(target, heard, stop) {
    const random = createRandom(target.port);
    return atRate(40, mostInFlight, stop, async () => {
      const { path, body } = forge(random, target.callbackToken, random.pick(target.orders));
      heard(await send(target, { method: 'POST', path, headers: json, body }));
    });
  },
};

/** An order that no key has been shown for would be polled; a result would be read. */
export const wrongKeys: Attack = {
  name: 'requests without a key',
  resisted: /^(?:401|429)$/,
  run(target, heard, stop) {
    const keys = [{}, bearer('nonsense'), { authorization: 'Bearer ' }, { authorization: 'Basic Og==' }];
    let nth = 0;
    return atRate(30, mostInFlight, stop, async () => {
      nth += 1;
      const headers = keys[nth % keys.length] ?? {};
      const body = JSON.stringify(orderOf(`hostile-${nth}`));
      const orderId = target.orders[nth % target.orders.length]?.orderId;
      const attempts = [
        { method: 'POST', path: '/v1/orders', headers: { ...json, ...headers }, body },
        { path: `/v1/orders/${orderId}`, headers },
        { method: 'POST', path: `/v1/orders/${orderId}/poll`, headers },
        { path: '/v1/results?from=0', headers },
      ] as const;
      heard(await send(target, attempts[nth % attempts.length] ?? attempts[0]));
    });
  },
};

const hostileIds = [
  ...[
    '.',
    '..',
    '../results',
    '/',
    '',
    ' ',
    '%00',
    'a\nb',
    'a\u0000b',
    '{x}',
    '*',
    '?',
    '__proto__ ',
    'é',
    '%2e%2e',
  ],
  ...['x'.repeat(129), 'x'.repeat(5_000)],
];

/** Names that become keys of Redis and parts of paths. */
export const hostileOrderIds: Attack = {
  name: 'hostile order ids',
  resisted: /^(?:400|404|414|422|431)$/,
  run(target, heard, stop) {
    const headers = { ...json, ...bearer(target.greedyKey) };
    let nth = 0;
    return atRate(10, mostInFlight, stop, async () => {
      nth += 1;
      const orderId = hostileIds[nth % hostileIds.length] ?? '';
      const body = JSON.stringify(orderOf(orderId));
      heard(
        nth % 3 === 0
          ? await send(target, { path: `/v1/orders/${encodeURIComponent(orderId)}`, headers })
          : await send(target, { method: 'POST', path: '/v1/orders', headers, body }),
      );
    });
  },
};

function orderOf(orderId: string) {
  return { orderId, account: 'lipia', reference: 'f'.repeat(24), amount: '1.00' };
}

/** Thousands of passwords, while the operator logs in. */
export const passwordGuesses: Attack = {
  name: 'password guesses',
  resisted: /^(?:401|429)$/,
  run(target, heard, stop) {
    const { username } = target.operator;
    let nth = 0;
    return atRate(20, 12, stop, async () => {
      nth += 1;
      const password = `guess number ${nth}`;
      const basic = Buffer.from(`${username}:${password}`).toString('base64');
      const isForm = nth % 2 === 0;
      heard(
        await send(
          target,
          isForm
            ? form({ username, password })
            : { path: '/board/api/queues', headers: { authorization: `Basic ${basic}` } },
        ),
      );
    });
  },
};

/** What the board offers and BOARD_WRITABLE does not allow, tried by somebody who is logged in. */
const boardActions = [
  ...['empty', 'obliterate', 'concurrency', 'rate-limit'].map((action) => `lipia/${action}`),
  ...['pause', 'obliterate', 'clean/completed', 'job-schedulers/sweep/remove'].map(
    (action) => `sweeper/${action}`,
  ),
  'pause',
];

export const boardWrites: Attack = {
  name: 'board actions that are not allowed',
  resisted: /^405$/,
  async run(target, heard, stop) {
    let cookie = '';
    while (cookie === '' && !stop.aborted)
      cookie = (await sendForHeaders(target, form({ ...target.operator }))).cookies;
    let nth = 0;
    await atRate(4, 4, stop, async () => {
      nth += 1;
      const path = `/board/api/queues/${boardActions[nth % boardActions.length]}`;
      const body = JSON.stringify({ max: 1, duration: 60_000, concurrency: 1, force: true });
      heard(await send(target, { method: 'PUT', path, headers: { ...json, cookie }, body }));
    });
  },
};

export const metricsFlood: Attack = {
  name: 'metrics',
  resisted: /^200$/,
  run: (target, heard, stop) =>
    atRate(40, mostInFlight, stop, async () => heard(await send(target, { path: '/metrics' }))),
};
