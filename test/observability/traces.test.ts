/** Spans as a collector gets them: of a payment one trace, from the request to Postgres and Invoicebox, with nobody's data. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Collector, valueOf, type SentSpan } from '../support/collector.js';
import { eventually, World } from '../support/world.js';

let collector: Collector;
let world: World;
beforeAll(async () => {
  collector = await Collector.open();
  world = await World.open({ environment: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url } });
});
afterAll(async () => {
  await world.assertBooksAgree();
  await world.close();
  collector.close();
});

describe('a payment', () => {
  it('is one trace: request, workflow, activities, their SQL and the calls to Invoicebox, each below what brought it about', async () => {
    const invoice = await world.invoice();
    const opened = await world.payAsOrganisation(invoice.id);
    await world.until(opened.body.id, ['paid'], world.keys.organisation);
    const workflowId = `payment-${opened.body.id}`;
    const trace = () => collector.traceWith('StartWorkflow:organisationPayment', 'temporalWorkflowId', workflowId);
    await eventually(
      () => Promise.resolve(trace().some(({ name }) => name === 'SQL payment_capture')),
      () => `spans are ${[...new Set(collector.spans.map(({ name }) => name))].join(', ')}`,
    );
    const names = trace().map(({ name, service }) => `${service} ${name}`);
    expect(names).toEqual(
      expect.arrayContaining([
        'surety-api POST /v1/payments',
        'surety-api SQL payment_open',
        'surety-api StartWorkflow:organisationPayment',
        'surety-worker RunActivity:readInvoiceAndQuote',
        'surety-worker Invoicebox read',
        'surety-worker SQL payment_quote',
        'surety-worker RunActivity:holdPointsAndReserveFund',
        'surety-worker SQL payment_hold',
        'surety-worker RunActivity:confirmInvoice',
        'surety-worker SQL payment_attempt_begin',
        'surety-worker Invoicebox confirm',
        'surety-worker RunActivity:capturePointsAndDrawFund',
        'surety-worker SQL payment_capture',
      ]),
    );
    const byId = new Map(trace().map((span) => [span.spanId, span]));
    const parentOf = (span: SentSpan | undefined) => byId.get(span?.parentSpanId ?? '')?.name;
    const named = (name: string) => trace().find((span) => span.name === name);
    const roots = trace().filter((span) => (span.parentSpanId ?? '') === '');
    expect(roots.map(({ name }) => name)).toEqual(['POST /v1/payments']);
    expect(parentOf(named('StartWorkflow:organisationPayment'))).toBe('POST /v1/payments');
    expect(parentOf(named('RunActivity:confirmInvoice'))).toBe('StartWorkflow:organisationPayment');
    expect(parentOf(named('Invoicebox confirm'))).toBe('RunActivity:confirmInvoice');
    expect(parentOf(named('SQL payment_capture'))).toBe('RunActivity:capturePointsAndDrawFund');
    expect(valueOf(named('Invoicebox confirm')?.attributes ?? [], 'invoicebox.request_id')).toEqual(expect.any(String));
    expect(valueOf(named('RunActivity:confirmInvoice')?.attributes ?? [], 'temporalWorkflowId')).toBe(workflowId);
  });

  it('of a buyer goes on in the trace of his confirm', async () => {
    const opened = await world.open((await world.invoice()).id);
    await world.confirm(opened);
    const trace = () =>
      collector.traceWith('StartWorkflowUpdate:confirm', 'temporalWorkflowId', `payment-${opened.body.id}`);
    await eventually(
      () => Promise.resolve(trace().some(({ name }) => name === 'SQL payment_capture')),
      () => `spans are ${[...new Set(collector.spans.map(({ name }) => name))].join(', ')}`,
    );
    expect(trace().map(({ name }) => name)).toEqual(
      expect.arrayContaining([
        'POST /v1/payments/:id/confirm',
        'RunActivity:confirmInvoice',
        'SQL payment_hold',
        'Invoicebox confirm',
      ]),
    );
  });

  it('tells nobody’s data: no parameter of a statement, no query of an address, no word of an error', async () => {
    const phone = '+79161234509';
    await world.call(world.keys.loyalty, 'POST', '/v1/members', {
      externalId: phone,
      metadata: { note: 'canary-note' },
    });
    await world.call(world.keys.loyalty, 'GET', '/v1/payments?state=canary-query');
    const invoice = await world.invoice({ description: 'canary-description' });
    const opened = await world.open(invoice.id);
    await world.confirm(opened, {}, phone);
    await eventually(
      () =>
        Promise.resolve(
          collector.traceWith('POST /v1/members', 'http.route', '/v1/members').length > 0 &&
            collector.spans.some(({ name }) => name === 'GET /v1/payments'),
        ),
      () => 'the requests were not traced',
    );
    expect(collector.text).not.toMatch(/9161234509|canary|Bearer|sk_test_|demo-token/);
    expect(collector.spans.flatMap(({ events = [] }) => events)).toEqual([]);
    const keys = new Set(collector.spans.flatMap(({ attributes }) => attributes.map(({ key }) => key)));
    expect([...keys].filter((key) => /query|statement|url|parameter|body|user/.test(key))).toEqual([]);
  });
});
