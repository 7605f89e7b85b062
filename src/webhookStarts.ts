/** Starts the workflows of deliveries after the commit that made them due. Nobody waits for it, and nothing depends on it. */
import { ScheduleOverlapPolicy, type Client } from '@temporalio/client';
import type { OnDeliveries } from './ledger/call.js';
import type { Log } from './log.js';
import {
  deliverWebhookWorkflow,
  deliveryStart,
  startWebhooksScheduleId,
  type DeliverWebhook,
} from './workflows/messages.js';

const answerWithinMs = 5_000;
/** More at once, as while Temporal is away, are left to the Schedule (workflows/startWebhooks.ts). */
const mostAtOnce = 500;

export class WebhookStarts {
  #underWay = 0;

  constructor(
    private readonly client: Client,
    private readonly log: Pick<Log, 'warn'>,
  ) {}

  /** For the ledger: see there. */
  readonly onDeliveries: OnDeliveries = (deliveries) => {
    for (const delivery of deliveries) {
      if (this.#underWay >= mostAtOnce) return;
      this.#underWay += 1;
      this.#start(delivery)
        .catch((error: unknown) => {
          this.log.warn(
            { eventId: delivery.eventId, ...wordsOf(error) },
            'a delivery was not started; the schedule will',
          );
        })
        .finally(() => {
          this.#underWay -= 1;
        });
    }
  };

  /** Has the Schedule look now instead of within the minute. */
  lookNow(): void {
    const { client, log } = this;
    client
      .withDeadline(Date.now() + answerWithinMs, () =>
        client.schedule.getHandle(startWebhooksScheduleId).trigger(ScheduleOverlapPolicy.BUFFER_ONE),
      )
      .catch((error: unknown) => {
        log.warn(wordsOf(error), 'the schedule was not woken; it will look in its own time');
      });
  }

  #start(delivery: DeliverWebhook): Promise<unknown> {
    const { client } = this;
    return client.withDeadline(Date.now() + answerWithinMs, () =>
      client.workflow.start(deliverWebhookWorkflow, {
        ...deliveryStart(delivery),
        // Asked for anew: one that runs may be waiting for hours.
        workflowIdConflictPolicy: 'TERMINATE_EXISTING',
      }),
    );
  }
}

const wordsOf = (error: unknown) => ({ error: error instanceof Error ? error.message : 'unknown' });
