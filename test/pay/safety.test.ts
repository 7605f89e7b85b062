/** That a buyer cannot hurt himself, nor be hurt, whatever is clicked, repeated, tampered with or sent along. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { HttpBuyer } from '../../scripts/httpBuyer.js';
import { contrastToWhite, partnerSettings } from '../../src/partnerSettings.js';
import { enter, entryLink, freshTab, openBrowser, untilView, viewOf } from '../support/browser.js';
import { eventually, World } from '../support/world.js';

let world: World;
let browser: Browser;
beforeAll(async () => {
  [world, browser] = await Promise.all([World.open(), openBrowser()]);
});
afterAll(async () => {
  await browser.close();
  await world.assertBooksAgree();
  await world.close();
});

const pay = (page: Page) => page.getByRole('button', { name: /^Списать/ });
const confirmsOf = async (invoiceId: string) =>
  (await world.twin.requests(invoiceId)).filter(({ operation }) => operation === 'confirm').length;

async function readyTab(change: Record<string, unknown> = {}, options: Parameters<typeof freshTab>[1] = {}) {
  const invoice = await world.invoice(change);
  const tab = await freshTab(browser, options);
  await enter(tab.page, entryLink(world, invoice.id));
  await untilView(tab.page, 'ready');
  return { invoice, ...tab };
}

/** A logged-in buyer without a browser, on a ready page. */
async function readyBuyer(change: Record<string, unknown> = {}, login = 'anna') {
  const invoice = await world.invoice(change);
  const buyer = new HttpBuyer();
  const page = await buyer.press(await buyer.open(entryLink(world, invoice.id)), login);
  return { invoice, buyer, page };
}

/** How wide a picture is, once it is there. */
const widthOf = async (image: Element): Promise<number> => {
  await (image as HTMLImageElement).decode();
  return (image as HTMLImageElement).naturalWidth;
};

const hidden = (html: string, name: string): string =>
  new RegExp(`name="${name}" value="([^"]*)"`).exec(html)?.[1] ?? '';

it('[buyer 3] [buyer 4] shows what is paid, for what, by when, before and after, and a button that names act and sum', async () => {
  const { page, context } = await readyTab({ description: 'Оплата номера в отеле' });
  const text = (await page.locator('main').innerText()).replaceAll('\u00a0', ' ');
  for (const part of [
    'Оплата номера в отеле',
    '29078-',
    '12 345,67 ₽',
    '12 346 баллов',
    'Ваш баланс',
    'Останется',
    'Оплатить до',
    'GMT+3',
  ]) {
    expect(text).toContain(part);
  }
  expect(await page.locator('time').getAttribute('datetime')).toMatch(/^\d{4}-\d\d-\d\dT.*Z$/);
  expect(await page.locator('footer').innerText()).toContain('8 800 000-00-00');
  expect(await pay(page).innerText()).toBe('Списать 12\u00a0346 баллов');
  expect(text).not.toMatch(/баллов? ?₽/);
  await context.close();
});

it('[buyer 7] the button is locked at once, and only an answer brings one back', async () => {
  const { page, context, invoice } = await readyTab();
  await world.twin.arrangeFault({ invoiceId: invoice.id, operation: 'confirm', kind: 'delay', delayMs: 1_500 });
  // Heard after the page's own listener: what it has done by then is told to the next page.
  await page.evaluate(() => {
    document.forms[0]?.addEventListener('submit', () => {
      const buttons = [...document.querySelectorAll<HTMLButtonElement>('form button')];
      sessionStorage.setItem('locked', buttons.map((button) => `${button.disabled} ${button.textContent}`).join(', '));
    });
  });
  await pay(page).click();
  await untilView(page, 'paid');
  expect(await page.evaluate(() => sessionStorage.getItem('locked'))).toBe('true Отправляем…, true Отменить оплату');
  expect(await confirmsOf(invoice.id)).toBe(1);
  await context.close();
});

it('[buyer 6] [buyer 8] Back, Forward, reload and resubmit: one hold, the true view always', async () => {
  const { page, context, invoice } = await readyTab();
  const before = await world.balance('anna');
  const address = page.url();
  await page.reload();
  await untilView(page, 'ready');
  await pay(page).click();
  await untilView(page, 'paid');
  await page.getByRole('button', { name: 'Остаться здесь' }).click();
  expect(page.url().split('?')[0]).toBe(address.split('?')[0]);
  await page.goBack();
  await page.locator('main[data-view], [data-status], button[value]').first().waitFor();
  await page.goForward();
  await untilView(page, 'paid');
  await page.reload();
  await untilView(page, 'paid');
  // The form's own address, opened by hand.
  await page.goto(address.replace('?', '/confirm?'));
  await untilView(page, 'paid');
  expect(await confirmsOf(invoice.id)).toBe(1);
  expect((await world.balance('anna')).available).toBe(before.available - 12_346);
  await context.close();
});

it('[buyer 6] a replayed POST, and one with a new id, pay nothing more', async () => {
  const { buyer, page, invoice } = await readyBuyer();
  const before = await world.balance('anna');
  const paid = await buyer.press(page, 'Списать');
  expect(paid.html).toContain('data-view="paid"');
  for (const html of [page.html, page.html.replaceAll(hidden(page.html, 'idempotencyId'), randomUUID())]) {
    expect((await buyer.press({ ...page, html }, 'Списать')).html).toContain('data-view="paid"');
  }
  expect(await confirmsOf(invoice.id)).toBe(1);
  expect((await world.balance('anna')).available).toBe(before.available - 12_346);
});

it('offline and online again while it waits: the page finds the true view by itself', async () => {
  const { page, context, invoice } = await readyTab();
  await world.twin.arrangeFault({ invoiceId: invoice.id, operation: 'confirm', kind: 'cut_after' });
  await world.twin.arrangeFault({ invoiceId: invoice.id, operation: 'read', kind: 'error_before', times: 3 });
  await pay(page).click();
  await untilView(page, 'unknown');
  await context.setOffline(true);
  await eventually(
    async () => (await world.read(new URL(page.url()).pathname.split('/').at(-1) ?? '')).state === 'paid',
    () => 'the payment was never proven',
  );
  expect(await viewOf(page)).toBe('unknown');
  await context.setOffline(false);
  await untilView(page, 'paid');
  await context.close();
});

it('[buyer 10] the whole way with JavaScript off', async () => {
  const { page, context } = await freshTab(browser, { javaScriptEnabled: false });
  const invoice = await world.invoice();
  await world.twin.arrangeFault({ invoiceId: invoice.id, operation: 'confirm', kind: 'cut_after' });
  await world.twin.arrangeFault({ invoiceId: invoice.id, operation: 'read', kind: 'delay', delayMs: 1 });
  await enter(page, entryLink(world, invoice.id));
  await untilView(page, 'ready');
  await pay(page).click();
  await eventually(
    async () => {
      const check = page.getByRole('link', { name: 'Проверить состояние' });
      if (await check.count()) await check.click();
      return (await viewOf(page)) === 'paid';
    },
    () => 'the link never led to the paid view',
  );
  await page.getByRole('link', { name: 'Вернуться на страницу счёта' }).click();
  await page.locator('[data-status="paid"]').waitFor();
  await context.close();
});

describe('tampered, foreign and stale forms', () => {
  it.each([
    ['no CSRF token', (html: string) => html.replaceAll(hidden(html, 'csrf'), '')],
    ['a foreign CSRF token', (html: string) => html.replaceAll(hidden(html, 'csrf'), 'A'.repeat(43))],
    ['no idempotency id', (html: string) => html.replaceAll(hidden(html, 'idempotencyId'), 'x')],
    [
      'points that are no number',
      (html: string) => html.replace('name="points" value="12346"', 'name="points" value="1e3"'),
    ],
  ])('%s: a page that says what to do, nothing held', async (_, tamper) => {
    const { buyer, page, invoice } = await readyBuyer();
    const answer = await buyer.press({ ...page, html: tamper(page.html) }, 'Списать');
    expect([answer.status, /data-view="(\w+)"/.exec(answer.html)?.[1]]).toEqual([403, 'stale_form']);
    expect(await confirmsOf(invoice.id)).toBe(0);
  });

  it.each([
    ['fewer points', 'name="points" value="12346"', 'name="points" value="1"'],
    ['a smaller sum', 'name="amountMinor" value="1234567"', 'name="amountMinor" value="1"'],
    ['another currency', 'name="currency" value="RUB"', 'name="currency" value="USD"'],
  ])('[buyer 5] %s than the invoice has: asked again, nothing held', async (_, from, to) => {
    const { buyer, page, invoice } = await readyBuyer();
    const answer = await buyer.press({ ...page, html: page.html.replace(from, to) }, 'Списать');
    expect(/data-view="(\w+)"/.exec(answer.html)?.[1]).toBe('amount_changed');
    expect((await world.balance('anna')).held).toBe(0);
    expect(await confirmsOf(invoice.id)).toBe(0);
  });

  it('a POST from another site: refused', async () => {
    const { page, context, invoice } = await readyTab();
    const action = await page.locator('form').first().getAttribute('action');
    const fields = await page
      .locator('form')
      .first()
      .locator('input')
      .evaluateAll((inputs) =>
        inputs
          .map(
            (input) =>
              `<input name="${(input as HTMLInputElement).name}" value="${(input as HTMLInputElement).value}">`,
          )
          .join(''),
      );
    const elsewhere = await context.newPage();
    await elsewhere.goto(`${world.twin.url}/shop`);
    await elsewhere.setContent(
      `<form method="post" action="${world.surety.apiUrl}${action ?? ''}">${fields}<button>x</button></form>`,
    );
    await elsewhere.getByRole('button').click();
    await elsewhere.locator('main[data-view]').waitFor();
    expect(['stale_form', 'session_lost']).toContain(await viewOf(elsewhere));
    expect(await confirmsOf(invoice.id)).toBe(0);
    await context.close();
  });

  it('another buyer’s cancel of a payment that he did not open: nothing happens', async () => {
    const { invoice, page } = await readyBuyer();
    const other = new HttpBuyer();
    const seen = await other.press(await other.open(entryLink(world, invoice.id)), 'gleb');
    expect(seen.url).toBe(page.url);
    expect(seen.html).not.toContain('Отменить оплату');
    const forged = seen.html.replaceAll('/confirm?', '/cancel?');
    expect((await other.press({ ...seen, html: forged }, 'Списать')).html).toContain('data-view="ready"');
  });

  it.each([
    '/pay/kafeteriy/payments/%E0%A4%A',
    '/pay/kafeteriy/payments/x/confirm',
    '/pay/none',
    '/pay/none/theme.css',
    '/pay/kafeteriy/nothing/here',
  ])('%s: a page, never a 500', async (path) => {
    const response = await fetch(world.surety.apiUrl + path);
    expect(response.status).toBeGreaterThanOrEqual(400);
    expect(response.status).toBeLessThan(500);
    expect(await response.text()).toContain('<h1>');
  });

  it('a form that is too large: a page, never a 500', async () => {
    const { page, buyer } = await readyBuyer();
    const huge = page.html.replaceAll(hidden(page.html, 'idempotencyId'), 'x'.repeat(200_000));
    const answer = await buyer.press({ ...page, html: huge }, 'Списать');
    expect([answer.status, /data-view="(\w+)"/.exec(answer.html)?.[1]]).toEqual([413, 'bad_request']);
  });
});

describe('texts and links from outside', () => {
  it.each([
    ['script', '<script>document.title="owned"</script><img src=x onerror="document.title=\'owned\'">'],
    ['direction marks', '\u202eбесплатно\u202d \u2066скидка'],
    ['unbroken length', 'Ж'.repeat(1_000)],
    ['NUL and half a character', 'a\u0000b\ud800c'],
  ])(
    '[case text] %s in a description is shown as text, cut, the sum and the button untouched',
    async (_, description) => {
      const { page, context } = await readyTab({ description }, { viewport: { width: 320, height: 640 } });
      expect(await page.title()).not.toContain('owned');
      expect(await page.locator('main script, main img').count()).toBe(0);
      expect(await page.locator('dd').first().innerText()).not.toMatch(/[\u202a-\u202e\u2066-\u2069]/);
      expect((await page.locator('dd').first().innerText()).length).toBeLessThanOrEqual(200);
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(320);
      expect((await page.locator('main').innerText()).replaceAll('\u00a0', ' ')).toContain('12 345,67 ₽');
      expect(await pay(page).isVisible()).toBe(true);
      await context.close();
    },
  );

  it('[buyer 14] [case url-cheatsheet] links to hosts that are not on the list are not shown, and the payment goes on', async () => {
    const invoice = await world.invoice();
    const buyer = new HttpBuyer();
    const evil = ['https:\\\\evil', 'javascript:alert(1)', 'https://127.0.0.1@evil.ru', '//evil.ru'].map((link) =>
      encodeURIComponent(link),
    );
    const entry = `${world.surety.apiUrl}/pay/kafeteriy?invoiceId=${invoice.id}&failUrl=${evil[0] ?? ''}&cancelUrl=${evil[1] ?? ''}&successUrl=${evil[2] ?? ''}&successUrl=${evil[3] ?? ''}`;
    const page = await buyer.press(await buyer.open(entry), 'anna');
    const cancelled = await buyer.press(page, 'Отменить');
    expect(cancelled.html).toContain('data-view="cancelled"');
    expect(cancelled.html).not.toMatch(/evil|javascript:/);
    // What is left is the way back to the invoice itself.
    expect(/class="primary" href="([^"]+)"/.exec(cancelled.html)?.[1]).toBe(invoice.paymentUrl);
    expect(world.api?.output).toContain('link_not_shown');
  });
});

it('[buyer 16] headers: nothing from elsewhere, nothing stored, nothing told, nothing framed', async () => {
  const { page } = await readyBuyer();
  const { headers } = await fetch(page.url);
  expect(headers.get('content-security-policy')).toBe(
    "default-src 'none';style-src 'self';script-src 'self';img-src 'self';connect-src 'self';form-action 'self';frame-ancestors 'none';base-uri 'none'",
  );
  expect(headers.get('cache-control')).toBe('no-store');
  expect(headers.get('referrer-policy')).toBe('no-referrer');
  expect(headers.get('x-robots-tag')).toBe('noindex');
  expect(headers.get('x-powered-by')).toBeNull();
});

it('[buyer 16] a partner may allow frames of his own sites', async () => {
  await world.surety.admin.query(
    `UPDATE partner SET settings = jsonb_set(settings, '{loyalty,frameAncestors}', '["https://partner.example"]')`,
  );
  const { headers } = await fetch(`${world.surety.apiUrl}/pay/kafeteriy/logged-out`);
  expect(headers.get('content-security-policy')).toContain('frame-ancestors https://partner.example;');
  expect(headers.get('x-frame-options')).toBeNull();
});

it('the page with CSS and script is at most 30 kB, and asks nobody else', async () => {
  const { page, context } = await freshTab(browser);
  const requests: string[] = [];
  const invoice = await world.invoice();
  await enter(page, entryLink(world, invoice.id));
  await untilView(page, 'ready');
  let bytes = 0;
  page.on('response', (response) => {
    requests.push(response.url());
    response.body().then(
      (body) => (bytes += body.length),
      () => undefined,
    );
  });
  await page.reload({ waitUntil: 'networkidle' });
  expect(bytes).toBeGreaterThan(2_000);
  expect(bytes).toBeLessThanOrEqual(30_000);
  expect(requests.filter((url) => !url.startsWith(world.surety.apiUrl))).toEqual([]);
  await context.close();
});

describe('the demo shop’s unhappy ways lead to their views', () => {
  it.each([
    ['expired', 'anna', null, 'expired'],
    ['too-dear', 'boris', null, 'insufficient_points'],
    ['paid-elsewhere', 'anna', 'Списать', 'paid_elsewhere'],
    ['outage', 'anna', 'Списать', 'unknown'],
    ['cut', 'anna', 'Списать', 'unknown'],
  ])('%s', async (name, login, press, view) => {
    const buyer = new HttpBuyer();
    const shop = await buyer.open(`${world.twin.url}/shop`);
    let page = await buyer.press(await buyer.press(shop, name), login);
    if (press !== null) page = await buyer.press(page, press);
    expect(/data-view="(\w+)"/.exec(page.html)?.[1]).toBe(view);
  });
});

describe('[buyer 18] branding', () => {
  it('refuses a colour below 4.5:1 contrast when it is saved', () => {
    expect(contrastToWhite('#ffffff')).toBeCloseTo(1);
    expect(contrastToWhite('#000000')).toBeCloseTo(21);
    const settings = (colour: string) => ({
      invoicebox: { baseUrl: 'https://api.invoicebox.ru' },
      loyalty: {
        rates: {},
        login: { issuer: 'https://id.example', clientId: 'surety' },
        linkHosts: [],
        branding: { colour },
      },
    });
    expect(partnerSettings.safeParse(settings('#767676')).success).toBe(true);
    expect(partnerSettings.safeParse(settings('#777777')).success).toBe(false);
    expect(partnerSettings.safeParse(settings('red')).success).toBe(false);
  });

  it('shows name, logo and colour of the programme, and the test mode', async () => {
    const png = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==';
    await world.surety.admin.query(
      `UPDATE partner SET settings = jsonb_set(settings, '{loyalty,branding}', $1) WHERE slug = 'kafeteriy'`,
      [{ colour: '#7a1f5c', logoPng: png }],
    );
    const { page, context } = await readyTab();
    expect(await page.locator('header').innerText()).toContain('Кафетерий «Плюс»');
    expect(await page.locator('header').innerText()).toContain('Тестовый режим');
    expect(await page.locator('header img').evaluate(widthOf)).toBe(1);
    expect(await pay(page).evaluate((button) => getComputedStyle(button).backgroundColor)).toBe('rgb(122, 31, 92)');
    await context.close();
  });
});
