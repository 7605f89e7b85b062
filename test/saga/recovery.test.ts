/** A payment whose workflow was ended, reset or lost is taken up again, from what is proven, and paid once. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { v7 as uuidv7 } from 'uuid';
import proto from '@temporalio/proto';
import { policy } from '../support/books.js';
import { eventually, World, type ApiAnswer } from '../support/world.js';

let world: World;
beforeAll(async () => {
  world = await World.open({
    // Longer than the slow call below, as production's is longer than any call.
    timings: { quietMs: 2_500, waitScale: 0.005 },
    temporalSetup: {
      SWEEP_EVERY_MS: '1000',
      SWEEP_GRACE_MS: '300',
      SWEEP_HOLD_AGE_MS: '1000',
      SWEEP_TIMEOUT_MS: '2000',
    },
  });
});
afterAll(async () => {
  await world.assertBooksAgree();
  await world.close();
});

const invoiceIdOf = (opened: ApiAnswer) => (opened.body as unknown as { invoice: { id: string } }).invoice.id;
const executions = async (opened: ApiAnswer) =>
  (await world.twin.requests(invoiceIdOf(opened))).filter(({ effect }) => effect === 'executed').length;
const epochOf = async (id: string) =>
  (await world.surety.admin.query<{ epoch: number }>('SELECT epoch FROM payment WHERE id = $1', [id])).rows[0]?.epoch;
const untilResumed = (id: string, epoch = 2) =>
  eventually(
    async () => ((await epochOf(id)) ?? 0) >= epoch,
    () => `${id} was not resumed\n${world.worker?.output.slice(-2_000) ?? ''}`,
  );
const untilCalled = (id: string) =>
  eventually(
    async () =>
      (await world.surety.admin.query('SELECT FROM payment_attempt WHERE payment_id = $1', [id])).rowCount === 1,
    () => 'the call never began',
  );

describe('terminated in the Temporal UI', () => {
  it('while it waits for the buyer: it waits again, and his confirm pays', async () => {
    const opened = await world.open((await world.invoice()).id);
    await world.handle(opened.body.id).terminate('by mistake');
    await untilResumed(opened.body.id);
    await eventually(
      async () => (await world.confirm(opened)).body.state === 'paid',
      () => 'it could not be confirmed any more',
    );
  });

  it('between hold and call: called once, paid', async () => {
    const opened = await world.open((await world.invoice()).id);
    await world.worker?.stop();
    const half = await world.startWorker({ WORKER_QUEUES: 'payments' });
    const said = world.confirm(opened);
    await world.until(opened.body.id, ['settling']);
    await world.handle(opened.body.id).terminate('by mistake');
    await half.stop(1_000);
    await world.startWorker();
    await said;
    await world.until(opened.body.id, ['paid']);
    expect([await epochOf(opened.body.id), await executions(opened)]).toEqual([2, 1]);
  });

  it('during the call: its answer is known to the new run, nothing is asked twice', async () => {
    const before = await world.balance('anna');
    const invoice = await world.invoice();
    await world.twin.arrangeFault({ invoiceId: invoice.id, operation: 'confirm', kind: 'delay', delayMs: 1_500 });
    const opened = await world.open(invoice.id);
    const said = world.confirm(opened);
    await untilCalled(opened.body.id);
    await world.handle(opened.body.id).terminate('by mistake');
    await said;
    expect(await world.until(opened.body.id, ['paid', 'declined', 'cancelled'])).not.toContain('declined');
    const confirms = (await world.twin.requests(invoice.id)).filter(({ operation }) => operation === 'confirm');
    expect(confirms.map(({ effect }) => effect)).toEqual(['executed']);
    expect((await world.balance('anna')).available).toBe(before.available - 12_346);
  });

  it('while the outcome is unknown: the new run goes on proving', async () => {
    const invoice = await world.invoice();
    await world.twin.arrangeFault({ invoiceId: invoice.id, operation: 'confirm', kind: 'cut_after' });
    const opened = await world.open(invoice.id);
    // Keeps the outcome unknown for a while.
    await world.twin.arrangeFault({ invoiceId: invoice.id, operation: 'read', kind: 'error_before', times: 3 });
    await world.confirm(opened);
    await world.until(opened.body.id, ['unknown']);
    await world.handle(opened.body.id).terminate('by mistake');
    await untilResumed(opened.body.id);
    await world.until(opened.body.id, ['paid']);
    expect(await executions(opened)).toBe(1);
  });

  it('again and again: still paid once', async () => {
    const invoice = await world.invoice();
    await world.twin.arrangeFault({ invoiceId: invoice.id, operation: 'confirm', kind: 'error_before' });
    const opened = await world.payAsOrganisation(invoice.id);
    await untilCalled(opened.body.id);
    // Its outcome cannot be proven until the reads are let go.
    await world.twin.arrangeFault({ invoiceId: invoice.id, operation: 'read', kind: 'error_before', times: 100_000 });
    for (let epoch = 2; epoch <= 3; epoch++) {
      // The sweeper takes it over in the books first, and then begins its run.
      await eventually(
        async () => (await world.handle(opened.body.id).describe()).status.name === 'RUNNING',
        () => 'it does not run',
      );
      await world.handle(opened.body.id).terminate('by mistake');
      await untilResumed(opened.body.id, epoch);
    }
    await world.twin.clearFaults();
    await world.until(opened.body.id, ['paid'], world.keys.organisation);
    expect((await world.twin.requests(invoice.id)).filter(({ effect }) => effect === 'executed')).toHaveLength(1);
  });
});

async function reset(paymentId: string): Promise<void> {
  const { ResetWorkflowExecutionRequest } = proto.temporal.api.workflowservice.v1;
  await world.client.workflowService.resetWorkflowExecution(
    ResetWorkflowExecutionRequest.fromObject({
      namespace: world.namespace,
      workflowExecution: { workflowId: `payment-${paymentId}` },
      reason: 'a test',
      requestId: randomUUID(),
      // The first workflow task: before anything was read or held.
      workflowTaskFinishEventId: 3,
      resetReapplyType: 'RESET_REAPPLY_TYPE_NONE',
    }),
  );
}

describe('reset in the Temporal UI to its beginning', () => {
  it('while the buyer is awaited: he is awaited again', async () => {
    const opened = await world.open((await world.invoice()).id);
    await reset(opened.body.id);
    await eventually(
      async () => (await world.confirm(opened)).body.state === 'paid',
      () => 'it could not be confirmed any more',
    );
  });

  it('while the outcome is unknown, so that the run forgets its hold: the sweeper makes it settle', async () => {
    const invoice = await world.invoice();
    await world.twin.arrangeFault({ invoiceId: invoice.id, operation: 'confirm', kind: 'cut_after' });
    const opened = await world.open(invoice.id);
    await world.twin.arrangeFault({ invoiceId: invoice.id, operation: 'read', kind: 'error_before', times: 2 });
    await world.confirm(opened);
    await world.until(opened.body.id, ['unknown']);
    await reset(opened.body.id);
    await world.until(opened.body.id, ['paid']);
    expect(await executions(opened)).toBe(1);
  });

  it('during the call, so that it finds the invoice paid: what is held is asked of the ledger, and captured', async () => {
    const invoice = await world.invoice();
    const opened = await world.open(invoice.id);
    await world.twin.arrangeFault({ invoiceId: invoice.id, operation: 'confirm', kind: 'pause', when: 'after' });
    const said = world.confirm(opened);
    await untilCalled(opened.body.id);
    await reset(opened.body.id);
    await eventually(
      async () => (await world.twin.requests(invoice.id)).some(({ paused }) => paused),
      () => 'the call never came',
    );
    await world.twin.resume(invoice.id, 'confirm');
    await said;
    await world.until(opened.body.id, ['paid']);
    expect(await executions(opened)).toBe(1);
    expect(await world.handle(opened.body.id).result()).toMatchObject({ state: 'paid' });
  });

  /** Held, not called, and reset to the beginning: a run that waits for the buyer and knows of no hold. */
  async function forgetful(): Promise<ApiAnswer> {
    const opened = await world.open((await world.invoice()).id);
    await world.worker?.stop();
    const half = await world.startWorker({ WORKER_QUEUES: 'payments' });
    const said = world.confirm(opened);
    await world.until(opened.body.id, ['settling']);
    await reset(opened.body.id);
    await half.stop(1_000);
    await said;
    return opened;
  }

  it('between hold and call, and forgotten: nothing was promised any more, so the buyer is asked again, and pays', async () => {
    const opened = await forgetful();
    await world.startWorker();
    await eventually(
      async () => (await world.read(opened.body.id)).reason === 'confirmation_given_up',
      () => 'the hold was not given back',
    );
    expect((await world.read(opened.body.id)).state).toBe('awaiting_confirmation');
    await eventually(
      async () => (await world.confirm(opened)).body.state === 'paid',
      () => 'it could not be confirmed any more',
    );
    expect(await executions(opened)).toBe(1);
  });

  it('between hold and call, and cancelled there: the ledger gives back what the run never knew of', async () => {
    const before = await world.balance('anna');
    const opened = await forgetful();
    // Without the sweeper, which would make the run settle.
    await world.startWorker({ WORKER_QUEUES: 'payments,invoicebox' });
    await eventually(
      async () =>
        (await world.handle(opened.body.id).query<{ state: string }>('state')).state === 'awaiting_confirmation',
      () => 'the run never waited for the buyer again',
    );
    expect((await world.balance('anna')).held).toBe(before.held + 12_346);
    await world.handle(opened.body.id).cancel();
    await world.until(opened.body.id, ['cancelled']);
    expect(await world.balance('anna')).toEqual(before);
    await world.worker?.stop();
    await world.startWorker();
  });

  it('after it was paid: the new run finds it paid, and ends', async () => {
    const opened = await world.open((await world.invoice()).id);
    expect((await world.confirm(opened)).body.state).toBe('paid');
    await reset(opened.body.id);
    expect(await world.handle(opened.body.id).result()).toMatchObject({ state: 'paid' });
    expect(await executions(opened)).toBe(1);
  });
});

describe('lost altogether', () => {
  it('a row whose workflow was never started is taken up', async () => {
    const invoice = await world.invoice();
    const paymentId = uuidv7();
    await world.surety.ledger.openPayment({
      partnerId: world.partnerIds.organisation,
      paymentId,
      scheme: 'organisation',
      invoiceId: invoice.id,
      memberId: null,
      openedBy: { kind: 'api_key', id: 'test' },
      policy: { ...policy, waitScale: 0.02 },
      links: {},
      at: Date.now(),
    });
    await world.until(paymentId, ['paid'], world.keys.organisation);
  });

  it('a workflow whose history is gone goes on from the ledger', async () => {
    const opened = await world.open((await world.invoice()).id);
    await world.client.workflowService.deleteWorkflowExecution({
      namespace: world.namespace,
      workflowExecution: { workflowId: `payment-${opened.body.id}` },
    });
    await untilResumed(opened.body.id);
    await eventually(
      async () => (await world.confirm(opened)).body.state === 'paid',
      () => 'it could not be confirmed any more',
    );
  });

  it('in another Temporal than theirs nothing is swept', async () => {
    await world.surety.admin.query(`UPDATE temporal_namespace SET id = id || '-other'`);
    const opened = await world.open((await world.invoice()).id);
    await world.handle(opened.body.id).terminate('by mistake');
    await eventually(
      () => Promise.resolve(world.worker?.output.includes('nothing was swept') ?? false),
      () => 'no sweep was refused',
    );
    expect(await epochOf(opened.body.id)).toBe(1);
    await world.surety.admin.query(`UPDATE temporal_namespace SET id = replace(id, '-other', '')`);
    await untilResumed(opened.body.id);
    await world.call(world.keys.loyalty, 'POST', `/v1/payments/${opened.body.id}/cancel`, {});
  });
});

it('[case posthog#56389] a stuck sweep is ended, the next does the work, and those left out are counted', async () => {
  const opened = await world.open((await world.invoice()).id);
  await world.worker?.stop();
  // Nobody serves the background queue: the sweep that is due next is stuck, those after it are left out.
  await world.startWorker({ WORKER_QUEUES: 'payments,invoicebox' });
  await world.handle(opened.body.id).terminate('by mistake');
  const schedule = world.client.schedule.getHandle('sweep-payments');
  const before = (await schedule.describe()).info.numActionsSkippedOverlap;
  await eventually(
    async () => (await schedule.describe()).info.numActionsSkippedOverlap > before,
    () => 'no sweep was left out',
  );
  await world.worker?.stop();
  await world.startWorker();
  await untilResumed(opened.body.id);
  await eventually(
    () => Promise.resolve(/"skipped":[1-9]/.test(world.worker?.output ?? '')),
    () => 'the sweeps that were left out are not told',
  );
  await world.call(world.keys.loyalty, 'POST', `/v1/payments/${opened.body.id}/cancel`, {});
});
