/** What the Temporal UI shows beside a workflow, whatever it waits for: in words, what that is and what an operator can do. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, it } from '@jest/globals';
import type { TwinTrouble } from '../../scripts/twin.js';
import { resolveReview } from '../../src/api/payments/resolutions.js';
import { eventually, World } from '../support/world.js';
import { Receiver, status } from '../webhooks/receiver.js';

const approvalAboveMinor = 50_000_00;

let world: World;
beforeAll(async () => {
  world = await World.open({
    // A day is nine seconds.
    timings: { waitScale: 0.000_1 },
    // What cannot be done yet is answered at once.
    environment: { SURETY_ANSWER_WITHIN_MS: '300' },
    temporalSetup: { INVOICEBOX_CALLS_PER_SECOND_ACCOUNT: '50' },
  });
  await world.surety.admin.query('UPDATE partner SET organisation_policy = $2 WHERE id = $1', [
    world.partnerIds.organisation,
    { limits: { RUB: { approvalAboveMinor } } },
  ]);
});
afterAll(async () => {
  await world.close();
});

async function detailsOf(workflowId: string): Promise<string> {
  const { currentDetails = '' } = await world.client.workflow
    .getHandle(workflowId)
    .query<{ currentDetails?: string }>('__temporal_workflow_metadata');
  return currentDetails;
}

/** The first line says what is waited for, the second what can be done. */
async function until(workflowId: string, waitsFor: RegExp, can: RegExp): Promise<void> {
  let last = '';
  await eventually(
    async () => {
      last = await detailsOf(workflowId).catch(() => '');
      const [first = '', ...rest] = last.split('\n\n');
      return waitsFor.test(first) && can.test(rest.join('\n\n'));
    },
    () => `${workflowId} says: ${last}`,
  );
}

async function opened(trouble: TwinTrouble & { operation: 'read' | 'confirm'; times?: number }, confirms: boolean) {
  const { id } = await world.invoice();
  await world.twin.arrangeFault({ ...trouble, invoiceId: id });
  const payment = await (confirms ? world.openPatiently(id) : world.open(id));
  if (confirms) await world.confirmPatiently(payment);
  return { id: payment.body.id, invoiceId: id, workflowId: `payment-${payment.body.id}` };
}

const aDate = String.raw`\d{4}-\d\d-\d\dT[\d:.]+Z`;

describe('a payment tells', () => {
  it('that the invoice cannot be read yet', async () => {
    const { workflowId } = await opened({ kind: 'error_before', status: 503, operation: 'read', times: 1_000 }, false);
    await until(
      workflowId,
      new RegExp(`^\\*\\*opening\\*\\* · Reading the invoice.* until ${aDate}`),
      /Nothing is held/,
    );
  });

  it('that it waits for the buyer, and why he is asked again', async () => {
    const payment = await world.openPatiently((await world.invoice({ amountMinor: 1_000_00 })).id);
    const workflowId = `payment-${payment.body.id}`;
    await until(workflowId, /^\*\*awaiting_confirmation\*\* · Waiting for the buyer to confirm, until/, /Cancelling/);
    await world.confirmPatiently(payment, 'boris');
    await until(workflowId, /the buyer to confirm \(asked because of `insufficient_points`\)/, /Nothing is held/);
    await world.confirmPatiently(payment);
    await until(workflowId, /^\*\*paid\*\* · It is over/, /Nothing to do/);
  });

  it('that it waits for an approver', async () => {
    const { id } = await world.invoice({ amountMinor: approvalAboveMinor + 1 });
    const payment = await world.payAsOrganisation(id);
    await until(
      `payment-${payment.body.id}`,
      /^\*\*awaiting_approval\*\* · Waiting for an approver/,
      /Nothing is held/,
    );
  });

  it('that Invoicebox turns it away', async () => {
    const { workflowId } = await opened({ kind: 'refuse', status: 429, operation: 'confirm', times: 1_000 }, true);
    await until(workflowId, /^\*\*settling\*\* · Invoicebox turned the call away/, /The buyer may still cancel/);
  });

  it('that its outcome is not known, then that a person is needed, then that he has given it back, then the end', async () => {
    const { id, workflowId, invoiceId } = await opened(
      { kind: 'error_before', status: 502, operation: 'confirm', times: 1_000 },
      true,
    );
    await until(
      workflowId,
      new RegExp(`^\\*\\*unknown\\*\\* · It is not known.*next check ${aDate}`),
      /Nothing to do yet/,
    );
    await world.twin.editInvoice(invoiceId, { amountMinor: 5 });
    await until(
      workflowId,
      /^\*\*in_review\*\* · It is not known.*last read: pending/,
      /A person is needed \(changed_after_unknown\).*console.*stay held/s,
    );
    await eventually(
      async () =>
        (
          await resolveReview(world.client, world.surety.recovery, {
            ...{ partnerId: world.partnerIds.loyalty, paymentId: id, resolutionId: randomUUID(), outcome: 'not_paid' },
            ...{ transactionId: null, reason: 'test', comment: 'test', reference: 'test' },
            actor: { kind: 'operator', id: 'test' },
          })
        ).kind === 'resolved',
      () => 'it is not resolved',
    );
    await until(workflowId, /^\*\*in_review\*\*/, /released_by_person.*Nothing is held any more/s);
    await world.twin.cancelInvoice(invoiceId);
    await until(workflowId, /^\*\*declined\*\* · It is over \(invoice_canceled\)/, /Nothing to do/);
  });
});

it('a delivery tells that the endpoint does not take the event', async () => {
  const receiver = await Receiver.open(status(503));
  const made = await world.call(world.keys.loyalty, 'POST', '/v1/webhook-endpoints', { url: receiver.url });
  await world.call(world.keys.loyalty, 'POST', '/v1/credits', {
    memberExternalId: 'anna',
    points: 1,
    reference: randomUUID(),
  });
  await eventually(
    () => Promise.resolve(receiver.received.length > 0),
    () => 'nothing was sent',
  );
  await until(
    `webhook-${receiver.received[0]?.event.id ?? ''}-${made.body.id}`,
    /^\*\*pending\*\* · The e(ndpoint has not taken the event|vent is sent again)/,
    /list of deliveries/,
  );
  await world.call(world.keys.loyalty, 'DELETE', `/v1/webhook-endpoints/${made.body.id}`);
  await receiver.close();
});

it('a return tells that the invoice is being read, and then its end', async () => {
  const { id, invoiceId, workflowId } = await opened({ kind: 'delay', operation: 'read', delayMs: 1 }, true);
  await until(workflowId, /^\*\*paid\*\*/, /./);
  await world.twin.arrangeFault({ kind: 'error_before', status: 503, invoiceId, operation: 'read', times: 1_000 });
  const wish = { amountMinor: 100, fundRestored: false, reference: randomUUID(), reason: 'test' };
  const asked = await world.call(world.keys.loyalty, 'POST', `/v1/payments/${id}/returns`, wish);
  const { id: returnId, approvalId } = asked.body as unknown as { id: string; approvalId: string };
  const made = await world.call(world.keys.loyalty, 'POST', '/v1/api-keys', {
    name: 'second',
    scopes: ['fund:approve'],
  });
  const { key } = made.body as unknown as { key: string };
  await world.call(key, 'POST', `/v1/approvals/${approvalId}/approve`, { version: 1, reason: 'test' });
  await until(`return-${returnId}`, /^\*\*approved\*\* · The invoice is read/, /with or without an answer/);
  await until(`return-${returnId}`, /· It is over/, /^$/);
});

it('a batch, an import and a reconciliation tell how they stand', async () => {
  const batch = await world.call(world.keys.organisation, 'POST', '/v1/payment-batches', {
    invoiceIds: [(await world.invoice({ amountMinor: approvalAboveMinor + 1 })).id],
  });
  await until(`batch-${batch.body.id}`, /^\*\*running\*\*/, /1 found.*Pause, resume and cancel/s);

  const sent = await fetch(`${world.surety.apiUrl}/v1/credits/imports`, {
    method: 'POST',
    body: `memberExternalId,points,reference\nanna,1,${randomUUID()}\n`,
    headers: {
      authorization: `Bearer ${world.keys.loyalty}`,
      'content-type': 'text/csv',
      'idempotency-key': randomUUID(),
    },
  });
  const { id: importId } = (await sent.json()) as { id: string };
  await until(`import-${importId}`, /^\*\*finished\*\* · It is over/, /^$/);

  await world.call(world.keys.loyalty, 'POST', '/v1/reconciliations', {});
  await until(`reconciliation-${world.partnerIds.loyalty}`, /^\*\*running\*\* · \S+/, /Terminating it loses nothing/);
});
