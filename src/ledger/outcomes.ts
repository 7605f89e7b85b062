/** What the ledger's functions answer, checked at its border: amounts and points are safe integers, outcomes are data. */
import { z } from 'zod';
import {
  paymentStates,
  type Actor,
  type PaymentPolicy,
  type PaymentState,
  type Resumption,
} from '../domain/payment.js';

const integer = z.number().refine(Number.isSafeInteger, 'is not a safe integer');
const state = z.enum(paymentStates as [PaymentState, ...PaymentState[]]);
export const outcome = <const T extends string>(...names: T[]) => z.object({ outcome: z.enum(names) });
const conflict = z.object({ outcome: z.literal('conflict'), state });

const held = z.object({ amountMinor: integer, currency: z.string(), points: integer });
const paidAnswer = z.object({ n: integer, transactionId: z.string(), requestId: z.string().nullable() });
const policy = z.custom<PaymentPolicy>((value) => typeof value === 'object' && value !== null);
export const actor = z.custom<Actor>((value) => typeof value === 'object' && value !== null);
const openedPayment = z.object({
  outcome: z.enum(['opened', 'existing']),
  paymentId: z.uuid(),
  state,
  epoch: integer,
  scheme: z.enum(['loyalty', 'organisation']),
  policy,
  openedBy: actor,
  memberId: z.uuid().nullable(),
});
export const openOutcome = z.discriminatedUnion('outcome', [
  openedPayment,
  z.object({ outcome: z.literal('refused'), reason: z.enum(['credentials', 'fund_unavailable', 'paused']) }),
]);
export const quoteOutcome = z.discriminatedUnion('outcome', [
  z.object({ outcome: z.literal('quoted'), changed: z.boolean(), version: integer }),
  outcome('superseded', 'not_found'),
  conflict,
]);
export const holdOutcome = z.discriminatedUnion('outcome', [
  outcome(
    'held',
    'already_held',
    'insufficient_fund',
    'changed',
    'other_member',
    'given_up',
    'not_approved',
    'own_approval',
    'superseded',
    'not_found',
  ),
  z.object({ outcome: z.literal('insufficient_points'), available: integer, needed: integer }),
  z.object({ outcome: z.literal('over_limit'), which: z.enum(['day', 'month']) }),
  conflict,
]);
export const attemptOutcome = z.discriminatedUnion('outcome', [
  z.object({ outcome: z.literal('go'), n: integer, ambiguousBefore: z.boolean() }),
  paidAnswer.extend({ outcome: z.literal('paid') }),
  outcome('stale', 'prove', 'superseded', 'not_found'),
  conflict,
]);
export const captureOutcome = z.discriminatedUnion('outcome', [
  outcome('captured', 'already_captured', 'captured_late', 'superseded', 'not_found'),
  conflict,
]);
export const closeOutcome = z.discriminatedUnion('outcome', [
  outcome('closed', 'attempt_outstanding', 'superseded', 'not_found'),
  z.object({ outcome: z.literal('already_closed'), state }),
]);
export const unprovenOutcome = z.discriminatedUnion('outcome', [
  z.object({
    outcome: z.literal('noted'),
    state: z.enum(['unknown', 'in_review']),
    reason: z.string(),
    held: held.nullable(),
    released: z.boolean(),
    paid: paidAnswer.nullable(),
  }),
  z.object({ outcome: z.literal('refused'), code: z.string().nullable() }),
  outcome('not_executed', 'superseded'),
  conflict,
]);
export const resumeOutcome = z.discriminatedUnion('outcome', [
  z.object({
    outcome: z.literal('resumed'),
    epoch: integer,
    scheme: z.enum(['loyalty', 'organisation']),
    invoiceId: z.string(),
    policy,
    state,
    reason: z.string().nullable(),
    held: held.nullable(),
    released: z.boolean(),
    confirmation: z.custom<Resumption['confirmation']>((value) => typeof value === 'object'),
    attempt: z.discriminatedUnion('kind', [
      paidAnswer.extend({ kind: z.literal('paid') }),
      z.object({ kind: z.literal('outstanding') }),
      z.object({ kind: z.literal('refused'), code: z.string().nullable() }),
      z.object({ kind: z.literal('none') }),
    ]),
  }),
  z.object({ outcome: z.literal('over'), state }),
  outcome('superseded', 'not_found'),
]);
const resolved = z.object({ outcome: z.literal('resolved'), state, reason: z.string().nullable() });
const refusedResolution = z.object({ outcome: z.literal('refused'), why: z.string() });
const decision = z.discriminatedUnion('outcome', [resolved, refusedResolution]);
export const resolveOutcome = z.discriminatedUnion('outcome', [
  resolved,
  refusedResolution,
  z.object({ outcome: z.literal('already_decided'), result: decision }),
  outcome('superseded'),
  conflict,
]);
export const resolutionOpened = z.discriminatedUnion('outcome', [
  outcome('recorded', 'not_found'),
  z.object({ outcome: z.literal('already_recorded'), result: decision.nullable() }),
  conflict,
]);
export const sweepPage = z.array(
  z.object({ partnerId: z.uuid(), paymentId: z.uuid(), epoch: integer, mustSettle: z.boolean() }),
);
export const reviewQueue = z.array(
  z.object({
    partnerId: z.uuid(),
    partner: z.string(),
    paymentId: z.uuid(),
    scheme: z.enum(['loyalty', 'organisation']),
    invoiceId: z.string(),
    state,
    reason: z.string().nullable(),
    amountMinor: integer.nullable(),
    currency: z.string().nullable(),
    lastProbe: z.string().nullable(),
    nextProbeAt: z.string().nullable(),
    createdAt: z.string(),
  }),
);
export const balance = z.object({ available: integer, held: integer });
export const fundBalance = z.array(
  z.object({
    currency: z.string(),
    overdraftMinor: integer,
    sizeMinor: integer,
    reservedMinor: integer,
    drawnMinor: integer,
    availableMinor: integer,
  }),
);
export const passport = z.looseObject({
  paymentId: z.uuid(),
  scheme: z.enum(['loyalty', 'organisation']),
  state,
  amountMinor: integer.nullable(),
  currency: z.string().nullable(),
  transactionId: z.string().nullable(),
  pointsCaptured: integer,
  fundDrawnMinor: integer,
});

export type OpenOutcome = z.infer<typeof openOutcome>;
export type OpenedPayment = z.infer<typeof openedPayment>;
export type HoldOutcome = z.infer<typeof holdOutcome>;
export type CaptureOutcome = z.infer<typeof captureOutcome>;
export type CloseOutcome = z.infer<typeof closeOutcome>;
export type AttemptOutcome = z.infer<typeof attemptOutcome>;
export type ResumeOutcome = z.infer<typeof resumeOutcome>;
export type ResolveOutcome = z.infer<typeof resolveOutcome>;
export type ResolutionOpened = z.infer<typeof resolutionOpened>;
export type SweepPage = z.infer<typeof sweepPage>;
export type ReviewQueue = z.infer<typeof reviewQueue>;
export type UnprovenOutcome = z.infer<typeof unprovenOutcome>;
export type Balance = z.infer<typeof balance>;
export type FundBalance = z.infer<typeof fundBalance>[number];
export type Passport = z.infer<typeof passport>;
