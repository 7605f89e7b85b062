/** What holds for every view of the console: no axe violation in light and dark, nothing wider than 320 px, and a picture. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { AxeBuilder } from '@axe-core/playwright';
import { expect } from '@jest/globals';
import type { Page } from 'playwright-core';
import { repository } from '../../scripts/stack.js';

const pictures = join(repository, 'screenshots');
const rules = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

/** @param view what the open page must be; its pictures are `console-<name>-*.png` */
export async function inspectView(page: Page, view: string, name = view): Promise<void> {
  mkdirSync(pictures, { recursive: true });
  await page.locator(`main[data-view="${view}"]`).waitFor();
  await page.waitForLoadState('load');
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize({ width: 1280, height: 800 });
    const { violations } = await new AxeBuilder({ page }).withTags(rules).analyze();
    expect(violations.map(({ id, nodes }) => [id, nodes.map((node) => node.html)])).toEqual([]);
    await page.screenshot({ path: join(pictures, `console-${name}-${colorScheme}.png`), fullPage: true });
  }
  await page.emulateMedia({ colorScheme: 'light' });
  await page.setViewportSize({ width: 320, height: 640 });
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(320);
  await page.screenshot({ path: join(pictures, `console-${name}-phone.png`), fullPage: true });
  await page.setViewportSize({ width: 1280, height: 800 });
}

/** Fills what every action asks for, in the form with this button. */
export async function giveEvidence(page: Page, button: string, reason: string): Promise<void> {
  const form = page.locator('main form', { has: page.getByRole('button', { name: button, exact: true }) });
  await form.locator('[name=reason]').selectOption(reason);
  await form.locator('[name=comment]').fill('looked at it');
  await form.locator('[name=reference]').fill('case 7');
}
