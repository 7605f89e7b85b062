/** Returns from end to end: the merchant gives money back at the twin, two people say so here, and the points are the buyer's again. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually, World, type ApiAnswer } from '../support/world.js';

let world: World;
/** Of another person than the one who asks. */
let second: string;
beforeAll(async () => {
  world = await World.open({
    environment: { INVOICEBOX_CONNECT_TIMEOUT_MS: '300', INVOICEBOX_READ_TIMEOUT_MS: '500' },
    temporalSetup: {
      ...{ INVOICEBOX_CALLS_PER_SECOND_ACCOUNT: '50', INVOICEBOX_CALLS_PER_SECOND_ADDRESS: '100' },
      ...{ SWEEP_EVERY_MS: '1000', SWEEP_GRACE_MS: '1500' },
    },
  });
  const scopes = ['payments:read', 'fund:read', 'fund:approve'];
  const made = await world.call(world.keys.loyalty, 'POST', '/v1/api-keys', { name: 'second', scopes });
  second = (made.body as unknown as { key: string }).key;
});
afterAll(async () => {
  await world.assertBooksAgree();
  await world.close();
});

interface Return {
  readonly id: string;
  readonly state: string;
  readonly points: number | null;
  readonly approvalId: string | null;
  readonly invoiceStatus: string | null;
}
const returnIn = ({ body }: ApiAnswer) => body as unknown as Return;

/** Anna's, paid. */
async function paid(): Promise<{ id: string; points: number; amountMinor: number; invoiceId: string }> {
  const invoice = await world.invoice();
  const opened = await world.open(invoice.id);
  await world.confirm(opened);
  await world.until(opened.body.id, ['paid']);
  return { id: opened.body.id, points: opened.body.points, amountMinor: invoice.amountMinor, invoiceId: invoice.id };
}

function ask(paymentId: string, wish: Record<string, unknown>, headers: Record<string, string> = {}) {
  const body = { fundRestored: true, reference: randomUUID(), reason: 'Не подошёл размер', ...wish };
  return world.call(world.keys.loyalty, 'POST', `/v1/payments/${paymentId}/returns`, body, headers);
}

function decide(approvalId: string | null, decision: 'approve' | 'reject', key = second, version = 1) {
  const body = { version, reason: 'checked' };
  return world.call(key, 'POST', `/v1/approvals/${approvalId ?? ''}/${decision}`, body);
}

async function returnsOf(paymentId: string): Promise<Return[]> {
  const { body } = await world.call(second, 'GET', `/v1/payments/${paymentId}/returns`);
  return (body as unknown as { data: Return[] }).data;
}

async function untilReturned(paymentId: string, returnId: string): Promise<Return> {
  let last: Return | undefined;
  await eventually(
    async () => {
      last = (await returnsOf(paymentId)).find(({ id }) => id === returnId);
      return last?.state === 'returned';
    },
    () => `${returnId} is ${last?.state ?? 'unknown'}, never returned\n${world.worker?.output.slice(-3_000) ?? ''}`,
  );
  if (last === undefined) throw new Error('The return is gone');
  return last;
}

const refund = (invoiceId: string, amountMinor: number, status: 'paid' | 'canceled' = 'canceled') =>
  world.twin.reverseInvoice(invoiceId, { amountMinor, restoreFund: true, status });

describe('a return', () => {
  it('gives points and fund back once another person has approved it, and everybody is told', async () => {
    const before = await world.balance('anna');
    const payment = await paid();
    await refund(payment.invoiceId, payment.amountMinor);
    const asked = await ask(payment.id, { amountMinor: payment.amountMinor, reference: 'R-whole' });
    expect([asked.status, returnIn(asked)]).toMatchObject([
      202,
      { state: 'requested', points: null, invoiceStatus: null },
    ]);
    const own = await decide(returnIn(asked).approvalId, 'approve', world.keys.loyalty);
    expect([own.status, own.body]).toMatchObject([409, { refusal: 'own_request' }]);
    expect(await world.balance('anna')).toEqual({ available: before.available - payment.points, held: 0 });

    const approved = await decide(returnIn(asked).approvalId, 'approve');
    expect([approved.status, approved.body]).toMatchObject([200, { state: 'approved' }]);
    const returned = await untilReturned(payment.id, returnIn(asked).id);
    expect(returned).toMatchObject({ points: payment.points, invoiceStatus: 'canceled' });
    expect(await world.balance('anna')).toEqual(before);
    const told = { returnedMinor: payment.amountMinor, returnedPoints: payment.points };
    expect(await world.read(payment.id)).toMatchObject({ state: 'paid', ...told });
    const { body: passport } = await world.call(second, 'GET', `/v1/payments/${payment.id}/passport`);
    expect(passport).toMatchObject({
      ...told,
      returns: [{ reference: 'R-whole', state: 'returned', points: payment.points }],
    });
    const { rows } = await world.surety.admin.query<{ data: unknown }>(
      "SELECT body -> 'data' AS data FROM event WHERE type = 'payment.returned' AND payment_id = $1",
      [payment.id],
    );
    expect(rows).toMatchObject([{ data: { ...told, reference: 'R-whole', fundRestored: true } }]);
  });

  it('in parts gives exactly all points; more than was paid, another content and what is not paid are refused', async () => {
    const before = await world.balance('anna');
    const payment = await paid();
    const third = Math.floor(payment.amountMinor / 3);
    const parts = [third, third, payment.amountMinor - 2 * third];
    for (const [index, amountMinor] of parts.entries()) {
      await refund(payment.invoiceId, amountMinor, 'paid');
      const wish = { amountMinor, reference: `R-${index}` };
      const key = { 'idempotency-key': randomUUID() };
      const asked = await ask(payment.id, wish, key);
      const again = await ask(payment.id, wish, key);
      expect([again.status, returnIn(again).id]).toEqual([202, returnIn(asked).id]);
      const other = await ask(payment.id, { ...wish, amountMinor: amountMinor - 1 });
      expect([other.status, other.body.code]).toEqual([409, 'reference_conflict']);
      await decide(returnIn(asked).approvalId, 'approve');
      expect(await untilReturned(payment.id, returnIn(asked).id)).toMatchObject({ invoiceStatus: 'paid' });
      const known = await ask(payment.id, wish);
      expect([known.status, returnIn(known)]).toMatchObject([200, { id: returnIn(asked).id, state: 'returned' }]);
    }
    expect(await world.balance('anna')).toEqual(before);
    const tooMuch = await ask(payment.id, { amountMinor: 1 });
    expect([tooMuch.status, tooMuch.body]).toMatchObject([409, { code: 'more_than_paid', leftMinor: 0 }]);

    const waiting = await world.open((await world.invoice()).id);
    const tooSoon = await ask(waiting.body.id, { amountMinor: 1 });
    expect([tooSoon.status, tooSoon.body]).toMatchObject([
      409,
      { code: 'conflict', refusal: 'not_paid', payment: { state: 'awaiting_confirmation' } },
    ]);
  });

  it('that is rejected gives nothing back, and can be asked for anew', async () => {
    const payment = await paid();
    const before = await world.balance('anna');
    const wish = { amountMinor: payment.amountMinor, reference: 'R', fundRestored: false };
    const asked = await ask(payment.id, wish);
    expect((await decide(returnIn(asked).approvalId, 'reject')).status).toBe(200);
    expect(await returnsOf(payment.id)).toMatchObject([{ state: 'rejected', points: null, approvalId: null }]);
    expect(await world.balance('anna')).toEqual(before);
    const anew = await ask(payment.id, wish);
    expect(returnIn(anew)).toMatchObject({ id: returnIn(asked).id, state: 'requested' });
    expect((await decide(returnIn(anew).approvalId, 'approve', second, 1)).body).toMatchObject({ refusal: 'stale' });
    expect((await decide(returnIn(anew).approvalId, 'approve', second, 2)).status).toBe(200);
    await untilReturned(payment.id, returnIn(asked).id);
    expect((await world.balance('anna')).available).toBe(before.available + payment.points);
  });

  it('of an organisation’s payment restores its fund; there are no points', async () => {
    const invoice = await world.invoice();
    const opened = await world.payAsOrganisation(invoice.id);
    await world.until(opened.body.id, ['paid'], world.keys.organisation);
    await refund(invoice.id, 100);
    const key = world.keys.organisation;
    const body = { amountMinor: 100, fundRestored: true, reference: 'R', reason: 'broken' };
    const asked = await world.call(key, 'POST', `/v1/payments/${opened.body.id}/returns`, body);
    const scopes = ['payments:read', 'fund:approve'];
    const made = await world.call(key, 'POST', '/v1/api-keys', { name: 'second', scopes });
    await decide(returnIn(asked).approvalId, 'approve', (made.body as unknown as { key: string }).key);
    await eventually(
      async () =>
        ((await world.read(opened.body.id, key)) as unknown as { returnedMinor: number }).returnedMinor === 100,
      () => 'it was never returned',
    );
    expect(await world.read(opened.body.id, key)).toMatchObject({ returnedPoints: 0 });
  });
});

describe('an approved return is booked', () => {
  it('although Invoicebox cannot be asked: the record says that it was not', async () => {
    const payment = await paid();
    await refund(payment.invoiceId, 100);
    await world.twin.arrangeFault({
      ...{ invoiceId: payment.invoiceId, operation: 'read', kind: 'error_before', status: 503, times: 1_000 },
    });
    const asked = await ask(payment.id, { amountMinor: 100 });
    await decide(returnIn(asked).approvalId, 'approve');
    expect(await untilReturned(payment.id, returnIn(asked).id)).toMatchObject({ invoiceStatus: null });
    await world.twin.clearFaults();
  });

  it('after the worker was killed between the approval and the booking', async () => {
    const payment = await paid();
    await refund(payment.invoiceId, 100);
    await world.worker?.kill();
    const asked = await ask(payment.id, { amountMinor: 100 });
    await decide(returnIn(asked).approvalId, 'approve');
    expect(await returnsOf(payment.id)).toMatchObject([{ state: 'approved', points: null }]);
    await world.startWorker();
    await untilReturned(payment.id, returnIn(asked).id);
    expect(await world.read(payment.id)).toMatchObject({ returnedMinor: 100 });
  });

  it('after its workflow was terminated: the Schedule starts another', async () => {
    const payment = await paid();
    await refund(payment.invoiceId, 100);
    await world.twin.arrangeFault({ invoiceId: payment.invoiceId, operation: 'read', kind: 'pause', when: 'before' });
    const asked = await ask(payment.id, { amountMinor: 100 });
    await decide(returnIn(asked).approvalId, 'approve');
    await eventually(
      async () => (await world.twin.requests(payment.invoiceId)).some(({ paused }) => paused),
      () => 'its saga never asked Invoicebox',
    );
    await world.client.workflow.getHandle(`return-${returnIn(asked).id}`).terminate('test');
    await world.twin.resume(payment.invoiceId, 'read');
    await untilReturned(payment.id, returnIn(asked).id);
  });

  it('also where nobody started its saga: the Schedule does', async () => {
    const payment = await paid();
    await refund(payment.invoiceId, 100);
    const asked = await ask(payment.id, { amountMinor: 100 });
    // As after a crash between the commit and the start.
    await world.surety.admin.query('SELECT approval_decide($1, $2, 1, $3, $4, $5, now())', [
      ...[world.partnerIds.loyalty, returnIn(asked).approvalId, 'approve', { kind: 'operator', id: 'olga' }, 'checked'],
    ]);
    await untilReturned(payment.id, returnIn(asked).id);
  });
});
