/** The fund and its reconciliation, as each role sees them and acts on them in the console. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { v7 as uuidv7 } from 'uuid';
import { Fund } from '../../src/ledger/fund.js';
import { openBrowser } from '../support/browser.js';
import { act, actsOf, addOperator, openConsole } from '../support/console.js';
import { giveEvidence, inspectView } from '../support/consoleViews.js';
import { eventually, World } from '../support/world.js';

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

const fundOf = async () => {
  const [fund] = await new Fund(world.surety.admin).read(partnerId, Date.now());
  if (fund === undefined) throw new Error('there is no fund');
  return fund;
};

const fundPath = '/console/fund?partner=kafeteriy';

/** Opens what is folded around a button, fills the form, and presses it. */
async function ask(
  page: Page,
  button: string,
  fields: Readonly<Record<string, string>>,
  reason: string,
  reference: string,
) {
  const form = page.locator('form', {
    has: page.getByRole('button', { name: button, exact: true, includeHidden: true }),
  });
  await page.locator('details', { has: form }).locator('summary').first().click();
  for (const [name, value] of Object.entries(fields)) await form.locator(`[name=${name}]`).fill(value);
  await giveEvidence(page, button, reason);
  await form.locator('[name=reference]').fill(reference);
  await act(page, button);
}

describe('the fund', () => {
  it('is listed by partner, and shown with its charts, figures and entries', async () => {
    const { page, close } = await open('viktor', '/console/fund');
    await inspectView(page, 'funds');
    await page.getByRole('link', { name: 'Кафетерий' }).click();
    await page.locator('main[data-view="fund"]').waitFor();
    await page.locator('.plot canvas').first().waitFor();
    await inspectView(page, 'fund', 'fund-viewer');
    // The same for who sees no picture.
    await page.getByText('As a table').first().click();
    expect(await page.locator('figure table tbody tr').count()).toBeGreaterThan(10);
    expect(await page.locator('main').getByRole('button').allInnerTexts()).toEqual(['Download CSV']);
    await close();
  });

  it('a deposit is asked for by an operator, approved by another, and booked once by its bill', async () => {
    const before = (await fundOf()).sizeMinor;
    const olga = await open('olga', fundPath);
    await inspectView(olga.page, 'fund', 'fund-operator');
    await ask(olga.page, 'Ask for the deposit', { amount: '1 234,56' }, 'bill_paid', 'bill-2026-77');
    expect(await olga.page.locator('.done').innerText()).toContain('A second person has to approve');
    expect((await fundOf()).sizeMinor).toBe(before);
    const approvalUrl = new URL(olga.page.url()).pathname;
    // She is no approver, and it is her own.
    expect(await olga.page.locator('main').getByRole('button').allInnerTexts()).toEqual(['Take back']);
    const alla = await open('alla', approvalUrl);
    expect(await alla.page.locator('main').innerText()).toContain('bill_paid: looked at it (bill-2026-77)');
    await giveEvidence(alla.page, 'Approve', 'bill_seen');
    await act(alla.page, 'Approve');
    expect((await fundOf()).sizeMinor).toBe(before + 1_234_56);
    expect(await actsOf(world, 'fund.deposit')).toMatchObject([
      { operator: 'olga', outcome: 'done' },
      { operator: 'olga', outcome: 'asked', detail: { amountMinor: 1_234_56, reference: 'bill-2026-77' } },
    ]);
    await alla.page.goto(world.surety.apiUrl + fundPath);
    expect(await alla.page.locator('main').innerText()).toContain('bill-2026-77');
    await Promise.all([olga.close(), alla.close()]);
  });

  it('refuses a correction on a page before which somebody has booked something', async () => {
    const { page, close } = await open('olga', fundPath);
    await world.surety.admin.query(
      `SELECT fund_deposit($1, 'RUB', 100, $2, '{"kind":"operator","id":"apply"}', now())`,
      [partnerId, `bill-${uuidv7()}`],
    );
    const answer = page.waitForResponse((response) => response.request().method() === 'POST');
    await ask(page, 'Ask for the correction', { amount: '-1.00' }, 'fee', 'fee-1');
    expect((await answer).status()).toBe(409);
    expect((await actsOf(world, 'fund.correction'))[0]).toMatchObject({ outcome: 'refused: stale' });
    await close();
  });

  it.each([
    ['nothing', ''],
    ['zero', '0'],
    ['below zero', '-5'],
    ['a third digit', '1.001'],
    ['words', 'ten'],
    ['more than there is', '99999999999999'],
  ])('asks for no deposit of %s', async (_, amount) => {
    const { page, close } = await open('olga', fundPath);
    const csrf = await page.locator('input[name=csrf]').first().getAttribute('value');
    const answer = await page.request.post(`${world.surety.apiUrl}/console/fund/changes`, {
      form: {
        csrf: csrf ?? '',
        partner: 'kafeteriy',
        currency: 'RUB',
        kind: 'deposit',
        version: String((await fundOf()).sizeMinor),
        amount,
        reason: 'bill_paid',
        comment: 'as the bank says',
        reference: 'bill-bad',
      },
    });
    expect(answer.status()).toBe(422);
    await close();
  });

  it('a doubt is cleared by who has looked, once; the mark is set', async () => {
    await world.surety.admin.query('UPDATE partner SET fund_doubted_at = now() WHERE id = $1', [partnerId]);
    const { page, close } = await open('olga', fundPath);
    await inspectView(page, 'fund', 'fund-doubted');
    const second = await open('oleg', fundPath);
    await giveEvidence(page, 'Clear the doubt', 'balances_agree');
    await act(page, 'Clear the doubt');
    expect((await fundOf()).doubtedAt).toBeNull();
    const answer = second.page.waitForResponse((response) => response.request().method() === 'POST');
    await giveEvidence(second.page, 'Clear the doubt', 'balances_agree');
    await act(second.page, 'Clear the doubt');
    expect((await answer).status()).toBe(409);
    await second.close();

    await page.getByText('Set the low-water mark').click();
    await page.locator('form[action$="/low-water"] [name=amount]').fill('10,00');
    await giveEvidence(page, 'Set the mark', 'agreed');
    await act(page, 'Set the mark');
    expect((await fundOf()).lowWaterMinor).toBe(1_000);
    await close();
  });

  it('new payments are paused and let begin again, by whoever says why; of all partners by who sees all of them', async () => {
    const { page, close } = await open('olga', fundPath);
    await page.getByText('Pause new payments').first().click();
    await giveEvidence(page, 'Pause new payments', 'fund_unclear');
    await act(page, 'Pause new payments');
    expect(await page.getByRole('alert').innerText()).toContain('fund_unclear: looked at it (case 7)');
    await inspectView(page, 'fund', 'fund-paused');
    const refused = await world.open((await world.invoice()).id);
    expect(refused.status).toBe(503);
    await page.getByText('Let new payments begin again').click();
    await giveEvidence(page, 'Resume new payments', 'solved');
    await act(page, 'Resume new payments');
    expect((await world.open((await world.invoice()).id)).status).toBe(201);
    expect((await actsOf(world, 'payments.pause')).map(({ outcome }) => outcome)).toEqual(['done', 'asked']);
    await page.goto(`${world.surety.apiUrl}/console/fund`);
    expect(await page.getByText('Pause new payments of all partners').count()).toBe(1);
    await addOperator(world, { login: 'one-partner', roles: ['operator'], partners: [partnerId] });
    const one = await open('one-partner', '/console/fund');
    expect(await one.page.getByText('Pause new payments of all partners').count()).toBe(0);
    const csrf = (await one.page.locator('input[name=csrf]').first().getAttribute('value')) ?? '';
    const forged = await one.page.request.post(`${world.surety.apiUrl}/console/fund/pause`, {
      form: { csrf, partner: '', version: 'none', reason: 'other', comment: 'all of them', reference: 'none' },
    });
    expect(forged.status()).toBe(403);
    await Promise.all([close(), one.close()]);
  });

  it('a month’s statement is a file, and that it was taken is in the log', async () => {
    const { page, close } = await open('viktor', fundPath);
    const download = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Download CSV' }).click();
    const text = (await (await (await download).createReadStream()).toArray()).join('');
    expect(text).toContain('Opening balance');
    expect((await actsOf(world, 'export.fund_statement'))[0]).toMatchObject({
      operator: 'viktor',
      partner_id: partnerId,
    });
    await close();
  });
});

describe('reconciliation', () => {
  /** A difference as a run finds one. */
  async function difference(amountMinor = -50_00): Promise<string> {
    const { rows } = await world.surety.admin.query<{ id: string }>(
      `INSERT INTO fund_difference (id, partner_id, kind, subject, currency, amount_minor, detail, first_seen_at, last_seen_at)
       VALUES ($1::uuid, $2, 'theirs_only', 'line:' || $1::uuid, 'RUB', $3, '{"fee": 5000}', now() - interval '3 days', now()) RETURNING id`,
      [uuidv7(), partnerId, amountMinor],
    );
    return rows[0]?.id ?? '';
  }
  const stateOf = async (id: string) => {
    const { rows } = await world.surety.admin.query<{
      state: string;
      approval_id: string | null;
      reason: string | null;
    }>('SELECT state, approval_id, reason FROM fund_difference WHERE id = $1', [id]);
    return rows[0];
  };

  it('lists differences and runs, and runs now; the statement’s mapping has to be known before one is uploaded', async () => {
    await difference();
    const { page, close } = await open('olga', '/console/reconciliation');
    await inspectView(page, 'differences');
    await page.goto(`${world.surety.apiUrl}/console/reconciliation/runs?partner=kafeteriy`);
    expect(await page.locator('main').innerText()).toContain('PUT /v1/fund/statement-mapping');
    await act(page, 'Run now');
    await eventually(
      async () => {
        await page.reload();
        return (await page.locator('tbody').innerText()).includes('finished');
      },
      () => 'the run never ended',
    );
    await inspectView(page, 'runs');
    await close();
  });

  it('is explained with reason, comment and reference, on the page as it stands', async () => {
    const id = await difference();
    const { page, close } = await open('olga', `/console/reconciliation/differences/${id}`);
    await inspectView(page, 'difference');
    await page.getByText('Explain: no money moves').click();
    await giveEvidence(page, 'Explain', 'fee');
    await world.surety.admin.query('UPDATE fund_difference SET amount_minor = amount_minor - 1 WHERE id = $1', [id]);
    const answer = page.waitForResponse((response) => response.request().method() === 'POST');
    await act(page, 'Explain');
    expect((await answer).status()).toBe(409);
    await page.goto(`${world.surety.apiUrl}/console/reconciliation/differences/${id}`);
    await page.getByText('Explain: no money moves').click();
    await giveEvidence(page, 'Explain', 'fee');
    await act(page, 'Explain');
    expect(await stateOf(id)).toMatchObject({ state: 'explained', reason: 'fee: looked at it (case 7)' });
    await close();
  });

  it('a correction is asked for by one and approved by another: then the difference is corrected by itself', async () => {
    const id = await difference();
    const before = (await fundOf()).sizeMinor;
    const olga = await open('olga', `/console/reconciliation/differences/${id}`);
    const form = olga.page.locator('form[action$="/correct"]');
    await olga.page.getByText('Correct: book what sets it right').click();
    expect(await form.locator('[name=amount]').inputValue()).toBe('-50.00');
    await form.locator('[name=bookAs]').fill('fee-2026-11');
    await giveEvidence(olga.page, 'Ask for the correction', 'statement_right');
    await act(olga.page, 'Ask for the correction');
    expect(await stateOf(id)).toMatchObject({ state: 'open' });
    const alla = await open('alla', new URL(olga.page.url()).pathname);
    await giveEvidence(alla.page, 'Approve', 'statement_seen');
    await act(alla.page, 'Approve');
    expect((await fundOf()).sizeMinor).toBe(before - 50_00);
    const approvalId = new URL(alla.page.url()).pathname.split('/').at(-1);
    expect(await stateOf(id)).toMatchObject({ state: 'corrected', approval_id: approvalId });
    await Promise.all([olga.close(), alla.close()]);
  });

  it('a statement is uploaded as the file that it is; one that cannot be read is told by its lines, and nothing of it kept', async () => {
    const mapping = {
      encoding: 'utf-8',
      delimiter: ';',
      decimal: ',',
      dates: 'dd.MM.yyyy',
      timeZone: 'Europe/Moscow',
      skipLines: 0,
      header: true,
      currency: 'RUB',
      direction: 'sign',
      columns: { date: 'Дата', amount: 'Сумма', transactionId: 'Номер' },
      kinds: {},
    };
    const put = await world.call(world.keys.loyalty, 'PUT', '/v1/fund/statement-mapping', mapping);
    expect([put.status, put.body]).toEqual([200, expect.anything()]);
    const { page, close } = await open('olga', '/console/reconciliation/runs?partner=kafeteriy');
    const upload = async (text: string) => {
      await page
        .locator('input[type=file]')
        .setInputFiles({ name: 'november.csv', mimeType: 'text/csv', buffer: Buffer.from(text) });
      const answer = page.waitForResponse((response) => response.request().method() === 'POST');
      await act(page, 'Upload the statement');
      return (await answer).status();
    };
    expect(await upload('Дата;Сумма;Номер\r\n01.11.2026;много;T-1\r\n')).toBe(422);
    expect(await page.locator('.detail').innerText()).toContain('line 2');
    await page.getByRole('link', { name: 'Back' }).click();
    expect(await upload('Дата;Сумма;Номер\r\n01.11.2026;-50,00;T-1\r\n')).toBe(303);
    expect(await page.locator('.done').innerText()).toContain('The statement is here');
    const kept = await world.surety.admin.query('SELECT FROM statement WHERE partner_id = $1 AND state <> $2', [
      partnerId,
      'receiving',
    ]);
    expect(kept.rowCount).toBe(1);
    // A form of nobody's is read no further than its fields.
    const forged = await page.request.post(`${world.surety.apiUrl}/console/reconciliation/statements`, {
      multipart: {
        csrf: 'guess',
        partner: 'kafeteriy',
        key: uuidv7(),
        file: { name: 'a.csv', mimeType: 'text/csv', buffer: Buffer.alloc(300_000, 'x') },
      },
    });
    expect(forged.status()).toBe(403);
    await close();
  });

  it('of another partner: 403 and a line in the log, for every address', async () => {
    const id = await difference();
    await addOperator(world, {
      login: 'org-op',
      roles: ['operator', 'approver'],
      partners: [world.partnerIds.organisation],
    });
    const { page, close } = await open('org-op', '/console');
    for (const path of [
      `/console/reconciliation/differences/${id}`,
      fundPath,
      '/console/reconciliation?partner=kafeteriy',
      '/console/fund/statement.csv?partner=kafeteriy&currency=RUB&month=2026-11',
    ]) {
      expect([path, (await page.request.get(world.surety.apiUrl + path)).status()]).toEqual([path, 403]);
    }
    expect((await actsOf(world, 'console.partner')).length).toBeGreaterThanOrEqual(4);
    await close();
  });

  it('nobody acts without the role', async () => {
    const id = await difference();
    const { page, close } = await open('alla', '/console');
    const csrf = (await page.locator('input[name=csrf]').first().getAttribute('value')) ?? '';
    for (const path of [
      'fund/pause',
      'fund/resume',
      'fund/changes',
      'fund/doubt/clear',
      'fund/low-water',
      'reconciliation/run',
      `reconciliation/differences/${id}/explain`,
      `reconciliation/differences/${id}/correct`,
    ]) {
      const answer = await page.request.post(`${world.surety.apiUrl}/console/${path}`, { form: { csrf } });
      expect([path, answer.status()]).toEqual([path, 403]);
    }
    await close();
  });
});
