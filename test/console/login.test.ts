/** How an operator comes in, what he may see, and that nobody else does. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Browser } from 'playwright-core';
import { openBrowser } from '../support/browser.js';
import { actsOf, addOperator, logIn, openConsole } from '../support/console.js';
import { World } from '../support/world.js';

let world: World;
let browser: Browser;
beforeAll(async () => {
  [world, browser] = await Promise.all([
    World.open({ environment: { OPERATOR_IDLE_MS: '4000', OPERATOR_FRESH_MS: '600000' } }),
    openBrowser(),
  ]);
});
afterAll(async () => {
  await browser.close();
  await world.close();
});

const get = (path: string, cookie = '') =>
  fetch(world.surety.apiUrl + path, { redirect: 'manual', headers: { cookie } });

describe('the console', () => {
  it('shows nothing to whoever is not logged in', async () => {
    for (const path of ['/console', '/console?partner=kafeteriy']) {
      const response = await get(path);
      expect([response.status, response.headers.get('location')]).toEqual([
        303,
        `/console/login?goOn=${encodeURIComponent(path)}`,
      ]);
    }
    const posted = await fetch(`${world.surety.apiUrl}/console/logout`, { method: 'POST', redirect: 'manual' });
    expect(posted.status).toBe(401);
  });

  it('asks the provider with PKCE, state and nonce, and comes back to the page that was asked for', async () => {
    const response = await get('/console/login?goOn=%2Fconsole%3Fpartner%3Dkafeteriy');
    const asked = new URL(response.headers.get('location') ?? '').searchParams;
    expect(Object.fromEntries(asked)).toMatchObject({
      code_challenge_method: 'S256',
      code_challenge: expect.stringMatching(/^[\w-]{43}$/),
      state: expect.stringMatching(/^[\w-]{20,}$/),
      nonce: expect.stringMatching(/^[\w-]{20,}$/),
      redirect_uri: `${world.surety.apiUrl}/console/login/callback`,
    });
    const { page, context } = await openConsole(browser, world, 'viktor', '/console?partner=kafeteriy');
    expect(page.url()).toBe(`${world.surety.apiUrl}/console?partner=kafeteriy`);
    expect(await page.locator('h1').textContent()).toBe('Overview');
    const cookies = await context.cookies(world.surety.apiUrl);
    expect(cookies.find(({ name }) => name === '__Host-surety-console')).toMatchObject({
      httpOnly: true,
      secure: true,
      sameSite: 'Lax',
    });
    await context.close();
  });

  it.each([
    'https://evil.example/',
    '//evil.example',
    '/\\evil.example',
    '/console/../pay/kafeteriy',
    '/console/..//evil.example',
    '/consoleevil',
    '/console/logout',
    'javascript:alert(1)',
    '/console\n.evil',
  ])('goes on to the overview where it is told to go on to %j', async (goOn) => {
    const { page, context } = await openConsole(
      browser,
      world,
      'viktor',
      `/console/login?goOn=${encodeURIComponent(goOn)}`,
    );
    expect(page.url()).toBe(`${world.surety.apiUrl}/console`);
    await context.close();
  });

  it('lets nobody in whom the provider gives no role or no partner, and says so', async () => {
    await addOperator(world, { login: 'no-role', roles: ['cleaner'], partners: ['*'] });
    await addOperator(world, { login: 'no-partner', roles: ['operator'], partners: ['kafeteriy'] });
    for (const login of ['no-role', 'no-partner', 'anna']) {
      const { page, context } = await openConsole(browser, world, login);
      expect(await page.locator('h1').textContent()).toBe('You have no role here');
      await page.goto(`${world.surety.apiUrl}/console`);
      expect(await page.locator('h1').textContent()).toBe('You have no role here');
      await context.close();
    }
    expect((await actsOf(world, 'console.login'))[0]).toMatchObject({ operator: 'anna', outcome: 'refused' });
  });

  it('refuses an answer of the provider that this browser has not asked for, and one that comes twice', async () => {
    const { page, context } = await openConsole(browser, world, 'viktor');
    let callback = '';
    page.on('request', (request) => {
      if (request.url().includes('/console/login/callback')) callback = request.url();
    });
    await page.goto(`${world.surety.apiUrl}/console/login`);
    expect(callback).not.toBe('');
    await page.goto(callback);
    expect(await page.locator('h1').textContent()).toBe('The login did not work');
    const stolen = await get(new URL(callback).pathname + new URL(callback).search);
    expect(stolen.status).toBe(400);
    await context.close();
  });

  it('refuses a partner that is not his, and writes that down', async () => {
    await addOperator(world, { login: 'loyal', roles: ['operator'], partners: [world.partnerIds.loyalty] });
    const { page, context } = await openConsole(browser, world, 'loyal');
    await expect(page.locator('main').textContent()).resolves.toContain('Кафетерий');
    await expect(page.locator('main').textContent()).resolves.not.toContain('Ромашка');
    await context.close();
  });

  it('ends a session at logout on the server: its cookie opens nothing any more', async () => {
    const { page, context } = await openConsole(browser, world, 'olga');
    const cookies = await context.cookies(world.surety.apiUrl);
    const cookie = cookies.map(({ name, value }) => `${name}=${value}`).join('; ');
    expect((await get('/console', cookie)).status).toBe(200);
    await page.getByRole('button', { name: 'Log out' }).click();
    await page.locator('h1', { hasText: 'You are logged out' }).waitFor();
    expect((await get('/console', cookie)).status).toBe(303);
    await context.close();
  });

  it('makes a new session at each login, and the one before is dead', async () => {
    const { page, context } = await openConsole(browser, world, 'olga');
    const value = async () =>
      (await context.cookies(world.surety.apiUrl)).find(({ name }) => name === '__Host-surety-console')?.value ?? '';
    const before = await value();
    await page.goto(`${world.surety.apiUrl}/console/login?again=1`);
    // To prove it again is to be asked again.
    await logIn(page, 'olga');
    expect(await page.locator('h1').textContent()).toBe('Overview');
    expect(await value()).not.toBe(before);
    expect((await get('/console', `__Host-surety-console=${before}`)).status).toBe(303);
    await context.close();
  });

  it('ends a session that nobody uses', async () => {
    const { page, context } = await openConsole(browser, world, 'olga');
    await context.setOffline(true);
    const { rows } = await world.surety.admin.query<{ left: boolean }>(
      `UPDATE operator_session SET seen_at = seen_at - interval '5 seconds' WHERE operator = 'olga' RETURNING true AS left`,
    );
    expect(rows.length).toBeGreaterThan(0);
    await context.setOffline(false);
    const cookies = (await context.cookies(world.surety.apiUrl))
      .map(({ name, value }) => `${name}=${value}`)
      .join('; ');
    expect((await get('/console', cookies)).status).toBe(303);
    await page.close();
    await context.close();
  });

  it.each([
    ['without its token', { origin: null, csrf: false }],
    ['with a token of another session', { origin: null, csrf: 'other' }],
    ['from another site', { origin: 'https://evil.example', csrf: true }],
  ])('refuses a form %s, and writes that down', async (_, { origin, csrf }) => {
    const { page, context } = await openConsole(browser, world, 'oleg');
    const token = await page.locator('input[name=csrf]').first().getAttribute('value');
    const other = await openConsole(browser, world, 'oleg');
    const othersToken = await other.page.locator('input[name=csrf]').first().getAttribute('value');
    await other.context.close();
    const cookies = (await context.cookies(world.surety.apiUrl))
      .map(({ name, value }) => `${name}=${value}`)
      .join('; ');
    const body = new URLSearchParams(csrf === false ? {} : { csrf: (csrf === 'other' ? othersToken : token) ?? '' });
    const response = await fetch(`${world.surety.apiUrl}/console/logout`, {
      method: 'POST',
      redirect: 'manual',
      headers: { cookie: cookies, ...(origin === null ? {} : { origin }) },
      body,
    });
    expect(response.status).toBe(403);
    expect((await get('/console', cookies)).status).toBe(200);
    expect((await actsOf(world, 'console.form'))[0]).toMatchObject({ operator: 'oleg', outcome: 'refused' });
    await context.close();
  });
});
