/** Starts the deliveries that nobody has started, or whose workflow is lost. Started by a Schedule. */
import { proxyActivities } from '@temporalio/workflow';
import type * as webhookActivities from '../activities/webhooks.js';
import type { Started } from '../activities/webhooks.js';

const { startWebhooks: start } = proxyActivities<ReturnType<typeof webhookActivities.createWebhookStartActivities>>({
  startToCloseTimeout: '5 min',
  heartbeatTimeout: '30 s',
  retry: { maximumAttempts: 3 },
  summary: 'Start deliveries that nobody has started',
});

export async function startWebhooks(ages: { readonly graceMs: number }): Promise<Started> {
  return start(ages);
}
