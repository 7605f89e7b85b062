/** What waits for a second person, and the log of what operators did: in the console, as each role sees it. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { v7 as uuidv7 } from 'uuid';
import type { Actor } from '../../src/domain/payment.js';
import { Approvals } from '../../src/ledger/approvals.js';
import { Fund } from '../../src/ledger/fund.js';
import { OperatorActs } from '../../src/ledger/operatorActs.js';
import { openBrowser } from '../support/browser.js';
import { act, actsOf, addOperator, openConsole } from '../support/console.js';
import { giveEvidence, inspectView } from '../support/consoleViews.js';
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

let bills = 0;
/** A deposit that somebody has asked for. @returns the approval's id */
async function asked(actor: Actor = { kind: 'api_key', id: 'accounting' }, reason = 'the bank says so') {
  const answer = await new Fund(world.surety.admin).requestChange({
    partnerId: world.partnerIds.loyalty,
    approvalId: uuidv7(),
    kind: 'deposit',
    currency: 'RUB',
    amountMinor: 123_45,
    reference: `case-bill-${++bills}`,
    reason,
    actor,
    at: Date.now(),
  });
  if (answer.outcome !== 'requested') throw new Error(answer.outcome);
  return answer.approval.id;
}

const stateOf = async (id: string) =>
  (await new Approvals(world.surety.admin).read(world.partnerIds.loyalty, id, Date.now()))?.state;

async function open(login: string, path: string): Promise<{ page: Page; close: () => Promise<void> }> {
  const { page, context } = await openConsole(browser, world, login, path);
  return { page, close: () => context.close() };
}

const decide = async (page: Page, button: string, reason: string) => {
  await giveEvidence(page, button, reason);
  await act(page, button);
};

describe('approvals', () => {
  it('are listed for whoever looks, and can be decided by approvers alone', async () => {
    const id = await asked();
    for (const login of ['viktor', 'olga', 'alla'] as const) {
      const { page, close } = await open(login, '/console/approvals');
      await page.getByRole('link', { name: 'Book a deposit' }).first().click();
      await page.waitForURL(/approvals\/[0-9a-f-]{36}$/);
      const buttons = await page.locator('main').getByRole('button').allInnerTexts();
      expect([login, buttons]).toEqual([login, login === 'alla' ? ['Approve', 'Reject'] : []]);
      await close();
    }
    expect(await stateOf(id)).toBe('pending');
  });

  it('a view and a page of one, for everybody’s eyes', async () => {
    const id = await asked();
    const { page, close } = await open('alla', '/console/approvals');
    await inspectView(page, 'approvals');
    await page.goto(`${world.surety.apiUrl}/console/approvals/${id}`);
    await inspectView(page, 'approval');
    await close();
  });

  it('an approver approves, and it is done at once: with reason, comment and reference, all of it in the log', async () => {
    const id = await asked();
    const { page, close } = await open('alla', `/console/approvals/${id}`);
    await decide(page, 'Approve', 'bill_seen');
    expect(await page.locator('.done').innerText()).toBe('Approved, and done.');
    expect(await stateOf(id)).toBe('approved');
    const acts = (await actsOf(world, 'approval.approve')).filter(({ subject }) => subject === id);
    expect(acts).toMatchObject([
      { operator: 'alla', outcome: 'done', partner_id: world.partnerIds.loyalty },
      {
        operator: 'alla',
        outcome: 'asked',
        detail: { reason: 'bill_seen', reference: 'case 7', shown: { action: 'fund.deposit' } },
      },
    ]);
    // Once alone.
    await page.goto(`${world.surety.apiUrl}/console/approvals/${id}`);
    expect(await page.locator('main').getByRole('button').count()).toBe(0);
    await close();
  });

  it('refuses a page that somebody was faster than, with 409', async () => {
    const id = await asked();
    const [first, second] = [
      await open('alla', `/console/approvals/${id}`),
      await open('oleg', `/console/approvals/${id}`),
    ];
    await decide(first.page, 'Reject', 'not_proven');
    expect(await first.page.locator('.done').innerText()).toContain('Rejected');
    await giveEvidence(second.page, 'Approve', 'bill_seen');
    const answer = second.page.waitForResponse((response) => response.request().method() === 'POST');
    await act(second.page, 'Approve');
    expect((await answer).status()).toBe(409);
    expect(await second.page.locator('h1').innerText()).toBe('This has changed since you opened the page');
    expect(await stateOf(id)).toBe('rejected');
    expect((await actsOf(world, 'approval.approve'))[0]).toMatchObject({ outcome: 'refused: already_decided' });
    await Promise.all([first.close(), second.close()]);
  });

  it('nobody approves what he has asked for: it is not offered, and refused; he may take it back', async () => {
    const id = await asked({ kind: 'operator', id: 'oleg' });
    const { page, close } = await open('oleg', `/console/approvals/${id}`);
    expect(await page.locator('main').getByRole('button').allInnerTexts()).toEqual(['Take back']);
    const csrf = await page.locator('input[name=csrf]').first().getAttribute('value');
    const form = { csrf: csrf ?? '', version: '1', reason: 'other', comment: 'my own wish', reference: 'none' };
    const forged = await page.request.post(`${world.surety.apiUrl}/console/approvals/${id}/approve`, {
      form,
      headers: { origin: new URL(world.surety.apiUrl).origin },
      maxRedirects: 0,
    });
    expect(forged.status()).toBe(422);
    expect(await forged.text()).toContain('somebody else must approve');
    expect(await stateOf(id)).toBe('pending');
    await decide(page, 'Take back', 'mistake');
    expect(await stateOf(id)).toBe('rejected');
    await close();
  });

  it('by keyboard alone', async () => {
    const id = await asked();
    const { page, close } = await open('alla', `/console/approvals/${id}`);
    const reason = page.locator('form[action$="/reject"] select[name=reason]');
    const isThere = () => reason.evaluate((element) => element === document.activeElement);
    for (let presses = 0; presses < 60 && !(await isThere()); presses++) await page.keyboard.press('Tab');
    expect(await isThere()).toBe(true);
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Tab');
    await page.keyboard.type('nothing in the bank');
    await page.keyboard.press('Tab');
    await page.keyboard.type('case 9');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.locator('dialog[open]').waitFor();
    await page.keyboard.press('Enter');
    await page.waitForURL(/done=rejected/);
    expect(await stateOf(id)).toBe('rejected');
    await close();
  });

  it('of a partner that is not his: 403 and a line in the log; without the role: the same', async () => {
    const id = await asked();
    await addOperator(world, { login: 'org', roles: ['approver'], partners: [world.partnerIds.organisation] });
    const foreign = await open('org', `/console/approvals/${id}`);
    expect(await foreign.page.locator('h1').innerText()).toContain('a partner whose books you may not see');
    expect((await actsOf(world, 'console.partner'))[0]).toMatchObject({
      operator: 'org',
      subject: id,
      outcome: 'refused',
    });
    await foreign.page.goto(`${world.surety.apiUrl}/console/approvals?state=all`);
    expect(await foreign.page.locator('main').innerText()).toContain('There is none.');
    await foreign.close();
    const viewer = await open('viktor', '/console/approvals');
    const csrf = await viewer.page.locator('input[name=csrf]').first().getAttribute('value');
    const refused = await viewer.page.request.post(`${world.surety.apiUrl}/console/approvals/${id}/reject`, {
      form: { csrf: csrf ?? '', version: '1', reason: 'other', comment: 'no role', reference: 'none' },
    });
    expect(refused.status()).toBe(403);
    expect((await actsOf(world, 'console.role'))[0]).toMatchObject({ operator: 'viktor', outcome: 'refused' });
    await viewer.close();
  });

  it.each(['?state=nonsense', '?before=1', '?action=fund.steal'])(
    'says what is wrong with the address %s',
    async (query) => {
      const { page, close } = await open('viktor', `/console/approvals`);
      const answer = await page.goto(`${world.surety.apiUrl}/console/approvals${query}`);
      expect(answer?.status()).toBe(422);
      await close();
    },
  );
});

describe('the audit log', () => {
  it('is listed, filtered and verified, and its export is in it', async () => {
    const id = await asked(undefined, '=HYPERLINK("http://evil")');
    const approver = await open('alla', `/console/approvals/${id}`);
    await decide(approver.page, 'Reject', 'wrong_amount');
    await approver.close();
    const { page, close } = await open('viktor', '/console/audit?action=approval.reject');
    await inspectView(page, 'audit');
    expect(await page.locator('tbody tr').count()).toBeGreaterThanOrEqual(2);
    await page.locator('tbody tr a').first().click();
    await page.locator('main[data-view="act"]').waitFor();
    await inspectView(page, 'act');

    await page.goto(`${world.surety.apiUrl}/console/audit?operator=alla`);
    const download = page.waitForEvent('download');
    await page.getByRole('link', { name: 'Export CSV' }).click();
    const file = await (await download).createReadStream();
    const text = (await file.toArray()).join('');
    expect(text).toContain('approval.reject');
    expect((await actsOf(world, 'export.audit'))[0]).toMatchObject({
      operator: 'viktor',
      detail: { operator: 'alla' },
    });

    await act(page, 'Verify the chain');
    expect(await page.locator('.done').innerText()).toMatch(/^The chain is whole: each of its \d+ lines/);
    await inspectView(page, 'verified');
    await close();
  });

  it('cells of an export that a spreadsheet would run are neutralised', async () => {
    await new OperatorActs(world.surety.admin).write({
      operator: '=cmd|x',
      roles: ['viewer'],
      partnerId: null,
      action: 'console.login',
      subjectKind: 'page',
      subject: '\tcmd',
      outcome: '@cmd',
      detail: {},
      requestId: '-cmd',
      at: Date.now(),
    });
    const { page, close } = await open('viktor', '/console/audit');
    const answer = await page.request.get(`${world.surety.apiUrl}/console/audit/export.csv`);
    const line = (await answer.text()).split('\r\n').find((one) => one.includes('cmd')) ?? '';
    const cells = line.split(',').filter((cell) => cell.includes('cmd'));
    expect(cells).toEqual(["'=cmd|x", "'\tcmd", "'@cmd", "'-cmd"]);
    await close();
  });

  it('an operator sees the lines of his own partners alone', async () => {
    await addOperator(world, { login: 'org', roles: ['viewer'], partners: [world.partnerIds.organisation] });
    const { page, close } = await open('org', '/console/audit');
    expect(await page.locator('main').innerText()).not.toContain('approval.');
    await close();
  });
});
