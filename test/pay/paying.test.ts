/** The buyer's way through a real browser, from the shop to Invoicebox's page. */
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { Browser } from 'playwright-core';
import { enter, entryLink, freshTab, openBrowser, untilView, viewOf } from '../support/browser.js';
import { World } from '../support/world.js';

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

it('shop → redirect → login → page → confirm → Invoicebox’s own page shows paid', async () => {
  const { context, page } = await freshTab(browser);
  await page.goto(`${world.twin.url}/shop`);
  await page.getByRole('button', { name: 'Оплатить баллами' }).first().click();
  await page.locator('button[value="anna"]').click();
  await untilView(page, 'ready');
  expect(page.url()).toMatch(/\/pay\/kafeteriy\/payments\/[0-9a-f-]{36}/);
  await page.getByRole('button', { name: /^Списать/ }).click();
  await untilView(page, 'paid');
  await page.getByRole('link', { name: 'Вернуться на страницу счёта' }).click();
  await page.locator('[data-status="paid"]').waitFor();
  expect(page.url()).toContain('/order/');
  await context.close();
});

it('a double click and a second tab: one hold, one confirm', async () => {
  const invoice = await world.invoice();
  const before = await world.balance('anna');
  const { context, page } = await freshTab(browser);
  await enter(page, entryLink(world, invoice.id));
  await untilView(page, 'ready');
  const second = await context.newPage();
  await second.goto(entryLink(world, invoice.id));
  await untilView(second, 'ready');
  expect(second.url().split('?')[0]).toBe(page.url().split('?')[0]);
  await Promise.all([
    page.getByRole('button', { name: /^Списать/ }).dblclick(),
    second.getByRole('button', { name: /^Списать/ }).click(),
  ]);
  await Promise.all([untilView(page, 'paid'), untilView(second, 'paid')]);
  expect((await world.balance('anna')).available).toBe(before.available - 12_346);
  expect((await world.twin.requests(invoice.id)).filter(({ operation }) => operation === 'confirm')).toHaveLength(1);
  await context.close();
});

it('the connection cut after Invoicebox committed: the page says unknown, then paid by itself, and never "failed"', async () => {
  const invoice = await world.invoice();
  await world.twin.arrangeFault({ invoiceId: invoice.id, operation: 'confirm', kind: 'cut_after' });
  await world.twin.arrangeFault({ invoiceId: invoice.id, operation: 'read', kind: 'delay', delayMs: 1 });
  const { context, page } = await freshTab(browser);
  const seen: string[] = [];
  page.on('framenavigated', () => {
    viewOf(page).then(
      (view) => seen.push(view ?? ''),
      () => undefined,
    );
  });
  await enter(page, entryLink(world, invoice.id));
  await untilView(page, 'ready');
  await world.twin.arrangeFault({ invoiceId: invoice.id, operation: 'read', kind: 'error_before', times: 2 });
  await page.getByRole('button', { name: /^Списать/ }).click();
  await untilView(page, 'unknown');
  expect(await page.locator('main').innerText()).toMatch(/Баллы зарезервированы\. Не оплачивайте счёт повторно/);
  expect(await page.locator('form').count()).toBe(0);
  await untilView(page, 'paid');
  expect(seen).not.toContain('declined');
  await context.close();
});
