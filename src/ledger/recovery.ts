/**
 * What the sweeper and a person in charge ask of the ledger: which live payments there are, what a new run goes on from,
 * what waits for a decision. A method a SQL function, as in ledger.ts.
 */
import type pg from 'pg';
import { z } from 'zod';
import type { Actor, ResolutionOutcome } from '../domain/payment.js';
import { call, iso } from './call.js';
import type { PaymentKey } from './ledger.js';
import {
  resolutionOpened,
  resumeOutcome,
  reviewQueue,
  sweepPage,
  type ResolutionOpened,
  type ResumeOutcome,
  type ReviewQueue,
  type SweepPage,
} from './outcomes.js';

export class Recovery {
  constructor(private readonly pool: pg.Pool) {}

  /**
   * A new run takes over from the one of this epoch.
   * @param holdAgeMs where the old run still runs: only if something has been held for so long, or a person has released it
   */
  resume({ partnerId, paymentId, epoch }: PaymentKey, holdAgeMs: number | null, at: number): Promise<ResumeOutcome> {
    return call(this.pool, resumeOutcome, 'payment_resume', [partnerId, paymentId, epoch, holdAgeMs, iso(at)]);
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
    return call(this.pool, resolutionOpened, 'payment_resolution_open', [
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

  /** Whether the payments' workflows live in this namespace of Temporal; the first that asks is taken for it. */
  async isOurNamespace(namespaceId: string): Promise<boolean> {
    return call(this.pool, z.boolean(), 'temporal_namespace_is_ours', [namespaceId]);
  }

  /** When these books were opened: the first time, or after a restore; milliseconds since 1970. */
  async openSince(): Promise<number> {
    return Date.parse(await call(this.pool, z.string(), 'ledger_open_since', []));
  }

  /** Which of these payments are not there, and which of those that are over are live. */
  forgotten(known: readonly string[], over: readonly string[]): Promise<readonly string[]> {
    return call(this.pool, z.array(z.uuid()), 'payments_forgotten', [known, over]);
  }

  /** Live payments of all partners, by id, for the sweeper; none that is younger than the grace. */
  paymentsToSweep(
    after: string | null,
    limit: number,
    { graceMs, holdAgeMs }: { graceMs: number; holdAgeMs: number },
  ): Promise<SweepPage> {
    return call(this.pool, sweepPage, 'payments_to_sweep', [after, limit, graceMs, holdAgeMs]);
  }

  /** Payments in review, oldest first; with an id, that one whatever its state. */
  reviewQueue(paymentId: string | null, limit: number): Promise<ReviewQueue> {
    return call(this.pool, reviewQueue, 'review_queue', [paymentId, limit]);
  }
}
