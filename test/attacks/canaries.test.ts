/**
 * Two canaries in one world. Texts that mean harm, in everything that somebody outside can write: markup, quotes of SQL, the
 * beginning of a formula. And secrets, in everything that has to keep them. Then whatever there is to look at is looked at: every
 * page, export and list, every answer, the logs, metrics and traces of every process.
 */
import { execFile } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parse } from 'csv-parse/sync';
import { HttpBuyer } from '../../scripts/httpBuyer.js';
import { demo } from '../../scripts/demoWorld.js';
import { freePort, repository } from '../../scripts/stack.js';
import { passwords } from '../../scripts/surety.js';
import { postgres, testKeys } from '../support/books.js';
import { entryLink } from '../support/browser.js';
import { Collector } from '../support/collector.js';
import { addOperator } from '../support/console.js';
import { consoleRoutes } from '../support/routes.js';
import { operations } from '../support/operations.js';
import { OperatorVisit } from '../support/operatorVisit.js';
import { send } from '../support/rawHttp.js';
import { eventually, World } from '../support/world.js';
import { Receiver, status } from '../webhooks/receiver.js';

const markup = `<script>alert(1)</script>`;
/** As far as a field takes words: what it is called is in it, so that it is found where it went. */
const mark = (field: string): string => `=kenar-${field} "'>${markup}{{7*7}}%s\${1}'; DROP TABLE payment; --`;
/** … and what takes no blanks. */
const tight = (field: string): string => `=kenar-${field}"'>${markup}';--`;

/** Text that nobody outside has a say in, each with why. A new column of text is told here, or is reached by a mark. */
const inside: Readonly<Record<string, string>> = {
  'api_key.prefix': 'ours',
  'api_key.scopes': 'of a list',
  'approval.decided_by': 'an id',
  'approval.requested_by': 'an id',
  'approval.result': 'ids and amounts',
  'credit_import.actor': 'an id',
  'credit_import.failure': 'of a list',
  'credit_import.header': 'names of columns, of a list',
  'credit_import_rehearsal.external_id': 'of a rehearsal, gone when it is over',
  'credit_import_rehearsal.reference': 'of a rehearsal, gone when it is over',
  'credit_import_rejection.field': 'of a list',
  'credit_import_rejection.reason': 'of a list',
  'event.type': 'of a list',
  'fund_act.actor': 'an id',
  'fund_difference.currency': 'a currency',
  'fund_difference.detail': 'ids, times and amounts',
  'fund_difference.explained_by': 'an id',
  'fund_difference.subject': 'an id',
  'fund_flow.currency': 'a currency',
  'fund_flow.kind': 'of a list',
  'hold.currency': 'a currency',
  'idempotency_key.route': 'ours',
  'ledger_check.kinds': 'of a list',
  'ledger_incarnation.identity': 'of Postgres',
  'operator_act.outcome': 'of a list, or a code of ours',
  'operator_act.request_id': 'ours',
  'operator_act.roles': 'of a list',
  'operator_act.subject_kind': 'of a list',
  'operator_session.csrf_secret': 'ours',
  'operator_session.partners': 'ids',
  'operator_session.roles': 'of a list',
  'organisation_spending.currency': 'a currency',
  'partner.approvals': 'numbers, of the operator’s file',
  'partner.invoicebox_options': 'of the operator’s file',
  'partner.invoicebox_token_sealed': 'sealed',
  'partner.login_secret_sealed': 'sealed',
  'partner.organisation_policy': 'of the operator’s file',
  'partner.settings': 'of the operator’s file',
  'pause.ended_by': 'an id',
  'payment.confirmation': 'ids and amounts',
  'payment.currency': 'a currency',
  'payment.invoice_status': 'of a list: another word is read as unknown',
  'payment.last_probe': 'of a list',
  'payment.opened_by': 'an id',
  'payment.policy': 'numbers',
  'payment.read_approval': 'of a list',
  'payment.read_currency': 'a currency',
  'payment.read_print': 'a hash',
  'payment.reason': 'of a list',
  'payment.state': 'of a list',
  'payment.transaction_id': 'an id, or the call that carries it has no meaning',
  'payment_attempt.request_id': 'an id, of visible characters',
  'payment_attempt.transaction_id': 'an id',
  'payment_batch.actor': 'an id',
  'payment_batch.filter': 'a time, an amount and a currency',
  'payment_batch.pause_reason': 'of a list',
  'payment_batch_item.currency': 'a currency',
  'payment_batch_item.read': 'the invoice as an item waits, gone when its payment is opened, which keeps it',
  'payment_batch_item.reason': 'of a list',
  'payment_check.currency': 'a currency',
  'payment_check.status': 'of a list',
  'payment_event.type': 'of a list',
  'payment_resolution.result': 'of a list',
  'payment_return.currency': 'a currency',
  'payment_return.decided_by': 'an id',
  'payment_return.invoice_status': 'of a list',
  'payment_return.opened_by': 'an id',
  'payment_return.requested_by': 'an id',
  'payment_ticket.ticket': 'ours',
  'payment_transition.from_state': 'of a list',
  'payment_transition.to_state': 'of a list',
  'reconciliation.actor': 'an id',
  'reconciliation.failure': 'of a list',
  'reconciliation.result': 'numbers',
  'recovery.actor': 'of whoever has the shell',
  'recovery.identity_after': 'of Postgres',
  'recovery.identity_before': 'of Postgres',
  'recovery.reason': 'of whoever has the shell',
  'recovery.report': 'ours',
  'session.csrf_secret': 'ours',
  'statement.actor': 'an id',
  'statement.balances': 'amounts',
  'statement.currencies': 'currencies',
  'statement_line.currency': 'a currency',
  'statement_line_received.currency': 'of lines that are gone when the file is whole',
  'statement_line_received.invoice_number': 'of lines that are gone when the file is whole',
  'statement_line_received.operation_id': 'of lines that are gone when the file is whole',
  'statement_line_received.transaction_id': 'of lines that are gone when the file is whole',
  'statement_mapping.changed_by': 'an id',
  'temporal_namespace.id': 'of Temporal',
  'transfer.actor': 'an id',
  'webhook_delivery.last_problem': 'of a list',
  'webhook_endpoint.event_types': 'of a list',
  'webhook_endpoint.previous_secret_sealed': 'sealed',
  'webhook_endpoint.secret_sealed': 'sealed',
};

let world: World;
let receiver: Receiver;
let collector: Collector;
let oleg: OperatorVisit;
let collected = '';
const codecKey = randomBytes(32).toString('base64');
const [apiMetrics, sdkMetrics] = await Promise.all([freePort(), freePort()]);
/** Everything that was shown to anybody, by where. */
const shown: { where: string; type: string; text: string; disposition: string | null }[] = [];
const secrets: Record<string, string> = {
  loyaltyToken: demo.loyalty.token,
  organisationToken: demo.organisation.token,
  loginSecret: demo.loginSecret,
  keyRing: testKeys.split(':')[1] ?? '',
  codecKey,
  ...Object.fromEntries(Object.entries(passwords).map(([role, password]) => [`password of ${role}`, password])),
};

beforeAll(async () => {
  [receiver, collector] = await Promise.all([Receiver.open(status(204)), Collector.open()]);
  world = await World.open({
    codecKeys: `canary:${codecKey}`,
    timings: { waitScale: 0.000_05 },
    environment: {
      ...{ SURETY_KEY_REQUESTS_PER_SECOND: '10000', LOG_LEVEL: 'trace' },
      ...{ METRICS_PORT: String(apiMetrics), TEMPORAL_METRICS_PORT: String(sdkMetrics) },
      OTEL_EXPORTER_OTLP_ENDPOINT: `${collector.url}/`,
    },
    temporalSetup: { INVOICEBOX_CALLS_PER_SECOND_ACCOUNT: '50' },
  });
  Object.assign(secrets, { loyaltyKey: world.keys.loyalty, organisationKey: world.keys.organisation });
  await fill();
}, 120_000);
afterAll(async () => {
  await world.assertBooksAgree();
  await world.close();
  await receiver.close();
  collector.close();
});

const loyalty = (method: string, path: string, body?: unknown) => world.call(world.keys.loyalty, method, path, body);

async function upload(path: string, type: string, body: string): Promise<string> {
  const response = await fetch(world.surety.apiUrl + path, {
    method: 'POST',
    body,
    headers: { authorization: `Bearer ${world.keys.loyalty}`, 'content-type': type, 'idempotency-key': randomUUID() },
  });
  expect([path, response.status]).toEqual([path, 202]);
  return ((await response.json()) as { id: string }).id;
}

/** Of what there is to look at, by the name that addresses have for it. */
const ids: Record<string, string> = {};

async function until(path: string, isSo: (body: Record<string, unknown>) => boolean): Promise<void> {
  let last: Record<string, unknown> = {};
  await eventually(
    async () => {
      last = (await loyalty('GET', path)).body;
      return isSo(last);
    },
    () => `${path}: ${JSON.stringify(last).slice(0, 2_000)}\n${world.worker?.output.slice(-2_000) ?? ''}`,
  );
}

/** Everything that somebody outside writes: partner, his customers, buyer, merchant, Invoicebox, operator. */
async function fill(): Promise<void> {
  const externalId = mark('member');
  const hook = await loyalty('POST', '/v1/webhook-endpoints', {
    url: `${receiver.url}/kenar-hook?<script>`,
    description: mark('hook').slice(0, 200),
  });
  expect(hook.status).toBe(201);
  ids['endpoint'] = hook.body.id;
  secrets['webhookSecret'] = (hook.body as unknown as { secret: string }).secret;
  const made = await loyalty('POST', '/v1/api-keys', {
    name: mark('key').slice(0, 100),
    scopes: ['payments:read', 'fund:read', 'fund:approve', 'fund:write'],
  });
  expect(made.status).toBe(201);
  const { key: second } = made.body as unknown as { key: string };
  secrets['secondKey'] = second;
  expect((await loyalty('PATCH', '/v1/programme', { support: mark('support').slice(0, 200) })).status).toBe(200);

  const member = await loyalty('POST', '/v1/members', { externalId, metadata: { note: mark('note') } });
  expect(member.status).toBe(201);
  ids['member'] = member.body.id;
  const credit = await loyalty('POST', '/v1/credits', {
    ...{ memberExternalId: externalId, points: 10_000_000, reference: tight('credit') },
  });
  expect(credit.status).toBe(201);
  const cell = (text: string): string => `"${text.replaceAll('"', '""')}"`;
  const lines = `memberExternalId,points,reference\n${cell(mark('imported'))},10,${cell(tight('line'))}\n${cell(mark('rejected'))},0,x\n`;
  ids['import'] = await upload('/v1/credits/imports', 'text/csv', lines);
  await until(`/v1/credits/imports/${ids['import']}`, ({ state }) => state === 'finished');
  const rehearsal = await upload('/v1/credits/imports?dryRun=true', 'text/csv', lines);
  await until(`/v1/credits/imports/${rehearsal}`, ({ state }) => state === 'finished');

  const customer = {
    type: 'legal',
    name: mark('customer'),
    phone: '+79995550102',
    email: 'kenar@example.org',
    vatNumber: '770955501033',
  };
  const invoice = () =>
    world.invoice({
      ...{ amountMinor: 100_00, description: mark('description'), customer },
      raw: { number: mark('number of it').slice(0, 50), paymentUrl: `${world.twin.url}/order/1?kenar=<script>` },
    });
  await world.surety.admin.query('UPDATE surety.partner SET name = $1 WHERE id = $2', [
    mark('partner'),
    world.partnerIds.loyalty,
  ]);
  // A buyer by his login token, with return links.
  const { token } = (await loyalty('POST', '/v1/login-tokens', { memberExternalId: externalId })).body as unknown as {
    token: string;
  };
  secrets['loginToken'] = token;
  const back = encodeURIComponent(`${world.twin.url}/shop/return?q=kenar'"%3Cscript%3E`);
  const buyer = new HttpBuyer();
  const link = entryLink(world, (await invoice()).id, `&token=${token}`).replaceAll(/(Url)=[^&]*/g, `$1=${back}`);
  const page = await buyer.press(await buyer.open(link), 'Продолжить');
  shown.push({ where: page.url, type: 'text/html', text: page.html, disposition: null });
  const paid = await buyer.press(page, 'Списать');
  ids['payment'] = /payments\/([0-9a-f-]{36})/.exec(page.url)?.[1] ?? '';
  await world.until(ids['payment'], ['paid']);
  const list = await buyer.open(`${world.surety.apiUrl}/pay/kafeteriy/payments`);
  const again = await buyer.open(page.url);
  for (const { url, html } of [paid, list, again])
    shown.push({ where: url, type: 'text/html', text: html, disposition: null });
  const session = new Map(
    buyer
      .cookiesOf(world.surety.apiUrl)
      .split('; ')
      .map((one) => one.split('=') as [string, string]),
  );
  secrets['buyerSession'] = session.get('__Host-surety-kafeteriy') ?? '';

  // What Invoicebox says when it refuses; and a person's resolution of what it does not say.
  const confirmed = async (trouble: object) => {
    const { id: invoiceId } = await invoice();
    await world.twin.arrangeFault({ invoiceId, operation: 'confirm', ...trouble } as Parameters<
      World['twin']['arrangeFault']
    >[0]);
    const opened = await world.open(invoiceId);
    await world.confirm(opened, {}, externalId);
    return { id: opened.body.id, invoiceId };
  };
  const refused = await confirmed({ kind: 'refuse', status: 422, code: tight('code'), message: mark('refusal') });
  await world.until(refused.id, ['declined']);
  const review = await confirmed({ kind: 'error_before', status: 500 });
  await world.twin.payInvoiceElsewhere(review.invoiceId);
  await world.until(review.id, ['in_review']);

  const returned = await loyalty('POST', `/v1/payments/${ids['payment']}/returns`, {
    ...{
      amountMinor: 50_00,
      fundRestored: false,
      reference: tight('return'),
      reason: mark('return reason'),
    },
  });
  expect(returned.status).toBe(202);
  const { approvalId } = returned.body as unknown as { approvalId: string };
  const decided = await world.call(second, 'POST', `/v1/approvals/${approvalId}/approve`, {
    ...{ version: 1, reason: mark('decision') },
  });
  expect(decided.status).toBe(200);
  const deposit = await world.call(second, 'POST', '/v1/fund/deposits', {
    ...{ currency: 'RUB', amountMinor: 100, reference: tight('bill') },
  });
  const asked = deposit.body as unknown as { approval: { id: string } };
  ids['approval'] = asked.approval.id;
  const correction = await world.call(second, 'POST', '/v1/fund/corrections', {
    ...{ currency: 'RUB', amountMinor: 100, reference: tight('correction'), reason: mark('correction') },
  });
  expect([deposit.status, correction.status]).toEqual([202, 202]);
  await loyalty('POST', `/v1/approvals/${ids['approval']}/approve`, { version: 1, reason: mark('approved') });

  const batch = await world.call(world.keys.organisation, 'POST', '/v1/payment-batches', {
    invoiceIds: [(await invoice()).id],
  });
  await eventually(
    async () =>
      (await world.call(world.keys.organisation, 'GET', `/v1/payment-batches/${batch.body.id}`)).body.state ===
      'finished',
    () => 'the batch does not end',
  );

  // A statement with its own names of columns, and what is explained of it.
  const columns = {
    date: mark('date').slice(0, 60),
    amount: 'amount',
    transactionId: 'transaction',
    operationId: 'op',
    invoiceNumber: 'number',
  };
  const mapping = { currency: 'RUB', direction: 'sign', columns };
  expect((await loyalty('PUT', '/v1/fund/statement-mapping', mapping)).status).toBe(200);
  const row = ['01.11.2026', '-5,00', cell(tight('transaction')), cell(tight('operation')), cell(mark('number'))];
  await upload(
    '/v1/fund/statements',
    'text/csv',
    `${cell(columns.date)};amount;transaction;op;number\n${row.join(';')}\n`,
  );
  await until('/v1/fund/differences', ({ data }) => (data as unknown[]).length > 0);
  const differences = (await loyalty('GET', '/v1/fund/differences')).body as unknown as { data: { id: string }[] };
  ids['difference'] = differences.data[0]?.id ?? '';
  const explained = await loyalty('POST', `/v1/fund/differences/${ids['difference']}/explain`, {
    reason: mark('explained'),
  });
  expect(explained.status).toBe(200);
  await world.surety.admin.query('UPDATE surety.partner SET fund_doubted_at = now() WHERE id = $1', [
    world.partnerIds.loyalty,
  ]);
  expect((await loyalty('POST', '/v1/fund/doubt/clear', { reason: mark('doubt') })).status).toBe(200);

  await operate(review.id);
  await eventually(
    () => Promise.resolve(receiver.received.some(({ event }) => event.type === 'payment.returned')),
    () => `the receiver has ${receiver.received.map(({ event }) => event.type).join(', ')}`,
  );
  ids['eventId'] = receiver.received[0]?.event.id ?? '';
}

/** What an operator writes, and his own name. */
async function operate(reviewId: string): Promise<void> {
  const operator = { login: 'kenar', roles: ['operator', 'approver'], partners: ['*'], name: mark('operator') };
  await addOperator(world, operator);
  oleg = await OperatorVisit.of(world, 'kenar', false);
  secrets['operatorSession'] = /__Host-surety-console=([^;]+)/.exec(oleg.cookie)?.[1] ?? '';
  const evidence = { comment: mark('comment'), reference: mark('evidence') };
  const post = (path: string, fields: Record<string, string>) => oleg.ask('POST', path, { csrf: oleg.csrf, ...fields });
  const { rows } = await world.surety.admin.query<{ version: string }>(
    'SELECT max(seq) AS version FROM payment_event WHERE payment_id = $1',
    [reviewId],
  );
  const resolved = await post(`/console/payments/${reviewId}/resolve`, {
    ...{ version: rows[0]?.version ?? '', resolution: randomUUID(), outcome: 'paid_elsewhere', transaction: '' },
    ...{ reason: 'statement', ...evidence },
  });
  expect([resolved.status, resolved.html.slice(0, 2_000)]).toEqual([303, expect.any(String)]);
  const paused = await post('/console/fund/pause', {
    partner: 'romashka',
    version: 'none',
    reason: 'fraud',
    ...evidence,
  });
  expect(paused.status).toBe(303);
  // Searches and addresses that nobody meant.
  await post('/console/payments/search', { q: mark('search').slice(0, 200) });
  await post('/console/members/search', { partner: 'kafeteriy', member: mark('searched') });
  await post(`/console/members/${encodeURIComponent(tight('path'))}/adjust`, { csrf: 'none' });
  const asking = new HttpBuyer();
  await asking.open(entryLink(world, randomUUID(), `&more=${encodeURIComponent(mark('goOn'))}`));
  await asking.open(`${world.surety.apiUrl}/console?more=${encodeURIComponent(mark('console goOn'))}`);
}

async function take(where: string, answered: Promise<Response>): Promise<Response> {
  const response = await answered;
  shown.push({
    where,
    type: response.headers.get('content-type')?.split(';')[0] ?? '',
    text: await response.clone().text(),
    disposition: response.headers.get('content-disposition'),
  });
  for (const [name, value] of response.headers)
    expect([where, name, value.includes('kenar') && /[<>"\s\\]/.test(value)]).toEqual([where, name, false]);
  return response;
}

const addressOf = (path: string): string =>
  path.replaceAll(/:(\w+)/g, (_, name: string) => {
    if (name === 'n') return '1';
    const kind = /\/(payments|members|approvals|differences|endpoints)\//.exec(path)?.[1]?.replace(/s$/, '') ?? '';
    return ids[name === 'id' ? kind : name] ?? '';
  });

it('every column of text is reached by such a text, or is told to be ours', async () => {
  const { rows } = await world.surety.admin.query<{ tab: string; col: string; closed: boolean }>(
    `SELECT c.table_name AS tab, c.column_name AS col,
            EXISTS (SELECT FROM pg_constraint k JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attname = c.column_name
                     WHERE k.conrelid = format('surety.%I', c.table_name)::regclass AND k.contype = 'c' AND a.attnum = ANY (k.conkey)
                       AND pg_get_constraintdef(k.oid) ~ format('\\m%s = ANY \\(ARRAY|\\m%s ~ ''\\^', c.column_name, c.column_name)) AS closed
       FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name)
      WHERE table_schema = 'surety' AND table_type = 'BASE TABLE'
        AND (data_type IN ('text', 'character varying', 'jsonb', 'json') OR udt_name = '_text')
      ORDER BY 1, 2`,
  );
  const open: string[] = [];
  for (const { tab, col, closed } of rows) {
    if (closed) continue;
    const found = await world.surety.admin.query(
      `SELECT FROM surety."${tab}" WHERE "${col}"::text LIKE '%kenar%' LIMIT 1`,
    );
    if (found.rowCount === 0) open.push(`${tab}.${col}`);
  }
  expect(rows.length).toBeGreaterThan(100);
  expect(open).toEqual(Object.keys(inside).sort());
});

describe('whatever is shown', () => {
  it('is taken from every page, export and list, of API, console and buyer', async () => {
    const cookie = { cookie: oleg.cookie };
    const month = new Date().toISOString().slice(0, 7);
    for (const route of consoleRoutes.filter((one) => one.startsWith('GET '))) {
      const path = addressOf(route.slice(4));
      const queries = route.endsWith('statement.csv')
        ? [`partner=kafeteriy&currency=RUB&month=${month}`]
        : [
            '',
            `partner=kafeteriy`,
            `partner=${encodeURIComponent(mark('query'))}`,
            `done=${encodeURIComponent(mark('done'))}`,
          ];
      for (const query of queries) {
        const address = query === '' ? path : `${path}?${query}`;
        const response = await take(
          `GET ${address}`,
          fetch(world.surety.apiUrl + address, { headers: cookie, redirect: 'manual' }),
        );
        expect([address, response.status]).not.toEqual([address, 500]);
      }
    }
    const key = { authorization: `Bearer ${world.keys.loyalty}` };
    const kinds: Readonly<Record<string, string | undefined>> = {
      payments: ids['payment'], members: ids['member'], imports: ids['import'], approvals: ids['approval'],
      differences: ids['difference'], 'webhook-endpoints': ids['endpoint'],
    }; // prettier-ignore
    const queries: Readonly<Record<string, string>> = {
      '/v1/exports/members': 'format=csv',
      '/v1/exports/entries': 'format=csv',
      '/v1/fund/statement': `currency=RUB&month=${month}`,
      '/v1/points/outstanding': 'date=2030-01-01',
    };
    for (const { path } of operations.filter(({ method }) => method === 'GET')) {
      const address = path.replaceAll(
        /([^/]+)\/\{id\}/g,
        (_, kind: string) => `${kind}/${kinds[kind] ?? randomUUID()}`,
      );
      const accepts: Record<string, string> = path === '/v1/fund/statement' ? { accept: 'text/csv' } : {};
      const full = queries[path] === undefined ? address : `${address}?${queries[path]}`;
      await take(`GET ${full}`, fetch(world.surety.apiUrl + full, { headers: { ...key, ...accepts } }));
    }
    // Pages of whoever was not let in, and of what there is not.
    const evil = encodeURIComponent(mark('unknown'));
    for (const path of [
      `/pay/${evil}`,
      `/pay/kafeteriy/payments/${evil}`,
      `/pay/kafeteriy?invoiceId=${evil}`,
      `/console/${evil}`,
      `/console/payments/${evil}`,
      `/pay/kafeteriy/login/callback?state=${evil}`,
      `/console/login/callback?error=${evil}`,
      `/v1/${evil}`,
      `/docs/problems/${evil}`,
    ])
      // prettier-ignore
      await take(`GET ${path}`, fetch(world.surety.apiUrl + path, { redirect: 'manual' }));
    for (const what of [
      'kenar-description',
      'kenar-member',
      'kenar-comment',
      'kenar-operator',
      'kenar-bill',
      'kenar-note',
    ])
      expect([what, shown.some(({ text }) => text.includes(what))]).toEqual([what, true]);
    expect(shown.length).toBeGreaterThan(100);
  });

  it('as HTML is text, and never markup', () => {
    const pages = shown.filter(({ type }) => type === 'text/html');
    expect(pages.length).toBeGreaterThan(50);
    for (const { where, text } of pages) {
      // Every element that runs, loads or leads somewhere is one of ours.
      const scripts = [...text.matchAll(/<script\b[^>]*>/gi)]
        .map(([tag]) => tag)
        .filter((tag) => !/ src="\/(pay|console)-assets\//.test(tag));
      const odd = [...text.matchAll(/<(iframe|object|embed|base|svg\s+on|math)\b|\son\w+\s*=|javascript:/gi)].map(
        ([tag]) => tag,
      );
      expect([where, scripts, odd]).toEqual([where, [], []]);
      expect([where, text.includes(`"'>`) && text.includes('kenar')]).toEqual([where, false]);
    }
  });

  it('as CSV begins no formula in any cell, has one line a record, and is saved under a name of ours', () => {
    const files = shown.filter(({ type }) => type === 'text/csv');
    expect(files.length).toBeGreaterThanOrEqual(6);
    for (const { where, text, disposition } of files) {
      expect([where, disposition]).toEqual([where, expect.stringMatching(/^attachment; filename="[\w.-]+\.csv"$/)]);
      const delimiter = where.includes('fund/statement') ? [';', ','] : ',';
      const rows = parse(text, { bom: true, delimiter, relax_column_count: true });
      for (const value of rows.flat()) {
        const isFormula = /^[\s\p{C}]*[=+\-@＝＋－＠]/u.test(value) && !/^-?\d+([.,]\d+)?$/.test(value);
        expect([where, isFormula ? value : null]).toEqual([where, null]);
      }
    }
    const all = files.map(({ text }) => text).join('');
    for (const what of ['kenar-member', 'kenar-credit', 'kenar-bill'])
      expect([what, all.includes(what)]).toEqual([what, true]);
  });

  it('as JSON is whole JSON, whatever it quotes', () => {
    const answers = shown.filter(({ type }) => /json$/.test(type) && type !== 'application/x-ndjson');
    expect(answers.length).toBeGreaterThan(25);
    for (const { where, text } of answers) expect([where, typeof JSON.parse(text)]).toEqual([where, 'object']);
  });
});

describe('the logs and traces of all processes', () => {
  it('are one line of JSON an event, without control characters, whatever somebody has written', () => {
    const processes = { api: world.api, worker: world.worker };
    for (const [name, process] of Object.entries(processes)) {
      const lines = (process?.output ?? '').split('\n').filter((line) => line !== '');
      expect(lines.length).toBeGreaterThan(20);
      for (const line of lines) {
        expect([name, /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u.test(line)]).toEqual([name, false]);
        expect([name, typeof JSON.parse(line)]).toEqual([name, 'object']);
        expect([name, line.includes('kenar') ? line : null]).toEqual([name, null]);
      }
    }
  });

  it('tell of nobody’s words', async () => {
    await eventually(
      () => Promise.resolve(collector.spans.length > 100),
      () => `${collector.spans.length} spans`,
    );
    expect(collector.text.includes('kenar')).toBe(false);
  });
});

describe('a secret', () => {
  it('is in nothing that anybody was shown, told or left: pages, answers, logs, metrics, traces, the doctor', async () => {
    for (const operation of operations) {
      const path = operation.path.replaceAll(/\{[^}]+\}/g, randomUUID());
      for (const key of [world.keys.loyalty, `${world.keys.loyalty}x`, '']) {
        const headers = {
          authorization: `Bearer ${key}`,
          'content-type': 'application/json',
          'idempotency-key': randomUUID(),
        };
        const body = JSON.stringify({ url: 'http://10.0.0.1/', token: key, memberExternalId: key });
        const reads = operation.method === 'GET';
        const { text, type } = await send(
          world.surety.apiUrl,
          operation.method,
          reads ? `${path}?key=${key}` : path,
          headers,
          reads ? '' : body,
        );
        shown.push({ where: `${operation.label} wrong`, type, text, disposition: null });
      }
    }
    const scrapes = [apiMetrics, sdkMetrics, world.surety.options.ports.worker];
    for (const port of scrapes) await take(`metrics of ${port}`, fetch(`http://127.0.0.1:${port}/metrics`));
    const env = {
      ...process.env,
      DATABASE_MONITOR_URL: postgres.url(world.surety.options.database, 'surety_monitor', passwords.monitor),
      ...{ TEMPORAL_ADDRESS: world.temporal.address, TEMPORAL_NAMESPACE: world.namespace, SURETY_KEYS: testKeys },
      ...{ SURETY_CODEC_KEYS: `canary:${codecKey}` },
    };
    const run = promisify(execFile);
    for (const more of [
      {},
      { DATABASE_MONITOR_URL: 'postgres://surety_monitor:demo-monitor@127.0.0.1:9/none' },
      { SURETY_KEYS: `x:${secrets['keyRing']}x` },
    ]) {
      const told = await run(process.execPath, [join(repository, 'dist/src/doctor.main.js')], {
        env: { ...env, ...more },
      }).then(
        ({ stdout, stderr }) => stdout + stderr,
        (error: unknown) => `${(error as { stdout: string }).stdout}${(error as { stderr: string }).stderr}`,
      );
      shown.push({ where: 'doctor', type: 'text/plain', text: told, disposition: null });
    }
    collected = [world.api?.output, world.worker?.output].join('\n');
    shown.push({ where: 'the traces', type: 'application/json', text: collector.text, disposition: null });
    shown.push({ where: 'the logs', type: 'text/plain', text: collected, disposition: null });
    for (const [name, secret] of Object.entries(secrets)) {
      expect([name, secret.length >= 8]).toEqual([name, true]);
      const places = shown.filter(({ text }) => text.includes(secret)).map(({ where }) => where);
      expect([name, places]).toEqual([name, []]);
    }
  });

  it('is in the database as a hash, or sealed', async () => {
    const { rows } = await world.surety.admin.query<{ name: string }>(
      `SELECT relname AS name FROM pg_class WHERE relnamespace = 'surety'::regnamespace AND relkind IN ('r', 'p')`,
    );
    for (const { name } of rows) {
      const all = await world.surety.admin.query<{ told: string | null }>(
        `SELECT string_agg(to_jsonb(t)::text, ' ') AS told FROM surety."${name}" t`,
      );
      const told = all.rows[0]?.told ?? '';
      expect([
        name,
        Object.entries(secrets)
          .filter(([, secret]) => told.includes(secret))
          .map(([what]) => what),
      ]).toEqual([name, []]);
    }
  });
});
