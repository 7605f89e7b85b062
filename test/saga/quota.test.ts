/** Invoicebox's quota, as the server keeps it: whose it is, who goes first, and that nobody stands in another's way. */
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import proto from '@temporalio/proto';
import { v7 as uuidv7 } from 'uuid';
import { demo, loyaltyPartner, organisationPartner } from '../../scripts/demoWorld.js';
import { applyPartner } from '../../scripts/partner.js';
import { KeyRing } from '../../src/keyring.js';
import { invoiceboxOptions, partnerSettings, policyOf } from '../../src/partnerSettings.js';
import { paymentStart, taskQueues, workflowNames } from '../../src/workflows/messages.js';
import { testKeys } from '../support/books.js';
import { World } from '../support/world.js';

/** Everybody's rate here; the shared account may do twice as much. */
const perSecond = 1;
const shared = { account: 'shared', requestsPer30s: 200 };
const batchSize = 40;

let world: World;
beforeAll(async () => {
  world = await World.open({ temporalSetup: { INVOICEBOX_CALLS_PER_SECOND_ACCOUNT: String(perSecond) } });
  const client = await world.surety.admin.connect();
  try {
    const file = { ...loyaltyPartner(world.twin.host), invoiceboxOptions: shared };
    await applyPartner(client, file, new KeyRing(testKeys), true);
  } finally {
    client.release();
  }
});
afterAll(async () => {
  await world.close();
});

/** As a batch does it: nobody waits for the payment. */
async function startInBatch(invoiceId: string): Promise<void> {
  const { settings } = organisationPartner(world.twin.host);
  const options = { ...partnerSettings.parse(settings), invoiceboxOptions: invoiceboxOptions.parse(shared) };
  const alone = policyOf(options, 'organisation');
  const policy = { ...alone, quota: { ...alone.quota, isBatch: true } };
  const opening = { partnerId: world.partnerIds.organisation, paymentId: uuidv7(), scheme: 'organisation' as const };
  const openedBy = { kind: 'operator', id: 'test' } as const;
  const opened = await world.surety.ledger.openPayment({
    ...{ ...opening, invoiceId, memberId: null, openedBy, policy, links: {}, at: Date.now() },
  });
  if (opened.outcome !== 'opened') throw new Error(opened.outcome);
  const start = paymentStart({ ...opening, epoch: opened.epoch, invoiceId, policy }, 'opening');
  await world.client.workflow.start(workflowNames.organisation, start);
}

/** The priorities that a payment's calls to Invoicebox were ordered with, in their order. */
async function prioritiesOf(paymentId: string) {
  const { events } = await world.handle(paymentId).fetchHistory();
  return (events ?? [])
    .map((event) => event.activityTaskScheduledEventAttributes)
    .filter((scheduled) => scheduled?.taskQueue?.name === taskQueues.invoicebox)
    .map((scheduled) => scheduled?.priority);
}

it('has a rate an account and one for our address, on a queue of one partition', async () => {
  const described = await world.client.workflowService.describeTaskQueue({
    namespace: world.namespace,
    taskQueue: { name: taskQueues.invoicebox },
    taskQueueType: proto.temporal.api.enums.v1.TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
    reportConfig: true,
  });
  expect(described.config?.queueRateLimit?.rateLimit?.requestsPerSecond).toBeCloseTo(15.8);
  expect(described.config?.fairnessKeysRateLimitDefault?.rateLimit?.requestsPerSecond).toBeCloseTo(perSecond);
  const partitions = await world.client.workflowService.listTaskQueuePartitions({
    namespace: world.namespace,
    taskQueue: { name: taskQueues.invoicebox },
  });
  expect(partitions.activityTaskQueuePartitions).toHaveLength(1);
});

it('costs time and nothing else where Invoicebox allows less than we were told', async () => {
  await world.twin.clearQuotas();
  await world.twin.setQuotas({ enforced: true, account: 1, windowMs: 1_500, retryAfter: 'seconds' });
  try {
    const invoices = await Promise.all(Array.from({ length: 3 }, () => world.invoice({ amountMinor: 100 })));
    const payments = await Promise.all(invoices.map(({ id }) => world.payAsOrganisation(id)));
    for (const { body } of payments) await world.until(body.id, ['paid'], world.keys.organisation);
    const { accounts } = await world.twin.quotas();
    expect(accounts[demo.organisation.account]?.tooManyRequests).toBeGreaterThan(0);
    await world.assertBooksAgree();
  } finally {
    await world.twin.setQuotas({ enforced: false });
  }
});

it('lets a buyer pass the batch of his account, and another account pass both', async () => {
  const batch = await Promise.all(Array.from({ length: batchSize }, () => world.invoice({ amountMinor: 100 })));
  for (const { id } of batch) await startInBatch(id);
  const buyers = await world.invoice({ amountMinor: 100 });
  const opened = await world.open(buyers.id);
  expect(opened.body.state).toBe('awaiting_confirmation');
  const others = await world.invoice({ amountMinor: 100 });
  const [confirmed, other] = await Promise.all([world.confirm(opened), world.payAsOrganisation(others.id)]);
  expect(confirmed.body.state).toBe('paid');
  await world.until(other.body.id, ['paid'], world.keys.organisation);

  const calls = await world.twin.allRequests();
  const inBatch = new Set(batch.map(({ id }) => id));
  const before = (invoiceId: string, operation: string) =>
    calls
      .slice(
        0,
        calls.findIndex((call) => call.invoiceId === invoiceId && call.operation === operation),
      )
      .filter((call) => inBatch.has(call.invoiceId ?? '')).length;
  // First come, first served would have had all of the batch's reads before them.
  expect(before(buyers.id, 'read')).toBeLessThan(batchSize / 2);
  expect(before(buyers.id, 'confirm')).toBeLessThan(batchSize);
  expect(before(others.id, 'confirm')).toBeLessThan(batchSize);
  const { confirm, read } = { read: 2, confirm: 1 };
  const share = { fairnessKey: shared.account, fairnessWeight: 2 };
  expect(await prioritiesOf(opened.body.id)).toMatchObject([
    { ...share, priorityKey: read },
    { ...share, priorityKey: confirm },
  ]);
  expect(await prioritiesOf(other.body.id)).toMatchObject([
    { fairnessKey: world.partnerIds.organisation, priorityKey: read },
    { fairnessKey: world.partnerIds.organisation, priorityKey: confirm },
  ]);
});
