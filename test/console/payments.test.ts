/** The lists of the console: found by filters and by any id, page by page, exported, whoever looks; with text from outside in them. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parse } from 'csv-parse/sync';
import type { Browser, Page } from 'playwright-core';
import { demo } from '../../scripts/demoWorld.js';
import { freshTab, openBrowser } from '../support/browser.js';
import { actsOf, addOperator, logIn, openConsole } from '../support/console.js';
import { inspectView } from '../support/consoleViews.js';
import { World, type ApiAnswer } from '../support/world.js';

let world: World;
let browser: Browser;
let page: Page;
let paid: ApiAnswer;
let declined: ApiAnswer;
const phone = '+79001234567';
const filled = 120;

beforeAll(async () => {
  [world, browser] = await Promise.all([World.open(), openBrowser()]);
  await world.surety.creditPoints(world.partnerIds.loyalty, phone, 50_000, 'phone');
  const opened = await world.open((await world.invoice()).id);
  paid = await world.confirm(opened, {}, phone);
  const other = await world.open((await world.invoice()).id);
  declined = await world.call(world.keys.loyalty, 'POST', `/v1/payments/${other.body.id}/cancel`, { reason: 'no' });
  await world.surety.admin.query('UPDATE payment SET description = $2, invoice_number = $2 WHERE id = $1', [
    paid.body.id,
    hostile,
  ]);
  await world.surety.admin.query('UPDATE partner SET name = $2 WHERE id = $1', [
    world.partnerIds.organisation,
    hostile.slice(0, 200),
  ]);
  // Older than those, so that pages are many.
  await world.surety.admin.query(
    `INSERT INTO payment (id, partner_id, scheme, invoice_id, state, reason, member_named, opened_by, policy, opened_at, closed_at)
     SELECT uuidv7(interval '-1 day' - n * interval '1 minute'), $1, 'loyalty', gen_random_uuid(), 'expired', 'invoice_expired', false,
       '{"kind": "api_key", "id": "=HYPERLINK(1)"}', policy, opened_at - interval '1 day', opened_at
     FROM payment, generate_series(1, ${filled}) AS n WHERE id = $2`,
    [world.partnerIds.loyalty, paid.body.id],
  );
  ({ page } = await openConsole(browser, world, 'viktor', '/console/payments'));
}, 90_000);
afterAll(async () => {
  await browser.close();
  await world.close();
});

/** Script, a direction that turns the text around it, and 10,000 characters. */
const hostile = `<script>document.title = 'run'</script>\u202eesrever ${'x'.repeat(10_000)}`;

const open = async (path: string) => {
  const answer = await page.goto(world.surety.apiUrl + path);
  if ((answer?.status() ?? 500) >= 500) throw new Error(`${path}\n${world.api?.output.slice(-3_000) ?? ''}`);
  return page.locator('main');
};
const idsShown = async () => {
  const links = await page.locator('main table a').evaluateAll((all) => all.map((a) => a.getAttribute('href') ?? ''));
  return links.map((href) => href.split('/').at(-1) ?? '');
};
async function find(text: string): Promise<void> {
  await open('/console/payments');
  await page.keyboard.press('/');
  await page.keyboard.type(text);
  const answered = page.waitForEvent('load');
  await page.keyboard.press('Enter');
  await answered;
}
/** What the API answers to this cookie's owner. */
async function get(path: string): Promise<Response> {
  const cookies = await page.context().cookies(world.surety.apiUrl);
  const cookie = cookies.map(({ name, value }) => `${name}=${value}`).join('; ');
  return fetch(world.surety.apiUrl + path, { headers: { cookie }, redirect: 'manual' });
}

describe('the list of payments', () => {
  it('shows the newest first, members masked, each with a way to its page', async () => {
    const main = await open('/console/payments');
    expect((await idsShown()).slice(0, 2)).toEqual([declined.body.id, paid.body.id]);
    const text = await main.innerText();
    expect(text).toContain('•••67');
    expect(text).not.toContain(phone.slice(1));
    await inspectView(page, 'payments');
  });

  it('goes page by page there and back, and shows each payment once', async () => {
    await open('/console/payments?state=expired');
    const pages: string[][] = [await idsShown()];
    for (let n = 0; n < 2; n++) {
      await page.getByRole('link', { name: 'Older →' }).click();
      await page.waitForLoadState('load');
      pages.push(await idsShown());
    }
    expect(pages.map(({ length }) => length)).toEqual([50, 50, 20]);
    expect(new Set(pages.flat()).size).toBe(filled);
    expect(pages.flat()).toEqual(pages.flat().toSorted().toReversed());
    expect(await page.getByRole('link', { name: 'Older →' }).count()).toBe(0);
    await page.getByRole('link', { name: '← Newer' }).click();
    await page.waitForLoadState('load');
    expect(await idsShown()).toEqual(pages[1]);
    await open('/console/payments?state=expired&sort=oldest');
    expect(await idsShown()).toEqual(pages.flat().toReversed().slice(0, 50));
  });

  it.each([
    ['state=paid', () => [paid.body.id]],
    ['state=cancelled&scheme=loyalty', () => [declined.body.id]],
    ['scheme=organisation', () => []],
    ['reason=invoice_expired&state=cancelled', () => []],
    [`partner=${demo.organisation.slug}`, () => []],
    ['to=2020-01-31', () => []],
    ['from=2020-01-31&state=paid', () => [paid.body.id]],
  ])('is filtered by its address: %s', async (query, expected) => {
    await open(`/console/payments?${query}`);
    expect(await idsShown()).toEqual(expected());
  });

  it.each(['state=lost', 'from=2026-02-30', 'reason=%27%20OR%201', 'before=abc', 'state=paid&state=declined'])(
    'is not shown for a filter that cannot be: %s',
    async (query) => {
      expect((await get(`/console/payments?${query}`)).status).toBe(422);
    },
  );

  it('is exported whole, streamed, with no cell that a spreadsheet would run, and that is in the log', async () => {
    const answer = await get('/console/payments/export.csv?state=expired');
    expect(answer.headers.get('content-type')).toContain('text/csv');
    const rows: string[][] = parse(await answer.text(), { bom: true, from_line: 2 });
    expect(rows.length).toBe(filled);
    expect(rows.flat().filter((cell) => /^[=+\-@\t\r]/.test(cell))).toEqual([]);
    expect((await actsOf(world, 'export.payments'))[0]).toMatchObject({
      operator: 'viktor',
      outcome: 'sent',
      detail: { state: 'expired', partner: 'all' },
    });
  });
});

describe('the search', () => {
  it('finds a payment by any id that somebody may have in his hand', async () => {
    const { rows } = await world.surety.admin.query<{ request: string; event: string }>(
      `SELECT (SELECT request_id FROM payment_attempt WHERE payment_id = $1) AS request,
         (SELECT id FROM event WHERE payment_id = $1 LIMIT 1) AS event`,
      [paid.body.id],
    );
    const { invoice } = paid.body as unknown as { invoice: { id: string } };
    const ids = [
      ...[paid.body.id, paid.body.id.toUpperCase(), `payment-${paid.body.id}`, invoice.id],
      ...[paid.body.transactionId ?? '', rows[0]?.request ?? '', rows[0]?.event ?? ''],
    ];
    for (const id of ids) {
      await find(id);
      expect([id, page.url()]).toEqual([id, `${world.surety.apiUrl}/console/payments/${paid.body.id}`]);
    }
  });

  it('finds a member’s payments by his own id, whole: a look that is in the log, and an address that does not name him', async () => {
    await find(phone);
    expect(await idsShown()).toEqual([paid.body.id]);
    expect(page.url()).not.toContain('7900');
    const [look] = await actsOf(world, 'member.look');
    expect(look).toMatchObject({ operator: 'viktor', partner_id: world.partnerIds.loyalty });
    expect(JSON.stringify(look)).not.toContain('7900');
    await find(phone.slice(0, -1));
    expect(await page.locator('h1').textContent()).toBe('There is nothing here');
  });
});

describe('the page of a payment', () => {
  it('tells what happened, what was booked, called and told, and leads to its workflow', async () => {
    const main = await open(`/console/payments/${paid.body.id}`);
    const text = await main.innerText();
    for (const words of ['Paid: RUB', 'member.held', 'fund.drawn', 'payment.paid', paid.body.transactionId ?? '']) {
      expect(text).toContain(words);
    }
    expect(await page.getByRole('link', { name: 'Its workflow' }).getAttribute('href')).toBe(
      `${world.temporal.uiUrl}/namespaces/${world.namespace}/workflows/payment-${paid.body.id}`,
    );
    await inspectView(page, 'payment', 'payment-paid');
  });

  it('gives the passport as the partner gets it, and writes that down', async () => {
    const passport: unknown = await (await get(`/console/payments/${paid.body.id}/passport.json`)).json();
    const theirs = await world.call(world.keys.loyalty, 'GET', `/v1/payments/${paid.body.id}/passport`);
    expect(passport).toMatchObject({ paymentId: paid.body.id, pointsCaptured: 12_346 });
    expect(Object.keys(passport as object).sort()).toEqual(Object.keys(theirs.body).sort());
    expect((await actsOf(world, 'export.passport'))[0]).toMatchObject({ subject: paid.body.id });
  });

  it('shows what comes from outside as text, cut, and runs none of it', async () => {
    const seen: string[] = [];
    page.on('dialog', (dialog) => {
      seen.push(dialog.message());
      void dialog.dismiss();
    });
    for (const path of [`/console/payments/${paid.body.id}`, '/console/payments', '/console/review', '/console']) {
      const main = await open(path);
      expect(await page.title()).not.toBe('run');
      expect(await main.innerHTML()).not.toContain('<script');
      expect(await main.innerHTML()).not.toContain('\u202e');
    }
    expect(await (await open(`/console/payments/${paid.body.id}`)).innerText()).toContain('<script>document');
    expect((await page.locator('main').innerText()).match(/x{1000}/)).toBeNull();
    expect(seen).toEqual([]);
  });

  it('of another partner is not shown: 403 and a line in the log; an id of nothing: 404', async () => {
    await addOperator(world, { login: 'theirs', roles: ['operator'], partners: [world.partnerIds.organisation] });
    const tab = await freshTab(browser);
    await tab.page.goto(`${world.surety.apiUrl}/console/payments`);
    await logIn(tab.page, 'theirs');
    expect(await tab.page.locator('main').innerText()).toContain('No payment is like that.');
    for (const path of [paid.body.id, `${paid.body.id}/passport.json`]) {
      const answer = await tab.page.goto(`${world.surety.apiUrl}/console/payments/${path}`);
      expect(answer?.status()).toBe(403);
      expect((await actsOf(world, 'console.partner'))[0]).toMatchObject({ operator: 'theirs', subject: paid.body.id });
    }
    await tab.page.goto(`${world.surety.apiUrl}/console/payments`);
    await tab.page.locator('input[type=search]').fill(paid.body.id);
    await tab.page.keyboard.press('Enter');
    await tab.page.locator('h1', { hasText: 'There is nothing here' }).waitFor();
    await tab.context.close();
    expect((await get('/console/payments/00000000-0000-7000-8000-000000000000')).status).toBe(404);
    expect((await get('/console/payments/no-id')).status).toBe(404);
  });
});

describe('the overview', () => {
  it('counts what needs somebody, and draws how payments ended once they are sealed', async () => {
    await world.surety.admin.query('SELECT audit_seal($1, 10000, now())', [world.partnerIds.loyalty]);
    await open('/console');
    const chart = page.locator('.chart');
    await chart.locator('summary').click();
    const today = await chart.locator('tbody tr').first().locator('td').allInnerTexts();
    expect(today.slice(1)).toEqual(['1', '0', '0', '1']);
    await inspectView(page, 'overview');
  });
});
