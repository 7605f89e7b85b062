/**
 * The ledger: a method a SQL function (src/ledger/sql), one round trip each, outcomes as data.
 * Amounts are integer minor units, points whole numbers; `at` is the time that decides, in milliseconds since 1970.
 */
import type pg from 'pg';
import { z } from 'zod';
import type { AttemptClass } from '../domain/confirmAnswer.js';
import type { Actor, Confirmation, FinalState, PaymentPolicy, ResolutionOutcome, Scheme } from '../domain/payment.js';
import {
  attemptOutcome,
  balance,
  captureOutcome,
  closeOutcome,
  fundBalance,
  holdOutcome,
  openOutcome,
  outcome,
  passport,
  quoteOutcome,
  resolutionOpened,
  resolveOutcome,
  resumeOutcome,
  reviewQueue,
  sweepPage,
  unprovenOutcome,
  type AttemptOutcome,
  type Balance,
  type CaptureOutcome,
  type CloseOutcome,
  type FundBalance,
  type HoldOutcome,
  type OpenOutcome,
  type Passport,
  type ResolutionOpened,
  type ResolveOutcome,
  type ResumeOutcome,
  type ReviewQueue,
  type SweepPage,
  type UnprovenOutcome,
} from './outcomes.js';

/** Which payment, and for which run of its workflow. */
export interface PaymentKey {
  readonly partnerId: string;
  readonly paymentId: string;
  readonly epoch: number;
}

/** The part of an invoice that a payment keeps. */
export interface StoredRead {
  readonly status: string;
  readonly number: string;
  readonly description: string;
  readonly amountMinor: number | null;
  readonly vatAmountMinor: number | null;
  readonly currency: string;
  readonly expiresAt: string | null;
  readonly paymentUrl: string | null;
}

const iso = (at: number): string => new Date(at).toISOString();

export class Ledger {
  constructor(private readonly pool: pg.Pool) {}

  async #call<T>(schema: z.ZodType<T>, name: string, args: readonly unknown[]): Promise<T> {
    const places = args.map((_, index) => `$${index + 1}`).join(', ');
    const { rows } = await this.pool.query<{ answer: unknown }>({
      name,
      text: `SELECT ${name}(${places}) AS answer`,
      values: [...args],
    });
    return schema.parse(rows[0]?.answer);
  }

  openPayment(payment: {
    partnerId: string;
    paymentId: string;
    scheme: Scheme;
    invoiceId: string;
    memberId: string | null;
    openedBy: Actor;
    policy: PaymentPolicy;
    links: { successUrl?: string | undefined; failUrl?: string | undefined; cancelUrl?: string | undefined };
    at: number;
  }): Promise<OpenOutcome> {
    return this.#call(openOutcome, 'payment_open', [
      payment.partnerId,
      payment.paymentId,
      payment.scheme,
      payment.invoiceId,
      payment.memberId,
      payment.openedBy,
      payment.policy,
      payment.links,
      iso(payment.at),
    ]);
  }

  /** @param readAgeMs how long ago the read began */
  quote(
    key: PaymentKey,
    read: StoredRead,
    price: { points: number; pricedAt: number } | null,
    readAgeMs: number,
    at: number,
  ) {
    return this.#call(quoteOutcome, 'payment_quote', [
      key.partnerId,
      key.paymentId,
      key.epoch,
      read,
      price?.points ?? null,
      price === null ? null : iso(price.pricedAt),
      readAgeMs,
      iso(at),
    ]);
  }

  hold(key: PaymentKey, confirmation: Omit<Confirmation, 'notAfter'>, at: number): Promise<HoldOutcome> {
    return this.#call(holdOutcome, 'payment_hold', [key.partnerId, key.paymentId, key.epoch, confirmation, iso(at)]);
  }

  beginAttempt(
    key: PaymentKey,
    ticket: string,
    proving: boolean,
    freshnessMs: number,
    at: number,
  ): Promise<AttemptOutcome> {
    return this.#call(attemptOutcome, 'payment_attempt_begin', [
      key.partnerId,
      key.paymentId,
      key.epoch,
      ticket,
      proving,
      freshnessMs,
      iso(at),
    ]);
  }

  endAttempt(
    key: PaymentKey,
    n: number,
    end: {
      class: AttemptClass;
      code: string;
      message: string | null;
      requestId: string | null;
      flag: 'credentials' | 'fund' | null;
      /** Invoicebox's, of a payment. */
      transactionId?: string | null;
    },
    at: number,
  ) {
    return this.#call(outcome('recorded'), 'payment_attempt_finish', [
      key.partnerId,
      key.paymentId,
      n,
      end.class,
      end.code,
      end.message,
      end.requestId,
      end.flag,
      iso(at),
      end.transactionId ?? null,
    ]);
  }

  fence(key: PaymentKey, ticket: string) {
    return this.#call(outcome('started', 'not_started', 'superseded'), 'payment_fence', [
      key.partnerId,
      key.paymentId,
      key.epoch,
      ticket,
    ]);
  }

  capture(
    key: PaymentKey,
    n: number,
    transactionId: string,
    requestId: string | null,
    at: number,
  ): Promise<CaptureOutcome> {
    return this.#call(captureOutcome, 'payment_capture', [
      key.partnerId,
      key.paymentId,
      key.epoch,
      n,
      transactionId,
      requestId,
      iso(at),
    ]);
  }

  close(
    key: PaymentKey,
    to: Exclude<FinalState, 'paid'> | 'awaiting_confirmation',
    reason: string | null,
    confirmationId: string | null,
    actor: Actor,
    at: number,
  ): Promise<CloseOutcome> {
    return this.#call(closeOutcome, 'payment_close', [
      key.partnerId,
      key.paymentId,
      key.epoch,
      to,
      reason,
      confirmationId,
      actor,
      iso(at),
    ]);
  }

  noteUnproven(
    key: PaymentKey,
    note: { state: 'unknown' | 'in_review'; reason: string; lastProbe: string | null; nextProbeAt: number },
    at: number,
  ): Promise<UnprovenOutcome> {
    return this.#call(unprovenOutcome, 'payment_unproven', [
      key.partnerId,
      key.paymentId,
      key.epoch,
      note.state,
      note.reason,
      note.lastProbe,
      iso(note.nextProbeAt),
      iso(at),
    ]);
  }

  /**
   * A new run takes over from the one of this epoch.
   * @param holdAgeMs where the old run still runs: only if something has been held for so long, or a person has released it
   */
  resume({ partnerId, paymentId, epoch }: PaymentKey, holdAgeMs: number | null, at: number): Promise<ResumeOutcome> {
    return this.#call(resumeOutcome, 'payment_resume', [partnerId, paymentId, epoch, holdAgeMs, iso(at)]);
  }

  /** Keeps what a person says, before the workflow is told; asked again, tells what came of it. */
  openResolution(resolution: {
    partnerId: string;
    paymentId: string;
    resolutionId: string;
    outcome: ResolutionOutcome;
    transactionId: string | null;
    reason: string;
    comment: string;
    reference: string;
    actor: Actor;
    at: number;
  }): Promise<ResolutionOpened> {
    return this.#call(resolutionOpened, 'payment_resolution_open', [
      resolution.partnerId,
      resolution.paymentId,
      resolution.resolutionId,
      resolution.outcome,
      resolution.transactionId,
      resolution.reason,
      resolution.comment,
      resolution.reference,
      resolution.actor,
      iso(resolution.at),
    ]);
  }

  /** @param readWithinMs how old the read may be that the decision rests on */
  resolve(key: PaymentKey, resolutionId: string, readWithinMs: number, at: number): Promise<ResolveOutcome> {
    return this.#call(resolveOutcome, 'payment_resolve', [
      key.partnerId,
      key.paymentId,
      key.epoch,
      resolutionId,
      readWithinMs,
      iso(at),
    ]);
  }

  /** Whether the payments' workflows live in this namespace of Temporal; the first that asks is taken for it. */
  async isOurNamespace(namespaceId: string): Promise<boolean> {
    return this.#call(z.boolean(), 'temporal_namespace_is_ours', [namespaceId]);
  }

  /** Live payments of all partners, by id, for the sweeper; none that is younger than the grace. */
  paymentsToSweep(
    after: string | null,
    limit: number,
    { graceMs, holdAgeMs }: { graceMs: number; holdAgeMs: number },
  ): Promise<SweepPage> {
    return this.#call(sweepPage, 'payments_to_sweep', [after, limit, graceMs, holdAgeMs]);
  }

  /** Payments in review, oldest first; with an id, that one whatever its state. */
  reviewQueue(paymentId: string | null, limit: number): Promise<ReviewQueue> {
    return this.#call(reviewQueue, 'review_queue', [paymentId, limit]);
  }

  async openMember(partnerId: string, externalId: string): Promise<string> {
    const schema = z.object({ outcome: z.literal('known'), memberId: z.uuid() });
    return (await this.#call(schema, 'member_open', [partnerId, externalId])).memberId;
  }

  memberBalance(partnerId: string, memberId: string, at: number): Promise<Balance> {
    return this.#call(balance, 'member_balance', [partnerId, memberId, iso(at)]);
  }

  creditPoints(credit: {
    partnerId: string;
    memberId: string;
    points: number;
    expiresAt: number | null;
    reference: string;
    actor: Actor;
    at: number;
  }) {
    return this.#call(outcome('credited', 'already_credited', 'conflict'), 'points_credit', [
      credit.partnerId,
      credit.memberId,
      credit.points,
      credit.expiresAt === null ? null : iso(credit.expiresAt),
      credit.reference,
      credit.actor,
      iso(credit.at),
    ]);
  }

  depositFund(deposit: {
    partnerId: string;
    currency: string;
    amountMinor: number;
    reference: string;
    actor: Actor;
    at: number;
  }) {
    return this.#call(outcome('deposited', 'already_deposited', 'conflict'), 'fund_deposit', [
      deposit.partnerId,
      deposit.currency,
      deposit.amountMinor,
      deposit.reference,
      deposit.actor,
      iso(deposit.at),
    ]);
  }

  fundBalance(partnerId: string): Promise<FundBalance[]> {
    return this.#call(fundBalance, 'fund_balance', [partnerId]);
  }

  passport(partnerId: string, paymentId: string): Promise<Passport | null> {
    return this.#call(passport.nullable(), 'payment_passport', [partnerId, paymentId]);
  }
}
