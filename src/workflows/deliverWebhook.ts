/**
 * Brings one event to one endpoint (docs/webhooks.md). Started after the commit that made the event true. The first attempt is
 * made within the workflow task, where the endpoint can be expected to answer: one step in all. What comes after is one
 * activity, whose retries Temporal keeps: the history does not grow while an endpoint is down for days.
 */
import { ActivityFailure, proxyActivities, proxyLocalActivities, setCurrentDetails, sleep } from '@temporalio/workflow';
import type * as webhookActivities from '../activities/webhooks.js';
import type { DeliveryEnd, FirstAttempt } from '../activities/webhooks.js';
import { taskQueues, type DeliverWebhook } from './messages.js';

type DeliveryActivities = ReturnType<typeof webhookActivities.createDeliveryActivities>;

const { attemptWebhookAtOnce } = proxyLocalActivities<DeliveryActivities>({
  startToCloseTimeout: '40 s',
  retry: { maximumAttempts: 1 },
});

export async function deliverWebhook(delivery: DeliverWebhook): Promise<DeliveryEnd> {
  const first = await attemptAtOnce(delivery);
  switch (first.kind) {
    case 'ended':
      return first.end;
    case 'again':
      explain(
        `The endpoint has not taken the event; it is sent again at ${new Date(Date.now() + first.delayMs).toISOString()}.`,
      );
      await sleep(first.delayMs);
      break;
    case 'not_tried':
      break;
  }
  const { attemptWebhook } = proxyActivities<DeliveryActivities>({
    taskQueue: taskQueues.webhooks,
    // Fair between endpoints: the backlog of one is nobody else's wait.
    priority: { priorityKey: delivery.priority, fairnessKey: delivery.endpointId },
    startToCloseTimeout: '40 s',
    // For what is no answer of the endpoint's, as Postgres being away; an endpoint's failures bring their own delay.
    retry: { initialInterval: '1 s', backoffCoefficient: 2, maximumInterval: '5 min' },
    summary: 'Send the event to the endpoint',
  });
  explain('The event is sent again until the endpoint takes it, at longer and longer intervals, for about three days.');
  const end = await attemptWebhook(delivery);
  setCurrentDetails(`**${end}** · It is over.`);
  return end;
}

function explain(waitsFor: string): void {
  setCurrentDetails(
    `**pending** · ${waitsFor}\n\nNothing to do: what the endpoint answered is in its list of deliveries (docs/webhooks.md); one that was disabled is sent nothing more.`,
  );
}

async function attemptAtOnce(delivery: DeliverWebhook): Promise<FirstAttempt> {
  try {
    return await attemptWebhookAtOnce(delivery);
  } catch (error) {
    // Postgres was away, or the worker: nothing is lost by trying again.
    if (error instanceof ActivityFailure) return { kind: 'not_tried' };
    throw error;
  }
}
