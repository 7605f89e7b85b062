/** What is said to a workflow from outside our API: by signal, or from the Temporal UI. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually, World, type ApiAnswer } from '../support/world.js';

let world: World;
beforeAll(async () => {
  world = await World.open();
});
afterAll(async () => {
  await world.assertBooksAgree();
  await world.close();
});

async function confirmationOf(opened: ApiAnswer) {
  const memberId = await world.surety.points.openMember(world.partnerIds.loyalty, 'anna');
  return {
    memberId,
    seen: world.seenOf(opened),
    actor: { kind: 'signal', id: 'backend' },
    confirmationId: randomUUID(),
    notAfter: Date.now() + 60_000,
  };
}

describe('signals', () => {
  it('[case application-sdk PR#2690, sdk-java#371] malformed ones are ignored, fail no task, and a valid one still pays', async () => {
    const opened = await world.open((await world.invoice()).id);
    const handle = world.handle(opened.body.id);
    for (const message of [null, [], { points: '12' }, 'x'.repeat(1_000_000)])
      await handle.signal('confirmPayment', message);
    await handle.signal('cancelPayment', { reason: 5 });
    await handle.signal('confirmPayment', await confirmationOf(opened));
    await world.until(opened.body.id, ['paid']);
    const { events } = await handle.fetchHistory();
    expect((events ?? []).filter((event) => event.workflowTaskFailedEventAttributes)).toEqual([]);
  });

  it('of a member that does not exist, or a confirmation used before, leave the payment as it was', async () => {
    const opened = await world.open((await world.invoice()).id);
    const handle = world.handle(opened.body.id);
    const poor = {
      ...(await confirmationOf(opened)),
      memberId: await world.surety.points.openMember(world.partnerIds.loyalty, 'boris'),
    };
    for (const [message, reason] of [
      [{ ...poor, memberId: randomUUID(), confirmationId: randomUUID() }, 'other_member'],
      [poor, 'insufficient_points'],
      // The same once more: it was given up, and leaves everything as it was.
      [poor, 'insufficient_points'],
    ] as const) {
      await handle.signal('confirmPayment', message);
      await eventually(
        async () => (await world.read(opened.body.id)).reason === reason,
        () => `the payment never came back with ${reason}`,
      );
    }
    await eventually(
      async () => (await world.confirm(opened)).body.state === 'paid',
      () => 'the payment could not be confirmed any more',
    );
  });

  it('too late ones do nothing', async () => {
    const opened = await world.open((await world.invoice()).id);
    const handle = world.handle(opened.body.id);
    await handle.signal('confirmPayment', { ...(await confirmationOf(opened)), notAfter: Date.now() - 1 });
    // Answered after the signal was handled: both are in order.
    const cancelled = await world.call(world.keys.loyalty, 'POST', `/v1/payments/${opened.body.id}/cancel`, {});
    expect(cancelled.body.state).toBe('cancelled');
  });

  it('of a partner that does not trust them count nothing', async () => {
    await world.surety.admin.query(
      `UPDATE partner SET settings = jsonb_set(settings, '{trustTemporalSignals}', 'false')`,
    );
    const opened = await world.open((await world.invoice()).id);
    await world.handle(opened.body.id).signal('confirmPayment', await confirmationOf(opened));
    const cancelled = await world.call(world.keys.loyalty, 'POST', `/v1/payments/${opened.body.id}/cancel`, {});
    expect(cancelled.body.state).toBe('cancelled');
    await world.surety.admin.query(
      `UPDATE partner SET settings = jsonb_set(settings, '{trustTemporalSignals}', 'true')`,
    );
  });
});

const untilRead = (invoiceId: string) =>
  eventually(
    async () => (await world.twin.requests(invoiceId)).length > 0,
    () => 'the invoice was never read',
  );

describe('a confirm that comes before this run knows what the invoice says', () => {
  const unread: ApiAnswer[] = [];
  let price: ApiAnswer;
  beforeAll(async () => {
    price = await world.open((await world.invoice()).id);
    const opening = [1, 2, 3].map(async () => {
      const { id: invoiceId } = await world.invoice();
      await world.twin.arrangeFault({ invoiceId, operation: 'read', kind: 'error_before', times: 1_000_000 });
      return world.open(invoiceId);
    });
    unread.push(...(await Promise.all(opening)));
    expect(unread.map(({ body: { state } }) => state)).toEqual(['opening', 'opening', 'opening']);
  }, 60_000);

  const early = async (opened: ApiAnswer, countsForMs = 60_000) => {
    const message = { ...(await confirmationOf(price)), notAfter: Date.now() + countsForMs };
    return world.handle(opened.body.id).startUpdate('confirm', { args: [message], waitForStage: 'ACCEPTED' });
  };

  it('waits for the read, one at a time and no longer than it counts, and counts then; where the payment is over, it counts nothing', async () => {
    const [paid, cancelled, late] = unread;
    if (paid === undefined || cancelled === undefined || late === undefined) throw new Error('none is open');
    const [toBePaid, toBeCancelled, toBeLate] = [await early(paid), await early(cancelled), await early(late, 500)];
    await expect((await early(paid)).result()).rejects.toMatchObject({ cause: { type: 'not_waiting' } });
    await expect(toBeLate.result()).rejects.toMatchObject({ cause: { type: 'too_late' } });
    const { body } = await world.call(world.keys.loyalty, 'POST', `/v1/payments/${cancelled.body.id}/cancel`, {});
    expect(body.state).toBe('cancelled');
    await expect(toBeCancelled.result()).rejects.toMatchObject({ cause: { type: 'not_waiting' } });
    await world.twin.clearFaults();
    await expect(toBePaid.result()).resolves.toMatchObject({ state: 'paid' });
    await world.until(late.body.id, ['awaiting_confirmation']);
  });
});

it('an approver’s refusal waits for the read likewise', async () => {
  const amountMinor = 50_000_01;
  await world.surety.admin.query('UPDATE partner SET organisation_policy = $2 WHERE id = $1', [
    world.partnerIds.organisation,
    { limits: { RUB: { approvalAboveMinor: amountMinor - 1 } } },
  ]);
  const { id: invoiceId } = await world.invoice({ amountMinor });
  await world.twin.arrangeFault({ invoiceId, operation: 'read', kind: 'error_before', times: 1_000_000 });
  const opened = await world.payAsOrganisation(invoiceId);
  const refused = await world.handle(opened.body.id).startUpdate('cancel', {
    args: [
      {
        actor: { kind: 'api_key', id: randomUUID() },
        reason: 'refused_by_approver',
        as: 'refused',
        notAfter: Date.now() + 60_000,
      },
    ],
    waitForStage: 'ACCEPTED',
  });
  expect((await world.read(opened.body.id, world.keys.organisation)).state).toBe('opening');
  await world.twin.clearFaults();
  await expect(refused.result()).resolves.toMatchObject({ state: 'declined' });
});

describe('cancelling the workflow from the Temporal UI', () => {
  it('before the hold: the payment is closed, nothing is held', async () => {
    const opened = await world.open((await world.invoice()).id);
    await world.handle(opened.body.id).cancel();
    await world.until(opened.body.id, ['cancelled']);
    expect((await world.balance('anna')).held).toBe(0);
  });

  it('during the pivot call: it goes forward', async () => {
    const invoice = await world.invoice();
    await world.twin.arrangeFault({ invoiceId: invoice.id, operation: 'confirm', kind: 'delay', delayMs: 800 });
    const opened = await world.open(invoice.id);
    const said = world.confirm(opened);
    await world.until(opened.body.id, ['settling']);
    await world.handle(opened.body.id).cancel();
    expect((await said).body.state).toBe('paid');
    expect(await world.handle(opened.body.id).result()).toMatchObject({ state: 'paid' });
  });

  it('while a slow read is under way, which then succeeds: closed all the same', async () => {
    const invoice = await world.invoice();
    await world.twin.arrangeFault({ invoiceId: invoice.id, operation: 'read', kind: 'delay', delayMs: 1_500 });
    const opened = await world.payAsOrganisation(invoice.id);
    await untilRead(invoice.id);
    await world.handle(opened.body.id).cancel();
    await world.until(opened.body.id, ['cancelled'], world.keys.organisation);
    expect((await world.twin.requests(invoice.id)).filter(({ operation }) => operation === 'confirm')).toEqual([]);
  });

  it('by our own cancel during that read: closed, never paid', async () => {
    const invoice = await world.invoice();
    await world.twin.arrangeFault({ invoiceId: invoice.id, operation: 'read', kind: 'delay', delayMs: 1_500 });
    const opened = await world.payAsOrganisation(invoice.id);
    await untilRead(invoice.id);
    const cancelled = await world.call(world.keys.organisation, 'POST', `/v1/payments/${opened.body.id}/cancel`, {});
    expect([cancelled.status, cancelled.body.state, cancelled.body.reason]).toEqual([
      200,
      'cancelled',
      'cancelled_by_partner',
    ]);
    expect((await world.twin.requests(invoice.id)).filter(({ operation }) => operation === 'confirm')).toEqual([]);
  });

  it('while the invoice cannot be read: closed', async () => {
    const invoice = await world.invoice();
    await world.twin.arrangeFault({ invoiceId: invoice.id, operation: 'read', kind: 'error_before', times: 1_000 });
    const opened = await world.payAsOrganisation(invoice.id);
    await world.handle(opened.body.id).cancel();
    await world.until(opened.body.id, ['cancelled'], world.keys.organisation);
  });
});

describe('the invoice changes between the look and the click', () => {
  it('a stale read is repeated, nothing is held, and the new sum is asked', async () => {
    const own = await World.open({ timings: { freshnessMs: 1_000 } });
    const invoice = await own.invoice();
    const opened = await own.open(invoice.id);
    await own.twin.editInvoice(invoice.id, { amountMinor: 20_000_00 });
    await own.untilStale(opened.body.id, 1_000);
    const said = await own.confirm(opened);
    expect([said.status, said.body.payment]).toMatchObject([
      409,
      { state: 'awaiting_confirmation', reason: 'amount_changed', points: 20_000 },
    ]);
    expect((await own.balance('anna')).held).toBe(0);
    await own.close();
  });
});

it('no workflow ends while somebody still waits for its answer', async () => {
  const opened = await world.open((await world.invoice()).id);
  expect((await world.confirm(opened)).body.state).toBe('paid');
  await world.worker?.stop();
  expect(world.worker?.output).toContain('worker stopped');
  // What Temporal's SDK says of a handler that was cut off.
  expect(world.worker?.output).not.toContain('TMPRL1102');
  await world.startWorker();
});
