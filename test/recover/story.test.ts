/**
 * Postgres is lost and comes back as it was a while ago; Temporal, Invoicebox and everybody's memory are newer. What was paid
 * since is booked again, what is not known is proven, what nobody can know is named; and no kopeck and no point counts twice.
 */
import { execFile } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { v7 as uuidv7 } from 'uuid';
import { freePort, repository, untilReady, type Program } from '../../scripts/stack.js';
import type { RecoveryReport } from '../../src/recovery/report.js';
import { paymentStart, workflowNames } from '../../src/workflows/messages.js';
import { policy, testKeys } from '../support/books.js';
import { eventually, World, type ApiAnswer } from '../support/world.js';
import { RestorablePostgres } from './restorable.js';

const codecKeys = `codec:${Buffer.alloc(32, 9).toString('base64')}`;
const rates = { INVOICEBOX_CALLS_PER_SECOND_ACCOUNT: '50', INVOICEBOX_CALLS_PER_SECOND_ADDRESS: '100' };
const points = 12_346;

let disk: RestorablePostgres;
let world: World;
/** Of a second person. */
let second: string;
beforeAll(async () => {
  disk = await RestorablePostgres.start();
  world = await World.open({
    postgres: disk.server,
    codecKeys,
    temporalSetup: { ...rates, SWEEP_EVERY_MS: '1000', SWEEP_GRACE_MS: '1500' },
  });
  const scopes = ['payments:read', 'fund:read', 'fund:approve'];
  const made = await world.call(world.keys.loyalty, 'POST', '/v1/api-keys', { name: 'second', scopes });
  second = (made.body as unknown as { key: string }).key;
}, 120_000);
afterAll(async () => {
  await world.close();
  await disk.close();
}, 60_000);

async function paid(member = 'anna'): Promise<ApiAnswer> {
  const opened = await world.open((await world.invoice()).id);
  await pay(opened, member);
  return opened;
}

async function pay(opened: ApiAnswer, member = 'anna'): Promise<void> {
  await world.confirm(opened, {}, member);
  await world.until(opened.body.id, ['paid']);
}

/** Invoicebox executes the call, its answer is lost, and it cannot be read for the time being. */
async function unknown(): Promise<ApiAnswer> {
  const invoice = await world.invoice();
  const opened = await world.open(invoice.id);
  await world.twin.arrangeFault({ invoiceId: invoice.id, operation: 'confirm', kind: 'cut_after' });
  await world.twin.arrangeFault({ invoiceId: invoice.id, operation: 'read', kind: 'error_before', times: 100_000 });
  await world.confirm(opened);
  await world.until(opened.body.id, ['unknown']);
  return opened;
}

async function refused(): Promise<ApiAnswer> {
  const invoice = await world.invoice();
  const opened = await world.open(invoice.id);
  await world.twin.arrangeFault({
    invoiceId: invoice.id,
    operation: 'confirm',
    kind: 'refuse',
    status: 422,
    code: 'forbidden_goods',
  });
  await world.confirm(opened);
  await world.until(opened.body.id, ['declined']);
  return opened;
}

const credit = (member: string, reference: string) =>
  world.call(world.keys.loyalty, 'POST', '/v1/credits', { memberExternalId: member, points, reference });

/** A file of one line. */
async function imported(member: string, reference: string): Promise<{ id: string; sha256: string }> {
  const file = `memberExternalId,points,reference\n${member},${points},${reference}\n`;
  const sent = await fetch(`${world.surety.apiUrl}/v1/credits/imports`, {
    method: 'POST',
    headers: {
      ...{ authorization: `Bearer ${world.keys.loyalty}`, 'content-type': 'text/csv' },
      ...{ 'idempotency-key': randomUUID() },
    },
    body: file,
  });
  const { id } = (await sent.json()) as { id: string };
  await eventually(
    async () =>
      (await world.call(world.keys.loyalty, 'GET', `/v1/credits/imports/${id}`)).body.state === 'finished' &&
      (await world.client.workflow.getHandle(`import-${id}`).describe()).status.name === 'COMPLETED',
    () => `import ${id} does not finish`,
  );
  return { id, sha256: createHash('sha256').update(file).digest('hex') };
}

async function batchOf(...invoiceIds: string[]): Promise<string> {
  return (await world.call(world.keys.organisation, 'POST', '/v1/payment-batches', { invoiceIds })).body.id;
}
const batchIs = (id: string, state: string) =>
  eventually(
    async () => (await world.call(world.keys.organisation, 'GET', `/v1/payment-batches/${id}`)).body.state === state,
    () => `the batch is not ${state}\n${world.worker?.output.slice(-2_000) ?? ''}`,
  );

/** Begun for a partner who came since: nothing of him is in the restored ledger. */
async function ofALostPartner(): Promise<string> {
  const payment = { partnerId: uuidv7(), paymentId: uuidv7(), epoch: 1, invoiceId: randomUUID(), policy };
  const run = await world.client.workflow.start(workflowNames.loyalty, paymentStart(payment, 'opening'));
  await run.terminate('nobody can go on with it');
  return payment.paymentId;
}

const askBack = (paymentId: string, amountMinor: number) =>
  world.call(world.keys.loyalty, 'POST', `/v1/payments/${paymentId}/returns`, {
    ...{ amountMinor, fundRestored: true, reference: 'R-1', reason: 'too small' },
  });

async function giveBack(paymentId: string, amountMinor: number): Promise<string> {
  const asked = await askBack(paymentId, amountMinor);
  const { id, approvalId } = asked.body as unknown as { id: string; approvalId: string };
  await world.call(second, 'POST', `/v1/approvals/${approvalId}/approve`, { version: 1, reason: 'checked' });
  await eventually(
    async () => ((await world.read(paymentId)) as unknown as { returnedMinor: number }).returnedMinor === amountMinor,
    () => 'it was not returned',
  );
  return id;
}

const health = async (port: number, path: string) => {
  const response = await fetch(`http://127.0.0.1:${port}/health/${path}`);
  return { status: response.status, body: (await response.json()) as { parts: { ledger: string } } };
};

async function recover(...args: string[]): Promise<{ output: string; report: RecoveryReport | null }> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [join(repository, 'dist/scripts/recover.js'), ...args],
    {
      env: {
        ...process.env,
        ...rates,
        DATABASE_ADMIN_URL: disk.server.url(world.surety.options.database),
        TEMPORAL_ADDRESS: world.temporal.address,
        TEMPORAL_NAMESPACE: world.namespace,
        SURETY_KEYS: testKeys,
        SURETY_CODEC_KEYS: codecKeys,
        SURETY_TEST_MODE: '1',
      },
      maxBuffer: 10_000_000,
    },
  );
  const last = stdout.trimEnd().split('\n').at(-1) ?? '';
  return { output: stdout, report: last.startsWith('{') ? (JSON.parse(last) as RecoveryReport) : null };
}

const epochNow = async () =>
  (await world.surety.admin.query<{ epoch: number }>('SELECT epoch FROM ledger_epoch')).rows[0]?.epoch ?? 0;

it('what was paid is paid again, what was lost is named, nothing counts twice', async () => {
  await disk.backUp();
  const paidBefore = await paid();
  const waitsThenPaid = await world.open((await world.invoice()).id);
  const waits = await world.open((await world.invoice()).id);
  const unknownThenPaid = await unknown();
  const [listedPaid, listedLater] = [
    await world.invoice({ amountMinor: 100 }),
    await world.invoice({ amountMinor: 200 }),
  ];
  const batch = await batchOf(listedPaid.id);
  await batchIs(batch, 'finished');
  const feed = await world.call(world.keys.loyalty, 'GET', '/v1/events?limit=1');
  const { next } = feed.body as unknown as { next: string };
  const restoredTo = await disk.now();
  const epochBefore = await epochNow();

  // From here on everything is forgotten by Postgres, and by nobody else.
  const paidAfter = await paid();
  await pay(waitsThenPaid);
  await world.twin.clearFaults();
  await world.until(unknownThenPaid.body.id, ['paid']);
  const cancelled = await world.open((await world.invoice()).id);
  await world.call(world.keys.loyalty, 'POST', `/v1/payments/${cancelled.body.id}/cancel`, {});
  const givenBack = await refused();
  const waitsSince = await world.open((await world.invoice()).id);
  const byOrganisation = await world.payAsOrganisation((await world.invoice()).id);
  await world.until(byOrganisation.body.id, ['paid'], world.keys.organisation);
  const lostBatch = await batchOf(listedLater.id);
  await batchIs(lostBatch, 'finished');
  await world.twin.reverseInvoice(invoiceOf(paidBefore), { amountMinor: 100_00, restoreFund: true, status: 'paid' });
  await world.twin.reverseInvoice(invoiceOf(paidAfter), { amountMinor: 50_00, restoreFund: true, status: 'paid' });
  const returns = [await giveBack(paidBefore.body.id, 100_00), await giveBack(paidAfter.body.id, 50_00)];
  const lostImport = await imported('anna', 'since-2');
  expect((await credit('boris', 'since-1')).status).toBe(201);
  const withLostPoints = await paid('boris');
  const unknownSince = await unknown();
  const lostWithItsPartner = await ofALostPartner();
  const everything = [
    paidBefore,
    waitsThenPaid,
    waits,
    unknownThenPaid,
    paidAfter,
    cancelled,
    givenBack,
    waitsSince,
    withLostPoints,
    unknownSince,
  ];

  await disk.restoreTo(restoredTo);

  // Whoever ran has ended or refuses; whoever starts waits.
  await eventually(
    () => Promise.resolve(world.worker?.isRunning === false),
    () => 'the worker goes on beneath a restored ledger',
  );
  const refusedWrite = await world.open((await world.invoice()).id);
  expect(refusedWrite.status).toBe(503);
  const [workerPort, apiPort] = [world.surety.options.ports.worker, await freePort()];
  const worker = world.surety.launchWorker(workerPort);
  const api = world.surety.launchApi(apiPort);
  world.worker = worker;
  const starting: [number, Program][] = [
    [workerPort, worker],
    [apiPort, api],
  ];
  for (const [port, program] of starting) {
    await untilReady(`http://127.0.0.1:${port}/health/live`, program);
    const { status, body } = await health(port, 'ready');
    expect([status, body.parts.ledger]).toEqual([503, expect.stringContaining('npm run recover')]);
  }

  const { output, report } = await recover('--since', restoredTo.toISOString(), '--json', '--by', 'olga');
  if (report === null) throw new Error(output);
  const of = ({ body }: ApiAnswer) => report.payments.find(({ paymentId }) => paymentId === body.id);
  expect(report.violations).toBe(0);
  expect(of(paidBefore)).toMatchObject({ ledger: 'paid', did: 'nothing', invoicebox: 'paid', difference: null });
  expect(of(paidAfter)).toMatchObject({
    ledger: 'nothing',
    temporal: 'paid',
    invoicebox: 'paid',
    did: 'pay',
    state: 'paid',
  });
  expect(of(waitsThenPaid)).toMatchObject({
    ledger: 'awaiting_confirmation',
    did: 'pay',
    state: 'paid',
    points: 'booked',
  });
  expect(of(unknownThenPaid)).toMatchObject({ ledger: 'unknown', temporal: 'paid', did: 'pay', state: 'paid' });
  expect(of(cancelled)).toMatchObject({ ledger: 'nothing', did: 'close', state: 'cancelled' });
  expect(of(givenBack)).toMatchObject({ ledger: 'nothing', did: 'close', state: 'declined' });
  expect(of(waitsSince)).toMatchObject({ ledger: 'nothing', did: 'take_up', state: 'awaiting_confirmation' });
  expect(of(byOrganisation)).toMatchObject({ ledger: 'nothing', did: 'pay', state: 'paid' });
  expect(of(unknownSince)).toMatchObject({ ledger: 'nothing', did: 'take_up', state: 'unknown', points: 'booked' });
  expect(of(withLostPoints)).toMatchObject({
    did: 'pay',
    state: 'in_review',
    points: 'missing',
    difference: expect.stringContaining('--points'),
  });
  expect(report.payments.find(({ paymentId }) => paymentId === lostWithItsPartner)).toMatchObject({
    ...{ ledger: 'nothing', invoicebox: 'unread', state: 'nothing' },
    difference: expect.stringContaining('partner is not in the ledger'),
  });
  expect(
    report.begun
      .filter(({ ledger }) => ledger === null)
      .map(({ kind, id }) => [kind, id])
      .sort(),
  ).toEqual(
    [
      ['batch', lostBatch],
      ['import', lostImport.id],
    ].sort(),
  );
  const begun = (id: string) => report.begun.find((one) => one.id === id);
  expect(begun(lostBatch)).toMatchObject({ told: { filter: null, found: 1 }, payments: { paid: 1 } });
  expect(begun(lostImport.id)?.told).toMatchObject({
    ...{ sha256: lostImport.sha256, state: 'finished', creditedLines: 1, creditedPoints: points },
  });
  // Points, and the fund, as they were given back.
  expect(report.returns.map(({ returnId }) => returnId).sort()).toEqual([...returns].sort());
  for (const one of report.returns)
    expect(one).toMatchObject({ ledger: 'nothing', temporal: 'returned', state: 'returned', difference: null });
  expect(await epochNow()).toBeGreaterThan(epochBefore);

  // All go on by themselves.
  await untilReady(`http://127.0.0.1:${workerPort}/health/ready`, worker);
  await untilReady(`http://127.0.0.1:${apiPort}/health/ready`, api);
  await eventually(
    async () => (await world.call(world.keys.loyalty, 'GET', '/v1/events')).status === 200,
    () => 'the API does not come back',
  );
  expect((await world.call(world.keys.loyalty, 'GET', `/v1/events?after=${next}`)).body.code).toBe('cursor_outdated');
  await world.twin.clearFaults();
  await world.until(unknownSince.body.id, ['paid']);
  await pay(waits);
  await pay(waitsSince);

  // What no history tells is sent again, and counts once.
  for (let time = 1; time <= 2; time++) expect((await credit('boris', 'since-1')).status).toBe(time === 1 ? 201 : 200);
  await recover('--points');
  expect((await world.read(withLostPoints.body.id)).state).toBe('paid');
  expect(await world.balance('boris')).toEqual({ available: 300, held: 0 });
  expect((await askBack(paidBefore.body.id, 100_00)).body).toMatchObject({ id: returns[0], state: 'returned' });
  expect((await imported('anna', 'since-2')).id).not.toBe(lostImport.id);

  // Both books are the same, and each invoice was paid once.
  await world.assertBooksAgree();
  const loyalty = (await world.twin.account('demo-loyalty')).confirmations;
  expect(new Set(loyalty.map(({ invoiceId }) => invoiceId)).size).toBe(loyalty.length);
  const states = await Promise.all(everything.map(async ({ body }) => (await world.read(body.id)).state));
  const known = new Set(loyalty.map(({ partnerOperationId }) => partnerOperationId));
  expect(everything.map(({ body }) => known.has(body.id))).toEqual(states.map((state) => state === 'paid'));
  const spent = everything.filter(({ body }, at) => states[at] === 'paid' && body.id !== withLostPoints.body.id).length;
  // What was given back is 100 points of the one and 50 of the other; and the file's line counts once.
  expect((await world.balance('anna')).available).toBe(250_000 - spent * points + 150 + points);
  const again = await recover();
  expect(again.output).toContain('The ledger is open');
  await api.stop(2_000);
}, 240_000);

const invoiceOf = ({ body }: ApiAnswer) => (body as unknown as { invoice: { id: string } }).invoice.id;
