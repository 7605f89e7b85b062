/**
 * A night: an outcome becomes unknown, somebody is woken, finds the payment, sees the evidence and decides; a second person
 * approves what takes two. In the end everybody who may ask hears the same.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Browser } from 'playwright-core';
import { parse } from 'yaml';
import { demo } from '../../scripts/demoWorld.js';
import { repository } from '../../scripts/stack.js';
import { OperatorActs } from '../../src/ledger/operatorActs.js';
import { enter, entryLink, freshTab, openBrowser, untilView } from '../support/browser.js';
import { act, openConsole } from '../support/console.js';
import { giveEvidence } from '../support/consoleViews.js';
import { Scrape } from '../support/scrape.js';
import { eventually, World } from '../support/world.js';
import { Endpoints } from '../webhooks/endpoints.js';
import { Receiver } from '../webhooks/receiver.js';

let world: World;
let browser: Browser;
let shop: Receiver;
beforeAll(async () => {
  [world, browser, shop] = await Promise.all([
    World.open({
      timings: { waitScale: 1 },
      environment: { INVOICEBOX_CONFIRM_TIMEOUT_MS: '500', INVOICEBOX_CONNECT_TIMEOUT_MS: '300' },
    }),
    openBrowser(),
    Receiver.open(),
  ]);
  // Invoicebox answers a repeat by "already paid", and says not by whom: so nothing but the statement proves that it was us.
  await world.twin.applyAccount(demo.loyalty.account, {
    ...{ name: demo.loyalty.slug, token: demo.loyalty.token, repeatAnswers: 'already_paid' },
    funds: [{ currency: 'RUB', sizeMinor: demo.fundMinor }],
  });
  await new Endpoints(world.surety.admin, world.partnerIds.loyalty).register(shop.url);
}, 90_000);
afterAll(async () => {
  await browser.close();
  await shop.close();
  await world.close();
});

const toldOf = (id: string) =>
  shop.received.filter(({ event }) => event.data['paymentId'] === id).map(({ event }) => event.type);

/** What the Temporal UI shows above the payment's history. */
async function detailsOf(id: string): Promise<string> {
  const { currentDetails } = await world.handle(id).query<{ currentDetails?: string }>('__temporal_workflow_metadata');
  return currentDetails ?? '';
}

interface Rule {
  readonly alert: string;
  readonly expr: string;
}
const rules = (
  parse(readFileSync(join(repository, 'deploy/observability/rules/surety.yml'), 'utf8')) as {
    groups: { rules: Rule[] }[];
  }
).groups.flatMap((group) => group.rules);

/** Whether this rule's expression, the greatest value of a metric above a bound, holds of what the worker tells now. */
async function holds(alert: string): Promise<boolean> {
  const { expr = '' } = rules.find((rule) => rule.alert === alert) ?? {};
  const [, metric = '', bound = ''] = /^max\((\w+)\) > ([\d* ]+)$/.exec(expr) ?? [];
  const above = bound.split('*').reduce((product, factor) => product * Number(factor), 1);
  if (metric === '' || !(above > 0)) throw new Error(`The expression of ${alert} is another: ${expr}`);
  const told = await Scrape.of(`http://127.0.0.1:${world.surety.options.ports.worker}/metrics`);
  return (told.value(metric) ?? 0) > above;
}

async function logged(id: string) {
  const { rows } = await world.surety.admin.query<{ operator: string; action: string; outcome: string }>(
    'SELECT operator, action, outcome FROM operator_act WHERE subject = $1 ORDER BY n',
    [id],
  );
  return rows.map(({ operator, action, outcome }) => `${operator} ${action} ${outcome}`);
}

describe('the night story', () => {
  it('is told the same by metric, queue, page, webhook, passport, Temporal and the log', async () => {
    const before = await world.balance('anna');
    expect(await holds('SuretyOutcomeUnknown')).toBe(false);
    // A quarter of an hour is over at once: what is held is as old as its id says.
    await world.surety.admin.query(`
      CREATE FUNCTION held_long_ago() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN NEW.id := uuidv7(interval '-20 minutes'); RETURN NEW; END $$;
      CREATE TRIGGER long_ago BEFORE INSERT ON hold FOR EACH ROW EXECUTE FUNCTION held_long_ago()`);

    // A buyer pays, the connection is lost after Invoicebox has taken the payment, and then it answers nothing for a while.
    const invoice = await world.invoice();
    await world.twin.arrangeFault({ kind: 'cut_after', invoiceId: invoice.id, operation: 'confirm' });
    const buyer = await freshTab(browser);
    await enter(buyer.page, entryLink(world, invoice.id));
    await untilView(buyer.page, 'ready');
    const away = { kind: 'error_before', status: 503, invoiceId: invoice.id, operation: 'read', times: 100 } as const;
    await world.twin.arrangeFault(away);
    const id = new URL(buyer.page.url()).pathname.split('/').at(-1) ?? '';
    await buyer.page.getByRole('button', { name: /^(Списать|Pay)/ }).click();
    await untilView(buyer.page, 'unknown');
    expect(await buyer.page.locator('main').innerText()).not.toMatch(/не удал|не списан/i);
    expect(await world.balance('anna')).toEqual({ available: before.available - 12_346, held: 12_346 });
    expect(await detailsOf(id)).toMatch(/It is not known whether Invoicebox has executed the confirm/);

    // What wakes the one on call: the alert's own expression, of what the worker tells.
    await eventually(
      () => holds('SuretyOutcomeUnknown'),
      () => 'nobody is woken',
    );

    // He sees it in the queue, and has it read.
    const { page: olga, context: olgas } = await openConsole(browser, world, 'olga', '/console');
    expect(await olga.locator('.card', { hasText: 'Outcome unknown' }).locator('strong').innerText()).toBe('1');
    await olga.locator('main').getByRole('link', { name: 'Outcome unknown' }).click();
    await olga.locator('main[data-view=review]').waitFor();
    expect(await olga.locator('tbody tr').count()).toBe(1);
    await world.twin.clearFaults();
    await olga.getByRole('link', { name: id }).click();
    await olga.locator('main[data-view=payment]').waitFor();
    if ((await world.read(id)).state === 'unknown') await act(olga, 'Probe now');
    await world.until(id, ['in_review']);
    expect(await detailsOf(id)).toMatch(/A person is needed \(already_paid_after_unknown\)/);
    await eventually(
      () => Promise.resolve(toldOf(id).includes('payment.in_review')),
      () => `told: ${toldOf(id).join(', ')}`,
    );

    // The statement names our operation id: paid by us. The invoice is read once more, and says so.
    const { confirmations } = await world.twin.account(demo.loyalty.account);
    const ours = confirmations.find((one) => JSON.stringify(one).includes(id));
    await olga.goto(`${world.surety.apiUrl}/console/payments/${id}`);
    await olga.locator('summary', { hasText: 'Resolve it' }).click();
    await olga.locator('[name=outcome][value=paid]').check();
    await olga.locator('[name=transaction]').fill(ours?.transactionId ?? '');
    await giveEvidence(olga, 'Resolve', 'statement');
    await act(olga, 'Resolve');
    expect(await olga.locator('.done').innerText()).toContain('paid by us');

    // All agree.
    await buyer.page.reload();
    await untilView(buyer.page, 'paid');
    await eventually(
      () => Promise.resolve(toldOf(id).at(-1) === 'payment.paid'),
      () => `told: ${toldOf(id).join(', ')}`,
    );
    const { body: passport } = await world.call(world.keys.loyalty, 'GET', `/v1/payments/${id}/passport`);
    expect(passport).toMatchObject({
      state: 'paid',
      transactionId: ours?.transactionId,
      pointsCaptured: 12_346,
      fundDrawnMinor: 12_345_67,
    });
    expect(await world.handle(id).result()).toMatchObject({ state: 'paid' });
    await world.assertBooksAgree();

    // In the morning the merchant gives the money back: what takes two takes two.
    await world.twin.reverseInvoice(invoice.id, { restoreFund: true, status: 'canceled' });
    const asked = await world.call(world.keys.loyalty, 'POST', `/v1/payments/${id}/returns`, {
      ...{ amountMinor: 12_345_67, fundRestored: true, reference: 'refund-1', reason: 'the room was taken' },
    });
    const { approvalId } = asked.body as unknown as { approvalId: string };
    const { page: alla, context: allas } = await openConsole(
      browser,
      world,
      'alla',
      `/console/approvals/${approvalId}`,
    );
    await giveEvidence(alla, 'Approve', 'statement_seen');
    await act(alla, 'Approve');
    expect(await alla.locator('.done').innerText()).toContain('Approved');
    await allas.close();
    await eventually(
      async () => (await world.balance('anna')).available === before.available,
      () => 'the points never came back',
    );
    await eventually(
      () => Promise.resolve(toldOf(id).at(-1) === 'payment.returned'),
      () => `told: ${toldOf(id).join(', ')}`,
    );
    await world.assertBooksAgree();

    // The log has all of it, and its chain is whole.
    expect((await logged(id)).filter((line) => line.includes('payment.resolve'))).toEqual([
      'olga payment.resolve asked',
      'olga payment.resolve done: paid',
    ]);
    expect(await logged(approvalId)).toEqual(['alla approval.approve asked', 'alla approval.approve done']);
    expect(await new OperatorActs(world.surety.admin).check()).toMatchObject({ broken: null });
    await olgas.close();
    await buyer.context.close();
  });
});
