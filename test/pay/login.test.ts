/** How a buyer comes in: by the programme's login, or by the partner's one-time token. */
import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Browser } from 'playwright-core';
import { HttpBuyer } from '../../scripts/httpBuyer.js';
import { enter, entryLink, freshTab, openBrowser, untilView } from '../support/browser.js';
import { World } from '../support/world.js';

let world: World;
let browser: Browser;
beforeAll(async () => {
  [world, browser] = await Promise.all([World.open(), openBrowser()]);
});
afterAll(async () => {
  await browser.close();
  await world.close();
});

const control = (path: string, body: object = {}) =>
  fetch(`${world.twin.url}/control/idp/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

describe('[buyer 1] the login', () => {
  it('comes before anything: an invoice id alone reads no invoice and opens no payment', async () => {
    const invoice = await world.invoice();
    const response = await fetch(entryLink(world, invoice.id), { redirect: 'manual' });
    expect([response.status, new URL(response.headers.get('location') ?? '').host]).toEqual([303, world.twin.host]);
    expect(await world.twin.requests(invoice.id)).toEqual([]);
    const { rowCount } = await world.surety.admin.query('SELECT FROM payment WHERE invoice_id = $1', [invoice.id]);
    expect(rowCount).toBe(0);
  });

  it('survives two tabs at once', async () => {
    const { page, context } = await freshTab(browser);
    const second = await context.newPage();
    const [one, two] = [await world.invoice(), await world.invoice()];
    await Promise.all([page.goto(entryLink(world, one.id)), second.goto(entryLink(world, two.id))]);
    await page.locator('button[value="anna"]').click();
    await untilView(page, 'ready');
    await second.locator('button[value="anna"]').click();
    await untilView(second, 'ready');
    await page.reload();
    await untilView(page, 'ready');
    expect(page.url()).not.toBe(second.url());
    await context.close();
  });

  it.each([3, -3])('survives a clock %i s off', async (offsetSeconds) => {
    await control('clock', { offsetSeconds });
    const { page, context } = await freshTab(browser);
    await enter(page, entryLink(world, (await world.invoice()).id));
    await untilView(page, 'ready');
    await context.close();
    await control('clock', { offsetSeconds: 0 });
  });

  it('survives a rotated signing key without restart', async () => {
    for (let turn = 0; turn < 2; turn++) {
      const { page, context } = await freshTab(browser);
      await enter(page, entryLink(world, (await world.invoice()).id));
      await untilView(page, 'ready');
      await context.close();
      expect((await control('rotate-keys')).ok).toBe(true);
    }
  });

  it('[case jellyfin-plugin-sso#139] takes the redirect address from configuration, whatever Host says', async () => {
    const invoice = await world.invoice();
    const location = await new Promise<string>((resolve, reject) => {
      request(
        {
          host: '127.0.0.1',
          port: world.surety.options.ports.api,
          path: `/pay/kafeteriy?invoiceId=${invoice.id}`,
          headers: { host: 'evil.example', 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https' },
        },
        (response) => {
          response.resume();
          resolve(response.headers.location ?? '');
        },
      )
        .on('error', reject)
        .end();
    });
    expect(new URL(location).searchParams.get('redirect_uri')).toBe(
      `${world.surety.apiUrl}/pay/kafeteriy/login/callback`,
    );
    expect(location).not.toContain('evil');
  });

  it('[case meshmonitor PR#2034] makes a new session, and the old one is dead', async () => {
    const sessionCookie = '__Host-surety-kafeteriy';
    const { page, context } = await freshTab(browser);
    await enter(page, entryLink(world, (await world.invoice()).id));
    await untilView(page, 'ready');
    const before = (await context.cookies(world.surety.apiUrl)).find(({ name }) => name === sessionCookie);
    expect(before).toMatchObject({
      name: '__Host-surety-kafeteriy',
      httpOnly: true,
      secure: true,
      sameSite: 'Lax',
      path: '/',
    });
    // Logging in once more, in the same browser.
    await page.goto(`${world.surety.apiUrl}/pay/kafeteriy/login`);
    const anna = page.locator('button[value="anna"]');
    if (await anna.count()) await anna.click();
    await untilView(page, 'payments');
    const cookies = await context.cookies(world.surety.apiUrl);
    const after = cookies.find(({ name }) => name === sessionCookie);
    expect(cookies.filter(({ name }) => name.includes('-login-'))).toEqual([]);
    expect(after?.value).not.toBe(before?.value);
    const response = await fetch(page.url(), { headers: { cookie: `__Host-surety-kafeteriy=${before?.value ?? ''}` } });
    expect(response.status).toBe(401);
    await context.close();
  });

  it('says so, with a way to try again, when the provider is down', async () => {
    await world.surety.admin.query(
      `UPDATE partner SET settings = jsonb_set(settings, '{loyalty,login,issuer}', '"http://127.0.0.1:9/idp"')`,
    );
    const response = await fetch(entryLink(world, (await world.invoice()).id));
    expect([response.status, await response.text()]).toEqual([
      503,
      expect.stringContaining('data-view="login_failed"'),
    ]);
    await world.surety.admin.query(`UPDATE partner SET settings = jsonb_set(settings, '{loyalty,login,issuer}', $1)`, [
      JSON.stringify(`${world.twin.url}/idp`),
    ]);
  });

  it('takes an answer of the provider once, and in the browser that asked', async () => {
    const buyer = new HttpBuyer();
    const login = await buyer.open(entryLink(world, (await world.invoice()).id));
    // The provider's answer is caught before it arrives.
    const { url: answer } = await buyer.press(login, 'anna', '/login/callback');
    const failed = { status: 400, view: 'login_failed' };
    const outcome = async (visitor: HttpBuyer, url: string) => {
      const { status, html } = await visitor.open(url);
      return { status, view: /data-view="(\w+)"/.exec(html)?.[1] };
    };
    expect(await outcome(new HttpBuyer(), answer)).toEqual(failed);
    expect(await outcome(buyer, answer.replace(/state=[^&]+/, 'state=forged'))).toEqual(failed);
    expect(await outcome(buyer, answer)).toEqual({ status: 200, view: 'ready' });
    expect(await outcome(buyer, answer)).toEqual(failed);
  });
});

describe('[buyer 1] the partner’s one-time token', () => {
  async function tokenLink() {
    const invoice = await world.invoice();
    const made = await world.call(world.keys.loyalty, 'POST', '/v1/login-tokens', { memberExternalId: 'anna' });
    return {
      invoice,
      link: entryLink(world, invoice.id, `&token=${(made.body as unknown as { token: string }).token}`),
    };
  }

  it('[case sketch PR#408] is not spent by HEAD or GET, only by the POST, and leaves the address', async () => {
    const { link, invoice } = await tokenLink();
    for (const method of ['HEAD', 'GET', 'GET']) expect((await fetch(link, { method })).status).toBe(200);
    expect(await world.twin.requests(invoice.id)).toEqual([]);
    const { page, context } = await freshTab(browser);
    await page.goto(link);
    await untilView(page, 'continue_as');
    await page.getByRole('button', { name: 'Продолжить' }).click();
    await untilView(page, 'ready');
    expect(page.url()).not.toContain('token');
    await context.close();
  });

  it('is spent once: a replay is refused, and leads to the login', async () => {
    const { link } = await tokenLink();
    const [first, second] = [new HttpBuyer(), new HttpBuyer()];
    const offered = await second.open(link);
    expect((await first.press(await first.open(link), 'Продолжить')).html).toContain('data-view="ready"');
    const refused = await second.press(offered, 'Продолжить');
    expect([refused.status, refused.html.includes('data-view="login_failed"')]).toEqual([400, true]);
    expect((await first.press(await first.open(link), 'Продолжить')).status).toBe(400);
  });

  it('sends nobody elsewhere, whatever its form says', async () => {
    const { link } = await tokenLink();
    const buyer = new HttpBuyer();
    const offered = await buyer.open(link);
    const tampered = offered.html.replace(/name="goOn" value="[^"]*"/, 'name="goOn" value="https://evil.example/"');
    expect((await buyer.press({ ...offered, html: tampered }, 'Продолжить')).status).toBe(403);
  });
});
