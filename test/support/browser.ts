/** A real Chromium, and a buyer's way through the pages. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core';
import type { World } from './world.js';

const flags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export function openBrowser(): Promise<Browser> {
  const executablePath = process.env['CHROMIUM_PATH'];
  if (executablePath === undefined) throw new Error('CHROMIUM_PATH is not set: start by `npm test`');
  return chromium.launch({
    executablePath,
    headless: true,
    args: flags,
    env: { ...process.env, HOME: mkdtempSync(join(tmpdir(), 'surety-chromium-')) },
  });
}

/** The shop's link for an invoice, as Invoicebox would redirect the buyer. */
export function entryLink(world: World, invoiceId: string, more = ''): string {
  const back = (result: string) =>
    encodeURIComponent(`${world.twin.url}/shop/return?result=${result}&invoiceId=${invoiceId}`);
  return `${world.surety.apiUrl}/pay/kafeteriy?invoiceId=${invoiceId}&successUrl=${back('success')}&failUrl=${back('fail')}&cancelUrl=${back('cancel')}${more}`;
}

/** Follows the link and logs in. */
export async function enter(page: Page, link: string, login = 'anna'): Promise<void> {
  await page.goto(link);
  const button = page.locator(`button[value="${login}"]`);
  if (await button.count()) await button.click();
}

export const viewOf = (page: Page): Promise<string | null> => page.locator('main').getAttribute('data-view');

export async function untilView(page: Page, view: string): Promise<void> {
  await page.locator(`main[data-view="${view}"]`).waitFor({ timeout: 30_000 });
  // With its style and script, as a person sees it.
  await page.waitForLoadState('load');
}

/** A tab of its own in a fresh browser profile, with a small wait where something is missing. */
export async function freshTab(
  browser: Browser,
  options: Parameters<Browser['newContext']>[0] = {},
): Promise<{ context: BrowserContext; page: Page }> {
  const context = await browser.newContext({ locale: 'ru-RU', ...options });
  context.setDefaultTimeout(15_000);
  return { context, page: await context.newPage() };
}
