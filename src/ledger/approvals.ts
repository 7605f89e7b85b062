/**
 * What waits for a second person, and his decisions. A method a SQL function, as in ledger.ts; `at` is milliseconds since
 * 1970. A decision does what was asked for in its own transaction.
 */
import type pg from 'pg';
import { z } from 'zod';
import { approvalActions, approvalStates, type ApprovalState } from '../domain/approval.js';
import type { Actor } from '../domain/payment.js';
import { call, iso, type OnDeliveries } from './call.js';
import { outcome } from './outcomes.js';

const actor = z.object({ kind: z.string(), id: z.string() });
const instant = z.string();

const approval = z.object({
  id: z.uuid(),
  action: z.enum(approvalActions),
  subject: z.string(),
  version: z.int(),
  request: z.record(z.string(), z.unknown()),
  reason: z.string(),
  state: z.enum(approvalStates),
  waived: z.boolean(),
  requestedBy: actor,
  requestedAt: instant,
  expiresAt: instant,
  decidedBy: actor.nullable(),
  decidedAt: instant.nullable(),
  decisionReason: z.string().nullable(),
  result: z.record(z.string(), z.unknown()).nullable(),
});
export type Approval = z.infer<typeof approval>;

const decideOutcome = z.discriminatedUnion('outcome', [
  z.object({ outcome: z.enum(['decided', 'already_decided', 'expired', 'stale', 'own_request']), approval }),
  z.object({ outcome: z.literal('refused'), why: z.string(), approval }),
  outcome('not_found'),
]);
export type DecideOutcome = z.infer<typeof decideOutcome>;

/** What a request answers, whatever it asks for. */
export const requestOutcomes = [
  z.object({ outcome: z.enum(['requested', 'performed', 'already_requested']), approval }),
  z.object({ outcome: z.literal('conflict'), approval: approval.nullable() }),
  z.object({ outcome: z.literal('refused'), why: z.string() }),
] as const;

export class Approvals {
  constructor(
    private readonly pool: pg.Pool,
    private readonly onDeliveries?: OnDeliveries,
  ) {}

  /** @param wish.version which he has read: of another one nothing is decided */
  decide(wish: {
    partnerId: string;
    approvalId: string;
    version: number;
    decision: 'approve' | 'reject';
    actor: Actor;
    reason: string;
    at: number;
  }): Promise<DecideOutcome> {
    return this.#call(decideOutcome, 'approval_decide', [
      wish.partnerId,
      wish.approvalId,
      wish.version,
      wish.decision,
      wish.actor,
      wish.reason,
      iso(wish.at),
    ]);
  }

  read(partnerId: string, approvalId: string, at: number): Promise<Approval | null> {
    return this.#call(approval.nullable(), 'approval_read', [partnerId, approvalId, iso(at)]);
  }

  /** Newest first, from before the given id (exclusive). */
  list(
    partnerId: string,
    page: { state: ApprovalState | null; before: string | null; limit: number },
    at: number,
  ): Promise<Approval[]> {
    return this.#call(z.array(approval), 'approval_list', [partnerId, page.state, page.before, page.limit, iso(at)]);
  }

  #call<T>(schema: z.ZodType<T>, name: string, args: readonly unknown[]): Promise<T> {
    return call(this.pool, schema, name, args, this.onDeliveries);
  }
}
