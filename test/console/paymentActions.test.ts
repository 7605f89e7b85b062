/** What an operator does with a payment whose outcome is not known: by the forms of its page, as each role. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { demo } from '../../scripts/demoWorld.js';
import type { TwinTrouble } from '../../scripts/twin.js';
import { openBrowser } from '../support/browser.js';
import { act, actsOf, openConsole } from '../support/console.js';
import { giveEvidence, inspectView } from '../support/consoleViews.js';
import { eventually, World } from '../support/world.js';

const pendingGapMs = 8_000;

let world: World;
let browser: Browser;
let olga: Page;
beforeAll(async () => {
  [world, browser] = await Promise.all([
    World.open({
      // The schedule's own probes are as far apart as in production.
      timings: { waitScale: 1, marginMs: 200, quietMs: 200, pendingGapMs },
      environment: { INVOICEBOX_CONFIRM_TIMEOUT_MS: '500', INVOICEBOX_CONNECT_TIMEOUT_MS: '300' },
    }),
    openBrowser(),
  ]);
  ({ page: olga } = await openConsole(browser, world, 'olga', '/console/review'));
}, 90_000);
afterAll(async () => {
  await browser.close();
  await world.assertBooksAgree();
  await world.close();
});

const pageOf = (id: string) => `${world.surety.apiUrl}/console/payments/${id}`;

/** Confirmed by Anna, with this trouble on the way, so that nobody knows. */
async function unknown(trouble: TwinTrouble) {
  const invoice = await world.invoice();
  await world.twin.arrangeFault({ ...trouble, invoiceId: invoice.id, operation: 'confirm' });
  const opened = await world.open(invoice.id);
  const said = world.confirm(opened);
  await world.until(opened.body.id, ['unknown']);
  await said;
  return { id: opened.body.id, invoiceId: invoice.id };
}

/** By the probe of a person, which is told that somebody has paid. */
async function inReview() {
  const { id, invoiceId } = await unknown({ kind: 'error_before', status: 502 });
  await world.twin.payInvoiceElsewhere(invoiceId);
  await olga.goto(pageOf(id));
  await act(olga, 'Probe now');
  await world.until(id, ['in_review']);
  await olga.goto(pageOf(id));
  return { id, invoiceId };
}

async function openForm(page: Page, summary: string): Promise<void> {
  await page.locator('summary', { hasText: summary }).click();
}

const done = (page: Page) => page.locator('.done').innerText();
const heading = (page: Page) => page.locator('h1').innerText();

describe('the review queue', () => {
  it('shows what is not known, how it was read last and when next, and the state of the hold; a probe from there is safe', async () => {
    const { id } = await unknown({ kind: 'error_before', status: 502 });
    await olga.goto(`${world.surety.apiUrl}/console/review`);
    const row = olga.locator('tr', { has: olga.getByRole('link', { name: id }) });
    expect(await row.innerText()).toMatch(/\s+unknown\s+outcome unknown\s+Кафетерий «Плюс»\s+RUB\s12,345\.67/);
    expect(await row.innerText()).toContain('held, 12,346 points');
    await inspectView(olga, 'review');
    await row.getByRole('button', { name: `Probe payment ${id} now` }).click();
    await olga.waitForURL(/\?done=probed$/);
    expect(await done(olga)).toContain('The invoice was read just now');
    expect(await olga.locator('[data-region=summary]').innerText()).toMatch(/The invoice reads\s+pending/);
    await inspectView(olga, 'payment', 'payment-unknown');
    expect((await actsOf(world, 'payment.probe')).filter(({ subject }) => subject === id)).toMatchObject([
      { operator: 'olga', outcome: 'probed', detail: { read: 'pending', state: 'unknown' } },
      { operator: 'olga', outcome: 'asked', detail: { shown: { state: 'unknown', reason: 'outcome_unknown' } } },
    ]);
    // What was held is still held, and the schedule was moved no further away.
    expect((await world.read(id)).state).toBe('unknown');
  });

  it('offers no act to whoever only looks or approves, and refuses him one: 403, and a line in the log', async () => {
    const { id } = await unknown({ kind: 'error_before', status: 502 });
    for (const login of ['viktor', 'alla']) {
      const { page, context } = await openConsole(browser, world, login, '/console/review');
      expect(await page.locator('main').getByRole('button').allInnerTexts()).toEqual(['Show']);
      await page.goto(pageOf(id));
      expect(await page.locator('main').getByRole('button').count()).toBe(0);
      const csrf = (await page.locator('input[name=csrf]').first().getAttribute('value')) ?? '';
      for (const action of ['probe', 'retry', 'confirm-again', 'resolve']) {
        const status = await page.evaluate(
          async ([url, token]) =>
            (await fetch(url ?? '', { method: 'POST', body: new URLSearchParams({ csrf: token ?? '' }) })).status,
          [`${pageOf(id)}/${action}`, csrf],
        );
        expect([action, status]).toEqual([action, 403]);
        expect((await actsOf(world, 'console.role'))[0]).toMatchObject({
          operator: login,
          subject: `/console/payments/${id}/${action}`,
        });
      }
      await context.close();
    }
  });
});

describe('confirm again', () => {
  it('waits where the rules do not allow it yet, and then is sent with the same operation id and captured', async () => {
    const { id } = await unknown({ kind: 'error_before', status: 502 });
    await olga.goto(pageOf(id));
    await openForm(olga, 'Confirm again');
    await giveEvidence(olga, 'Confirm again', 'invoicebox_recovered');
    await act(olga, 'Confirm again');
    expect(await done(olga)).toMatch(/It is not safe yet|The confirm was repeated/);
    // Two reads of pending, and it is repeated: sooner than the schedule, no sooner than the rules.
    await world.until(id, ['paid']);
    const { rows } = await world.surety.admin.query('SELECT n FROM payment_attempt WHERE payment_id = $1', [id]);
    expect(rows.length).toBe(2);
    const { confirmations } = await world.twin.account(demo.loyalty.account);
    expect(confirmations.filter((one) => JSON.stringify(one).includes(id)).length).toBe(1);
    const [told, asked] = await actsOf(world, 'payment.confirm_again');
    expect(asked).toMatchObject({ outcome: 'asked', subject: id, detail: { reason: 'invoicebox_recovered' } });
    const { confirm, nextProbeAt } = told?.detail as { confirm: string; nextProbeAt: number };
    const { readAt } = (asked?.detail as { shown: { readAt: string } }).shown;
    expect(['waits', 'sent']).toContain(confirm);
    // The read that was asked for came after the one that the page showed.
    if (confirm === 'waits') expect(nextProbeAt).toBeGreaterThanOrEqual(Date.parse(readAt));
  });

  it('finds out that the first call had paid, where Invoicebox says so', async () => {
    const { id } = await unknown({ kind: 'cut_after' });
    await olga.goto(pageOf(id));
    await openForm(olga, 'Confirm again');
    await giveEvidence(olga, 'Confirm again', 'buyer_waits');
    await act(olga, 'Confirm again');
    expect(await done(olga)).toContain('The confirm was repeated');
    expect((await world.read(id)).state).toBe('paid');
  });
});

describe('a payment in review', () => {
  it('chooses nothing beforehand; “not paid” is refused while the invoice reads paid, and what it reads is shown', async () => {
    await inReview();
    await openForm(olga, 'Resolve it');
    expect(await olga.locator('[name=outcome]:checked').count()).toBe(0);
    await inspectView(olga, 'payment', 'payment-in-review');
    await olga.locator('[name=outcome][value=not_paid]').check();
    await giveEvidence(olga, 'Resolve', 'statement');
    await act(olga, 'Resolve');
    expect(await heading(olga)).toBe('This cannot be done so');
    expect(await olga.locator('.detail').innerText()).toMatch(
      /the invoice reads paid.*The invoice, read just now, says: paid, RUB\s12,345\.67/,
    );
    expect((await world.balance('anna')).held).toBeGreaterThanOrEqual(12_346);
    await olga.getByRole('link', { name: 'Back' }).click();
    await olga.locator('main[data-view=payment]').waitFor();
    expect(await olga.locator('[data-region=resolutions]').innerText()).toContain('refused: the invoice reads paid');
  });

  it('is resolved by keyboard alone: paid elsewhere, with reason, comment and reference, all of it in the log', async () => {
    const before = await world.balance('anna');
    const { id } = await inReview();
    await olga.locator('summary', { hasText: 'Resolve it' }).focus();
    await olga.keyboard.press('Enter');
    await olga.locator('[name=outcome][value=paid]').focus();
    await olga.keyboard.press('ArrowDown');
    await olga.keyboard.press('Tab');
    await olga.keyboard.press('Tab');
    await olga.keyboard.type('The merchant');
    await olga.keyboard.press('Tab');
    await olga.keyboard.type('Paid by card, seen in the cash book');
    await olga.keyboard.press('Tab');
    await olga.keyboard.type('receipt 15');
    await olga.keyboard.press('Enter');
    await olga.locator('dialog[open]').waitFor();
    await olga.keyboard.press('Enter');
    await eventually(
      async () => (await olga.locator('.done, .detail').count()) > 0,
      () => olga.url(),
    );
    // It may be too soon after the call: then it is said, and done again.
    if ((await olga.locator('.done').count()) === 0) throw new Error(await olga.locator('.detail').innerText());
    expect(await done(olga)).toContain('paid by somebody else');
    expect((await world.read(id)).reason).toBe('paid_elsewhere');
    expect((await world.balance('anna')).available).toBeGreaterThanOrEqual(before.available);
    expect((await actsOf(world, 'payment.resolve')).filter(({ subject }) => subject === id)).toMatchObject([
      { operator: 'olga', outcome: 'done: declined', detail: { read: { status: 'paid' } } },
      {
        outcome: 'asked',
        detail: {
          outcome: 'paid_elsewhere',
          reason: 'merchant',
          reference: 'receipt 15',
          shown: { state: 'in_review' },
        },
      },
    ]);
  });

  it('is not resolved from a page that is old: 409, nothing done, and the page as it is now', async () => {
    const { id } = await inReview();
    await openForm(olga, 'Resolve it');
    await olga.locator('[name=outcome][value=paid_elsewhere]').check();
    await giveEvidence(olga, 'Resolve', 'statement');
    await world.surety.admin.query(
      `SELECT payment_event_write(partner_id, id, 'payment.resumed', '{"epoch": 1}', now()) FROM payment WHERE id = $1`,
      [id],
    );
    await act(olga, 'Resolve');
    expect(await heading(olga)).toBe('This has changed since you opened the page');
    expect((await world.read(id)).state).toBe('in_review');
    expect((await actsOf(world, 'payment.resolve'))[0]).toMatchObject({ outcome: 'refused: stale page', subject: id });
  });

  it('asks for a transaction where we are said to have paid, and for none elsewhere', async () => {
    const { id } = await inReview();
    await openForm(olga, 'Resolve it');
    await olga.locator('[name=outcome][value=paid]').check();
    await giveEvidence(olga, 'Resolve', 'statement');
    await act(olga, 'Resolve');
    expect(await olga.locator('.detail').innerText()).toContain('transaction belongs to “paid by us”');
    expect((await world.read(id)).state).toBe('in_review');
  });

  it('asks for a new login where the last one is long ago, before it does anything', async () => {
    const { id } = await inReview();
    await world.surety.admin.query(
      `UPDATE operator_session SET authenticated_at = now() - interval '1 day' WHERE operator = 'olga'`,
    );
    await olga.goto(pageOf(id));
    await openForm(olga, 'Resolve it');
    expect(await olga.locator('main').innerText()).toContain('prove once more who you are');
    expect(await olga.getByRole('button', { name: 'Resolve', exact: true }).count()).toBe(0);
    await world.surety.admin.query(`UPDATE operator_session SET authenticated_at = now() WHERE operator = 'olga'`);
  });
});

describe('a step that the ledger has refused', () => {
  it('is tried again when a person says that its cause is mended', async () => {
    const { id, invoiceId } = await unknown({ kind: 'error_before', status: 502 });
    await world.surety.admin.query(`
      CREATE FUNCTION refuse_for_once() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'not now'; END $$;
      CREATE TRIGGER refused BEFORE UPDATE OF state ON hold FOR EACH ROW WHEN (OLD.payment_id = '${id}')
        EXECUTE FUNCTION refuse_for_once()`);
    await world.twin.cancelInvoice(invoiceId);
    await olga.goto(pageOf(id));
    await eventually(
      async () => {
        await olga.goto(pageOf(id));
        await act(olga, 'Probe now');
        return (await world.read(id)).reason === 'ledger_refused';
      },
      () => 'the ledger has refused nothing',
    );
    await world.surety.admin.query('DROP TRIGGER refused ON hold');
    await olga.goto(pageOf(id));
    await openForm(olga, 'Try the refused step again');
    await giveEvidence(olga, 'Try again', 'cause_mended');
    await act(olga, 'Try again');
    expect(await done(olga)).toContain('the payment is over');
    expect((await world.read(id)).state).toBe('declined');
    expect((await actsOf(world, 'payment.retry'))[0]).toMatchObject({ outcome: 'probed', subject: id });
  });
});
