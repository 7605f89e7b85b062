/**
 * A payment that does nothing, with the history of ours: the same updates, timers, search attributes and activities, in the
 * same order. What it costs is the engine's; what ours costs above it is ours.
 */
import {
  allHandlersFinished,
  ApplicationFailure,
  condition,
  proxyActivities,
  proxyLocalActivities,
  setCurrentDetails,
  setHandler,
  sleep,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { Confirmation, PaymentState } from '../../src/domain/payment.js';
import {
  confirmUpdate,
  openUpdate,
  searchAttributes,
  type OpenPayment,
  type PaymentAnswer,
} from '../../src/workflows/messages.js';
import type { Calls, Steps } from './activities.js';

const calls = proxyActivities<Calls>({
  taskQueue: 'floor-calls',
  startToCloseTimeout: '45 s',
  heartbeatTimeout: '6 s',
  summary: 'Read nothing, or confirm it',
});
const steps = proxyLocalActivities<Steps>({
  startToCloseTimeout: '10 s',
  summary: 'Hold nothing, or capture it',
});

export async function noOpPayment(input: OpenPayment): Promise<PaymentAnswer> {
  const { partnerId, paymentId, epoch, invoiceId, policy } = input;
  const key = { partnerId, paymentId, epoch };
  let state: PaymentState = 'opening';
  let confirmation: Confirmation | null = null;
  const answer = (): PaymentAnswer => ({ state, reason: null });
  const settleInto = (next: PaymentState): void => {
    state = next;
    upsertSearchAttributes([{ key: searchAttributes.paymentState, value: next }]);
    setCurrentDetails(`**${next}** · Nothing is waited for, and nothing can be done about it.`);
  };
  setHandler(openUpdate, async () => {
    await condition(() => state !== 'opening');
    return answer();
  });
  setHandler(
    confirmUpdate,
    async (message: Confirmation) => {
      confirmation = message;
      await condition(() => state === 'paid');
      return answer();
    },
    {
      validator: ({ notAfter }: Confirmation) => {
        if (notAfter < Date.now()) throw ApplicationFailure.nonRetryable('Too late');
      },
    },
  );

  const order = { key, invoiceId, scheme: 'loyalty' as const, quoteTtlMs: policy.quoteTtlMs, previous: null };
  const read = await calls.readNothing(order);
  settleInto('awaiting_confirmation');
  void sleep(read.kind === 'quoted' ? read.quote.expiresAt - Date.now() : 1);
  await condition(() => confirmation !== null);
  await steps.holdNothing(key, confirmation as unknown as Confirmation, Date.now());
  const ticket = `${workflowInfo().runId}/1`;
  const { freshnessMs } = policy;
  await calls.confirmNothing({ key, invoiceId, ticket, proving: false, freshnessMs });
  await steps.captureNothing(key, 1, paymentId, paymentId, Date.now());
  settleInto('paid');
  await condition(allHandlersFinished);
  return answer();
}
