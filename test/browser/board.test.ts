import { existsSync } from 'node:fs';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hashPassword } from '../../src/config/password-hash.ts';
import { hourOf } from '../../src/orders/statistics.ts';
import { createKeys } from '../../src/redis/keys.ts';
import { type FakeGateway, startFakeGateway } from '../support/fake-gateway.ts';
import { testRedis } from '../support/redis.ts';
import { type RunningService, startRunningService } from '../support/running-service.ts';
import { until, waitMs } from '../support/waiting.ts';

/** Where a Chromium is looked for; CHROMIUM names another place. */
const places = [
  process.env.CHROMIUM,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
];
const executablePath = places.find((place) => place !== undefined && existsSync(place));
if (executablePath === undefined) {
  console.log('No Chromium is installed (see CHROMIUM): the pages are not tried in a browser.');
}

const password = 'correct horse battery';
const phone = '254712345678';
/** What must never be seen: each stands in the configuration, in an order, or in what the provider says. */
const secrets = [
  password,
  'APIKEY-5f2c9e77aa',
  'CONSUMER-SECRET-8c1d',
  'TOKEN-77aa55cc33ee',
  'Wanjiku Kamau',
  'wanjiku@example.com',
  phone,
  '0712345678',
];

const viewerPassword = 'mwana mbuzi chai barabara';

/** Another service, with users of its own instead of the one password. */
async function startUsersService(): Promise<RunningService> {
  const users = [
    { name: 'kamau', role: 'viewer', passwordHash: await hashPassword(viewerPassword) },
    { name: 'amina@shop.example', role: 'operator' },
  ];
  return startRunningService({
    accounts: 'jenga',
    roles: ['api'],
    environment: {
      BOARD_USERS: JSON.stringify(users),
      BOARD_WRITABLE: 'true',
      TRUSTED_USER_HEADER: 'X-Forwarded-User',
      TRUSTED_PROXIES: 'loopback',
    },
  });
}

/** A browser shares the machine with everything else. */
const timeout = 90_000;

describe.skipIf(executablePath === undefined)('in a browser', { timeout }, () => {
  let gateway: FakeGateway;
  let running: RunningService;
  let browser: Browser;

  beforeAll(async () => {
    gateway = await startFakeGateway(({ url }) => {
      if (url.includes('authenticate'))
        return {
          status: 200,
          body: { accessToken: 'TOKEN-77aa55cc33ee', expiresIn: '2099-01-01T00:00:00Z' },
        };
      const message = `Waiting for ${phone}, call 0712345678; token TOKEN-77aa55cc33ee <b>bold</b>`;
      return {
        status: 200,
        body: { status: false, code: 0, message, data: { order: { orderStatus: message } } },
      };
    });
    running = await startRunningService({
      accounts: 'jenga,daraja-stk',
      environment: {
        BOARD_PASSWORD: password,
        PRIVATE_METADATA: 'customer',
        JENGA_BASE_URL: gateway.url,
        JENGA_API_KEY: 'APIKEY-5f2c9e77aa',
        JENGA_CONSUMER_SECRET: 'CONSUMER-SECRET-8c1d',
        JENGA_INITIAL_INTERVAL_MS: '2000',
        JENGA_MAX_INTERVAL_MS: '2000',
      },
    });
    browser = await chromium.launch({
      ...(executablePath === undefined ? {} : { executablePath }),
      args: [
        ...['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-quic'],
        ...['--disable-background-networking', '--disable-sync'],
      ],
    });
    await running.enqueue({
      orderId: 'checkout-4711',
      account: 'jenga',
      reference: 'OR28922980077',
      amount: '1500.00',
      metadata: {
        customer: 'Wanjiku Kamau',
        note: `wants a call at ${phone}`,
        basket: { customer: 'wanjiku@example.com' },
      },
    });
    session = await aSession();
  }, timeout);

  afterAll(async () => {
    await browser?.close();
    await running?.close();
    await gateway?.close();
  });

  /** The cookies of one login, for the tests that are about something else. */
  let session: Awaited<ReturnType<BrowserContext['storageState']>>;

  /** A page that keeps what the browser complains about, and asks nobody but us. */
  async function aPage(options: Parameters<Browser['newContext']>[0] = {}) {
    const context = await browser.newContext({
      storageState: session,
      viewport: { width: 1280, height: 900 },
      ...options,
    });
    context.setDefaultTimeout(waitMs);
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
    page.on('request', (request) => {
      if (!request.url().startsWith(running.url) && !request.url().startsWith('data:'))
        complaints.push(request.url());
    });
    return { context, page, complaints };
  }

  const visit = (page: Page, path = '/') => page.goto(`${running.url}${path}`);

  async function aSession() {
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(`${running.url}/login`);
    await page.fill('#username', 'operator');
    await page.fill('#password', password);
    await page.click('text=Log in');
    await page.waitForSelector('#overview');
    const state = await context.storageState();
    await context.close();
    return state;
  }

  async function expectNoSecret(page: Page) {
    const seen = `${await page.content()}${await page.innerText('body')}`;
    for (const secret of secrets) expect(seen).not.toContain(secret);
  }

  test('a wrong password is reported, the right one leads to where one wanted to go', async () => {
    const { context, page, complaints } = await aPage({ storageState: { cookies: [], origins: [] } });
    await page.goto(`${running.url}/orders/checkout-4711`);
    await page.fill('#username', 'operator');
    await page.fill('#password', 'not the password');
    await page.click('text=Log in');
    expect(await page.textContent('[role=alert]')).toBe('User or password is wrong.');
    await page.fill('#username', 'operator');
    await page.fill('#password', password);
    await page.click('text=Log in');
    await page.waitForURL(`${running.url}/orders/checkout-4711`);
    expect(await page.textContent('h1')).toBe('checkout-4711');
    // The browser notes the 401 of the wrong password.
    expect(complaints.filter((complaint) => !complaint.includes('401'))).toEqual([]);
    await page.click('text=Log out');
    await page.waitForURL('**/login');
    await page.goto(`${running.url}/`);
    expect(page.url()).toContain('/login');
    await context.close();
  });

  test('a viewer logs in, reads so, sees the board without buttons, and is refused what it does not show', async () => {
    const viewer = await startUsersService();
    const { context, page } = await aPage({ storageState: { cookies: [], origins: [] } });
    try {
      await page.goto(`${viewer.url}/`);
      await page.fill('#username', 'kamau');
      await page.fill('#password', viewerPassword);
      await page.click('text=Log in');
      await page.waitForSelector('#overview');
      expect(await page.textContent('.top .user')).toBe('kamau read-only');
      await page.waitForSelector('body.live');
      await page.goto(`${viewer.url}/board/queue/jenga`);
      await page.waitForSelector('text=Orders of jenga');
      expect(await page.locator('button:has-text("Pause")').count()).toBe(0);
      const status = await page.evaluate<number>(
        `fetch('/board/api/queues/jenga/pause', { method: 'PUT' }).then(({ status }) => status)`,
      );
      expect(status).toBe(403);
      await page.goto(`${viewer.url}/`);
      await page.click('text=Log out');
      await page.waitForURL('**/login');
    } finally {
      await context.close();
      await viewer.close();
    }
  });

  test('whom the proxy has logged in needs no form, and may act', async () => {
    const proxied = await startUsersService();
    const { context, page } = await aPage({
      storageState: { cookies: [], origins: [] },
      extraHTTPHeaders: { 'x-forwarded-user': 'amina@shop.example' },
    });
    try {
      await page.goto(`${proxied.url}/`);
      await page.waitForSelector('body.live');
      expect(await page.textContent('.top .user')).toBe('amina@shop.example');
      expect(await page.isVisible('text=Log out')).toBe(false);
      const status = await page.evaluate<number>(
        `fetch('/board/api/queues/jenga/pause', { method: 'PUT' }).then(({ status }) => status)`,
      );
      expect(status).toBe(200);
    } finally {
      await context.close();
      await proxied.close();
    }
  });

  test('the overview shows the figures, follows them live and loads nothing from elsewhere', async () => {
    const { context, page, complaints } = await aPage();
    await visit(page);
    await page.waitForSelector('body.live');
    expect(await page.textContent('#now')).toContain('Asking1');
    expect(await page.textContent('#accounts')).toContain('jenga');
    expect(await page.textContent('#verdicts')).toContain('No verdict');
    const keys = createKeys(running.prefix);
    await testRedis().hset(keys.statistics(hourOf(Date.now())), { 'status:paid': 3, 'truth:10': 3 });
    await page.waitForSelector('#verdicts svg rect.paid');
    expect(await page.textContent('#truth')).toContain('within 10 s');
    await page.click('summary');
    const asOf = await page.getAttribute('#at', 'datetime');
    await page.waitForSelector(`#at:not([datetime="${asOf}"])`);
    expect(await page.isVisible('#verdicts table')).toBe(true);
    await page.fill('#order', 'checkout-4711');
    await page.press('#order', 'Enter');
    await page.waitForURL('**/orders/checkout-4711');
    expect(complaints).toEqual([]);
    await context.close();
  });

  test('an order tells its polls, and nothing secret', async () => {
    const { context, page, complaints } = await aPage();
    await until('a second request', async () => gateway.requests.length > 1);
    await visit(page, '/orders/checkout-4711');
    await page.waitForURL('**/orders/checkout-4711');
    await until('the page to show it', async () => {
      await page.reload();
      return (await page.textContent('.history'))?.includes('[phone]');
    });
    expect(await page.textContent('main')).toContain('OR28922980077');
    expect(await page.textContent('.facts pre')).toContain('"customer": "[private]"');
    expect(await page.locator('.history b').count()).toBe(0);
    await expectNoSecret(page);
    await page.goto(`${running.url}/`);
    await expectNoSecret(page);
    expect(complaints).toEqual([]);
    await context.close();
  });

  test('the board shows the queues and the polls of an order, and nothing secret', async () => {
    const { context, page, complaints } = await aPage();
    await visit(page, '/board/');
    await page.waitForSelector('text=daraja-stk');
    await page.waitForSelector('text=sweeper');
    await page.goto(`${running.url}/board/queue/jenga/o~checkout-4711`);
    await page.waitForSelector('text=OR28922980077');
    await page.waitForSelector('text=lastReading');
    const text = await page.innerText('body');
    for (const word of ['polls', 'nextPollAt', 'deadlineAt', 'history', '[phone]'])
      expect(text).toContain(word);
    await expectNoSecret(page);
    const whole = await page.evaluate<string>(
      `fetch('/board/api/queues/jenga/o~checkout-4711').then((answer) => answer.text())`,
    );
    expect(whole).toContain('[private]');
    for (const secret of secrets) expect(whole).not.toContain(secret);
    expect(await page.getAttribute('a:text-is("Order")', 'href')).toBe('/orders/checkout-4711');
    expect(complaints).toEqual([]);
    await context.close();
  });

  test('the description of the API is there for whoever is logged in', async () => {
    const { context, page, complaints } = await aPage();
    await visit(page);
    await page.click('nav >> text=API');
    await page.waitForSelector('text=Submit a pending order');
    expect(page.url()).toContain('/docs');
    expect(complaints).toEqual([]);
    await context.close();
  });

  test('the board only shows: a write from its own page is refused', async () => {
    const { context, page } = await aPage();
    await visit(page, '/orders/checkout-4711');
    const status = await page.evaluate<number>(
      `fetch('/board/api/queues/jenga/pause', { method: 'PUT' }).then(({ status }) => status)`,
    );
    expect(status).toBe(405);
    await context.close();
  });

  test('a foreign page can neither act nor look in the name of who is logged in', async () => {
    const { context, page } = await aPage();
    await visit(page);
    await page.waitForURL(`${running.url}/`);
    // Another site on this machine: the gateway, under another host name.
    const foreign = gateway.url.replace('127.0.0.1', 'localhost');
    await page.route(`${foreign}/**`, (route) =>
      route.fulfill({ contentType: 'text/html', body: '<p>evil</p>' }),
    );
    await page.goto(`${foreign}/evil`);
    const answers: number[] = [];
    page.on('response', (response) => {
      if (response.url().startsWith(running.url)) answers.push(response.status());
    });
    await page.evaluate(`(async () => {
      const url = ${JSON.stringify(running.url)};
      const asUser = { mode: 'no-cors', credentials: 'include' };
      await fetch(url + '/board/api/queues/jenga/pause', { ...asUser, method: 'POST' }).catch(() => {});
      await fetch(url + '/', asUser).catch(() => {});
      const form = document.createElement('form');
      Object.assign(form, { method: 'post', action: url + '/logout' });
      document.body.append(form);
      form.submit();
    })()`);
    await page.waitForURL('**/logout');
    expect(answers.at(-1)).toBe(403);
    expect(answers.every((status) => status >= 400)).toBe(true);
    await page.goto(`${running.url}/`);
    expect(await page.isVisible('#overview')).toBe(true);
    await context.close();
  });

  test.each([
    ['a phone', 360, 'light'],
    ['a phone at night', 360, 'dark'],
  ] as const)('every page fits %s', async (_name, width, colorScheme) => {
    const { context, page } = await aPage({ viewport: { width, height: 760 }, colorScheme });
    await page.goto(`${running.url}/login`);
    await expectFit(page, width);
    await visit(page);
    await page.waitForSelector('body.live');
    await expectFit(page, width);
    const [ink, paper] = await page.evaluate<number[]>(`(() => {
      const { color, backgroundColor } = getComputedStyle(document.documentElement);
      return [color, backgroundColor].map((colour) => Number(/\\d+/.exec(colour)[0]));
    })()`);
    expect((ink ?? 0) > (paper ?? 0)).toBe(colorScheme === 'dark');
    await page.goto(`${running.url}/orders/checkout-4711`);
    await expectFit(page, width);
    await context.close();
  });

  async function expectFit(page: Page, width: number) {
    expect(await page.evaluate<number>('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width);
  }

  test('works without scripts', async () => {
    const { context, page } = await aPage({ javaScriptEnabled: false });
    await visit(page);
    expect(await page.textContent('#accounts')).toContain('jenga');
    expect(await page.textContent('.as-of')).toContain('As of');
    await page.fill('#order', 'checkout-4711');
    await page.press('#order', 'Enter');
    expect(await page.textContent('h1')).toBe('checkout-4711');
    await context.close();
  });
});
