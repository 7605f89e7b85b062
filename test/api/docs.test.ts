/** /docs in a real browser: the API can be read and tried there, and nothing of it leaves this address. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { problems, type ProblemCode } from '../../src/api/problem.js';
import { freshTab, openBrowser } from '../support/browser.js';
import { World } from '../support/world.js';

let world: World;
let browser: Browser;
beforeAll(async () => {
  [world, browser] = await Promise.all([World.open(), openBrowser()]);
}, 90_000);
afterAll(async () => {
  await browser.close();
  await world.close();
});

/** A tab that keeps what a reader should never meet. */
async function watchedTab(): Promise<{ page: Page; trouble: string[] }> {
  const { page } = await freshTab(browser, { locale: 'en-GB' });
  const trouble: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') trouble.push(message.text());
  });
  page.on('pageerror', (error) => trouble.push(error.message));
  page.on('requestfailed', (request) => trouble.push(`failed: ${request.url()}`));
  page.on('request', (request) => {
    const { origin, protocol } = new URL(request.url());
    if (protocol !== 'data:' && origin !== world.surety.apiUrl) trouble.push(`foreign: ${request.url()}`);
  });
  return { page, trouble };
}

describe('/docs', () => {
  it('shows every operation, without an error of the browser and without a foreign host', async () => {
    const { page, trouble } = await watchedTab();
    await page.goto(`${world.surety.apiUrl}/docs`);
    await page.locator('.opblock').first().waitFor();
    const document = (await (await fetch(`${world.surety.apiUrl}/docs/openapi.json`)).json()) as {
      paths: Record<string, Record<string, { summary: string }>>;
    };
    const summaries = Object.values(document.paths).flatMap((path) =>
      Object.values(path).map(({ summary }) => summary),
    );
    const shown = await page.locator('.opblock-summary-description').allInnerTexts();
    expect([...shown].sort()).toEqual([...summaries].sort());
    expect(shown.length).toBeGreaterThan(30);
    expect(trouble).toEqual([]);
  });

  it('lets a reader try a call with his key', async () => {
    const { page, trouble } = await watchedTab();
    await page.goto(`${world.surety.apiUrl}/docs`);
    await page.locator('.btn.authorize').click();
    await page.locator('.auth-container input').fill(world.keys.loyalty);
    await page.locator('.auth-btn-wrapper .authorize').click();
    await page.locator('.auth-btn-wrapper .btn-done').click();
    const fund = page.locator('#operations-Fund-Fund_read');
    await fund.locator('.opblock-summary-control').click();
    await fund.locator('.try-out__btn').click();
    await fund.locator('.execute').click();
    const live = fund.locator('.live-responses-table .response-col_status').last();
    await live.waitFor();
    expect((await live.innerText()).trim()).toContain('200');
    expect(trouble).toEqual([]);
  });
});

describe('/docs/problems', () => {
  it('has a page for each code, which says what to do', async () => {
    const { page, trouble } = await watchedTab();
    await page.goto(`${world.surety.apiUrl}/docs/problems`);
    const linked = await page
      .locator('main li a')
      .evaluateAll((links) => links.map((link) => link.getAttribute('href')));
    const codes = Object.keys(problems) as ProblemCode[];
    expect(linked).toEqual(codes.map((code) => `/docs/problems/${code}`));
    for (const code of codes) {
      const answer = await page.goto(`${world.surety.apiUrl}/docs/problems/${code}`);
      expect(answer?.status()).toBe(200);
      expect(await page.locator('h1').innerText()).toBe(problems[code].title);
      const text = await page.locator('main').innerText();
      expect(text).toContain(`${code}, HTTP status ${problems[code].status}`);
      expect(text).toContain(problems[code].remedy.replaceAll('`', ''));
    }
    await page.setViewportSize({ width: 320, height: 640 });
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(320);
    expect(trouble).toEqual([]);
  });

  it('a problem leads to the page of its code', async () => {
    const { body } = await world.call('sk_test_wrong', 'GET', '/v1/fund');
    const { type, code } = body as unknown as { type: string; code: string };
    expect(type).toBe(`/docs/problems/${code}`);
    expect((await fetch(world.surety.apiUrl + type)).status).toBe(200);
    expect((await fetch(`${world.surety.apiUrl}/docs/problems/no_such_code`)).status).toBe(404);
  });
});
