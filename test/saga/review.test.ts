/** A payment that the answers of Invoicebox cannot prove waits for a person; he decides with evidence, or a proof comes first. */
import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { resolveReview, type WishToResolve } from '../../src/api/payments/resolutions.js';
import { demo } from '../../scripts/demoWorld.js';
import { repository } from '../../scripts/stack.js';
import type { TwinTrouble } from '../../scripts/twin.js';
import { eventually, World, type ApiAnswer } from '../support/world.js';

let world: World;
beforeAll(async () => {
  world = await World.open({
    // A day is two seconds.
    timings: { waitScale: 0.000_025 },
    environment: { INVOICEBOX_CONFIRM_TIMEOUT_MS: '500', INVOICEBOX_CONNECT_TIMEOUT_MS: '300' },
    temporalSetup: { INVOICEBOX_CALLS_PER_SECOND_ACCOUNT: '50', INVOICEBOX_CALLS_PER_SECOND_ADDRESS: '100' },
  });
});
afterAll(async () => {
  await world.assertBooksAgree();
  await world.close();
});

/** Confirmed by Anna, with this trouble on the way, and followed until a person is needed. */
async function inReview(
  trouble: TwinTrouble,
  meanwhile: (invoiceId: string) => Promise<unknown> = () => Promise.resolve(),
) {
  const invoice = await world.invoice();
  await world.twin.arrangeFault({ ...trouble, invoiceId: invoice.id, operation: 'confirm' });
  const opened = await world.open(invoice.id);
  const said = world.confirm(opened);
  await world.until(opened.body.id, ['unknown', 'in_review']);
  await meanwhile(invoice.id);
  await said;
  await world.until(opened.body.id, ['in_review']);
  return { opened, invoiceId: invoice.id };
}

const paidElsewhere = () =>
  inReview({ kind: 'error_before', status: 502 }, (invoiceId) => world.twin.payInvoiceElsewhere(invoiceId));
const changed = () =>
  inReview({ kind: 'error_before', status: 502 }, (invoiceId) => world.twin.editInvoice(invoiceId, { amountMinor: 5 }));

function resolve(opened: ApiAnswer, wish: Pick<WishToResolve, 'outcome'> & Partial<WishToResolve>) {
  return resolveReview(world.client, world.surety.recovery, {
    partnerId: world.partnerIds.loyalty,
    paymentId: opened.body.id,
    resolutionId: randomUUID(),
    transactionId: null,
    reason: 'statement',
    comment: 'Звонила Ивановой, +79001112233: платила картой',
    reference: 'statement 7, line 3',
    actor: { kind: 'operator', id: 'olga' },
    ...wish,
  });
}

/** "Too soon" passes with the margin. */
async function resolved(opened: ApiAnswer, wish: Parameters<typeof resolve>[1]) {
  let answer = await resolve(opened, wish);
  await eventually(
    async () => {
      if (answer.kind === 'refused' && answer.why === 'too_soon_after_the_last_call')
        answer = await resolve(opened, wish);
      return answer.kind === 'resolved';
    },
    () => JSON.stringify(answer),
  );
  return answer;
}

const eventsOf = async (id: string) =>
  (
    await world.surety.admin.query<{ type: string }>(
      'SELECT type FROM payment_event WHERE payment_id = $1 ORDER BY seq',
      [id],
    )
  ).rows.map(({ type }) => type);

describe('paid by somebody after an unknown outcome', () => {
  it('is told as in review; "not paid" is impossible, "paid elsewhere" with proof gives everything back', async () => {
    const before = await world.balance('anna');
    const { opened } = await paidElsewhere();
    expect((await world.balance('anna')).held).toBe(12_346);
    await expect(resolve(opened, { outcome: 'not_paid' })).resolves.toMatchObject({
      kind: 'refused',
      why: 'invoice_reads_paid',
      read: { status: 'paid', amountMinor: 12_345_67, currency: 'RUB' },
    });
    await expect(resolved(opened, { outcome: 'paid_elsewhere' })).resolves.toMatchObject({
      kind: 'resolved',
      state: 'declined',
      reason: 'paid_elsewhere',
    });
    expect(await world.balance('anna')).toEqual(before);
    const events = await eventsOf(opened.body.id);
    expect(events.filter((type) => type !== 'payment.resolution')).toEqual([
      'payment.opened',
      'payment.awaiting_confirmation',
      'payment.settling',
      'payment.unknown',
      'payment.in_review',
      'payment.declined',
    ]);
    // The one refused, perhaps some that came too soon, and the one that counted.
    expect(events.filter((type) => type === 'payment.resolution').length).toBeGreaterThanOrEqual(2);
    expect(await world.handle(opened.body.id).result()).toMatchObject({ state: 'declined' });
  });

  it('is told as it is to whoever opens the invoice again: 202 in review, and its end by the same key', async () => {
    const { opened, invoiceId } = await paidElsewhere();
    const header = { 'idempotency-key': randomUUID() };
    const moving = await world.open(invoiceId, header);
    expect([moving.status, moving.body]).toMatchObject([202, { id: opened.body.id, state: 'in_review' }]);
    await resolved(opened, { outcome: 'paid_elsewhere' });
    const again = await world.open(invoiceId, header);
    expect([again.status, again.body]).toMatchObject([200, { id: opened.body.id, state: 'declined' }]);
  });

  it('by us, though Invoicebox does not say so: "paid" with the transaction of the statement captures and draws', async () => {
    const twinAccount = { name: demo.loyalty.slug, token: demo.loyalty.token };
    const funds = [{ currency: 'RUB', sizeMinor: demo.fundMinor }];
    await world.twin.applyAccount(demo.loyalty.account, { ...twinAccount, funds, repeatAnswers: 'already_paid' });
    const { opened } = await inReview({ kind: 'cut_after' });
    await world.twin.applyAccount(demo.loyalty.account, { ...twinAccount, funds });
    const { confirmations } = await world.twin.account(demo.loyalty.account);
    const transactionId = confirmations.at(-1)?.transactionId ?? '';
    // Had the repeat been answered by now, a proof has won: both ends are the same.
    const answer = await resolve(opened, { outcome: 'paid', transactionId });
    expect(['resolved', 'refused', 'not_in_review']).toContain(answer.kind);
    await world.until(opened.body.id, ['paid']);
    expect(await world.read(opened.body.id)).toMatchObject({ transactionId });
  });

  it('what a person writes stays in the database: neither history nor log has it', async () => {
    const { opened } = await paidElsewhere();
    await resolved(opened, { outcome: 'paid_elsewhere' });
    const history = JSON.stringify(await world.handle(opened.body.id).fetchHistory());
    const words = ['Ивановой', '+79001112233', 'line 3'];
    for (const word of words) {
      expect(history).not.toContain(Buffer.from(word).toString('base64').slice(0, 8));
      expect(world.worker?.output).not.toContain(word);
    }
    const { rows } = await world.surety.admin.query('SELECT comment FROM payment_resolution WHERE payment_id = $1', [
      opened.body.id,
    ]);
    expect(JSON.stringify(rows)).toContain('Ивановой');
  });
});

describe('a changed invoice after an unknown outcome', () => {
  it('"not paid" gives back at once, keeps the invoice until it is canceled, and then ends', async () => {
    const before = await world.balance('anna');
    const { opened, invoiceId } = await changed();
    await expect(resolve(opened, { outcome: 'paid', transactionId: randomUUID() })).resolves.toMatchObject({
      kind: 'refused',
      why: 'invoice_reads_not_paid',
    });
    await resolved(opened, { outcome: 'not_paid' });
    expect(await world.balance('anna')).toEqual(before);
    expect((await world.open(invoiceId)).body).toMatchObject({ id: opened.body.id, state: 'in_review' });
    await world.twin.cancelInvoice(invoiceId);
    await world.until(opened.body.id, ['declined']);
    expect(await world.handle(opened.body.id).result()).toMatchObject({ state: 'declined' });
  });

  it('a call that Invoicebox executes even later draws the fund, takes no points, and asks the person again', async () => {
    const before = await world.balance('anna');
    const { opened, invoiceId } = await inReview({ kind: 'delay', delayMs: 6_000 }, (id) =>
      world.twin.editInvoice(id, { amountMinor: 12_345_00 }),
    );
    await resolved(opened, { outcome: 'not_paid' });
    await world.twin.editInvoice(invoiceId, { amountMinor: 12_345_67 });
    await eventually(
      async () => (await world.read(opened.body.id)).reason === 'paid_after_release',
      () => 'the late payment was not noticed',
    );
    expect(await world.balance('anna')).toEqual(before);
    expect(await eventsOf(opened.body.id)).toContain('fund.difference');
    await world.assertBooksAgree();
    await expect(resolve(opened, { outcome: 'paid', transactionId: randomUUID() })).resolves.toMatchObject({
      why: 'another_transaction_is_proven',
    });
    const { rows } = await world.surety.admin.query<{ transaction_id: string }>(
      'SELECT transaction_id FROM payment WHERE id = $1',
      [opened.body.id],
    );
    await expect(
      resolve(opened, { outcome: 'paid', transactionId: rows[0]?.transaction_id ?? '' }),
    ).resolves.toMatchObject({ kind: 'resolved', state: 'paid' });
    expect(await world.balance('anna')).toEqual(before);
  });
});

it('a step that the ledger refuses is never swallowed: what is held stays held, and a person is asked', async () => {
  const invoice = await world.invoice();
  const opened = await world.open(invoice.id);
  await world.surety.admin.query(`
    CREATE FUNCTION break_close() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN IF NEW.state = 'declined' THEN RAISE EXCEPTION 'broken'; END IF; RETURN NEW; END $$`);
  await world.surety.admin.query(
    'CREATE TRIGGER break_close BEFORE UPDATE ON payment FOR EACH ROW EXECUTE FUNCTION break_close()',
  );
  await world.twin.arrangeFault({ invoiceId: invoice.id, operation: 'confirm', kind: 'refuse', code: 'limit_reached' });
  const said = world.confirm(opened);
  await world.until(opened.body.id, ['in_review']);
  expect(await world.read(opened.body.id)).toMatchObject({ reason: 'ledger_refused' });
  expect((await world.balance('anna')).held).toBe(12_346);
  await world.surety.admin.query('DROP TRIGGER break_close ON payment');
  await said;
  await resolved(opened, { outcome: 'not_paid' });
  expect((await world.balance('anna')).held).toBe(0);
  await world.twin.cancelInvoice(invoice.id);
  await world.until(opened.body.id, ['declined']);
  // Refused definitely, so it was not called again.
  expect((await world.twin.requests(invoice.id)).filter(({ operation }) => operation === 'confirm')).toHaveLength(1);
});

it('resolutions that say too little, come too late or to a payment that needs none are refused', async () => {
  const opened = await world.open((await world.invoice()).id);
  await expect(resolve(opened, { outcome: 'not_paid' })).resolves.toEqual({
    kind: 'not_in_review',
    state: 'awaiting_confirmation',
  });
  await expect(
    world.handle(opened.body.id).executeUpdate('resolve', {
      args: [{ resolutionId: randomUUID(), outcome: 'not_paid', notAfter: Date.now() + 1_000 }],
    }),
  ).rejects.toMatchObject({ cause: { type: 'not_waiting' } });
  for (const message of [null, {}, { resolutionId: 'x', outcome: 'paid', notAfter: 1 }, { outcome: 'stolen' }]) {
    await expect(world.handle(opened.body.id).executeUpdate('resolve', { args: [message] })).rejects.toMatchObject({
      cause: { type: 'malformed' },
    });
  }
  await world.call(world.keys.loyalty, 'POST', `/v1/payments/${opened.body.id}/cancel`, {});
});

describe('npm run resolve', () => {
  const run = (...args: string[]) =>
    spawnSync(process.execPath, [join(repository, 'dist/scripts/resolve.js'), ...args], {
      encoding: 'utf8',
      env: {
        ...process.env,
        DATABASE_ADMIN_URL: world.surety.options.postgres.url(world.surety.options.database),
        TEMPORAL_ADDRESS: world.temporal.address,
        TEMPORAL_NAMESPACE: world.namespace,
      },
    });

  it('lists what waits, needs reason, comment and reference, says what the invoice reads, and does what is possible', async () => {
    const { opened } = await paidElsewhere();
    const { id } = opened.body;
    expect(run().stdout).toContain(id);
    const short = run(id, 'paid_elsewhere', '--reason', 'statement');
    expect([short.status, short.stderr]).toEqual([
      1,
      expect.stringMatching(/Nothing was changed.*comment.*reference/s),
    ]);
    const evidence = ['--reason', 'statement', '--comment', 'Olga has looked', '--reference', 'line 4', '--by', 'olga'];
    const refused = run(id, 'not_paid', ...evidence);
    expect([refused.status, refused.stdout]).toEqual([
      1,
      expect.stringMatching(/Refused, nothing was changed: invoice_reads_paid. The invoice reads paid/),
    ]);
    expect(run(id, 'paid', ...evidence).stderr).toContain('--transaction');
    let done = run(id, 'paid_elsewhere', ...evidence);
    await eventually(
      () => {
        if (done.stdout.includes('too_soon')) done = run(id, 'paid_elsewhere', ...evidence);
        return Promise.resolve(done.status === 0);
      },
      () => done.stdout + done.stderr,
    );
    expect(done.stdout).toContain('Done: the payment is declined (paid_elsewhere)');
    expect(run(randomUUID(), 'not_paid', ...evidence).stderr).toContain('There is no such payment');
  });
});
