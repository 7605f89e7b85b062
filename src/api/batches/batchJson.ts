/** A batch and its invoices as the partner's API tells them. */
import { z } from 'zod';
import { batchStates, itemStates, type Batch, type BatchItem } from '../../ledger/batches.js';
import type { PartnerSettings } from '../../partnerSettings.js';
import { paymentStates } from '../../domain/payment.js';
import { utc, utcOrNull } from '../utc.js';
import { anyUuid, instant, moment } from '../validate.js';

const currency = z.string().regex(/^[A-Z]{3}$/);
const mostInvoices = 100_000;

const filterSchema = z
  .strictObject({
    status: z.literal('pending').default('pending').meta({ description: 'No other can be paid' }),
    amountUnderMinor: z.int().min(1).max(1e13).optional().meta({ description: 'Less than this, in minor units' }),
    createdAfter: moment.optional(),
    currency: currency.optional(),
  })
  .meta({ id: 'BatchFilter' });

export const batchBody = z
  .strictObject({
    filter: filterSchema.optional(),
    invoiceIds: z.array(anyUuid).min(1).max(mostInvoices).optional().meta({ description: 'In place of a filter' }),
  })
  .refine(({ filter, invoiceIds }) => (filter === undefined) !== (invoiceIds === undefined), {
    error: 'must be there, or invoiceIds, and not both',
    path: ['filter'],
  })
  .meta({ id: 'PayBatch' });

export const batchSchema = z
  .object({
    id: z.uuid(),
    state: z.enum(batchStates),
    pauseReason: z
      .string()
      .nullable()
      .meta({ description: '`by_partner`, or why it paused itself; docs/operating.md, "A paused batch"' }),
    filter: z
      .object({ amountUnderMinor: z.int().optional(), createdAfter: instant.optional(), currency: currency.optional() })
      .nullable()
      .meta({ description: 'Null: its invoices were named' }),
    found: z.int(),
    waiting: z.int().meta({ description: 'Found and not started yet' }),
    skipped: z.int(),
    skippedBecause: z.record(z.string(), z.int()).meta({ description: 'How many by reason: a code' }),
    started: z.int().meta({ description: 'Of these, the following seven' }),
    inFlight: z.int(),
    awaitingApproval: z.int(),
    inReview: z.int(),
    paid: z.int(),
    declined: z.int(),
    expired: z.int(),
    cancelled: z.int(),
    unreadable: z.int().meta({ description: 'Elements of the list that could not be read' }),
    paidAmounts: z.array(z.object({ currency, amountMinor: z.int() })),
    secondsLeft: z
      .int()
      .nullable()
      .meta({ description: 'Estimated, if nobody else uses the account’s quota; null where it is not running' }),
    createdAt: instant,
    finishedAt: instant.nullable(),
  })
  .meta({ id: 'PaymentBatch' });

export const itemSchema = z
  .object({
    invoiceId: z.string(),
    state: z.enum(itemStates),
    reason: z.string().nullable(),
    paymentId: z.uuid().nullable(),
    paymentState: z.enum(paymentStates as [string, ...string[]]).nullable(),
    amountMinor: z.int().nullable(),
    currency: z.string().nullable(),
  })
  .meta({ id: 'BatchInvoice' });

export function batchJson(batch: Batch, settings: PartnerSettings): z.infer<typeof batchSchema> {
  return {
    id: batch.id,
    state: batch.state,
    pauseReason: batch.pauseReason,
    filter: batch.filter,
    found: batch.found,
    waiting: batch.waiting,
    skipped: batch.skipped,
    skippedBecause: batch.skippedBecause,
    started: batch.started,
    inFlight: batch.inFlight,
    awaitingApproval: batch.awaitingApproval,
    inReview: batch.inReview,
    paid: batch.paid,
    declined: batch.declined,
    expired: batch.expired,
    cancelled: batch.cancelled,
    unreadable: batch.unreadable,
    paidAmounts: batch.paidAmounts,
    secondsLeft: batch.state === 'running' ? secondsLeft(batch, settings) : null,
    createdAt: utc(batch.createdAt),
    finishedAt: utcOrNull(batch.finishedAt),
  };
}

/** An invoice costs its confirm and its share of a page. */
function secondsLeft(
  { waiting, inFlight, listEnded, listLeft }: Batch,
  { invoiceboxOptions: { requestsPer30s, pageSize } }: PartnerSettings,
): number {
  const left = waiting + inFlight + (listEnded ? 0 : (listLeft ?? 0));
  return Math.ceil((left * (1 + 1 / pageSize) * 30) / requestsPer30s);
}

export function itemJson(item: BatchItem): z.infer<typeof itemSchema> {
  const { invoiceId, state, reason, paymentId, paymentState, amountMinor, currency: of } = item;
  return { invoiceId, state, reason, paymentId, paymentState, amountMinor, currency: of };
}
