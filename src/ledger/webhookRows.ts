/** What the ledger's functions answer about webhooks and the feed, checked at its border. */
import { z } from 'zod';
import { outcome } from './outcomes.js';

export const whole = z.number().refine(Number.isSafeInteger, 'is not a safe integer');
const instant = z.string();

export const endpoint = z.object({
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
export const createOutcome = z.discriminatedUnion('outcome', [
  z.object({ outcome: z.enum(['created', 'already_created']), endpoint }),
  outcome('too_many'),
]);
export const changeOutcome = z.discriminatedUnion('outcome', [
  z.object({ outcome: z.literal('changed'), endpoint }),
  outcome('not_found'),
]);
export const rotateOutcome = z.discriminatedUnion('outcome', [
  z.object({ outcome: z.literal('rotated'), endpoint }),
  outcome('not_found'),
]);
export const delivery = z.object({
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
export const replayRangeOutcome = z.discriminatedUnion('outcome', [
  z.object({
    outcome: z.literal('asked'),
    deliveries: whole,
    complete: z.boolean(),
    to: instant,
    next: z.object({ at: instant, eventId: z.uuid() }).nullable(),
  }),
  outcome('disabled', 'not_found'),
]);
export const testOutcome = z.discriminatedUnion('outcome', [
  z.object({ outcome: z.literal('asked'), eventId: z.uuid() }),
  outcome('disabled', 'not_found'),
]);
export const beginOutcome = z.discriminatedUnion('outcome', [
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
export const endOutcome = z.discriminatedUnion('outcome', [
  z.object({ outcome: z.literal('recorded'), state: z.enum(['pending', 'delivered', 'failed']) }),
  outcome('over'),
]);
export const dueDelivery = z.object({ partnerId: z.uuid(), eventId: z.uuid(), endpointId: z.uuid(), priority: whole });
export const ofPartner = z.object({ partnerId: z.uuid(), endpointId: z.uuid() });
export const feedPage = z.object({
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
