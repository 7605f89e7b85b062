/**
 * The guarantee fund's mirror: its figures, and what people do to it. A method a SQL function, as in ledger.ts. Amounts are
 * integer minor units; `at` is milliseconds since 1970.
 */
import type pg from 'pg';
import { z } from 'zod';
import type { FundChange } from '../domain/approval.js';
import type { Actor } from '../domain/payment.js';
import { requestOutcomes } from './approvals.js';
import { call, iso, type OnDeliveries } from './call.js';
import { outcome } from './outcomes.js';

const minor = z.number().refine(Number.isSafeInteger, 'is not a safe integer');
const instant = z.string();

const mirror = z.object({
  currency: z.string(),
  sizeMinor: minor,
  repaidMinor: minor,
  overdraftMinor: minor,
  guard: z.enum(['enforce', 'warn']),
  reservedMinor: minor,
  drawnMinor: minor,
  availableMinor: minor,
  lowWaterMinor: minor.nullable(),
  isLow: z.boolean(),
  doubtedAt: instant.nullable(),
  runway: z.object({ over7DaysSeconds: minor.nullable(), over30DaysSeconds: minor.nullable() }),
});
export type FundMirror = z.infer<typeof mirror>;

const changeOutcome = z.discriminatedUnion('outcome', [
  ...requestOutcomes,
  z.object({ outcome: z.literal('already_booked'), transferId: z.uuid() }),
  outcome('no_fund'),
]);
export type FundChangeOutcome = z.infer<typeof changeOutcome>;

export const fundActKinds = ['doubt_cleared', 'low_water_set'] as const;
const act = z.object({
  id: z.uuid(),
  kind: z.enum(fundActKinds),
  detail: z.record(z.string(), z.unknown()),
  by: z.object({ kind: z.string(), id: z.string() }),
  at: instant,
});
export type FundAct = z.infer<typeof act>;

export class Fund {
  constructor(
    private readonly pool: pg.Pool,
    private readonly onDeliveries?: OnDeliveries,
  ) {}

  read(partnerId: string, at: number): Promise<FundMirror[]> {
    return this.#call(z.array(mirror), 'fund_read', [partnerId, iso(at)]);
  }

  /** Asks for it, or does it where the partner waives approval; once by kind and reference. */
  requestChange(wish: {
    partnerId: string;
    /** Of the approval that is asked for. */
    approvalId: string;
    kind: FundChange;
    currency: string;
    /** Below zero takes away: of a correction alone. */
    amountMinor: number;
    reference: string;
    reason: string;
    actor: Actor;
    at: number;
  }): Promise<FundChangeOutcome> {
    return this.#call(changeOutcome, 'fund_change_request', [
      wish.partnerId,
      wish.approvalId,
      wish.kind,
      wish.currency,
      wish.amountMinor,
      wish.reference,
      wish.reason,
      wish.actor,
      iso(wish.at),
    ]);
  }

  /** A person has looked: payments may be opened again. */
  clearDoubt(wish: { partnerId: string; actor: Actor; reason: string; at: number }) {
    return this.#call(outcome('cleared', 'not_doubted'), 'fund_doubt_clear', [
      wish.partnerId,
      wish.actor,
      wish.reason,
      iso(wish.at),
    ]);
  }

  /** @param wish.lowWaterMinor null: no mark */
  setLowWater(wish: { partnerId: string; currency: string; lowWaterMinor: number | null; actor: Actor; at: number }) {
    return this.#call(outcome('set', 'not_found'), 'fund_low_water_set', [
      wish.partnerId,
      wish.currency,
      wish.lowWaterMinor,
      wish.actor,
      iso(wish.at),
    ]);
  }

  /** What people did about it that moved no money, newest first. */
  acts(partnerId: string, before: string | null, limit: number): Promise<FundAct[]> {
    return this.#call(z.array(act), 'fund_act_list', [partnerId, before, limit]);
  }

  #call<T>(schema: z.ZodType<T>, name: string, args: readonly unknown[]): Promise<T> {
    return call(this.pool, schema, name, args, this.onDeliveries);
  }
}
