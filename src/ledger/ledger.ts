/**
 * The ledger: what a payment's saga does to it, and its accounts; a method a SQL function (src/ledger/sql), one round trip each, outcomes as data.
 * Amounts are integer minor units, points whole numbers; `at` is the time that decides, in milliseconds since 1970.
 */
import type pg from 'pg';
import type { z } from 'zod';
import type { AttemptClass } from '../domain/confirmAnswer.js';
import type { ApprovalReason } from '../domain/organisationPolicy.js';
import type { Actor, Confirmation, FinalState, PaymentPolicy, Scheme } from '../domain/payment.js';
import { call, iso, type OnDeliveries, type OnFact } from './call.js';
import {
  attemptOutcome,
  captureOutcome,
  closeOutcome,
  fundBalance,
  holdOutcome,
  openOutcome,
  outcome,
  passport,
  quoteOutcome,
  resolveOutcome,
  unprovenOutcome,
  type AttemptOutcome,
  type CaptureOutcome,
  type CloseOutcome,
  type FundBalance,
  type HoldOutcome,
  type OpenOutcome,
  type Passport,
  type ResolveOutcome,
  type UnprovenOutcome,
} from './outcomes.js';
import { Turns } from './turns.js';

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
  /** Of an organisation's: of everything that its policy and an approver look at, and why the policy wants one. */
  readonly print?: string;
  readonly approval?: ApprovalReason | null;
}

/** One that goes on, and one that is ready for the rows of the fund as soon as those are free (docs/performance.md). */
const partnersStepsAtOnce = 2;
/** Postgres ends a statement after this (src/database/pool.ts): beyond it nobody answers any more. */
const longestStepMs = 10_000;

export class Ledger {
  readonly #turns = new Turns(partnersStepsAtOnce, longestStepMs);

  /**
   * @param onDeliveries hears what is to be delivered to partners' endpoints, after the commit that made it true
   * @param onFact hears of payments that came to their end, and of what was given back, likewise
   */
  constructor(
    private readonly pool: pg.Pool,
    private readonly onDeliveries?: OnDeliveries,
    private readonly onFact?: OnFact,
  ) {}

  openPayment(payment: {
    partnerId: string;
    paymentId: string;
    scheme: Scheme;
    invoiceId: string;
    memberId: string | null;
    /** In place of his id: he is made where nobody has had it, if the payment is opened. */
    memberExternalId?: string | undefined;
    openedBy: Actor;
    policy: PaymentPolicy;
    links: { successUrl?: string | undefined; failUrl?: string | undefined; cancelUrl?: string | undefined };
    at: number;
  }): Promise<OpenOutcome> {
    const { memberId, memberExternalId } = payment;
    return this.#call(openOutcome, memberExternalId === undefined ? 'payment_open' : 'payment_open_named', [
      payment.partnerId,
      payment.paymentId,
      payment.scheme,
      payment.invoiceId,
      memberExternalId ?? memberId,
      payment.openedBy,
      payment.policy,
      payment.links,
      iso(payment.at),
      // This release says of a pause that it is one.
      true,
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
    return this.#ofFund(holdOutcome, 'payment_hold', [key.partnerId, key.paymentId, key.epoch, confirmation, iso(at)]);
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
    return this.#ofFund(captureOutcome, 'payment_capture', [
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
    to: Exclude<FinalState, 'paid'> | 'awaiting_confirmation' | 'awaiting_approval',
    reason: string | null,
    confirmationId: string | null,
    actor: Actor,
    at: number,
  ): Promise<CloseOutcome> {
    return this.#ofFund(closeOutcome, 'payment_close', [
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
    note: {
      state: 'unknown' | 'in_review';
      reason: string;
      lastProbe: string | null;
      nextProbeAt: number;
      /** Where no doubt is left, it settles on. */
      goesBack?: boolean;
    },
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
      note.goesBack ?? false,
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

  /** A step that locks the partner's fund, which all his payments share. */
  #ofFund<T>(schema: z.ZodType<T>, name: string, args: readonly [partnerId: string, ...unknown[]]): Promise<T> {
    return this.#turns.take(args[0], () => this.#call(schema, name, args));
  }

  #call<T>(schema: z.ZodType<T>, name: string, args: readonly unknown[]): Promise<T> {
    return call(this.pool, schema, name, args, this.onDeliveries, this.onFact);
  }
}
