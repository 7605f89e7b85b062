/** Every view of the buyer's page, in both languages: what it says, whether anyone can use it, and a picture of it. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { AxeBuilder } from '@axe-core/playwright';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { repository } from '../../scripts/stack.js';
import { texts } from '../../src/api/pay/texts.js';
import { Pauses } from '../../src/ledger/pauses.js';
import { enter, entryLink, freshTab, openBrowser, untilView } from '../support/browser.js';
import { eventually, World } from '../support/world.js';

const pictures = join(repository, 'screenshots');

let world: World;
/** Reads are stale after a second here, so that what changes at Invoicebox is seen at the click. */
let wary: World;
let browser: Browser;
beforeAll(async () => {
  mkdirSync(pictures, { recursive: true });
  [world, wary, browser] = await Promise.all([
    World.open({ environment: { SURETY_ANSWER_WITHIN_MS: '1500' } }),
    World.open({ timings: { freshnessMs: 1_000 } }),
    openBrowser(),
  ]);
}, 90_000);
afterAll(async () => {
  await browser.close();
  await Promise.all([world.close(), wary.close()]);
});

type TextKey = {
  [Key in keyof (typeof texts)['ru']]: (typeof texts)['ru'][Key] extends { title: string } ? Key : never;
}[keyof (typeof texts)['ru']];

/** What holds for every view, in this tab as it stands, in Russian and in English. */
async function inspect(
  page: Page,
  view: TextKey,
  reload: (language: 'ru' | 'en') => Promise<void>,
  fixedLead = true,
): Promise<void> {
  for (const language of ['en', 'ru'] as const) {
    await reload(language);
    await untilView(page, view);
    const { title, lead } = texts[language][view];
    expect(await page.locator('h1').allInnerTexts()).toEqual([title]);
    expect((await page.title()).startsWith(title)).toBe(true);
    expect(await page.locator('html').getAttribute('lang')).toBe(language);
    if (fixedLead) expect(await page.locator('main').innerText()).toContain(lead);
    const { violations } = await new AxeBuilder({ page })
      .withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'])
      .analyze();
    expect(violations.map(({ id, nodes }) => [id, nodes.map((node) => node.html)])).toEqual([]);
  }
  await page.setViewportSize({ width: 1280, height: 800 });
  await page.screenshot({ path: join(pictures, `${view}-desktop.png`), fullPage: true });
  await page.setViewportSize({ width: 320, height: 640 });
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(320);
  for (const target of await page.locator('a, button').all()) {
    if (!(await target.isVisible())) continue;
    expect((await target.boundingBox())?.height ?? 0).toBeGreaterThanOrEqual(43.9);
  }
  await page.setViewportSize({ width: 390, height: 844 });
  await page.screenshot({ path: join(pictures, `${view}-phone.png`), fullPage: true });
  await expectKeyboardReachesAll(page);
  await page.setViewportSize({ width: 1280, height: 800 });
}

/** Tab alone comes to everything that can be used, and the focus can be seen. */
async function expectKeyboardReachesAll(page: Page): Promise<void> {
  const wanted = await page.locator('a:visible, button:visible').count();
  await page.evaluate(() => {
    (document.activeElement as HTMLElement | null)?.blur();
  });
  const reached = new Set<string>();
  for (let presses = 0; presses < wanted + 3; presses++) {
    await page.keyboard.press('Tab');
    const focused = await page.evaluate(() => {
      const element = document.activeElement;
      if (!(element instanceof HTMLElement) || !element.matches('a, button')) return null;
      return { text: element.outerHTML, outline: getComputedStyle(element).outlineStyle };
    });
    if (focused === null) continue;
    reached.add(focused.text);
    expect(focused.outline).not.toBe('none');
  }
  expect(reached.size).toBe(wanted);
}

/** Reloads a page of a payment in a language. */
const inLanguage = (page: Page) => async (language: 'ru' | 'en') => {
  const url = new URL(page.url());
  url.searchParams.set('lang', language);
  await page.goto(url.href);
};

async function tabFor(home: World, invoiceId: string, login = 'anna') {
  const tab = await freshTab(browser);
  await enter(tab.page, entryLink(home, invoiceId), login);
  await tab.page.locator('main[data-view]').waitFor();
  return tab;
}

const idIn = (page: Page): string => new URL(page.url()).pathname.split('/').at(-1) ?? '';

/** Opened before the worker stops: its page shows, its saga does not answer. */
async function openedByAnna() {
  const opened = await world.open((await world.invoice()).id);
  return opened as unknown as { body: { invoice: { id: string } } };
}

const pay = (page: Page) => page.getByRole('button', { name: /^(Списать|Pay)/ }).click();

describe('[buyer 9] [buyer 15] [buyer 2] each view says its own, in RU and EN, with no axe violation, at 320 px, by keyboard', () => {
  it('ready', async () => {
    const { page, context } = await tabFor(world, (await world.invoice()).id);
    await inspect(page, 'ready', inLanguage(page));
    await context.close();
  });

  it('opening: nothing is taken, one may leave or cancel', async () => {
    const invoice = await world.invoice();
    await world.twin.arrangeFault({ invoiceId: invoice.id, operation: 'read', kind: 'error_before', times: 1_000 });
    const { page, context } = await tabFor(world, invoice.id);
    await inspect(page, 'opening', inLanguage(page));
    expect(await page.getByRole('link', { name: 'Вернуться в магазин' }).count()).toBe(1);
    await page.getByRole('button', { name: 'Отменить оплату' }).click();
    await untilView(page, 'cancelled');
    await context.close();
  });

  it('insufficient points, with the shortfall and a way on', async () => {
    const { page, context } = await tabFor(world, (await world.invoice()).id, 'boris');
    await inspect(page, 'insufficient_points', inLanguage(page));
    expect(await page.locator('main').innerText()).toMatch(/Не хватает\s+12\u00a0046 баллов/);
    expect(await page.getByRole('link', { name: 'Вернуться в магазин' }).getAttribute('href')).toContain('result=fail');
    expect(await page.getByRole('button', { name: /Списать/ }).count()).toBe(0);
    await context.close();
  });

  it('[buyer 5] amount changed: nothing is held, the new sum is asked', async () => {
    const invoice = await wary.invoice();
    const { page, context } = await tabFor(wary, invoice.id);
    await wary.twin.editInvoice(invoice.id, { amountMinor: 20_000_00 });
    await wary.untilStale(idIn(page), 1_000);
    await pay(page);
    await inspect(page, 'amount_changed', inLanguage(page));
    expect((await wary.balance('anna')).held).toBe(0);
    await page.getByRole('button', { name: 'Списать 20\u00a0000 баллов' }).click();
    await untilView(page, 'paid');
    await context.close();
  });

  it('try again: Invoicebox cannot be reached', async () => {
    const invoice = await wary.invoice();
    const { page, context } = await tabFor(wary, invoice.id);
    await wary.twin.arrangeFault({ invoiceId: invoice.id, operation: 'read', kind: 'error_before', times: 50 });
    await wary.untilStale(idIn(page), 1_000);
    await pay(page);
    await inspect(page, 'try_again', inLanguage(page));
    expect((await wary.balance('anna')).held).toBe(0);
    await context.close();
  });

  it('fund unavailable', async () => {
    const invoice = await world.invoice({ amountMinor: 150_000_000_00 });
    await world.surety.creditPoints(world.partnerIds.loyalty, 'vera', 200_000_000, 'rich');
    const { page, context } = await tabFor(world, invoice.id, 'vera');
    await pay(page);
    await inspect(page, 'fund_unavailable', inLanguage(page));
    // Topped up meanwhile: the same page pays.
    await world.surety.ledger.depositFund({
      partnerId: world.partnerIds.loyalty,
      currency: 'RUB',
      amountMinor: 200_000_000_00,
      reference: 'bill-2',
      actor: { kind: 'operator', id: 'test' },
      at: Date.now(),
    });
    await world.twin.applyAccount('demo-loyalty', {
      name: 'kafeteriy',
      token: 'demo-token-loyalty-0123456789abcdef',
      funds: [{ currency: 'RUB', sizeMinor: 300_000_000_00 }],
    });
    await page.getByRole('button', { name: /Попробовать ещё раз/ }).click();
    await untilView(page, 'paid');
    await context.close();
  });

  it('[buyer 10] processing, then someone else sees that it is not his to pay', async () => {
    const invoice = await world.invoice();
    const { page, context } = await tabFor(world, invoice.id);
    await world.twin.arrangeFault({ invoiceId: invoice.id, operation: 'confirm', kind: 'delay', delayMs: 20_000 });
    const other = await tabFor(world, invoice.id, 'gleb');
    await pay(page);
    await inspect(page, 'processing', inLanguage(page));
    expect(await page.locator('[role="status"]').innerText()).toBe('Ждём ответа Инвойсбокса…');
    expect(await page.locator('meta[http-equiv="refresh"]').count()).toBe(0);
    expect(await page.getByRole('link', { name: 'Проверить состояние' }).count()).toBe(1);
    await inspect(other.page, 'someone_else', inLanguage(other.page));
    expect(await other.page.locator('main').innerText()).not.toMatch(/12\u00a0345|Оплата номера/);
    await Promise.all([context.close(), other.context.close()]);
  });

  it('[buyer 11] unknown: points reserved, do not pay again, reference, next check, and no button', async () => {
    const invoice = await world.invoice();
    const { page, context } = await tabFor(world, invoice.id);
    await world.twin.arrangeFault({ invoiceId: invoice.id, operation: 'confirm', kind: 'cut_after' });
    await world.twin.arrangeFault({ invoiceId: invoice.id, operation: 'read', kind: 'error_before', times: 1_000 });
    await pay(page);
    await inspect(page, 'unknown', inLanguage(page));
    const text = await page.locator('main').innerText();
    expect(text).toMatch(/Баллы зарезервированы\. Не оплачивайте счёт повторно/);
    expect(text).toMatch(/Следующая проверка: \d\d:\d\d:\d\d/);
    expect(text).toContain(idIn(page));
    expect(text).not.toMatch(/не списаны|не состоялась/i);
    expect(await page.locator('main button').count()).toBe(0);
    await context.close();
  });

  it('[buyer 12] paid: the link has the focus, the return can be stopped, and somebody else is told the truth', async () => {
    const invoice = await world.invoice();
    const { page, context } = await tabFor(world, invoice.id);
    await pay(page);
    await untilView(page, 'paid');
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('Вернуться на страницу счёта');
    await page.getByRole('button', { name: 'Остаться здесь' }).click();
    expect(await page.locator('[data-countdown]').isVisible()).toBe(false);
    const gleb = await tabFor(world, invoice.id, 'gleb');
    await inspect(gleb.page, 'someone_else_paid', inLanguage(gleb.page));
    await gleb.context.close();
    await inspect(page, 'paid', async (language) => {
      await inLanguage(page)(language);
      const stay = page.locator('[data-stay]');
      await stay.waitFor();
      await stay.click();
    });
    await context.close();
  });

  it('[buyer 12] paid, left alone: it returns to Invoicebox by itself', async () => {
    const { page, context } = await tabFor(world, (await world.invoice()).id);
    await pay(page);
    await page.locator('[data-status="paid"]').waitFor({ timeout: 30_000 });
    await context.close();
  });

  it('declined, with the reason', async () => {
    const invoice = await world.invoice();
    const { page, context } = await tabFor(world, invoice.id);
    await world.twin.arrangeFault({
      invoiceId: invoice.id,
      operation: 'confirm',
      kind: 'refuse',
      status: 422,
      code: 'limit_reached',
    });
    await pay(page);
    await inspect(page, 'declined', inLanguage(page));
    expect(await page.locator('main').innerText()).toContain('Инвойсбокс отклонил оплату.');
    await context.close();
  });

  it('expired', async () => {
    const invoice = await world.invoice({ expiresAt: new Date(Date.now() - 1_000).toISOString() });
    const { page, context } = await tabFor(world, invoice.id);
    await inspect(page, 'expired', inLanguage(page));
    await context.close();
  });

  it('[buyer 13] cancelled, by a POST of the buyer', async () => {
    const { page, context } = await tabFor(world, (await world.invoice()).id);
    await page.getByRole('button', { name: 'Отменить оплату' }).click();
    await inspect(page, 'cancelled', inLanguage(page));
    expect(await page.getByRole('link', { name: 'Вернуться в магазин' }).getAttribute('href')).toContain(
      'result=cancel',
    );
    await context.close();
  });

  it('paid elsewhere', async () => {
    const invoice = await world.invoice();
    const { page, context } = await tabFor(world, invoice.id);
    await world.twin.payInvoiceElsewhere(invoice.id);
    await pay(page);
    await inspect(page, 'paid_elsewhere', inLanguage(page));
    await context.close();
  });

  it('session lost, not found, bad link, login failed, logged out', async () => {
    const { page, context } = await tabFor(world, (await world.invoice()).id);
    const address = page.url();
    await page.goto(`${world.surety.apiUrl}/pay/kafeteriy/payments/01771534-1a57-f184-dee3-ebeb91dded76`);
    await inspect(page, 'not_found', inLanguage(page));
    await page.goto(`${world.surety.apiUrl}/pay/kafeteriy?invoiceId=nonsense`);
    await inspect(page, 'bad_link', inLanguage(page));
    await page.goto(`${world.surety.apiUrl}/pay/kafeteriy/login/callback?state=forged&code=forged`);
    await inspect(page, 'login_failed', inLanguage(page));
    await context.clearCookies();
    await page.goto(address);
    await inspect(page, 'session_lost', inLanguage(page));
    await page.goto(`${world.surety.apiUrl}/pay/kafeteriy/logged-out`);
    await inspect(page, 'logged_out', inLanguage(page));
    await context.close();
  });

  it('[buyer 17] one’s own payments of the last 12 months, and out', async () => {
    const { page, context } = await tabFor(world, (await world.invoice()).id);
    await page.getByRole('link', { name: 'Мои оплаты' }).click();
    await inspect(page, 'payments', inLanguage(page));
    const texts = await page.locator('ul.payments li').allInnerTexts();
    expect(texts.some((text) => text.includes('ждёт подтверждения'))).toBe(true);
    expect(texts.some((text) => text.includes('результат уточняется'))).toBe(true);
    await page.getByRole('button', { name: 'Выйти' }).click();
    await untilView(page, 'logged_out');
    await page.goBack();
    await untilView(page, 'session_lost');
    await context.close();
  });

  it('continue as: the partner’s one-time token', async () => {
    const invoice = await world.invoice();
    const made = await world.call(world.keys.loyalty, 'POST', '/v1/login-tokens', { memberExternalId: 'anna' });
    const { page, context } = await freshTab(browser);
    const link = entryLink(world, invoice.id, `&token=${(made.body as unknown as { token: string }).token}`);
    await page.goto(link);
    await page.goto(`${link}&lang=ru`);
    // The link to the other language keeps the token.
    await inspect(page, 'continue_as', async (language) => {
      await page.locator(`header a[hreflang="${language}"]`).click();
    });
    await page.getByRole('button', { name: 'Продолжить' }).click();
    await untilView(page, 'ready');
    await context.close();
  });

  it('a programme that takes no payments, and a confirmation of which nobody knows whether it arrived', async () => {
    const { page, context } = await tabFor(world, (await world.invoice()).id);
    const second = await openedByAnna();
    await world.worker?.stop();
    const address = page.url();
    for (const language of ['en', 'ru'] as const) {
      await page.goto(address.replace(/lang=../, `lang=${language}`));
      await pay(page);
      await untilView(page, 'not_known');
      expect(await page.locator('h1').innerText()).toBe(texts[language].not_known.title);
      expect(await page.locator('[role="alert"]').innerText()).toMatch(/\d\d:\d\d:\d\d/);
      const { violations } = await new AxeBuilder({ page }).analyze();
      expect(violations.map(({ id }) => id)).toEqual([]);
    }
    await page.screenshot({ path: join(pictures, 'not_known-desktop.png'), fullPage: true });
    const unwanted = await tabFor(world, second.body.invoice.id);
    await unwanted.page.getByRole('button', { name: 'Отменить оплату' }).click();
    await untilView(unwanted.page, 'cancel_not_known');
    expect(await unwanted.page.locator('h1').innerText()).toBe(texts.ru.cancel_not_known.title);
    expect(await unwanted.page.getByRole('button', { name: /Списать|списать/ }).count()).toBe(0);
    await unwanted.context.close();
    await world.startWorker();
    await eventually(
      async () => {
        await page.goto(address);
        return (await page.locator('main').getAttribute('data-view')) === 'paid';
      },
      () => 'the queued confirmation never counted',
    );
    await world.surety.admin.query('UPDATE partner SET credentials_failed_at = now()');
    await page.goto(entryLink(world, (await world.invoice()).id));
    await inspect(page, 'not_ready', inLanguage(page));
    await world.surety.admin.query('UPDATE partner SET credentials_failed_at = NULL');
    const pauses = new Pauses(world.surety.admin);
    const operator = { kind: 'operator', id: 'eve' } as const;
    await pauses.pause(world.partnerIds.loyalty, 'the fund moves', operator, Date.now());
    await page.goto(entryLink(world, (await world.invoice()).id));
    await inspect(page, 'payments_paused', inLanguage(page));
    await pauses.resume(world.partnerIds.loyalty, operator, Date.now());
    await context.close();
  });
});
