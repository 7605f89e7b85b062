/** Starts the workflows of deliveries after the commit that made them due. Nobody waits for it, and nothing depends on it. */
import { ScheduleOverlapPolicy, type Client } from '@temporalio/client';
import type { OnDeliveries } from './ledger/call.js';
import type { Log } from './log.js';
import {
  deliverWebhookWorkflow,
  deliveryStart,
  isUrgent,
  startWebhooksScheduleId,
  type DeliverWebhook,
} from './workflows/messages.js';

const answerWithinMs = 10_000;
/** So many at once keep a server busy; more would only wait inside it, until their time is up. */
const mostAtOnce = 24;
/** More, as while Temporal is away, are left to the Schedule (workflows/startWebhooks.ts). */
const mostWaiting = 10_000;

export class WebhookStarts {
  readonly #urgent: DeliverWebhook[] = [];
  readonly #waiting: DeliverWebhook[] = [];
  #underWay = 0;

  constructor(
    private readonly client: Client,
    private readonly log: Pick<Log, 'warn'>,
  ) {}

  /** For the ledger: see there. */
  readonly onDeliveries: OnDeliveries = (deliveries) => {
    for (const [waiting, wanted] of [
      [this.#urgent, true],
      [this.#waiting, false],
    ] as const) {
      const alike = deliveries.filter((delivery) => isUrgent(delivery) === wanted);
      waiting.push(...alike.slice(0, mostWaiting - waiting.length));
    }
    while (this.#underWay < mostAtOnce && this.#urgent.length + this.#waiting.length > 0) void this.#startWaiting();
  };

  /** One after the other, the urgent first, until none waits. */
  async #startWaiting(): Promise<void> {
    this.#underWay += 1;
    const next = () => this.#urgent.shift() ?? this.#waiting.shift();
    for (let delivery = next(); delivery !== undefined; delivery = next()) {
      try {
        await this.#start(delivery);
      } catch (error) {
        const { eventId } = delivery;
        this.log.warn({ eventId, ...wordsOf(error) }, 'a delivery was not started; the schedule will');
      }
    }
    this.#underWay -= 1;
  }

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
