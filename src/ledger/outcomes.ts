/** What the ledger's functions answer, checked at its border: amounts and points are safe integers, outcomes are data. */
import { z } from 'zod';
import { paymentStates, type PaymentPolicy, type PaymentState } from '../domain/payment.js';

const integer = z.number().refine(Number.isSafeInteger, 'is not a safe integer');
const state = z.enum(paymentStates as [PaymentState, ...PaymentState[]]);
export const outcome = <const T extends string>(...names: T[]) => z.object({ outcome: z.enum(names) });
const conflict = z.object({ outcome: z.literal('conflict'), state: z.string() });

const policy = z.custom<PaymentPolicy>((value) => typeof value === 'object' && value !== null);
const openedPayment = z.object({
  outcome: z.enum(['opened', 'existing']),
  paymentId: z.uuid(),
  state,
  epoch: integer,
  scheme: z.enum(['loyalty', 'organisation']),
  policy,
});
export const openOutcome = z.discriminatedUnion('outcome', [
  openedPayment,
  z.object({ outcome: z.literal('refused'), reason: z.enum(['credentials', 'fund_unavailable']) }),
]);
export const quoteOutcome = z.discriminatedUnion('outcome', [
  z.object({ outcome: z.literal('quoted'), changed: z.boolean() }),
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
    'superseded',
    'not_found',
  ),
  z.object({ outcome: z.literal('insufficient_points'), available: integer, needed: integer }),
  z.object({ outcome: z.literal('conflict'), state }),
]);
export const attemptOutcome = z.discriminatedUnion('outcome', [
  z.object({ outcome: z.literal('go'), n: integer, ambiguousBefore: z.boolean() }),
  outcome('stale', 'superseded'),
  conflict,
]);
export const captureOutcome = z.discriminatedUnion('outcome', [
  outcome('captured', 'already_captured', 'superseded'),
  conflict,
]);
export const closeOutcome = z.discriminatedUnion('outcome', [
  outcome('closed', 'attempt_outstanding', 'superseded', 'not_found'),
  z.object({ outcome: z.literal('already_closed'), state }),
]);
export const unprovenOutcome = z.discriminatedUnion('outcome', [outcome('noted', 'superseded'), conflict]);
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
export type UnprovenOutcome = z.infer<typeof unprovenOutcome>;
export type Balance = z.infer<typeof balance>;
export type FundBalance = z.infer<typeof fundBalance>[number];
export type Passport = z.infer<typeof passport>;
