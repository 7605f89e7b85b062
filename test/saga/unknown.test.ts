/** Time-outs, cuts, refusals and killed processes around the pivot call: the truth is told, and paid is paid once. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { TwinTrouble } from '../../scripts/twin.js';
import { eventually, World, type ApiAnswer } from '../support/world.js';

let world: World;
beforeAll(async () => {
  world = await World.open();
});
afterAll(async () => {
  await world.assertBooksAgree();
  await world.close();
});

const invoiceIdOf = (opened: ApiAnswer) => (opened.body as unknown as { invoice: { id: string } }).invoice.id;
const confirmsAtTwin = async (opened: ApiAnswer) =>
  (await world.twin.requests(invoiceIdOf(opened))).filter(({ operation }) => operation === 'confirm');

async function openWithFault(fault: TwinTrouble & { times?: number }): Promise<ApiAnswer> {
  const invoice = await world.invoice();
  await world.twin.arrangeFault({ invoiceId: invoice.id, operation: 'confirm', ...fault });
  return world.open(invoice.id);
}

describe('an unknown outcome', () => {
  it('the connection is cut after Invoicebox has committed: unknown is told, then paid, and never anything else', async () => {
    const before = await world.balance('anna');
    const opened = await openWithFault({ kind: 'cut_after' });
    const said = await world.confirm(opened);
    expect([said.status, said.body.state]).toEqual([202, 'unknown']);
    expect((await world.balance('anna')).held).toBe(12_346);
    const states = await world.until(opened.body.id, ['paid', 'declined', 'cancelled', 'expired']);
    expect(states).toEqual(['unknown', 'paid']);
    expect((await confirmsAtTwin(opened)).map(({ effect }) => effect)).toEqual(['executed', 'repeated']);
    expect(await world.balance('anna')).toEqual({ available: before.available - 12_346, held: 0 });
  });

  it('Invoicebox fails before it acts: confirmed again only after quiet reads of "pending", and paid once', async () => {
    const opened = await openWithFault({ kind: 'error_before', status: 500 });
    expect((await world.confirm(opened)).body.state).toBe('unknown');
    await world.until(opened.body.id, ['paid']);
    const requests = await world.twin.requests(invoiceIdOf(opened));
    expect(requests.filter(({ operation }) => operation === 'confirm')).toHaveLength(2);
    expect(requests.filter(({ operation }) => operation === 'read').length).toBeGreaterThanOrEqual(3);
  });

  it('opened again meanwhile: 202, and the same key tells the end when there is one', async () => {
    const opened = await openWithFault({ kind: 'error_before', status: 500, times: 3 });
    await world.confirm(opened);
    await world.until(opened.body.id, ['unknown']);
    const header = { 'idempotency-key': 'opened-while-unknown' };
    const moving = await world.open(invoiceIdOf(opened), header);
    expect([moving.status, moving.body.id]).toEqual([202, opened.body.id]);
    await world.until(opened.body.id, ['paid']);
    const again = await world.open(invoiceIdOf(opened), header);
    expect([again.status, again.body]).toMatchObject([200, { id: opened.body.id, state: 'paid' }]);
  });

  it('paid elsewhere after an ambiguous attempt: a person is asked, the hold stays', async () => {
    const opened = await openWithFault({ kind: 'error_before', status: 502 });
    await world.confirm(opened);
    await world.twin.payInvoiceElsewhere(invoiceIdOf(opened));
    await world.until(opened.body.id, ['in_review']);
    expect(await world.read(opened.body.id)).toMatchObject({ reason: 'already_paid_after_unknown' });
    const details = await world.handle(opened.body.id).describe();
    expect(details.typedSearchAttributes.getAll()).toContainEqual(expect.objectContaining({ value: 'in_review' }));
    const { rows } = await world.surety.admin.query('SELECT FROM hold WHERE payment_id = $1 AND state = $2', [
      opened.body.id,
      'held',
    ]);
    expect(rows).toHaveLength(1);
    await world.handle(opened.body.id).terminate('the test is over');
  });

  it('canceled by the merchant after an ambiguous attempt: released, but only past the margin', async () => {
    const before = await world.balance('anna');
    const opened = await openWithFault({ kind: 'error_before', status: 502 });
    await world.confirm(opened);
    await world.twin.cancelInvoice(invoiceIdOf(opened));
    expect(await world.until(opened.body.id, ['declined'])).toEqual(['unknown', 'declined']);
    expect(await world.read(opened.body.id)).toMatchObject({ reason: 'invoice_canceled' });
    expect(await world.balance('anna')).toEqual(before);
  });

  it('[case wompi-node PR#35] a refusal of the repeat of a call that had worked releases nothing', async () => {
    const opened = await openWithFault({ kind: 'cut_after' });
    await world.twin.arrangeFault({
      invoiceId: invoiceIdOf(opened),
      operation: 'confirm',
      kind: 'refuse',
      status: 422,
      code: 'notEnoughMoney',
    });
    await world.confirm(opened);
    const states = await world.until(opened.body.id, ['paid', 'declined']);
    expect(states).toEqual(['unknown', 'paid']);
  });
});

describe('an answer that is recorded late', () => {
  /** Told unknown, with no read that would prove anything; then a worker that stood still says what it had heard. */
  async function toldLate(ended: { class: 'not_executed' | 'refused'; code: string }): Promise<ApiAnswer> {
    const opened = await openWithFault({ kind: 'error_before', status: 500 });
    await world.twin.arrangeFault({
      ...{
        invoiceId: invoiceIdOf(opened),
        operation: 'confirm',
        kind: 'refuse',
        status: 429,
        code: 'busy',
        times: 9_999,
      },
    });
    await world.twin.arrangeFault({
      ...{ invoiceId: invoiceIdOf(opened), operation: 'read', kind: 'error_before', status: 503, times: 9_999 },
    });
    expect((await world.confirm(opened)).body.state).toBe('unknown');
    await world.surety.admin.query('UPDATE payment_attempt SET class = $2, code = $3 WHERE payment_id = $1', [
      ...[opened.body.id, ended.class, ended.code],
    ]);
    return opened;
  }

  it('"not executed": no doubt is left, so the buyer may cancel while every call is turned away', async () => {
    const before = await world.balance('anna');
    const opened = await toldLate({ class: 'not_executed', code: 'too_many_requests' });
    await world.until(opened.body.id, ['settling']);
    // It is read again before the next call.
    await eventually(
      async () =>
        (await world.call(world.keys.loyalty, 'POST', `/v1/payments/${opened.body.id}/cancel`, {})).status === 200,
      () => 'the cancel never counted',
    );
    expect((await world.read(opened.body.id)).state).toBe('cancelled');
    expect(await world.balance('anna')).toEqual(before);
  });

  it('"not executed": called again, and paid once', async () => {
    const opened = await toldLate({ class: 'not_executed', code: 'too_many_requests' });
    await world.until(opened.body.id, ['settling']);
    await world.twin.clearFaults();
    await world.until(opened.body.id, ['paid']);
    expect((await confirmsAtTwin(opened)).filter(({ effect }) => effect === 'executed')).toHaveLength(1);
  });

  it('a refusal: declined, and everything given back', async () => {
    const before = await world.balance('anna');
    const opened = await toldLate({ class: 'refused', code: 'limit_reached' });
    expect((await world.until(opened.body.id, ['declined'])).at(-1)).toBe('declined');
    expect(await world.read(opened.body.id)).toMatchObject({ reason: 'refused' });
    expect(await world.balance('anna')).toEqual(before);
  });
});

it('the attempt is in the ledger before Invoicebox hears of the call', async () => {
  const opened = await openWithFault({ kind: 'pause', when: 'before' });
  const said = world.confirm(opened);
  await eventually(
    async () => (await confirmsAtTwin(opened)).some(({ paused }) => paused),
    () => 'the call never came',
  );
  const { rows } = await world.surety.admin.query('SELECT class FROM payment_attempt WHERE payment_id = $1', [
    opened.body.id,
  ]);
  expect(rows).toEqual([{ class: null }]);
  await world.twin.resume(invoiceIdOf(opened), 'confirm');
  expect((await said).body.state).toBe('paid');
});

describe('a definite answer', () => {
  it('a refusal: declined with its code, everything given back', async () => {
    const before = await world.balance('anna');
    const opened = await openWithFault({
      kind: 'refuse',
      status: 422,
      code: 'limit_reached',
      message: 'Иван Иванов +79001112233',
    });
    const said = await world.confirm(opened);
    expect([said.status, said.body.payment]).toMatchObject([
      409,
      { state: 'declined', reason: 'refused', refusalCode: 'limit_reached' },
    ]);
    expect(await world.balance('anna')).toEqual(before);
    const history = JSON.stringify(await world.handle(opened.body.id).fetchHistory());
    expect(history).not.toContain(Buffer.from('Иванов').toString('base64').slice(0, 8));
    expect(world.worker?.output).not.toContain('+79001112233');
  });

  it('paid elsewhere, found by the confirm: declined as that', async () => {
    const opened = await world.open((await world.invoice()).id);
    await world.twin.payInvoiceElsewhere(invoiceIdOf(opened));
    const said = await world.confirm(opened);
    expect(said.body.payment).toMatchObject({ state: 'declined', reason: 'paid_elsewhere' });
  });

  it('canceled meanwhile: the status says why', async () => {
    const opened = await world.open((await world.invoice()).id);
    await world.twin.cancelInvoice(invoiceIdOf(opened));
    expect((await world.confirm(opened)).body.payment).toMatchObject({ state: 'declined', reason: 'invoice_canceled' });
  });

  it('turned away by 429: nothing was executed, called again, paid', async () => {
    const opened = await openWithFault({ kind: 'refuse', status: 429, code: 'too_many_requests', times: 2 });
    const said = await world.confirm(opened);
    expect(said.body.state).toBe('paid');
    expect(await confirmsAtTwin(opened)).toHaveLength(3);
  });

  it('a buyer may still cancel while every call was turned away', async () => {
    const before = await world.balance('anna');
    const opened = await openWithFault({ kind: 'refuse', status: 422, code: 'out_of_service', times: 100 });
    const [, cancelled] = await Promise.all([
      world.confirm(opened),
      world.until(opened.body.id, ['settling']).then(() =>
        eventually(
          async () =>
            (await world.call(world.keys.loyalty, 'POST', `/v1/payments/${opened.body.id}/cancel`, {})).status === 200,
          () => 'the cancel never counted',
        ),
      ),
    ]);
    expect(cancelled).toBeUndefined();
    expect((await world.read(opened.body.id)).state).toBe('cancelled');
    expect(await world.balance('anna')).toEqual(before);
  });
});

describe('a killed worker', () => {
  it('between hold and confirm: paid once', async () => {
    const opened = await world.open((await world.invoice()).id);
    await world.worker?.stop();
    // A worker that can hold but not call Invoicebox stands exactly between the two.
    const half = await world.startWorker({ WORKER_QUEUES: 'payments' });
    const said = world.confirm(opened);
    await world.until(opened.body.id, ['settling']);
    await half.kill();
    await world.startWorker();
    await said;
    await world.until(opened.body.id, ['paid']);
    expect(await confirmsAtTwin(opened)).toHaveLength(1);
  });

  it('between confirm and capture: paid once', async () => {
    const before = await world.balance('anna');
    const opened = await openWithFault({ kind: 'delay', delayMs: 1_500 });
    const said = world.confirm(opened);
    await eventually(
      async () =>
        (await world.surety.admin.query('SELECT FROM payment_attempt WHERE payment_id = $1', [opened.body.id]))
          .rowCount === 1,
      () => 'the call never began',
    );
    await world.worker?.kill();
    await world.startWorker();
    await said;
    const states = await world.until(opened.body.id, ['paid', 'declined', 'cancelled']);
    expect(states.at(-1)).toBe('paid');
    expect((await confirmsAtTwin(opened)).filter(({ effect }) => effect === 'executed')).toHaveLength(1);
    expect((await world.balance('anna')).available).toBe(before.available - 12_346);
  });

  it('told to stop during a confirm: the confirm finishes first', async () => {
    const opened = await openWithFault({ kind: 'delay', delayMs: 1_000 });
    const said = world.confirm(opened);
    await eventually(
      async () =>
        (await world.surety.admin.query('SELECT FROM payment_attempt WHERE payment_id = $1', [opened.body.id]))
          .rowCount === 1,
      () => 'the call never began',
    );
    await world.worker?.stop(30_000);
    await world.startWorker();
    await said;
    expect(await world.until(opened.body.id, ['paid'])).not.toContain('unknown');
    expect(await confirmsAtTwin(opened)).toHaveLength(1);
  });
});

it('for want of money at Invoicebox although the mirror says enough: the fund is doubted, new payments are refused up front', async () => {
  const opened = await openWithFault({ kind: 'refuse', status: 422, code: 'notEnoughMoney' });
  expect((await world.confirm(opened)).body.payment).toMatchObject({ state: 'declined', reason: 'refused' });
  const next = await world.open((await world.invoice()).id);
  expect([next.status, next.body.code, next.body.reason]).toEqual([409, 'partner_not_ready', 'fund_unavailable']);
  await world.surety.admin.query('UPDATE partner SET fund_doubted_at = NULL');
});
