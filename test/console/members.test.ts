/** Members and webhooks in the console; and whatever comes from outside, in every view. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { v7 as uuidv7 } from 'uuid';
import { Fund } from '../../src/ledger/fund.js';
import { Webhooks } from '../../src/ledger/webhooks.js';
import { openBrowser } from '../support/browser.js';
import { act, actsOf, addOperator, openConsole } from '../support/console.js';
import { giveEvidence, inspectView } from '../support/consoleViews.js';
import { World } from '../support/world.js';

let world: World;
let browser: Browser;
let partnerId: string;
beforeAll(async () => {
  [world, browser] = await Promise.all([World.open(), openBrowser()]);
  partnerId = world.partnerIds.loyalty;
}, 90_000);
afterAll(async () => {
  await browser.close();
  await world.close();
});

async function open(login: string, path: string): Promise<{ page: Page; close: () => Promise<void> }> {
  const { page, context } = await openConsole(browser, world, login, path);
  return { page, close: () => context.close() };
}

async function memberWith(externalId: string, points: number): Promise<string> {
  const memberId = await world.surety.points.openMember(partnerId, externalId);
  const actor = { kind: 'api_key', id: 'test' } as const;
  const wish = { partnerId, memberId, points, reference: uuidv7(), actor, at: Date.now() };
  await world.surety.points.credit({ ...wish, expiresOn: '2099-12-31' });
  return memberId;
}

async function endpointAt(url: string, state: 'enabled' | 'disabled' = 'enabled', description = ''): Promise<string> {
  const id = uuidv7();
  await world.surety.admin.query(
    `INSERT INTO webhook_endpoint (id, partner_id, url, description, secret_sealed, state, disabled_reason, failing_since, failures)
     VALUES ($1, $2, $3, $4, 'sealed', $5, CASE $5 WHEN 'disabled' THEN 'failing' END, now() - interval '2 days', 7)`,
    [id, partnerId, url, description, state],
  );
  return id;
}

/** An event that could not be delivered there. */
async function failedDelivery(endpointId: string): Promise<string> {
  const eventId = uuidv7();
  await world.surety.admin.query(
    `WITH made AS (INSERT INTO event (id, partner_id, type, body, at)
       VALUES ($1::uuid, $2, 'points.expired', json_build_object('id', $1::text, 'type', 'points.expired'), now()) RETURNING id)
     INSERT INTO webhook_delivery (event_id, endpoint_id, partner_id, state, attempts, last_status, last_attempt_at)
     SELECT id, $3, $2, 'failed', 12, 503, now() FROM made`,
    [eventId, partnerId, endpointId],
  );
  return eventId;
}

describe('members', () => {
  it('are found by the partner’s name for them, exactly; each look is in the log before it is shown, the name never', async () => {
    const memberId = await memberWith('+79990001122', 700);
    const { page, close } = await open('viktor', '/console/members');
    await inspectView(page, 'members');
    await page.locator('[name=member]').fill('+7999000112');
    await page.getByRole('button', { name: 'Look' }).click();
    expect(await page.getByRole('alert').innerText()).toBe('This partner has no such member.');
    await page.locator('[name=member]').fill('+79990001122');
    await page.getByRole('button', { name: 'Look' }).click();
    await page.waitForURL(new RegExp(memberId));
    expect(page.url()).not.toContain('7999');
    expect(await page.locator('main').innerText()).toContain('700');
    await inspectView(page, 'member', 'member-viewer');
    expect((await actsOf(world, 'member.look'))[0]).toMatchObject({
      operator: 'viktor',
      subject: memberId,
      partner_id: partnerId,
    });
    const { rows } = await world.surety.admin.query(
      `SELECT FROM operator_act WHERE operator_act::text LIKE '%7999000%'`,
    );
    expect(rows).toEqual([]);

    await page.locator('[name=on]').fill('2020-01-01');
    await page.getByRole('button', { name: 'Show' }).click();
    expect(await page.getByRole('status').innerText()).toContain('0 available, 0 held');
    await close();
  });

  it('points are credited and taken back by two people, and the member shows it', async () => {
    const memberId = await memberWith('two-people', 300);
    const olga = await open('olga', `/console/members/${memberId}`);
    await inspectView(olga.page, 'member');
    await olga.page.getByText('Credit points').click();
    const credit = olga.page.locator('form', { has: olga.page.getByRole('button', { name: 'Ask for the credit' }) });
    await credit.locator('[name=points]').fill('50');
    await credit.locator('[name=expiresOn]').fill('2099-12-31');
    await giveEvidence(olga.page, 'Ask for the credit', 'goodwill');
    await credit.locator('[name=reference]').fill('case-50');
    await act(olga.page, 'Ask for the credit');
    const approvalPath = new URL(olga.page.url()).pathname;
    const alla = await open('alla', approvalPath);
    await giveEvidence(alla.page, 'Approve', 'agreed_with_partner');
    await act(alla.page, 'Approve');
    expect((await world.surety.points.balance(partnerId, memberId, Date.now())).available).toBe(350);

    await olga.page.goto(`${world.surety.apiUrl}/console/members/${memberId}`);
    await olga.page.getByText('Take points of a credit back').click();
    const reverse = olga.page.locator('form', { has: olga.page.getByRole('button', { name: 'Ask for the reversal' }) });
    await reverse.locator('[name=creditId]').selectOption({ label: 'case-50: 50 left' });
    await reverse.locator('[name=points]').fill('20');
    await giveEvidence(olga.page, 'Ask for the reversal', 'credited_wrongly');
    await reverse.locator('[name=reference]').fill('case-51');
    await act(olga.page, 'Ask for the reversal');
    await alla.page.goto(olga.page.url());
    await giveEvidence(alla.page, 'Approve', 'agreed_with_partner');
    await act(alla.page, 'Approve');
    expect((await world.surety.points.balance(partnerId, memberId, Date.now())).available).toBe(330);
    await Promise.all([olga.close(), alla.close()]);
  });

  it('refuses an adjustment of points that have moved since the page was opened', async () => {
    const memberId = await memberWith('moved', 300);
    const { page, close } = await open('olga', `/console/members/${memberId}`);
    await memberWith('moved', 1);
    await page.getByText('Credit points').click();
    const form = page.locator('form', { has: page.getByRole('button', { name: 'Ask for the credit' }) });
    await form.locator('[name=points]').fill('50');
    await form.locator('[name=expiresOn]').fill('2099-12-31');
    await giveEvidence(page, 'Ask for the credit', 'goodwill');
    await form.locator('[name=reference]').fill('case-52');
    const answer = page.waitForResponse((response) => response.request().method() === 'POST');
    await act(page, 'Ask for the credit');
    expect((await answer).status()).toBe(409);
    await close();
  });

  it('of another partner: 403 and a line in the log, and not a word of him', async () => {
    const memberId = await memberWith('foreign', 1);
    await addOperator(world, { login: 'org', roles: ['operator'], partners: [world.partnerIds.organisation] });
    const { page, close } = await open('org', `/console/members/${memberId}`);
    expect(await page.locator('h1').innerText()).toContain('a partner whose books you may not see');
    expect((await actsOf(world, 'console.partner'))[0]).toMatchObject({ operator: 'org', subject: memberId });
    expect((await actsOf(world, 'member.look')).some(({ operator }) => operator === 'org')).toBe(false);
    await close();
  });
});

describe('webhooks', () => {
  it('are listed and filtered; one is replayed by an operator, and a viewer is offered nothing', async () => {
    const endpointId = await endpointAt('https://shop.example/hooks');
    const eventId = await failedDelivery(endpointId);
    const viewer = await open('viktor', '/console/webhooks');
    await inspectView(viewer.page, 'webhooks');
    expect(await viewer.page.getByRole('button', { name: /Replay/ }).count()).toBe(0);
    await viewer.close();
    const { page, close } = await open(
      'olga',
      `/console/webhooks?endpoint=${endpointId}&state=failed&type=points.expired`,
    );
    expect(await page.locator('tbody').last().innerText()).toContain('503');
    await page
      .locator('main')
      .getByRole('button', { name: `Replay points.expired ${eventId}` })
      .click();
    await page.locator('dialog[open]').getByRole('button', { name: 'Replay' }).click();
    await page.waitForURL(/done=replayed/);
    await inspectView(page, 'endpoint');
    expect((await actsOf(world, 'webhook.replay'))[0]).toMatchObject({ operator: 'olga', outcome: 'done' });
    const { rows } = await world.surety.admin.query<{ state: string; attempts: number }>(
      'SELECT attempts < 12 AS again FROM webhook_delivery WHERE event_id = $1',
      [eventId],
    );
    expect(rows).toEqual([{ again: true }]);
    await close();
  });

  it('a disabled endpoint is enabled again, and a span is replayed', async () => {
    const endpointId = await endpointAt('https://shop.example/other', 'disabled');
    await failedDelivery(endpointId);
    const { page, close } = await open('olga', `/console/webhooks/endpoints/${endpointId}`);
    await inspectView(page, 'endpoint', 'endpoint-disabled');
    await giveEvidence(page, 'Enable again', 'mended');
    await act(page, 'Enable again');
    expect(await page.locator('.done').innerText()).toContain('Enabled again');
    const endpoint = await new Webhooks(world.surety.admin).endpoint(partnerId, endpointId, Date.now());
    expect(endpoint?.state).toBe('enabled');
    await page.getByText('Replay a range of time').click();
    await page.locator('[name=to]').fill(new Date(Date.now() + 60_000).toISOString());
    await act(page, 'Replay the range');
    expect(await page.locator('.done').innerText()).toContain('on its way again');
    expect((await actsOf(world, 'webhook.replay_range'))[0]).toMatchObject({ outcome: 'done' });
    await close();
  });
});

describe('what comes from outside', () => {
  const evil = `<script>document.title='run'</script><img src=x onerror="document.title='run'">\u202e${'x'.repeat(180)}`;

  it('is shown as text, cut, and never run: in every view', async () => {
    const long = `${evil}${'y'.repeat(9_000)}`;
    await world.surety.admin.query('UPDATE partner SET name = $2 WHERE id = $1', [partnerId, evil.slice(0, 200)]);
    const memberId = await memberWith(evil.replace('\u202e', '').slice(0, 190), 10);
    const endpointId = await endpointAt(
      `https://shop.example/${encodeURIComponent(evil).slice(0, 900)}`,
      'enabled',
      evil.slice(0, 190),
    );
    await failedDelivery(endpointId);
    await world.surety.admin.query(`UPDATE webhook_delivery SET last_problem = $2 WHERE endpoint_id = $1`, [
      endpointId,
      long,
    ]);
    const asked = await new Fund(world.surety.admin).requestChange({
      partnerId,
      approvalId: uuidv7(),
      kind: 'deposit',
      currency: 'RUB',
      amountMinor: 1,
      reference: evil.slice(0, 190),
      reason: long.slice(0, 1_900),
      actor: { kind: 'api_key', id: evil },
      at: Date.now(),
    });
    if (asked.outcome !== 'requested') throw new Error(asked.outcome);
    const { rows } = await world.surety.admin.query<{ id: string }>(
      `INSERT INTO fund_difference (partner_id, kind, subject, currency, amount_minor, detail, first_seen_at, last_seen_at)
       VALUES ($1, 'theirs_only', $2, 'RUB', -1, jsonb_build_object($2::text, $3::text), now(), now()) RETURNING id`,
      [partnerId, evil, long],
    );
    await world.surety.admin.query(
      `INSERT INTO reconciliation (partner_id, wanted_by, actor, state, failure, created_at, started_at, finished_at)
       VALUES ($1, 'request', '{}', 'failed', $2, now(), now(), now())`,
      [partnerId, long],
    );
    const { page, close } = await open('olga', '/console');
    for (const path of [
      '/console',
      '/console/fund',
      '/console/fund?partner=kafeteriy',
      '/console/reconciliation',
      '/console/reconciliation/runs?partner=kafeteriy',
      `/console/reconciliation/differences/${rows[0]?.id}`,
      '/console/members',
      `/console/members/${memberId}`,
      '/console/webhooks',
      `/console/webhooks/endpoints/${endpointId}`,
      '/console/approvals',
      `/console/approvals/${asked.approval.id}`,
      '/console/audit',
    ]) {
      const answer = await page.goto(world.surety.apiUrl + path);
      const html = (await answer?.text()) ?? '';
      expect([path, answer?.status()]).toEqual([path, 200]);
      await page.waitForLoadState('load');
      expect([path, await page.title()]).toEqual([path, expect.stringContaining(' · Surety')]);
      expect([
        path,
        /<script>document|<img src=x/.test(html),
        html.includes('\u202e'),
        html.includes('y'.repeat(6_500)),
      ]).toEqual([path, false, false, false]);
      await page.setViewportSize({ width: 320, height: 640 });
      expect([path, await page.evaluate(() => document.documentElement.scrollWidth)]).toEqual([path, 320]);
      await page.setViewportSize({ width: 1280, height: 800 });
    }
    await close();
  });
});
