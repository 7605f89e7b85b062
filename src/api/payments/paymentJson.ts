/** A payment as the partner's API tells it. Amounts are integer minor units, points whole numbers, times ISO 8601 in UTC. */
import { z } from 'zod';
import type { PaymentEntity } from '../../database/entities/payment.js';
import { paymentStates, type PaymentState } from '../../domain/payment.js';

const time = z.iso.datetime({ offset: true });
const amount = z.int();
const hash = z.string().regex(/^[0-9a-f]{64}$/);
const who = z.object({ kind: z.string(), id: z.string() });

export const stateSchema = z.enum(paymentStates as [PaymentState, ...PaymentState[]]);

export const paymentSchema = z
  .object({
    id: z.uuid(),
    scheme: z.enum(['loyalty', 'organisation']),
    state: stateSchema,
    reason: z.string().nullable().meta({ description: 'Why it stands so: a code. New codes may come' }),
    refusalCode: z.string().nullable().meta({ description: 'Invoicebox’s own, where it refused' }),
    invoice: z.object({
      id: z.string(),
      number: z.string().nullable(),
      description: z.string().nullable(),
      amountMinor: amount.nullable(),
      currency: z.string().nullable(),
      expiresAt: time.nullable(),
      paymentUrl: z.string().nullable(),
      readAt: time.nullable(),
      version: z.int().meta({
        description:
          'Of what an approver decides by: another number, another sum, description or customer. 0: not an organisation’s',
      }),
    }),
    points: z.int().nullable(),
    memberId: z.uuid().nullable(),
    transactionId: z.string().nullable().meta({ description: 'Invoicebox’s, of a paid payment' }),
    returnedMinor: amount.meta({ description: 'What of a paid payment has come back to the buyer since' }),
    returnedPoints: z.int().meta({ description: 'The points that were given back with it' }),
    nextProbeAt: time.nullable().meta({ description: 'Of an unknown outcome: when it is read again' }),
    openedAt: time,
    paidAt: time.nullable(),
    closedAt: time.nullable(),
  })
  .meta({ id: 'Payment' });

export const passportSchema = z
  .object({
    paymentId: z.uuid(),
    scheme: z.enum(['loyalty', 'organisation']),
    state: stateSchema,
    reason: z.string().nullable(),
    invoiceId: z.string(),
    invoiceNumber: z.string().nullable(),
    amountMinor: amount.nullable(),
    currency: z.string().nullable(),
    partnerOperationId: z.uuid(),
    transactionId: z.string().nullable(),
    memberId: z.uuid().nullable(),
    openedBy: who,
    confirmation: z
      .looseObject({
        actor: who,
        seen: z.object({ amountMinor: amount, currency: z.string(), points: z.int() }),
      })
      .nullable()
      .meta({ description: 'Who confirmed, and what he saw' }),
    openedAt: time,
    paidAt: time.nullable(),
    pointsCaptured: z.int(),
    fundDrawnMinor: z.int(),
    returnedMinor: z.int(),
    returnedPoints: z.int(),
    returns: z.array(
      z.object({
        id: z.uuid(),
        state: z.string(),
        amountMinor: z.int(),
        points: z.int().nullable(),
        fundRestored: z.boolean(),
        reference: z.string(),
        requestedBy: who.nullable(),
        decidedBy: who.nullable(),
        invoiceStatus: z.string().nullable(),
        returnedAt: time.nullable(),
      }),
    ),
    paidForWhatWasSeen: z
      .object({
        verdict: z.enum(['pending', 'equal', 'differs']),
        readAt: time.nullable(),
        status: z.string().nullable(),
        amountMinor: amount.nullable(),
        currency: z.string().nullable(),
      })
      .meta({ description: 'What the invoice reads after it was paid; read by reconciliation, within a day' }),
    attempts: z.array(
      z.object({
        n: z.int(),
        startedAt: time,
        finishedAt: time.nullable(),
        class: z.string().nullable(),
        code: z.string().nullable(),
        requestId: z.string().nullable(),
      }),
    ),
    entries: z.array(
      z.object({
        id: z.uuid(),
        kind: z.string(),
        debit: z.string(),
        credit: z.string(),
        asset: z.string(),
        amount: z.int(),
        reference: z.string(),
        at: time,
      }),
    ),
    events: z.array(z.object({ seq: z.int(), type: z.string(), body: z.looseObject({}), at: time })),
    audit: z
      .object({
        state: z
          .enum(['sealed', 'pending'])
          .meta({ description: '`pending`: some of it is not sealed yet, within a minute or two it is' }),
        partnerId: z.uuid(),
        head: z
          .object({ n: z.int(), hash })
          .nullable()
          .meta({ description: 'The last block of your chain. Keep it: it pins down all before' }),
        blocks: z
          .array(
            z.object({
              n: z.int(),
              previousHash: hash,
              skipHash: hash,
              root: hash,
              firstPosition: z.int(),
              entries: z.int(),
              sealedAt: time,
              hash,
            }),
          )
          .meta({ description: 'Those that hold its entries, and those that lead there from the head' }),
        proofs: z.array(
          z.object({
            leaf: z.array(z.string().nullable()).meta({ description: 'What was hashed, field by field' }),
            block: z.int().nullable().meta({ description: 'null: not sealed yet' }),
            index: z.int().nullable(),
            path: z.array(hash),
          }),
        ),
      })
      .meta({ description: 'That its entries and events stand in the audit chain: see docs/audit.md' }),
  })
  .meta({ id: 'Passport', description: 'The proof of one payment' });

export type PaymentJson = z.infer<typeof paymentSchema>;

export function paymentJson(payment: PaymentEntity): PaymentJson {
  return {
    id: payment.id,
    scheme: payment.scheme,
    state: payment.state,
    reason: payment.reason,
    refusalCode: payment.refusalCode,
    invoice: {
      id: payment.invoiceId,
      number: payment.invoiceNumber,
      description: payment.description,
      amountMinor: payment.amountMinor,
      currency: payment.currency,
      expiresAt: payment.invoiceExpiresAt?.toISOString() ?? null,
      paymentUrl: payment.paymentUrl,
      readAt: payment.readAt?.toISOString() ?? null,
      version: payment.readVersion,
    },
    points: payment.points,
    memberId: payment.memberId,
    transactionId: payment.transactionId,
    returnedMinor: payment.returnedMinor,
    returnedPoints: payment.returnedPoints,
    nextProbeAt: payment.nextProbeAt?.toISOString() ?? null,
    openedAt: payment.openedAt.toISOString(),
    paidAt: payment.paidAt?.toISOString() ?? null,
    closedAt: payment.closedAt?.toISOString() ?? null,
  };
}
