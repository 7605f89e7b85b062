/** Every kind of way that a payment's workflow can go: lived through in a world, so that its history can be replayed. */
import { randomUUID } from 'node:crypto';
import type { WorkflowHandle } from '@temporalio/client';
import type { TwinTrouble } from '../../scripts/twin.js';
import { resolveReview } from '../../src/api/payments/resolutions.js';
import { eventually, type ApiAnswer, type World } from '../support/world.js';
import { returnStart, returnWorkflow } from '../../src/workflows/messages.js';
import { Endpoints } from '../webhooks/endpoints.js';
import { Receiver, status, type Answer } from '../webhooks/receiver.js';

/** @returns the workflow whose history shows this kind; it has come to its end */
type Live = (world: World) => Promise<WorkflowHandle>;

/** The trouble meets the confirms of the invoice, one after the other. */
async function opened(
  world: World,
  troubles: readonly (TwinTrouble & { times?: number })[] = [],
  invoice: Record<string, unknown> = {},
) {
  const { id } = await world.invoice(invoice);
  for (const trouble of troubles) {
    await world.twin.arrangeFault({ ...trouble, invoiceId: id, operation: 'confirm' });
  }
  const payment = await world.open(id);
  // The first one may take longer than its request waits.
  await eventually(
    async () => (await world.read(payment.body.id)).state !== 'opening',
    () => `${payment.body.id} is not read`,
  );
  return { payment: { ...payment, body: await world.read(payment.body.id) }, invoiceId: id };
}

async function ended(world: World, { body }: ApiAnswer, key = world.keys.loyalty): Promise<WorkflowHandle> {
  await world.until(body.id, ['paid', 'declined', 'expired', 'cancelled'], key);
  const handle = world.handle(body.id);
  await handle.result();
  return handle;
}

/** Of more than the organisation's policy lets be paid of itself. */
export const needsApproverAboveMinor = 50_000_00;

async function approvable(world: World): Promise<{ id: string; invoiceId: string }> {
  const invoice = await world.invoice({ amountMinor: needsApproverAboveMinor + 1 });
  const { body } = await world.payAsOrganisation(invoice.id);
  await world.until(body.id, ['awaiting_approval'], world.keys.organisation);
  return { id: body.id, invoiceId: invoice.id };
}

async function seenOf(world: World, id: string) {
  const { invoice } = (await world.read(id, world.keys.organisation)) as unknown as {
    invoice: { amountMinor: number; currency: string; version: number };
  };
  return { amountMinor: invoice.amountMinor, currency: invoice.currency, version: invoice.version };
}

/** With a key of his own. */
async function sayAsApprover(world: World, id: string, verb: 'confirm' | 'refuse', body: object): Promise<ApiAnswer> {
  const made = await world.call(world.keys.organisation, 'POST', '/v1/api-keys', {
    name: 'approver',
    scopes: ['payments:approve'],
  });
  const { key } = made.body as unknown as { key: string };
  return world.call(key, 'POST', `/v1/payments/${id}/${verb}`, body);
}

async function endedAs(world: World, id: string, state: string): Promise<WorkflowHandle> {
  await world.until(id, [state], world.keys.organisation);
  const handle = world.handle(id);
  await handle.result();
  return handle;
}

async function batchOf(world: World, count: number): Promise<string> {
  const invoices = await Promise.all(Array.from({ length: count }, () => world.invoice({ amountMinor: 100 })));
  const body = { invoiceIds: invoices.map(({ id }) => id) };
  return (await world.call(world.keys.organisation, 'POST', '/v1/payment-batches', body)).body.id;
}

const readBatch = async (world: World, id: string) =>
  (await world.call(world.keys.organisation, 'GET', `/v1/payment-batches/${id}`)).body;

async function anyCompleted(world: World, workflowType: string): Promise<WorkflowHandle> {
  for await (const { workflowId, runId } of world.client.workflow.list({
    query: `WorkflowType = '${workflowType}' AND ExecutionStatus = 'Completed'`,
  })) {
    return world.client.workflow.getHandle(workflowId, runId);
  }
  throw new Error(`no ${workflowType} has run`);
}

/** A paid payment of which something came back. @param trouble meets the read before the booking */
async function returned(world: World, trouble?: TwinTrouble & { times?: number }): Promise<WorkflowHandle> {
  const { payment, invoiceId } = await opened(world);
  await world.confirm(payment);
  await ended(world, payment);
  if (trouble !== undefined) await world.twin.arrangeFault({ ...trouble, invoiceId, operation: 'read' });
  const wish = { amountMinor: 100, fundRestored: false, reference: randomUUID(), reason: 'test' };
  const asked = await world.call(world.keys.loyalty, 'POST', `/v1/payments/${payment.body.id}/returns`, wish);
  const { id: returnId, approvalId } = asked.body as unknown as { id: string; approvalId: string };
  const partnerId = world.partnerIds.loyalty;
  await world.surety.admin.query("SELECT approval_decide($1, $2, 1, 'approve', $3, 'test', now())", [
    ...[partnerId, approvalId, { kind: 'operator', id: 'olga' }],
  ]);
  const handle = await world.client.workflow.start(returnWorkflow, returnStart({ partnerId, returnId }));
  await handle.result();
  return handle;
}

/** An event that reaches an endpoint which answers so. */
async function delivered(world: World, answer: Answer): Promise<WorkflowHandle> {
  const receiver = await Receiver.open(answer);
  const endpoints = new Endpoints(world.surety.admin, world.partnerIds.loyalty);
  const { id } = await endpoints.register(receiver.url, ['points.credited']);
  await world.surety.creditPoints(world.partnerIds.loyalty, 'anna', 1, randomUUID());
  let eventId = '';
  await eventually(
    async () => {
      const all = await endpoints.webhooks.deliveries(endpoints.partnerId, id, {
        state: 'delivered',
        before: null,
        limit: 1,
      });
      eventId = all?.[0]?.eventId ?? '';
      return eventId !== '';
    },
    () => `it was not delivered: ${receiver.received.length} attempts`,
  );
  const handle = world.client.workflow.getHandle(`webhook-${eventId}-${id}`);
  await handle.result();
  await endpoints.delete(id);
  await receiver.close();
  return handle;
}

const terminated = async (world: World, paymentId: string) => {
  await world.handle(paymentId).terminate('to be resumed');
  await eventually(
    async () => {
      const { status, type } = await world.handle(paymentId).describe();
      return type === 'resumedPayment' || status.name === 'RUNNING';
    },
    () => `${paymentId} was not resumed`,
  );
};

async function decide(world: World, { body }: ApiAnswer, outcome: 'not_paid' | 'paid_elsewhere') {
  await eventually(
    async () =>
      (
        await world.surety.admin.query(
          `SELECT FROM payment_attempt WHERE payment_id = $1 AND finished_at > clock_timestamp() - interval '1 s'`,
          [body.id],
        )
      ).rowCount === 0,
    () => 'its last call is still new',
  );
  let said = '';
  await eventually(
    async () => {
      const answer = await resolveReview(world.client, world.surety.recovery, {
        ...{ partnerId: world.partnerIds.loyalty, paymentId: body.id, resolutionId: randomUUID(), outcome },
        ...{ transactionId: null, reason: 'test', comment: 'test', reference: 'test' },
        actor: { kind: 'operator', id: 'test' },
      });
      said = JSON.stringify(answer);
      return answer.kind === 'resolved';
    },
    () => said,
  );
}

export const kinds: Readonly<Record<string, Live>> = {
  'loyalty paid': async (world) => {
    const { payment } = await opened(world);
    await world.confirm(payment);
    return ended(world, payment);
  },
  'loyalty confirmed by signal': async (world) => {
    const { payment } = await opened(world);
    await world.handle(payment.body.id).signal('confirmPayment', null);
    await world.handle(payment.body.id).signal('confirmPayment', {
      memberId: await world.surety.points.openMember(world.partnerIds.loyalty, 'anna'),
      seen: world.seenOf(payment),
      actor: { kind: 'signal', id: 'backend' },
      confirmationId: randomUUID(),
      notAfter: Date.now() + 60_000,
    });
    return ended(world, payment);
  },
  'loyalty asked again, then paid': async (world) => {
    const { payment } = await opened(world, [], { amountMinor: 1_000_00 });
    await world.confirm(payment, {}, 'boris');
    await world.confirm(payment, {}, 'anna');
    return ended(world, payment);
  },
  'loyalty cancelled by the buyer': async (world) => {
    const { payment } = await opened(world);
    await world.call(world.keys.loyalty, 'POST', `/v1/payments/${payment.body.id}/cancel`, {});
    return ended(world, payment);
  },
  'loyalty cancelled from the Temporal UI': async (world) => {
    const { payment } = await opened(world);
    await world.handle(payment.body.id).cancel();
    return ended(world, payment);
  },
  'loyalty expired': async (world) => {
    const { payment } = await opened(world, [], { expiresAt: new Date(Date.now() + 2_500).toISOString() });
    return ended(world, payment);
  },
  'loyalty refused': async (world) => {
    const { payment } = await opened(world, [{ kind: 'refuse', status: 422, code: 'limit_reached' }]);
    await world.confirm(payment);
    return ended(world, payment);
  },
  'loyalty refused for its status': async (world) => {
    const { payment, invoiceId } = await opened(world);
    await world.twin.cancelInvoice(invoiceId);
    await world.confirm(payment);
    return ended(world, payment);
  },
  'loyalty turned away, then paid': async (world) => {
    const { payment } = await opened(world, [{ kind: 'refuse', status: 429, code: 'too_many', times: 2 }]);
    await world.confirm(payment);
    return ended(world, payment);
  },
  'loyalty unknown, then proven paid': async (world) => {
    const { payment } = await opened(world, [{ kind: 'cut_after' }]);
    await world.confirm(payment);
    return ended(world, payment);
  },
  'loyalty unknown, then confirmed again': async (world) => {
    const { payment } = await opened(world, [{ kind: 'error_before', status: 500 }]);
    await world.confirm(payment);
    return ended(world, payment);
  },
  'loyalty unknown, then canceled': async (world) => {
    const { payment, invoiceId } = await opened(world, [{ kind: 'error_before', status: 500 }]);
    await world.confirm(payment);
    await world.twin.cancelInvoice(invoiceId);
    return ended(world, payment);
  },
  'loyalty in review, resolved as paid elsewhere': async (world) => {
    const { payment, invoiceId } = await opened(world, [{ kind: 'error_before', status: 500 }]);
    await world.confirm(payment);
    await world.twin.payInvoiceElsewhere(invoiceId);
    await world.until(payment.body.id, ['in_review']);
    await decide(world, payment, 'paid_elsewhere');
    return ended(world, payment);
  },
  'loyalty in review, released, then canceled': async (world) => {
    const { payment, invoiceId } = await opened(world, [{ kind: 'error_before', status: 500 }]);
    await world.confirm(payment);
    await world.twin.editInvoice(invoiceId, { amountMinor: 5 });
    await world.until(payment.body.id, ['in_review']);
    await decide(world, payment, 'not_paid');
    await world.twin.cancelInvoice(invoiceId);
    return ended(world, payment);
  },
  'loyalty resumed while waiting': async (world) => {
    const { payment } = await opened(world);
    await terminated(world, payment.body.id);
    await eventually(
      async () => (await world.confirm(payment)).body.state === 'paid',
      () => 'it could not be confirmed any more',
    );
    return ended(world, payment);
  },
  'loyalty resumed while unknown': async (world) => {
    const { payment } = await opened(world, [{ kind: 'error_before', status: 500 }]);
    await world.confirm(payment);
    await terminated(world, payment.body.id);
    return ended(world, payment);
  },
  'organisation paid': async (world) => {
    const payment = await world.payAsOrganisation((await world.invoice()).id);
    return ended(world, payment, world.keys.organisation);
  },
  'organisation resumed': async (world) => {
    const { id } = await world.invoice();
    await world.twin.arrangeFault({ invoiceId: id, operation: 'read', kind: 'error_before', times: 2 });
    const payment = await world.payAsOrganisation(id);
    await terminated(world, payment.body.id);
    return ended(world, payment, world.keys.organisation);
  },
  'return booked': (world) => returned(world),
  'return booked unread': (world) => returned(world, { kind: 'error_before', status: 503, times: 1_000 }),
  'organisation approved': async (world) => {
    const payment = await approvable(world);
    await sayAsApprover(world, payment.id, 'confirm', { seen: await seenOf(world, payment.id) });
    return endedAs(world, payment.id, 'paid');
  },
  'organisation asked again, then approved': async (world) => {
    const payment = await approvable(world);
    const before = await seenOf(world, payment.id);
    await world.twin.editInvoice(payment.invoiceId, { amountMinor: 60_000_00 });
    // Of a version that nobody has read yet: so the invoice is read again at once.
    await sayAsApprover(world, payment.id, 'confirm', { seen: { ...before, version: before.version + 1 } });
    await sayAsApprover(world, payment.id, 'confirm', { seen: await seenOf(world, payment.id) });
    return endedAs(world, payment.id, 'paid');
  },
  'organisation refused by its approver': async (world) => {
    const payment = await approvable(world);
    await sayAsApprover(world, payment.id, 'refuse', {});
    return endedAs(world, payment.id, 'declined');
  },
  'organisation resumed while it waits for approval': async (world) => {
    const payment = await approvable(world);
    await terminated(world, payment.id);
    await eventually(
      async () =>
        (await sayAsApprover(world, payment.id, 'confirm', { seen: await seenOf(world, payment.id) })).body.state ===
        'paid',
      () => 'it could not be approved any more',
    );
    return endedAs(world, payment.id, 'paid');
  },
  'batch finished': async (world) => {
    const id = await batchOf(world, 3);
    await eventually(
      async () => (await readBatch(world, id)).state === 'finished',
      () => `the batch ${id} does not finish`,
    );
    const handle = world.client.workflow.getHandle(`batch-${id}`);
    await handle.result();
    return handle;
  },
  'batch paused, then cancelled': async (world) => {
    const id = await batchOf(world, 3);
    await world.call(world.keys.organisation, 'POST', `/v1/payment-batches/${id}/pause`);
    await world.call(world.keys.organisation, 'POST', `/v1/payment-batches/${id}/cancel`);
    await eventually(
      async () => ['cancelled', 'finished'].includes((await readBatch(world, id)).state),
      () => `the batch ${id} does not end`,
    );
    const handle = world.client.workflow.getHandle(`batch-${id}`);
    await handle.result();
    return handle;
  },
  'organisation paid by a batch': async (world) => {
    const id = await batchOf(world, 1);
    let paymentId = '';
    await eventually(
      async () => {
        const { body } = await world.call(world.keys.organisation, 'GET', `/v1/payment-batches/${id}/items`);
        const [item] = (body as unknown as { data: { paymentId: string | null }[] }).data;
        paymentId = item?.paymentId ?? '';
        return paymentId !== '';
      },
      () => `the batch ${id} starts nothing`,
    );
    return endedAs(world, paymentId, 'paid');
  },
  sweep: (world) => anyCompleted(world, 'sweepPayments'),
  'ledger sealed': async (world) => {
    await eventually(
      async () => (await world.surety.admin.query('SELECT FROM audit_block')).rowCount !== 0,
      () => 'nothing is sealed',
    );
    return anyCompleted(world, 'sealLedger');
  },
  'webhook delivered': (world) => delivered(world, status(204)),
  'webhook delivered by the second attempt': (world) => {
    let attempts = 0;
    return delivered(world, (response) => response.writeHead(attempts++ === 0 ? 503 : 204).end());
  },
  'webhooks started': async (world) => {
    await delivered(world, status(204));
    return anyCompleted(world, 'startWebhooks');
  },
};
