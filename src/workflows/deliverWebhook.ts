/**
 * Brings one event to one endpoint (docs/webhooks.md). The attempts are one activity's, whose retries Temporal keeps: its
 * history does not grow while an endpoint is down for days. Started after the commit that made the event true.
 */
import { proxyActivities } from '@temporalio/workflow';
import type * as webhookActivities from '../activities/webhooks.js';
import type { DeliveryEnd } from '../activities/webhooks.js';
import { taskQueues, type DeliverWebhook } from './messages.js';

type DeliveryActivities = ReturnType<typeof webhookActivities.createDeliveryActivities>;

export async function deliverWebhook(delivery: DeliverWebhook): Promise<DeliveryEnd> {
  const { attemptWebhook } = proxyActivities<DeliveryActivities>({
    taskQueue: taskQueues.webhooks,
    // Fair between endpoints: the backlog of one is nobody else's wait.
    priority: { fairnessKey: delivery.endpointId },
    startToCloseTimeout: '40 s',
    // For what is no answer of the endpoint's, as Postgres being away; an endpoint's failures bring their own delay.
    retry: { initialInterval: '1 s', backoffCoefficient: 2, maximumInterval: '5 min' },
    summary: 'Send the event to the endpoint',
  });
  return attemptWebhook(delivery);
}
