/** Starts the workflows of deliveries after the commit that made them due. Nobody waits for it, and nothing depends on it. */
import type { Client } from '@temporalio/client';
import type { OnDeliveries } from './ledger/call.js';
import type { Log } from './log.js';
import { deliverWebhookWorkflow, deliveryStart, type DeliverWebhook } from './workflows/messages.js';

const answerWithinMs = 5_000;
/** More at once, as while Temporal is away, are left to the Schedule (workflows/startWebhooks.ts). */
const mostAtOnce = 500;

export function startDeliveries(client: Client, log: Pick<Log, 'warn'>): OnDeliveries {
  let underWay = 0;
  return (deliveries) => {
    for (const delivery of deliveries) {
      if (underWay >= mostAtOnce) return;
      underWay += 1;
      start(delivery)
        .catch((error: unknown) => {
          const words = error instanceof Error ? error.message : 'unknown';
          log.warn({ eventId: delivery.eventId, error: words }, 'a delivery was not started; the schedule will');
        })
        .finally(() => {
          underWay -= 1;
        });
    }
  };

  function start(delivery: DeliverWebhook): Promise<unknown> {
    return client.withDeadline(Date.now() + answerWithinMs, () =>
      client.workflow.start(deliverWebhookWorkflow, {
        ...deliveryStart(delivery),
        // Asked for anew: one that runs may be waiting for hours.
        workflowIdConflictPolicy: 'TERMINATE_EXISTING',
      }),
    );
  }
}
