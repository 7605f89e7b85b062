/**
 * Deliveries of webhooks. One attempt does three things, and for a reason: what it needs is read here, so that bodies and
 * secrets stay out of histories; what came of it is recorded before Temporal is told, so that the ledger knows at any time.
 */
import { Context } from '@temporalio/activity';
import { WorkflowExecutionAlreadyStartedError, type Client } from '@temporalio/client';
import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common';
import { decideOnWebhook } from '../domain/webhookRetry.js';
import type { KeyRing } from '../keyring.js';
import type { TakeUp, Webhooks } from '../ledger/webhooks.js';
import type { WebhookClient } from '../webhooks/client.js';
import { webhookSecretPurpose } from '../webhooks/signature.js';
import { deliverWebhookWorkflow, deliveryStart, isUrgent, type DeliverWebhook } from '../workflows/messages.js';
import { scheduledAt } from './clock.js';
import { Lanes, type Leave } from './lanes.js';

/** How a delivery ended; `over`: there was nothing to do any more; `postponed`: the Schedule will start it again. */
export type DeliveryEnd = 'delivered' | 'failed' | 'over' | 'postponed';

export type FirstAttempt =
  | { readonly kind: 'ended'; readonly end: DeliveryEnd }
  | { readonly kind: 'again'; readonly delayMs: number }
  /** The endpoint is busy, or did not answer lately. */
  | { readonly kind: 'not_tried' };

/** What the starter did, in deliveries. */
export interface Started {
  readonly started: number;
  /** Looked at again when the lease is over. */
  readonly unclear: number;
}

export interface DeliveryTimes {
  /** Shrinks the waits between attempts, and the time that an endpoint may fail: 1 in production. */
  readonly scale: number;
}

const day = 86_400_000;
/** An endpoint that has failed for so long is disabled. */
const disableAfterMs = 3 * day;
const busyMs = 1_500;
/** Until an endpoint that does not answer is looked at again for what waits for it. */
const postponeMs = 30_000;
/** First attempts within workflow tasks, of all endpoints: each holds a place that sweeps need too. */
const mostAtOnce = 200;

const page = { each: 200, limit: 1_000, leaseMs: 600_000 } as const;
/** Of an endpoint that fails again and again, so many a run. */
const mostStruggling = 5;
const startsAtOnce = 10;
const startForMs = 240_000;
/** Rows of disabled and deleted endpoints a transaction, and for how long a run clears them. */
const clearedAtOnce = 2_000;
const clearForMs = 30_000;
const mostCleared = 100;

export function createDeliveryActivities(
  webhooks: Webhooks,
  client: WebhookClient,
  keyRing: KeyRing,
  { scale }: DeliveryTimes,
  onAttempt: (event: string, result: 'delivered' | 'failed' | 'again') => void,
) {
  const lanes = new Lanes();
  let atOnce = 0;
  return {
    /** Local to the workflow: for endpoints that can be expected to answer. */
    async attemptWebhookAtOnce(delivery: DeliverWebhook): Promise<FirstAttempt> {
      if (atOnce >= mostAtOnce) return { kind: 'not_tried' };
      const place = lanes.enterAtOnce(delivery.endpointId, isUrgent(delivery));
      if (typeof place === 'string') return { kind: 'not_tried' };
      atOnce += 1;
      try {
        return await attemptIn(place, delivery);
      } finally {
        atOnce -= 1;
      }
    },

    /** Retries are Temporal's: what is to be tried again fails with the time until then. */
    async attemptWebhook(delivery: DeliverWebhook): Promise<DeliveryEnd> {
      const place = await lanes.enter(delivery.endpointId, isUrgent(delivery));
      switch (place) {
        case 'busy':
          throw later('busy', (0.5 + Math.random()) * busyMs);
        case 'unresponsive':
          // Its queue waits in the database, where it costs nothing.
          return (await webhooks.postpone(delivery, postponeMs * scale, scheduledAt())).outcome;
        default: {
          const attempt = await attemptIn(place, delivery);
          if (attempt.kind === 'ended') return attempt.end;
          throw later('not delivered', attempt.delayMs);
        }
      }
    },
  };

  async function attemptIn(
    leave: Leave,
    delivery: DeliverWebhook,
  ): Promise<Exclude<FirstAttempt, { readonly kind: 'not_tried' }>> {
    const at = scheduledAt();
    let answered = true;
    try {
      const begun = await webhooks.beginAttempt(delivery, at);
      if (begun.outcome === 'over') return { kind: 'ended', end: 'over' };
      const attempt = await client.deliver({
        url: begun.url,
        id: delivery.eventId,
        body: begun.body,
        secrets: begun.secretsSealed.map((sealed) => keyRing.open(sealed, webhookSecretPurpose(delivery.endpointId))),
      });
      answered = attempt.kind === 'answered';
      const decision = decideOnWebhook(attempt, begun.attempts, Math.random(), scale);
      const recorded = await webhooks.endAttempt(delivery, attempt, decision, disableAfterMs * scale, at);
      if (recorded.outcome === 'over') return { kind: 'ended', end: 'over' };
      switch (recorded.state) {
        case 'delivered':
        case 'failed':
          onAttempt(begun.type, recorded.state);
          return { kind: 'ended', end: recorded.state };
        case 'pending':
          onAttempt(begun.type, 'again');
          return { kind: 'again', delayMs: decision.kind === 'again' ? decision.delayMs : busyMs };
      }
    } finally {
      leave(answered);
    }
  }
}

export function createWebhookStartActivities(webhooks: Webhooks, client: Client) {
  return {
    /** Starts what nobody has: after a crash between commit and start, with Temporal down, and what is replayed by the span. */
    async startWebhooks({ graceMs }: Pick<TakeUp, 'graceMs'>): Promise<Started> {
      const count = { started: 0, unclear: 0 };
      const until = performance.now() + startForMs;
      for (let eachStruggling = mostStruggling; performance.now() < until; eachStruggling = 0) {
        const due = await webhooks.takeUpDeliveries({ ...page, eachStruggling, graceMs }, scheduledAt());
        for (let at = 0; at < due.length; at += startsAtOnce) {
          await Promise.all(due.slice(at, at + startsAtOnce).map((delivery) => start(delivery, count)));
          Context.current().heartbeat(count);
        }
        if (due.length === 0) break;
      }
      if (count.started + count.unclear > 0) Context.current().log.info('deliveries were taken up', { ...count });
      await clearEndpoints();
      return count;
    },
  };

  /** What is left of endpoints that were disabled or deleted; where it is much, the next run goes on. */
  async function clearEndpoints(): Promise<void> {
    const until = performance.now() + clearForMs;
    for (const endpoint of await webhooks.endpointsToClear(mostCleared)) {
      let cleared = clearedAtOnce;
      while (cleared === clearedAtOnce && performance.now() < until) {
        cleared = await webhooks.clearEndpoint(endpoint, clearedAtOnce);
        Context.current().heartbeat(cleared);
      }
    }
  }

  async function start(delivery: DeliverWebhook, count: { started: number; unclear: number }): Promise<void> {
    try {
      await client.workflow.start(deliverWebhookWorkflow, {
        ...deliveryStart(delivery),
        // One that runs waits for its endpoint, or for its time: it is left to that.
        workflowIdConflictPolicy: 'USE_EXISTING',
      });
      count.started += 1;
    } catch (error) {
      if (error instanceof WorkflowExecutionAlreadyStartedError) return;
      count.unclear += 1;
      Context.current().log.warn('a delivery could not be started', { eventId: delivery.eventId, error });
    }
  }
}

/** Not a failure of anything of ours: no alarm, no attempt lost. */
function later(message: string, delayMs: number): ApplicationFailure {
  return ApplicationFailure.create({
    message,
    type: 'WebhookLater',
    nextRetryDelay: delayMs,
    category: ApplicationFailureCategory.BENIGN,
  });
}
