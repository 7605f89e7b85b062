/** An operator's way into the console, in a real browser. */
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { freshTab } from './browser.js';
import type { World } from './world.js';

/**
 * A tab in a browser profile of its own, logged in at this address of the console.
 * @param login the demo's provider knows viktor, who looks, olga, who acts, alla, who approves, and oleg, who does both
 */
export async function openConsole(
  browser: Browser,
  world: World,
  login: string,
  path = '/console',
): Promise<{ context: BrowserContext; page: Page }> {
  const tab = await freshTab(browser, { locale: 'en-GB' });
  await tab.page.goto(world.surety.apiUrl + path);
  await logIn(tab.page, login);
  return tab;
}

/** On the provider's page. */
export async function logIn(page: Page, login: string): Promise<void> {
  const offered = page.locator(`button[value="${login}"]`);
  if ((await offered.count()) > 0) await offered.click();
  else {
    await page.locator('#login').fill(login);
    await page.locator('#login').press('Enter');
  }
  await page.waitForLoadState('load');
}

/** Somebody with roles and partners that the demo has nobody for. */
export async function addOperator(
  world: World,
  operator: { login: string; roles: readonly string[]; partners: readonly string[] },
): Promise<void> {
  const response = await fetch(`${world.twin.url}/control/idp/operators`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name: operator.login, ...operator }),
  });
  if (!response.ok) throw new Error(`The provider answered ${response.status}`);
}

/** Presses a button of an action, and the same in the dialog that asks. */
export async function act(page: Page, button: string): Promise<void> {
  await page.locator('main').getByRole('button', { name: button, exact: true }).click();
  const answered = page.waitForEvent('load');
  await page.locator('dialog[open]').getByRole('button', { name: button, exact: true }).click();
  await answered;
}

/** The log of what operators did, newest first. */
export async function actsOf(world: World, action: string) {
  const { rows } = await world.surety.admin.query<{
    operator: string;
    outcome: string;
    subject: string;
    partner_id: string | null;
    detail: Record<string, unknown>;
  }>('SELECT operator, outcome, subject, partner_id, detail FROM operator_act WHERE action = $1 ORDER BY n DESC', [
    action,
  ]);
  return rows;
}
