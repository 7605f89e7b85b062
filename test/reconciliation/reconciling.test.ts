/** Reconciliation by the real way: the twin's statement, lists and reversals; API, Temporal and worker, each its own process. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { demo } from '../../scripts/demoWorld.js';
import { send } from '../support/rawHttp.js';
import { eventually, World } from '../support/world.js';

let world: World;
beforeAll(async () => {
  world = await World.open({ temporalSetup: { SWEEP_GRACE_MS: '0' } });
  const answer = await world.call(world.keys.loyalty, 'PUT', '/v1/fund/statement-mapping', twinMapping);
  expect(answer.status).toBe(200);
}, 120_000);
afterAll(async () => {
  await world.close();
});

/** As simulator/statement.ts writes it. */
const twinMapping = {
  columns: {
    date: 'Дата',
    kind: 'Операция',
    transactionId: 'Номер транзакции',
    operationId: 'Операция партнёра',
    invoiceNumber: 'Номер счёта',
    amount: 'Сумма',
    currency: 'Валюта',
    balance: 'Остаток',
  },
  direction: 'sign',
};

interface Told {
  readonly id: string;
  readonly state: string;
  readonly [name: string]: unknown;
}

const get = async (path: string) => (await world.call(world.keys.loyalty, 'GET', path)).body as unknown as Told;
const list = async (path: string) => ((await get(path)) as unknown as { data: Told[] }).data;

async function upload(file: string | Buffer, key = randomUUID()) {
  const headers = { authorization: `Bearer ${world.keys.loyalty}`, 'content-type': 'text/csv', 'idempotency-key': key };
  const answer = await send(world.surety.apiUrl, 'POST', '/v1/fund/statements', headers, file);
  return { ...answer, body: JSON.parse(answer.text) as Told };
}

async function reconciled(id: string): Promise<Told> {
  await eventually(
    async () => (await get(`/v1/fund/statements/${id}`)).state === 'reconciled',
    () => `${id} is not reconciled\n${world.worker?.output.slice(-3_000) ?? ''}`,
  );
  return get(`/v1/fund/statements/${id}`);
}

async function run(body: object = {}): Promise<Told> {
  const { status, body: wanted } = await world.call(world.keys.loyalty, 'POST', '/v1/reconciliations', body);
  expect(status).toBe(202);
  const read = () => get(`/v1/reconciliations/${wanted.id}`);
  await eventually(
    async () => ['finished', 'failed'].includes((await read()).state),
    () => `the run does not end\n${world.worker?.output.slice(-3_000) ?? ''}`,
  );
  return read();
}

async function paid(): Promise<string> {
  const opened = await world.open((await world.invoice({ amountMinor: 100_00 })).id);
  await world.confirm(opened);
  await world.until(opened.body.id, ['paid']);
  return opened.body.id;
}

const open = () => list('/v1/fund/differences?state=open');

it('the cabinet’s statement agrees with the books: every draw once, however often it is sent', async () => {
  await paid();
  await paid();
  const file = await world.twin.statement(demo.loyalty.account);
  const key = randomUUID();
  const first = await upload(file, key);
  expect([first.status, first.body]).toMatchObject([202, { movements: 2, balances: [{ outMinor: 200_00 }] }]);
  await expect(reconciled(first.body.id)).resolves.toMatchObject({ newMovements: 2 });
  // The twin's fund was given its size before any statement: of that deposit it tells nothing, and a person says so.
  const [found, ...others] = await open();
  expect([found, others]).toMatchObject([{ kind: 'ours_only', detail: { entry: 'deposit' } }, []]);
  const explain = `/v1/fund/differences/${found?.id ?? ''}/explain`;
  const explained = await world.call(world.keys.loyalty, 'POST', explain, { reason: 'до первой выписки' });
  expect(explained.body).toMatchObject({ state: 'explained', reason: 'до первой выписки' });
  expect(await open()).toEqual([]);
  const again = await upload(file, key);
  expect([again.status, again.body.id, again.headers['idempotency-replayed']]).toEqual([200, first.body.id, 'true']);
  const second = await upload(file);
  await expect(reconciled(second.body.id)).resolves.toMatchObject({ movements: 2, newMovements: 0 });
  const last = async () => (await list('/v1/reconciliations'))[0];
  await eventually(
    async () => (await last())?.state !== 'running',
    () => 'the run does not end',
  );
  expect(await last()).toMatchObject({ state: 'finished', wantedBy: 'statement', result: { matchedLines: 0 } });
});

it('what of a file cannot be read is told by line, and nothing of it is kept', async () => {
  const before = await list('/v1/fund/statements');
  const [header = '', line = ''] = (await world.twin.statement(demo.loyalty.account)).split('\r\n');
  const broken = await upload(
    `${header}\r\n${line}\r\n${line.replace('-', '')}\r\nx;y\r\n${line.replace(',', '.')}\r\n`,
  );
  expect([broken.status, broken.body]).toMatchObject([
    422,
    {
      code: 'statement_refused',
      lines: [
        { line: 3, problem: 'balance_does_not_follow', field: 'balance' },
        { line: 4, problem: 'wrong_number_of_fields', field: null },
        { line: 5, problem: 'invalid_number', field: 'amount' },
      ],
    },
  ]);
  const other = await upload('Дата;Сумма\r\n');
  expect(other.body).toMatchObject({ lines: [{ line: 1, problem: 'column_missing' }] });
  expect(await list('/v1/fund/statements')).toEqual(before);
});

it('an invoice that Invoicebox reads otherwise than it was paid is told at once, and the passport says what was read', async () => {
  const paymentId = await paid();
  await expect(get(`/v1/payments/${paymentId}/passport`)).resolves.toMatchObject({
    paidForWhatWasSeen: { verdict: 'pending' },
  });
  await expect(run()).resolves.toMatchObject({ state: 'finished', result: { openedDifferences: 0 } });
  await expect(get(`/v1/payments/${paymentId}/passport`)).resolves.toMatchObject({
    paidForWhatWasSeen: { verdict: 'equal', status: 'paid', amountMinor: 100_00, currency: 'RUB' },
  });
  const { invoice } = (await world.read(paymentId)) as unknown as { invoice: { id: string } };
  await world.twin.reverseInvoice(invoice.id, { restoreFund: true, status: 'canceled' });
  await expect(run({ readSince: '2026-01-01T00:00:00Z' })).resolves.toMatchObject({
    state: 'finished',
    result: { openedDifferences: 1 },
  });
  await expect(open()).resolves.toMatchObject([
    { kind: 'state', paymentId, detail: { ours: 'paid', theirs: 'canceled' } },
  ]);
  // The points may follow the money, when a person agrees: once, however often it is read.
  await run({ readSince: '2026-01-01T00:00:00Z' });
  const { data } = (await get(`/v1/payments/${paymentId}/returns`)) as unknown as { data: Told[] };
  expect(data).toMatchObject([
    { state: 'proposed', amountMinor: 100_00, fundRestored: true, reference: `canceled-${invoice.id}` },
  ]);
  const { rows } = await world.surety.admin.query<{ body: unknown }>(
    "SELECT body FROM event WHERE type = 'fund.difference' ORDER BY position",
  );
  expect(rows.map(({ body }) => body).at(-1)).toMatchObject({ data: { kind: 'state', paymentId } });
});

it('a killed worker’s run goes on elsewhere; what waits is woken by the Schedule', async () => {
  await world.worker?.kill();
  const lines = Array.from({ length: 30_000 }, (_, n) => `01.11.2026;Пополнение;k-${n};;;1,00;RUB;\r\n`);
  const [header = ''] = (await world.twin.statement(demo.loyalty.account)).split('\r\n');
  const deposit = { currency: 'RUB', amountMinor: 100, actor: { kind: 'operator', id: 'x' } as const, at: Date.now() };
  await world.surety.ledger.depositFund({ partnerId: world.partnerIds.loyalty, reference: 'k-0', ...deposit });
  const sent = await upload(`${header}\r\n${lines.join('')}`);
  await world.client.workflow.getHandle(`reconciliation-${world.partnerIds.loyalty}`).terminate('lost');
  await world.startWorker();
  await world.client.schedule.getHandle('start-reconciliations').trigger();
  await eventually(
    async () => (await list('/v1/reconciliations'))[0]?.state === 'failed',
    () => `the run does not end\n${world.worker?.output.slice(-3_000) ?? ''}`,
  );
  // Thirty thousand lines that nobody knows are a wrong mapping, not thirty thousand differences: they are taken back.
  expect((await list('/v1/reconciliations'))[0]).toMatchObject({ failure: 'too_many_differences' });
  await expect(get(`/v1/fund/statements/${sent.body.id}`)).resolves.toMatchObject({ state: 'rejected' });
  await expect(run()).resolves.toMatchObject({ state: 'finished', result: { openedDifferences: 0 } });
  const schedule = world.client.schedule.getHandle(`reconcile-${world.partnerIds.loyalty}`);
  await expect(schedule.describe()).resolves.toMatchObject({ action: { workflowType: 'wantReconciliation' } });
});
