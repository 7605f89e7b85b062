/** Points that appear or vanish by a person's word: src/ledger/sql/points_adjust.sql. `at` is milliseconds since 1970. */
import type pg from 'pg';
import { z } from 'zod';
import type { Actor } from '../domain/payment.js';
import { requestOutcomes } from './approvals.js';
import { call, iso, type OnDeliveries } from './call.js';
import { outcome } from './outcomes.js';

const adjustOutcome = z.discriminatedUnion('outcome', [
  ...requestOutcomes,
  z.object({ outcome: z.literal('insufficient'), remaining: z.int() }),
  outcome('already_over', 'erased', 'no_such_credit', 'not_found'),
]);
export type AdjustOutcome = z.infer<typeof adjustOutcome>;

/** What is to be booked: a credit until the end of a day in the programme's zone, or what is left of a credit taken back. */
export type Adjustment =
  | { readonly kind: 'credit'; readonly points: number; readonly expiresOn: string }
  | { readonly kind: 'reverse'; readonly points: number; readonly creditId: string };

export class Adjustments {
  constructor(
    private readonly pool: pg.Pool,
    private readonly onDeliveries?: OnDeliveries,
  ) {}

  /** Asks for it, or does it where the partner waives approval; once by its reference. */
  request(
    wish: {
      partnerId: string;
      memberId: string;
      approvalId: string;
      reference: string;
      reason: string;
      actor: Actor;
      at: number;
    },
    adjustment: Adjustment,
  ): Promise<AdjustOutcome> {
    const { kind, points } = adjustment;
    return call(
      this.pool,
      adjustOutcome,
      'points_adjust_request',
      [
        ...[wish.partnerId, wish.approvalId, wish.memberId, kind, points],
        kind === 'credit' ? adjustment.expiresOn : null,
        kind === 'reverse' ? adjustment.creditId : null,
        ...[wish.reference, wish.reason, wish.actor, iso(wish.at)],
      ],
      this.onDeliveries,
    );
  }
}
