/**
 * Returns of paid payments: proposed or asked for, approved, booked. A method a SQL function (src/ledger/sql/payment_return_*.sql).
 * Amounts are integer minor units, points whole numbers; `at` is milliseconds since 1970.
 */
import type pg from 'pg';
import { z } from 'zod';
import { paymentStates, type Actor, type PaymentPolicy, type PaymentState } from '../domain/payment.js';
import { call, iso, type OnDeliveries } from './call.js';
import { outcome } from './outcomes.js';

export const returnStates = ['proposed', 'requested', 'approved', 'returned', 'rejected'] as const;

const whole = z.number().refine(Number.isSafeInteger, 'is not a safe integer');
const state = z.enum(returnStates);
const actor = z.custom<Actor>((value) => typeof value === 'object' && value !== null);
const openOutcome = z.discriminatedUnion('outcome', [
  z.object({ outcome: z.enum(['opened', 'existing']), returnId: z.uuid(), version: whole, state }),
  z.object({ outcome: z.literal('conflict'), returnId: z.uuid() }),
  z.object({ outcome: z.literal('too_much'), leftMinor: whole }),
  z.object({ outcome: z.literal('not_paid'), state: z.enum(paymentStates as [PaymentState, ...PaymentState[]]) }),
  outcome('not_found'),
]);
const bookOutcome = z.discriminatedUnion('outcome', [
  z.object({ outcome: z.enum(['returned', 'already_returned']), points: whole }),
  z.object({ outcome: z.literal('conflict'), state }),
  outcome('not_found'),
]);
const policy = z.custom<PaymentPolicy>((value) => typeof value === 'object' && value !== null);
/** What only the ledger knows of a return that was approved, as its history tells it after a restore (docs/backup.md). */
export const returnMade = z.object({
  paymentId: z.uuid(),
  version: whole,
  /** Its reference is somebody's words, and stays in the ledger. */
  referenceDigest: z.string(),
  amountMinor: whole,
  fundRestored: z.boolean(),
  openedBy: actor,
  openedAt: z.string(),
  requestedBy: actor.nullable(),
  requestedAt: z.string().nullable(),
  requestedUntil: z.string().nullable(),
  decidedBy: actor.nullable(),
  decidedAt: z.string().nullable(),
});
const work = z.object({ invoiceId: z.string(), state, policy, made: returnMade });
const paymentReturn = z.object({
  id: z.uuid(),
  paymentId: z.uuid(),
  state,
  version: whole,
  amountMinor: whole,
  currency: z.string(),
  points: whole.nullable(),
  fundRestored: z.boolean(),
  reference: z.string(),
  reason: z.string(),
  openedBy: actor,
  openedAt: z.string(),
  approvalId: z.uuid().nullable(),
  requestedBy: actor.nullable(),
  requestedAt: z.string().nullable(),
  requestedUntil: z.string().nullable(),
  decidedBy: actor.nullable(),
  decidedAt: z.string().nullable(),
  invoiceStatus: z.string().nullable(),
  invoiceReadAt: z.string().nullable(),
  returnedAt: z.string().nullable(),
});

export type ReturnOpening = z.infer<typeof openOutcome>;
export type ReturnBooking = z.infer<typeof bookOutcome>;
export type ReturnWork = z.infer<typeof work>;
export type ReturnMade = z.infer<typeof returnMade>;
export type PaymentReturn = z.infer<typeof paymentReturn>;

/** Which return. */
export interface ReturnKey {
  readonly partnerId: string;
  readonly returnId: string;
}

/** A refund at the merchant's. */
export interface Refund {
  readonly partnerId: string;
  readonly paymentId: string;
  readonly amountMinor: number;
  /** Whether Invoicebox has put the money back into the fund. */
  readonly fundRestored: boolean;
  /** Of the refund, unique among those of the payment: 1 to 200 characters. */
  readonly reference: string;
  /** In words, which stay in the database: 1 to 500 characters. */
  readonly reason: string;
  readonly actor: Actor;
  readonly at: number;
}

export class Returns {
  constructor(
    private readonly pool: pg.Pool,
    private readonly onDeliveries?: OnDeliveries,
  ) {}

  /** Asks for it: once approved it is booked. */
  request(refund: Refund): Promise<ReturnOpening> {
    return this.#open(refund, false);
  }

  /** Says that it seems to have happened: nothing is booked until somebody asks for it by the same reference. */
  propose(refund: Refund): Promise<ReturnOpening> {
    return this.#open(refund, true);
  }

  work({ partnerId, returnId }: ReturnKey): Promise<ReturnWork | null> {
    return this.#call(work.nullable(), 'payment_return_work', [partnerId, returnId]);
  }

  /** @param read what Invoicebox said of the invoice, and when it was asked; null: it could not be */
  book(
    { partnerId, returnId }: ReturnKey,
    read: { readonly status: string; readonly readAt: number } | null,
    at: number,
  ): Promise<ReturnBooking> {
    return this.#call(bookOutcome, 'payment_return_book', [
      partnerId,
      returnId,
      read?.status ?? null,
      read === null ? null : iso(read.readAt),
      iso(at),
    ]);
  }

  /** Oldest first, from after the given one. */
  list(partnerId: string, paymentId: string, after: string | null, limit: number): Promise<PaymentReturn[]> {
    return this.#call(z.array(paymentReturn), 'payment_returns_read', [partnerId, paymentId, after, limit, null]);
  }

  async get({ partnerId, returnId }: ReturnKey, paymentId: string): Promise<PaymentReturn | null> {
    const args = [partnerId, paymentId, null, 1, returnId];
    const [one] = await this.#call(z.array(paymentReturn), 'payment_returns_read', args);
    return one ?? null;
  }

  /** Of all partners: approved for so long and not booked. */
  toBook(graceMs: number, limit: number, at: number): Promise<ReturnKey[]> {
    const keys = z.array(z.object({ partnerId: z.uuid(), returnId: z.uuid() }));
    return this.#call(keys, 'payment_returns_to_book', [graceMs, limit, iso(at)]);
  }

  #open(refund: Refund, isProposed: boolean): Promise<ReturnOpening> {
    return this.#call(openOutcome, 'payment_return_open', [
      refund.partnerId,
      refund.paymentId,
      refund.amountMinor,
      refund.fundRestored,
      refund.reference,
      refund.reason,
      refund.actor,
      iso(refund.at),
      isProposed,
    ]);
  }

  #call<T>(schema: z.ZodType<T>, name: string, args: readonly unknown[]): Promise<T> {
    return call(this.pool, schema, name, args, this.onDeliveries);
  }
}
