/** An organisation's batch in the whole of Surety: each invoice once, whatever is edited, killed, paused or empty meanwhile. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { TwinInvoice } from '../../scripts/twin.js';
import { Pauses } from '../../src/ledger/pauses.js';
import { eventually, World, type ApiAnswer } from '../support/world.js';

interface BatchBody {
  readonly id: string;
  readonly state: string;
  readonly pauseReason: string | null;
  readonly found: number;
  readonly waiting: number;
  readonly skipped: number;
  readonly skippedBecause: Readonly<Record<string, number>>;
  readonly started: number;
  readonly paid: number;
  readonly declined: number;
  readonly awaitingApproval: number;
  readonly inFlight: number;
  readonly paidAmounts: readonly { readonly currency: string; readonly amountMinor: number }[];
  readonly secondsLeft: number | null;
}

let world: World;
beforeAll(async () => {
  world = await World.open({
    environment: { SURETY_KEY_REQUESTS_PER_SECOND: '10000' },
    temporalSetup: {
      ...{ SWEEP_EVERY_MS: '1000', SWEEP_GRACE_MS: '2000' },
      ...{ INVOICEBOX_CALLS_PER_SECOND_ACCOUNT: '60', INVOICEBOX_CALLS_PER_SECOND_ADDRESS: '200' },
    },
  });
});
afterAll(async () => {
  await world.assertBooksAgree();
  await world.close();
});

const call = (method: string, path: string, body?: unknown) =>
  world.call(world.keys.organisation, method, `/v1/payment-batches${path}`, body);
const bodyOf = (answer: ApiAnswer) => answer.body as unknown as BatchBody;
const read = async (id: string) => bodyOf(await call('GET', `/${id}`));

async function make(body: object): Promise<string> {
  const answer = await call('POST', '', body);
  expect([answer.status, answer.headers.get('location')]).toEqual([202, `/v1/payment-batches/${answer.body.id}`]);
  return answer.body.id;
}

async function until(id: string, isSo: (batch: BatchBody) => boolean): Promise<BatchBody> {
  let batch = await read(id);
  await eventually(
    async () => isSo((batch = await read(id))),
    () => `the batch stands so: ${JSON.stringify(batch)}\n${world.worker?.output.slice(-2_000) ?? ''}`,
    90_000,
  );
  return batch;
}

const invoices = (count: number, change: Record<string, unknown> = {}): Promise<TwinInvoice[]> =>
  Promise.all(Array.from({ length: count }, () => world.invoice({ amountMinor: 100, ...change })));

const executed = async ({ id }: TwinInvoice) =>
  (await world.twin.requests(id)).filter(({ effect }) => effect === 'executed').length;

async function confirmationsOf(all: readonly TwinInvoice[]): Promise<number[]> {
  const { confirmations } = await world.twin.account('demo-organisation');
  const times = new Map<string, number>();
  for (const { invoiceId } of confirmations) times.set(invoiceId, (times.get(invoiceId) ?? 0) + 1);
  return all.map(({ id }) => times.get(id) ?? 0);
}

describe('a batch', () => {
  it('of a filter pays what matches, each once, and says why it skips the rest; a worker killed in the middle changes nothing', async () => {
    const wanted = await invoices(150);
    const dear = await invoices(3, { amountMinor: 1_000 });
    const [expired, elsewhere] = await invoices(2);
    if (expired === undefined || elsewhere === undefined) throw new Error('no invoices');
    await world.payAsOrganisation(elsewhere.id);
    await world.twin.editInvoice(expired.id, { expiresAt: new Date(Date.now() - 60_000).toISOString() });
    const id = await make({ filter: { amountUnderMinor: 500, currency: 'RUB' } });
    await until(id, ({ paid }) => paid > 20);
    await world.worker?.kill();
    await world.startWorker();
    const batch = await until(id, ({ state }) => state === 'finished');
    expect(batch).toMatchObject({ waiting: 0, inFlight: 0, declined: 0, secondsLeft: null });
    expect(batch.paid).toBe(150);
    expect(batch.paidAmounts).toEqual([{ currency: 'RUB', amountMinor: 15_000 }]);
    expect(batch.skippedBecause['invoice_expired']).toBe(1);
    expect(new Set(await confirmationsOf(wanted))).toEqual(new Set([1]));
    expect(new Set(await confirmationsOf([...dear, expired]))).toEqual(new Set([0]));
    const items = (await call('GET', `/${id}/items?state=paid&limit=200`)).body as unknown as { data: object[] };
    expect(items.data).toHaveLength(150);
  }, 120_000);

  it('of names pays those, and tells of each that it does not why', async () => {
    const [one, twice, cancelled, changed] = await invoices(4);
    if (one === undefined || twice === undefined || cancelled === undefined || changed === undefined) throw new Error();
    const { body } = await world.payAsOrganisation(twice.id);
    await world.until(body.id, ['paid'], world.keys.organisation);
    await world.twin.cancelInvoice(cancelled.id);
    const unknown = '00000000-0000-4000-8000-00000000dead';
    const named = [one, twice, cancelled, changed].map((invoice) => invoice.id);
    const id = await make({ invoiceIds: [...named, one.id.toUpperCase(), unknown] });
    const batch = await until(id, ({ state }) => state === 'finished');
    expect(batch).toMatchObject({ found: 5, paid: 2, declined: 1, skipped: 2 });
    const items = (await call('GET', `/${id}/items`)).body as unknown as {
      data: { invoiceId: string; state: string; reason: string | null }[];
    };
    expect(items.data.map(({ invoiceId, state, reason }) => [invoiceId, state, reason])).toEqual([
      [one.id, 'paid', null],
      [twice.id, 'skipped', 'paid_elsewhere'],
      [cancelled.id, 'skipped', 'invoice_canceled'],
      [changed.id, 'paid', null],
      [unknown, 'declined', 'invoice_not_found'],
    ]);
    expect(await executed(one)).toBe(1);
  });

  it('costs a confirm an invoice and a read a page', async () => {
    const all = await invoices(30);
    const id = await make({ invoiceIds: all.map((invoice) => invoice.id) });
    await until(id, ({ state }) => state === 'finished');
    const requests = await Promise.all(all.map((invoice) => world.twin.requests(invoice.id)));
    expect(requests.flat().filter(({ operation }) => operation === 'read')).toHaveLength(0);
    expect(requests.flat().filter(({ operation }) => operation === 'confirm')).toHaveLength(30);
  });

  it('pauses by itself when the fund is empty instead of having the rest declined, and goes on after a deposit', async () => {
    const { organisation } = world.partnerIds;
    const [fund] = await world.surety.ledger.fundBalance(organisation);
    const available = fund?.availableMinor ?? 0;
    // All but three invoices' worth is held by somebody else.
    const others = await world.payAsOrganisation((await world.invoice({ amountMinor: available - 300 })).id);
    await world.until(others.body.id, ['paid'], world.keys.organisation);
    const all = await invoices(10);
    const id = await make({ invoiceIds: all.map((invoice) => invoice.id) });
    const paused = await until(id, ({ state, inFlight }) => state === 'paused' && inFlight === 0);
    expect(paused).toMatchObject({ pauseReason: 'fund_empty', paid: 3, declined: 0, waiting: 7, secondsLeft: null });
    await world.surety.ledger.depositFund({
      ...{ partnerId: organisation, currency: 'RUB', amountMinor: 100_000_00, reference: 'bill-2', at: Date.now() },
      actor: { kind: 'operator', id: 'test' },
    });
    await world.twin.applyAccount('demo-organisation', {
      name: 'romashka',
      token: 'demo-token-organisation-0123456789',
      funds: [{ currency: 'RUB', sizeMinor: 100_000_000_00 + 100_000_00 }],
    });
    const resumed = await call('POST', `/${id}/resume`);
    expect([resumed.status, bodyOf(resumed).state]).toEqual([202, 'running']);
    expect(await until(id, ({ state }) => state === 'finished')).toMatchObject({ paid: 10, declined: 0 });
    expect(new Set(await confirmationsOf(all))).toEqual(new Set([1]));
  });

  it('pauses when Invoicebox says that there is no money, and then pays those too that it had refused', async () => {
    const all = await invoices(6);
    const [first] = all;
    await world.twin.arrangeFault({
      ...{ invoiceId: first?.id ?? '', operation: 'confirm', kind: 'refuse', status: 422, code: 'notEnoughMoney' },
    });
    const id = await make({ invoiceIds: all.map((invoice) => invoice.id) });
    await until(id, ({ state, inFlight }) => state === 'paused' && inFlight === 0);
    expect(await read(id)).toMatchObject({ pauseReason: 'fund_unavailable', declined: 0 });
    await world.surety.admin.query('UPDATE partner SET fund_doubted_at = NULL WHERE id = $1', [
      world.partnerIds.organisation,
    ]);
    await call('POST', `/${id}/resume`);
    expect(await until(id, ({ state }) => state === 'finished')).toMatchObject({ paid: 6, declined: 0 });
    expect(new Set(await confirmationsOf(all))).toEqual(new Set([1]));
  });

  it('is paused, and goes on when it is resumed, also when its workflow was terminated meanwhile', async () => {
    const all = await invoices(60);
    const id = await make({ invoiceIds: all.map((invoice) => invoice.id) });
    await until(id, ({ paid }) => paid > 0);
    const paused = await call('POST', `/${id}/pause`);
    expect([paused.status, bodyOf(paused).pauseReason]).toEqual([200, 'by_partner']);
    await world.client.workflow.getHandle(`batch-${id}`).terminate('lost');
    await call('POST', `/${id}/resume`);
    expect(await until(id, ({ state }) => state === 'finished')).toMatchObject({ paid: 60 });
    expect(new Set(await confirmationsOf(all))).toEqual(new Set([1]));
  });

  it('is cancelled: what waits is skipped, what is under way goes on to its end', async () => {
    const all = await invoices(60);
    const id = await make({ invoiceIds: all.map((invoice) => invoice.id) });
    await until(id, ({ started }) => started > 0);
    await call('POST', `/${id}/cancel`);
    const batch = await until(id, ({ state }) => state === 'cancelled');
    expect(batch).toMatchObject({ found: 60, waiting: 0, inFlight: 0 });
    expect(batch.paid + (batch.skippedBecause['batch_cancelled'] ?? 0)).toBe(60);
    const late = await call('POST', `/${id}/resume`);
    expect([late.status, late.body.code]).toEqual([409, 'conflict']);
    expect((await confirmationsOf(all)).reduce((sum, one) => sum + one, 0)).toBe(batch.paid);
  });

  it('tells the partner once how it has ended', async () => {
    const { rows } = await world.surety.admin.query<{ body: { data: { id: string } } }>(
      "SELECT body FROM event WHERE type = 'batch.finished'",
    );
    const told = rows.map(({ body }) => body.data.id);
    expect(new Set(told).size).toBe(told.length);
    expect(told).toHaveLength(7);
  });
});

describe('a hundred thousand invoices', () => {
  const many = Array.from({ length: 100_000 }, (_, n) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`);

  it('are taken in one body, and one more is refused by name', async () => {
    const answer = await call('POST', '', { invoiceIds: many });
    expect([answer.status, bodyOf(answer).found]).toEqual([202, 100_000]);
    await call('POST', `/${answer.body.id}/cancel`);
    const tooMany = await call('POST', '', { invoiceIds: [...many, 'ffffffff-0000-4000-8000-000000000000'] });
    expect([tooMany.status, JSON.stringify(tooMany.body)]).toEqual([422, expect.stringContaining('invoiceIds')]);
  });

  it.each([
    ['nothing', {}],
    ['both', { filter: {}, invoiceIds: many.slice(0, 1) }],
    ['no invoices', { invoiceIds: [] }],
    ['what is no id', { invoiceIds: ['x'] }],
    ['paid ones', { filter: { status: 'paid' } }],
  ])('of %s are refused: 422', async (_, body) => {
    expect((await call('POST', '', body)).status).toBe(422);
  });
});

describe('while an operator has paused new payments, a batch', () => {
  it('waits, and goes on by itself', async () => {
    const pauses = new Pauses(world.surety.admin);
    const operator = { kind: 'operator', id: 'eve' } as const;
    await pauses.pause(null, 'the fund moves', operator, Date.now());
    const wanted = await invoices(5);
    const id = await make({ invoiceIds: wanted.map((one) => one.id) });
    const waiting = await until(id, ({ state }) => state === 'paused');
    expect([waiting.pauseReason, waiting.waiting, waiting.started]).toEqual(['payments_paused', 5, 0]);
    await pauses.resume(null, operator, Date.now());
    expect(await until(id, ({ state }) => state === 'finished')).toMatchObject({ paid: 5, declined: 0 });
    expect(await confirmationsOf(wanted)).toEqual([1, 1, 1, 1, 1]);
  });
});
