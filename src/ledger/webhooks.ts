/**
 * What partners are told: their endpoints, the deliveries on their way there, and the feed of events. A method a SQL
 * function, as in ledger.ts; `at` is milliseconds since 1970. Secrets come and go sealed.
 */
import type pg from 'pg';
import { z } from 'zod';
import type { WebhookAttempt, WebhookDecision } from '../domain/webhookRetry.js';
import { call, iso, type DueDelivery, type OnDeliveries } from './call.js';
import { outcome } from './outcomes.js';

const whole = z.number().refine(Number.isSafeInteger, 'is not a safe integer');
const instant = z.string();

const endpoint = z.object({
  id: z.uuid(),
  url: z.string(),
  description: z.string(),
  eventTypes: z.array(z.string()).nullable(),
  state: z.enum(['enabled', 'disabled']),
  disabledReason: z.enum(['by_partner', 'failing', 'gone']).nullable(),
  failingSince: instant.nullable(),
  createdAt: instant,
  previousSecretUntil: instant.nullable(),
});
const createOutcome = z.discriminatedUnion('outcome', [
  z.object({ outcome: z.enum(['created', 'already_created']), endpoint }),
  outcome('too_many'),
]);
const changeOutcome = z.discriminatedUnion('outcome', [
  z.object({ outcome: z.literal('changed'), endpoint }),
  outcome('not_found'),
]);
const rotateOutcome = z.discriminatedUnion('outcome', [
  z.object({ outcome: z.literal('rotated'), endpoint }),
  outcome('not_found'),
]);
const delivery = z.object({
  eventId: z.uuid(),
  eventType: z.string(),
  state: z.enum(['pending', 'delivered', 'failed']),
  attempts: whole,
  lastStatus: whole.nullable(),
  lastProblem: z.string().nullable(),
  lastAttemptAt: instant.nullable(),
  deliveredAt: instant.nullable(),
  askedAt: instant,
  nextAttemptAt: instant.nullable(),
});
const replayRangeOutcome = z.discriminatedUnion('outcome', [
  z.object({
    outcome: z.literal('asked'),
    deliveries: whole,
    complete: z.boolean(),
    to: instant,
    next: z.object({ at: instant, eventId: z.uuid() }).nullable(),
  }),
  outcome('disabled', 'not_found'),
]);
const testOutcome = z.discriminatedUnion('outcome', [
  z.object({ outcome: z.literal('asked'), eventId: z.uuid() }),
  outcome('disabled', 'not_found'),
]);
const beginOutcome = z.discriminatedUnion('outcome', [
  z.object({
    outcome: z.literal('go'),
    type: z.string(),
    url: z.string(),
    body: z.string(),
    attempts: whole,
    secretsSealed: z.array(z.string()),
  }),
  outcome('over'),
]);
const endOutcome = z.discriminatedUnion('outcome', [
  z.object({ outcome: z.literal('recorded'), state: z.enum(['pending', 'delivered', 'failed']) }),
  outcome('over'),
]);
const dueDelivery = z.object({ partnerId: z.uuid(), eventId: z.uuid(), endpointId: z.uuid(), priority: whole });
const ofPartner = z.object({ partnerId: z.uuid(), endpointId: z.uuid() });
const feedPage = z.object({
  epoch: whole,
  /** Of what is older, a page that is not full has told the last. */
  horizon: z.string(),
  events: z.array(z.object({ xid: z.string(), position: whole, body: z.looseObject({}) })),
});

export type WebhookEndpoint = z.infer<typeof endpoint>;
export type WebhookDelivery = z.infer<typeof delivery>;
export type AttemptBegin = z.infer<typeof beginOutcome>;
export type AttemptEnd = z.infer<typeof endOutcome>;
export type FeedPage = z.infer<typeof feedPage>;

/** A delivery by its ids. */
export type DeliveryKey = Omit<DueDelivery, 'priority'>;

/** How many deliveries the starter takes up at a time, and which. */
export interface TakeUp {
  /** What is due no longer than this may be under way. */
  readonly graceMs: number;
  /** Not taken up again before this is over. */
  readonly leaseMs: number;
  readonly each: number;
  readonly eachStruggling: number;
  readonly limit: number;
}

export class Webhooks {
  constructor(
    private readonly pool: pg.Pool,
    private readonly onDeliveries?: OnDeliveries,
  ) {}

  createEndpoint(wish: {
    partnerId: string;
    endpointId: string;
    url: string;
    description: string;
    eventTypes: readonly string[] | null;
    secretSealed: string;
    mostEndpoints: number;
    at: number;
  }) {
    return this.#call(createOutcome, 'webhook_endpoint_create', [
      wish.partnerId,
      wish.endpointId,
      wish.url,
      wish.description,
      wish.eventTypes,
      wish.secretSealed,
      wish.mostEndpoints,
      iso(wish.at),
    ]);
  }

  endpoints(partnerId: string, at: number): Promise<WebhookEndpoint[]> {
    return this.#call(z.array(endpoint), 'webhook_endpoints_read', [partnerId, null, iso(at)]);
  }

  async endpoint(partnerId: string, endpointId: string, at: number): Promise<WebhookEndpoint | null> {
    const found = await this.#call(z.array(endpoint), 'webhook_endpoints_read', [partnerId, endpointId, iso(at)]);
    return found[0] ?? null;
  }

  /** @param change what is absent stays; `eventTypes: null` means all of them */
  changeEndpoint(
    partnerId: string,
    endpointId: string,
    change: {
      url?: string | undefined;
      description?: string | undefined;
      eventTypes?: readonly string[] | null | undefined;
      state?: 'enabled' | 'disabled' | undefined;
    },
    at: number,
  ) {
    return this.#call(changeOutcome, 'webhook_endpoint_change', [partnerId, endpointId, change, iso(at)]);
  }

  /** @param wish.previousUntil until when the secret before signs too */
  rotateSecret(wish: {
    partnerId: string;
    endpointId: string;
    /** The same again replaces the secret that it made. */
    rotationId: string;
    secretSealed: string;
    previousUntil: number;
    at: number;
  }) {
    return this.#call(rotateOutcome, 'webhook_secret_rotate', [
      wish.partnerId,
      wish.endpointId,
      wish.rotationId,
      wish.secretSealed,
      iso(wish.previousUntil),
      iso(wish.at),
    ]);
  }

  deleteEndpoint(partnerId: string, endpointId: string) {
    return this.#call(outcome('deleted', 'not_found'), 'webhook_endpoint_delete', [partnerId, endpointId]);
  }

  /** Of the newest event first; null where there is no such endpoint. */
  deliveries(
    partnerId: string,
    endpointId: string,
    page: { state: WebhookDelivery['state'] | null; before: string | null; limit: number },
  ): Promise<WebhookDelivery[] | null> {
    return this.#call(z.array(delivery).nullable(), 'webhook_deliveries_read', [
      partnerId,
      endpointId,
      page.state,
      page.before,
      page.limit,
    ]);
  }

  replay(partnerId: string, endpointId: string, eventId: string, at: number) {
    return this.#call(outcome('asked', 'disabled', 'not_found'), 'webhook_replay', [
      partnerId,
      endpointId,
      eventId,
      iso(at),
    ]);
  }

  replayRange(
    partnerId: string,
    endpointId: string,
    span: {
      from: number;
      to: number;
      undeliveredOnly: boolean;
      most: number;
      /** The `next` of the replay before, as it came: its time is finer than a millisecond. */
      after?: { readonly at: string; readonly eventId: string } | undefined;
    },
    at: number,
  ) {
    return this.#call(replayRangeOutcome, 'webhook_replay_range', [
      partnerId,
      endpointId,
      iso(span.from),
      iso(span.to),
      span.undeliveredOnly,
      span.most,
      iso(at),
      span.after?.at ?? null,
      span.after?.eventId ?? null,
    ]);
  }

  /** @param eventId of the test event: the same one is made once */
  sendTest(partnerId: string, endpointId: string, eventId: string, at: number) {
    return this.#call(testOutcome, 'webhook_test', [partnerId, endpointId, eventId, iso(at)]);
  }

  beginAttempt({ partnerId, eventId, endpointId }: DeliveryKey, at: number): Promise<AttemptBegin> {
    return this.#call(beginOutcome, 'webhook_attempt_begin', [partnerId, eventId, endpointId, iso(at)]);
  }

  endAttempt(
    { partnerId, eventId, endpointId }: DeliveryKey,
    attempt: WebhookAttempt,
    decision: WebhookDecision,
    disableAfterMs: number,
    at: number,
  ): Promise<AttemptEnd> {
    return this.#call(endOutcome, 'webhook_attempt_end', [
      partnerId,
      eventId,
      endpointId,
      decision.kind,
      decision.kind === 'again' ? decision.delayMs : null,
      attempt.kind === 'answered' ? attempt.status : null,
      attempt.kind === 'problem' ? attempt.problem : null,
      disableAfterMs,
      iso(at),
    ]);
  }

  postpone({ partnerId, eventId, endpointId }: DeliveryKey, delayMs: number, at: number) {
    return this.#call(outcome('postponed', 'over'), 'webhook_postpone', [
      partnerId,
      eventId,
      endpointId,
      delayMs,
      iso(at),
    ]);
  }

  /** Of all partners. */
  takeUpDeliveries(wish: TakeUp, at: number): Promise<DueDelivery[]> {
    return this.#call(z.array(dueDelivery), 'webhook_deliveries_take_up', [
      wish.graceMs,
      wish.leaseMs,
      wish.each,
      wish.eachStruggling,
      wish.limit,
      iso(at),
    ]);
  }

  /** Of all partners: endpoints that were deleted, or disabled with deliveries on their way. */
  endpointsToClear(limit: number): Promise<z.infer<typeof ofPartner>[]> {
    return this.#call(z.array(ofPartner), 'webhook_endpoints_to_clear', [limit]);
  }

  /** @returns how many rows were cleared; fewer than the limit: nothing is left */
  clearEndpoint({ partnerId, endpointId }: z.infer<typeof ofPartner>, limit: number): Promise<number> {
    return this.#call(whole, 'webhook_endpoint_clear', [partnerId, endpointId, limit]);
  }

  /** In the order of what may be read, from after the given place; `type` null: all. */
  feed(
    partnerId: string,
    after: { readonly xid: string; readonly position: number },
    type: string | null,
    limit: number,
  ): Promise<FeedPage> {
    return this.#call(feedPage, 'event_feed', [partnerId, after.xid, after.position, type, limit]);
  }

  #call<T>(schema: z.ZodType<T>, name: string, args: readonly unknown[]): Promise<T> {
    return call(this.pool, schema, name, args, this.onDeliveries);
  }
}
