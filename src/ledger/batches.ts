/**
 * Batches of an organisation's payments: a method a SQL function (src/ledger/sql/payment_batch*.sql), outcomes as data.
 * `at` is milliseconds since 1970.
 */
import type pg from 'pg';
import { z } from 'zod';
import { wantOfMoneyCodes } from '../domain/confirmAnswer.js';
import type { ListPlace } from '../domain/batchListing.js';
import type { Actor, PaymentPolicy } from '../domain/payment.js';
import { call, iso, type OnDeliveries } from './call.js';
import type { StoredRead } from './ledger.js';
import { actor, outcome } from './outcomes.js';

export const batchStates = ['running', 'paused', 'cancelling', 'cancelled', 'finished'] as const;
export const itemStates = ['waiting', 'started', 'skipped', 'paid', 'declined', 'expired', 'cancelled'] as const;
export type ItemState = (typeof itemStates)[number];

const count = z.number().refine(Number.isSafeInteger, 'is not a safe integer');
const filter = z.object({
  amountUnderMinor: count.optional(),
  createdAfter: z.string().optional(),
  currency: z.string().optional(),
});
const batch = z.object({
  id: z.uuid(),
  state: z.enum(batchStates),
  pauseReason: z.string().nullable(),
  filter: filter.nullable(),
  found: count,
  waiting: count,
  skipped: count,
  skippedBecause: z.record(z.string(), count),
  started: count,
  inFlight: count,
  awaitingApproval: count,
  inReview: count,
  paid: count,
  declined: count,
  expired: count,
  cancelled: count,
  unreadable: count,
  paidAmounts: z.array(z.object({ currency: z.string(), amountMinor: count })),
  listEnded: z.boolean(),
  listLeft: count.nullable(),
  createdAt: z.string(),
  finishedAt: z.string().nullable(),
});
const item = z.object({
  n: count,
  invoiceId: z.string(),
  state: z.enum(itemStates),
  reason: z.string().nullable(),
  paymentId: z.uuid().nullable(),
  paymentState: z.string().nullable(),
  amountMinor: count.nullable(),
  currency: z.string().nullable(),
});
const place = z.object({ fromMs: count.nullable(), page: count, pass: count });
const stock = z.object({
  state: z.enum(batchStates),
  pauseReason: z.string().nullable(),
  filter: filter.nullable(),
  listEnded: z.boolean(),
  place,
  ready: count,
  unread: count,
  inFlight: count,
  progress: batch.nullable(),
});
const quote = z.object({
  amountMinor: count,
  currency: z.string(),
  expiresAt: count,
  readAt: count,
  version: count,
  approval: z.enum(['approval_above_amount', 'approval_by_rule']).nullable(),
});
const startOutcome = z.discriminatedUnion('outcome', [
  z.object({
    outcome: z.literal('started'),
    paymentId: z.uuid(),
    epoch: count,
    openedBy: actor,
    quote: quote.nullable(),
  }),
  z.object({ outcome: z.enum(['skipped', 'pause']), reason: z.string() }),
  outcome('not_waiting'),
]);
const changeOutcome = z.discriminatedUnion('outcome', [
  outcome('changed', 'unchanged', 'not_found'),
  z.object({ outcome: z.literal('conflict'), state: z.enum(batchStates) }),
]);

export type BatchFilter = z.infer<typeof filter>;
export type Batch = z.infer<typeof batch>;
export type BatchItem = z.infer<typeof item>;
export type BatchStock = z.infer<typeof stock>;
export type BatchPlace = z.infer<typeof place>;
export type BatchChange = z.infer<typeof changeOutcome>;
export type BatchPaymentStart = z.infer<typeof startOutcome>;

/** An invoice as a list told it; `skip`: why it is not paid. */
export interface ToldInvoice {
  readonly invoiceId: string;
  readonly read: StoredRead;
  readonly amountMinor: number | null;
  readonly currency: string;
  readonly skip: string | null;
}

/** How far the list is read after a page of it. */
export interface ReadOn extends ListPlace {
  readonly endsPass: boolean;
  readonly left: number | null;
  readonly unreadable: number;
}

interface Key {
  readonly partnerId: string;
  readonly batchId: string;
}

export class Batches {
  constructor(
    private readonly pool: pg.Pool,
    private readonly onDeliveries?: OnDeliveries,
  ) {}

  /** @param wanted a filter, or lower-cased invoice ids */
  open(
    { partnerId, batchId }: Key,
    wanted: { filter: BatchFilter } | { invoiceIds: string[] },
    actor: Actor,
    at: number,
  ) {
    const [named, filtered] = 'filter' in wanted ? [[], wanted.filter] : [wanted.invoiceIds, null];
    return this.#call(outcome('opened', 'existing'), 'payment_batch_open', [
      ...[partnerId, batchId],
      filtered,
      // Hex and hyphens: nothing in them needs quotes, of which the driver would make each twice.
      `{${named.join(',')}}`,
      actor,
      iso(at),
    ]);
  }

  get(partnerId: string, batchId: string): Promise<Batch | null> {
    return this.#call(batch.nullable(), 'payment_batch_get', [partnerId, batchId]);
  }

  list(partnerId: string, before: string | null, limit: number): Promise<Batch[]> {
    return this.#call(z.array(batch), 'payment_batch_list', [partnerId, before, limit]);
  }

  items({ partnerId, batchId }: Key, state: ItemState | null, after: number, limit: number): Promise<BatchItem[]> {
    return this.#call(z.array(item), 'payment_batch_items', [partnerId, batchId, state, after, limit]);
  }

  /** @param reason of a pause */
  change(
    { partnerId, batchId }: Key,
    verb: 'pause' | 'resume' | 'cancel',
    reason: string | null,
    at: number,
  ): Promise<BatchChange> {
    return this.#call(changeOutcome, 'payment_batch_change', [partnerId, batchId, verb, reason, iso(at)]);
  }

  /** @param most how many of the ready and the unread are counted */
  stock(
    { partnerId, batchId }: Key,
    freshMs: number,
    most: number,
    tells: boolean,
    at: number,
  ): Promise<BatchStock | null> {
    return this.#call(stock.nullable(), 'payment_batch_stock', [
      ...[partnerId, batchId, wantOfMoneyCodes, freshMs, most, tells, iso(at)],
    ]);
  }

  /** Waiting invoices in order: `ready` to be started, or `unread`. */
  next({ partnerId, batchId }: Key, which: 'ready' | 'unread', freshMs: number, limit: number): Promise<string[]> {
    return this.#call(z.array(z.string()), 'payment_batch_next', [
      ...[partnerId, batchId, which === 'ready', freshMs, limit],
    ]);
  }

  /** What a list told of invoices that were asked for by name. @param ageMs how long ago the read began */
  renew(
    { partnerId, batchId }: Key,
    told: readonly ToldInvoice[],
    asked: readonly string[],
    ageMs: number,
    at: number,
  ) {
    return this.#found([partnerId, batchId, JSON.stringify(told), asked, null, null, ageMs, iso(at)]);
  }

  /** A page of the list, read at `from`. */
  found(
    { partnerId, batchId }: Key,
    told: readonly ToldInvoice[],
    { from, readOn }: { from: BatchPlace; readOn: ReadOn },
    ageMs: number,
    at: number,
  ) {
    return this.#found([partnerId, batchId, JSON.stringify(told), [], from, readOn, ageMs, iso(at)]);
  }

  /** @param paymentId that its payment gets: UUIDv7 */
  start(
    { partnerId, batchId }: Key,
    invoiceId: string,
    paymentId: string,
    policy: PaymentPolicy,
    freshMs: number,
    at: number,
  ): Promise<BatchPaymentStart> {
    return this.#call(startOutcome, 'payment_batch_start', [
      ...[partnerId, batchId, invoiceId, paymentId, policy, freshMs, iso(at)],
    ]);
  }

  end({ partnerId, batchId }: Key, at: number) {
    return this.#call(outcome('ended', 'not_yet'), 'payment_batch_end', [partnerId, batchId, iso(at)]);
  }

  /** Of all partners: those with something to do, begun so long ago; `isPaused`: what they waited for is over. */
  toWorkOn(graceMs: number, limit: number, at: number): Promise<(Key & { readonly isPaused: boolean })[]> {
    const keys = z.array(z.object({ partnerId: z.uuid(), batchId: z.uuid(), isPaused: z.boolean() }));
    return this.#call(keys, 'payment_batches_to_work_on', [graceMs, limit, iso(at)]);
  }

  #found(args: readonly unknown[]) {
    return this.#call(z.object({ new: count }), 'payment_batch_found', args);
  }

  #call<T>(schema: z.ZodType<T>, name: string, args: readonly unknown[]): Promise<T> {
    return call(this.pool, schema, name, args, this.onDeliveries);
  }
}
