/** What running processes tell operations: figures that Prometheus reads, and lines that hold what finds a payment and nobody's data. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { HttpBuyer } from '../../scripts/httpBuyer.js';
import { freePort } from '../../scripts/stack.js';
import { Pauses } from '../../src/ledger/pauses.js';
import { Receiver, status } from '../webhooks/receiver.js';
import { Scrape } from '../support/scrape.js';
import { eventually, World, type ApiAnswer } from '../support/world.js';

const [apiMetrics, sdkMetrics] = await Promise.all([freePort(), freePort()]);
let world: World;
beforeAll(async () => {
  world = await World.open({
    environment: { METRICS_PORT: String(apiMetrics), TEMPORAL_METRICS_PORT: String(sdkMetrics), LOG_LEVEL: 'debug' },
  });
});
afterAll(async () => {
  await world.assertBooksAgree();
  await world.close();
});

const scrapeWorker = () => Scrape.of(`http://127.0.0.1:${world.surety.options.ports.worker}/metrics`);
const scrapeApi = () => Scrape.of(`http://127.0.0.1:${apiMetrics}/metrics`);

/** What was added to each of these since. */
async function growth(act: () => Promise<unknown>): Promise<(name: string, labels?: Record<string, string>) => number> {
  const before = await scrapeWorker();
  await act();
  const after = await scrapeWorker();
  return (name, labels) => after.sum(name, labels) - before.sum(name, labels);
}

async function paid(): Promise<ApiAnswer> {
  const opened = await world.open((await world.invoice()).id);
  await world.confirm(opened);
  await world.until(opened.body.id, ['paid']);
  return opened;
}

describe('payments are counted where the ledger commits them', () => {
  it('each once: paid and declined, by scheme, and what was held is told as given back', async () => {
    const grew = await growth(async () => {
      await paid();
      const refused = await world.invoice();
      await world.twin.arrangeFault({
        invoiceId: refused.id,
        operation: 'confirm',
        kind: 'refuse',
        code: 'order_error',
      });
      const opened = await world.open(refused.id);
      await world.confirm(opened);
      await world.until(opened.body.id, ['declined']);
      const organisation = await world.payAsOrganisation((await world.invoice()).id);
      await world.until(organisation.body.id, ['paid'], world.keys.organisation);
    });
    expect(grew('surety_payments_total', { scheme: 'loyalty', outcome: 'paid' })).toBe(1);
    expect(grew('surety_payments_total', { scheme: 'loyalty', outcome: 'declined' })).toBe(1);
    expect(grew('surety_payments_total', { scheme: 'organisation', outcome: 'paid' })).toBe(1);
    expect(grew('surety_payments_total')).toBe(3);
    expect(grew('surety_payment_duration_seconds_count')).toBe(3);
    expect(grew('surety_compensations_total', { step: 'hold', result: 'released' })).toBe(1);
    expect(
      grew('surety_invoicebox_request_duration_seconds_count', { operation: 'confirm', status_class: '2xx' }),
    ).toBeGreaterThanOrEqual(2);
    expect(
      grew('surety_invoicebox_request_duration_seconds_count', { operation: 'read', status_class: '2xx' }),
    ).toBeGreaterThanOrEqual(3);
  });

  it('one whose outcome was not known counts as one in the end, and its call as one without an answer', async () => {
    const grew = await growth(async () => {
      const invoice = await world.invoice();
      await world.twin.arrangeFault({ invoiceId: invoice.id, operation: 'confirm', kind: 'cut_after' });
      const opened = await world.open(invoice.id);
      await world.confirm(opened);
      await world.until(opened.body.id, ['paid']);
    });
    expect(grew('surety_payments_total')).toBe(1);
    expect(
      grew('surety_invoicebox_request_duration_seconds_count', { operation: 'confirm', status_class: 'no_answer' }),
    ).toBe(1);
  });

  it('deliveries by event and by what came of them', async () => {
    const receiver = await Receiver.open(status(204));
    const made = await world.call(world.keys.loyalty, 'POST', '/v1/webhook-endpoints', { url: receiver.url });
    expect(made.status).toBe(201);
    const before = await scrapeWorker();
    await paid();
    await eventually(
      async () =>
        (await scrapeWorker()).sum('surety_webhook_deliveries_total', {
          event: 'payment.paid',
          result: 'delivered',
        }) ===
        before.sum('surety_webhook_deliveries_total', { event: 'payment.paid', result: 'delivered' }) + 1,
      () => 'payment.paid was not counted as delivered once',
    );
    await world.call(world.keys.loyalty, 'DELETE', `/v1/webhook-endpoints/${made.body.id}`);
    await receiver.close();
  });
});

describe('what a scrape holds', () => {
  it('has every name that the dashboards and alerts are made of, with its labels, and no other', async () => {
    await paid();
    // The books are read every 10 s at most.
    await eventually(
      async () => (await scrapeWorker()).labelNames('surety_fund_runway_seconds').length > 0,
      () => 'what was drawn makes no runway',
    );
    const [worker, api] = [await scrapeWorker(), await scrapeApi()];
    expect(worker.labelNames('surety_payments_total')).toEqual(['outcome', 'scheme']);
    expect(worker.labelNames('surety_payment_duration_seconds_count')).toEqual([]);
    expect(worker.labelNames('surety_payments')).toEqual(['state']);
    expect(worker.labelNames('surety_compensations_total')).toEqual(['result', 'step']);
    expect(worker.labelNames('surety_held_points')).toEqual(['partner']);
    expect(worker.labelNames('surety_fund_available_minor_units')).toEqual(['currency', 'partner']);
    expect(worker.labelNames('surety_fund_reserved_minor_units')).toEqual(['currency', 'partner']);
    expect(worker.labelNames('surety_fund_runway_seconds')).toEqual(['currency', 'partner']);
    expect(worker.labelNames('surety_reconciliation_differences')).toEqual(['kind']);
    expect(worker.labelNames('surety_webhook_deliveries_total')).toEqual(['event', 'result']);
    expect(worker.labelNames('surety_invoicebox_request_duration_seconds_count')).toEqual([
      'operation',
      'status_class',
    ]);
    expect(api.labelNames('http_server_request_duration_seconds_count')).toEqual(['method', 'route', 'status_code']);
    for (const scrape of [worker, api]) expect(scrape.value('surety_build_info')).toBe(1);
    for (const single of [
      'surety_oldest_unknown_payment_age_seconds',
      'surety_reconciliation_last_success_timestamp_seconds',
      'surety_webhook_oldest_pending_age_seconds',
    ]) {
      expect(worker.value(single)).toBeGreaterThanOrEqual(0);
      expect(worker.labelNames(single)).toEqual([]);
    }
    expect(worker.names).toContain('surety_review_items');
  });

  it('has no id, no name and no address in any label, whatever was asked', async () => {
    const opened = await paid();
    await world.call(world.keys.loyalty, 'GET', '/v1/members/%2B79991234567');
    await world.call(world.keys.loyalty, 'GET', `/v1/nothing/${opened.body.id}?email=anna@example.org`);
    const scrapes = [
      await scrapeWorker(),
      await scrapeApi(),
      await Scrape.of(`http://127.0.0.1:${sdkMetrics}/metrics`),
    ];
    for (const { text } of scrapes) {
      expect(text).not.toMatch(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/);
      expect(text).not.toMatch(/79991234567|example\.org/);
    }
    expect(
      scrapes[1]?.sum('http_server_request_duration_seconds_count', { route: 'unmatched', status_code: '404' }),
    ).toBeGreaterThan(0);
    expect(
      scrapes[1]?.sum('http_server_request_duration_seconds_count', {
        route: '/v1/payments/:id/confirm',
        method: 'POST',
      }),
    ).toBeGreaterThan(0);
  });

  it('is nowhere on the public port', async () => {
    expect((await fetch(`${world.surety.apiUrl}/metrics`)).status).toBe(404);
  });

  it('tells when the runs of Schedules last came to their end', async () => {
    const at = async () =>
      (await scrapeWorker()).value('surety_run_last_success_timestamp_seconds', { run: 'checkLedger' }) ?? 0;
    const before = await at();
    await world.client.schedule.getHandle('check-ledger').trigger();
    await eventually(
      async () => (await at()) > before,
      () => `the check of the books did not end:\n${world.worker?.output.slice(-2_000) ?? ''}`,
    );
    const { rows } = await world.surety.admin.query<{ violations: string }>(
      'SELECT violations FROM ledger_check ORDER BY id DESC',
    );
    expect(rows.map((row) => Number(row.violations))).toEqual([0]);
  });
});

describe('a pause', () => {
  it('refuses new payments until it is over, as 503 with its own code; one that waits for its buyer is paid', async () => {
    const pauses = new Pauses(world.surety.admin);
    const operator = { kind: 'operator', id: 'eve' } as const;
    const waiting = await world.open((await world.invoice()).id);
    await pauses.pause(world.partnerIds.loyalty, 'the fund moves', operator, Date.now());
    const invoice = await world.invoice();
    const header = { 'idempotency-key': 'opened-while-paused' };
    const refused = await world.open(invoice.id, header);
    expect([refused.status, refused.body.code, refused.headers.get('retry-after')]).toEqual([
      503,
      'payments_paused',
      '60',
    ]);
    expect((await world.twin.requests(invoice.id)).length).toBe(0);
    expect((await world.confirm(waiting)).body.state).toBe('paid');
    await eventually(
      async () => (await scrapeWorker()).value('surety_paused', { partner: 'kafeteriy' }) === 1,
      () => 'no gauge tells of the pause',
    );
    await pauses.resume(world.partnerIds.loyalty, operator, Date.now());
    expect((await world.open(invoice.id, header)).status).toBe(201);
  });
});

describe('the log', () => {
  const canaries = {
    phone: '+79161234509',
    email: 'canary.buyer@example.org',
    name: 'Канареева Анна',
    note: 'canary-metadata-note',
    cookie: 'canary-cookie-value',
    token: 'canary-login-token',
    query: 'canary-query-value',
    comment: 'canary-comment',
  };

  it('has what finds a payment, and nothing of whoever paid, asked or knocked', async () => {
    const lines: string[] = [];
    const { admin } = world.surety;
    const metadata = { name: canaries.name, email: canaries.email, note: canaries.note };
    const aMember = { externalId: canaries.phone, metadata };
    expect((await world.call(world.keys.loyalty, 'POST', '/v1/members', aMember)).status).toBe(201);
    await world.call(world.keys.loyalty, 'POST', '/v1/credits', {
      memberExternalId: canaries.phone,
      points: 100_000,
      reference: 'canary-credit',
    });
    const invoice = await world.invoice({ description: `Для ${canaries.name}, ${canaries.email}` });
    const opened = await world.open(invoice.id);
    await world.confirm(opened, { cookie: `a=${canaries.cookie}` }, canaries.phone);
    await world.until(opened.body.id, ['paid']);
    // Whoever knocks at the wrong door, and what breaks inside.
    const knock = { authorization: `Bearer ${canaries.token}`, cookie: canaries.cookie };
    await fetch(`${world.surety.apiUrl}/v1/payments?email=${canaries.query}`, { headers: knock });
    await fetch(`${world.surety.apiUrl}/pay/kafeteriy?token=${canaries.token}&invoiceId=${invoice.id}`, {
      headers: knock,
    });
    await world.call(world.keys.loyalty, 'POST', '/v1/payments', `{"scheme": "${canaries.comment}`);
    await admin.query(`ALTER TABLE member ADD CONSTRAINT broken CHECK (metadata ->> 'note' IS NULL) NOT VALID`);
    const again = { ...aMember, metadata: { ...metadata, again: 'yes' } };
    expect((await world.call(world.keys.loyalty, 'POST', '/v1/members', again)).status).toBe(500);
    await admin.query('ALTER TABLE member DROP CONSTRAINT broken');
    const buyer = new HttpBuyer();
    await buyer.press(await buyer.open(`${world.twin.url}/shop`), 'Оплатить баллами');

    lines.push(...(world.api?.output ?? '').split('\n'), ...(world.worker?.output ?? '').split('\n'));
    const all = lines.join('\n');
    expect(lines.length).toBeGreaterThan(20);
    for (const [what, canary] of Object.entries(canaries)) expect([what, all.includes(canary)]).toEqual([what, false]);
    for (const secret of [world.keys.loyalty, world.keys.organisation, 'demo-token-loyalty'])
      expect(all).not.toContain(secret);

    const events = lines
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const ofPayment = events.filter((event) => event['payment_id'] === opened.body.id);
    expect(
      ofPayment.find((event) => event['msg'] === 'answered' && event['route'] === '/v1/payments/:id/confirm'),
    ).toMatchObject({
      request_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      status: 200,
    });
    expect(ofPayment.find((event) => event['operation'] === 'confirm')).toMatchObject({
      workflow_id: `payment-${opened.body.id}`,
      invoicebox_request_id: expect.any(String),
    });
    expect(ofPayment.find((event) => event['msg'] === 'a payment has ended')).toMatchObject({
      workflow_id: `payment-${opened.body.id}`,
      state: 'paid',
    });
    expect(events.find(({ error }) => JSON.stringify(error ?? null).includes('23514'))).toMatchObject({
      request_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
  });
});
