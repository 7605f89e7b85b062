/**
 * Deliveries of webhooks. One attempt does three things, and for a reason: what it needs is read here, so that bodies and
 * secrets stay out of histories; what came of it is recorded before Temporal is told, so that the ledger knows at any time.
 */
import { Context } from '@temporalio/activity';
import { WorkflowExecutionAlreadyStartedError, type Client } from '@temporalio/client';
import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common';
import { decideOnWebhook, type WebhookAttempt, type WebhookDecision } from '../domain/webhookRetry.js';
import type { KeyRing } from '../keyring.js';
import type { TakeUp, Webhooks } from '../ledger/webhooks.js';
import type { WebhookClient } from '../webhooks/client.js';
import { webhookSecretPurpose } from '../webhooks/signature.js';
import { deliverWebhookWorkflow, deliveryStart, type DeliverWebhook } from '../workflows/messages.js';
import { scheduledAt } from './clock.js';
import { Lanes } from './lanes.js';

/** How a delivery ended; `over`: there was nothing to do any more. */
export type DeliveryEnd = 'delivered' | 'failed' | 'over';

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
const busyFirstMs = 1_000;
const busyMostMs = 300_000;

const page = { each: 200, eachStruggling: 5, limit: 1_000, leaseMs: 600_000 } as const;
const startsAtOnce = 10;
const startForMs = 240_000;

export function createDeliveryActivities(
  webhooks: Webhooks,
  client: WebhookClient,
  keyRing: KeyRing,
  { scale }: DeliveryTimes,
) {
  const lanes = new Lanes();
  return {
    /** Retries are Temporal's: what is to be tried again fails with the time until then. */
    async attemptWebhook(delivery: DeliverWebhook): Promise<DeliveryEnd> {
      const leave = await lanes.enter(delivery.endpointId);
      if (leave === null) throw later('busy', busyDelayMs(Context.current().info.attempt));
      let answered = false;
      try {
        const begun = await webhooks.beginAttempt(delivery, scheduledAt());
        if (begun.outcome === 'over') {
          answered = true;
          return 'over';
        }
        const attempt = await client.deliver({
          url: begun.url,
          id: delivery.eventId,
          body: begun.body,
          secrets: begun.secretsSealed.map((sealed) => keyRing.open(sealed, webhookSecretPurpose(delivery.endpointId))),
        });
        answered = attempt.kind === 'answered';
        const decision = decideOnWebhook(attempt, begun.attempts, Math.random(), scale);
        return await record(delivery, attempt, decision);
      } finally {
        leave(answered);
      }
    },
  };

  async function record(
    delivery: DeliverWebhook,
    attempt: WebhookAttempt,
    decision: WebhookDecision,
  ): Promise<DeliveryEnd> {
    const recorded = await webhooks.endAttempt(delivery, attempt, decision, disableAfterMs * scale, scheduledAt());
    if (recorded.outcome === 'over') return 'over';
    switch (recorded.state) {
      case 'delivered':
      case 'failed':
        return recorded.state;
      case 'pending':
        throw later(wordsFor(attempt), decision.kind === 'again' ? decision.delayMs : busyFirstMs);
    }
  }
}

export function createWebhookStartActivities(webhooks: Webhooks, client: Client) {
  return {
    /** Starts what nobody has: after a crash between commit and start, with Temporal down, and what is replayed by the span. */
    async startWebhooks({ graceMs }: Pick<TakeUp, 'graceMs'>): Promise<Started> {
      const count = { started: 0, unclear: 0 };
      const until = performance.now() + startForMs;
      while (performance.now() < until) {
        const due = await webhooks.takeUpDeliveries({ ...page, graceMs }, scheduledAt());
        for (let at = 0; at < due.length; at += startsAtOnce) {
          await Promise.all(due.slice(at, at + startsAtOnce).map((delivery) => start(delivery, count)));
          Context.current().heartbeat(count);
        }
        if (due.length === 0) break;
      }
      if (count.started + count.unclear > 0) Context.current().log.info('deliveries were taken up', { ...count });
      return count;
    },
  };

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

/** The longer it has waited, the later it comes back: a slow endpoint's queue must not become everybody's work. */
function busyDelayMs(attempt: number): number {
  const longestMs = Math.min(busyFirstMs * 2 ** Math.min(attempt, 20), busyMostMs);
  return Math.ceil(longestMs * (0.5 + 0.5 * Math.random()));
}

function wordsFor(attempt: WebhookAttempt): string {
  switch (attempt.kind) {
    case 'answered':
      return `status ${attempt.status}`;
    case 'problem':
      return attempt.problem;
  }
}
