/** Approvals of all partners whose books an operator sees, as the console tells them. */
import { z } from 'zod';
import { approvalActions } from '../../../domain/approval.js';
import type { PageReads } from '../consoleReads.js';
import { placeIn, type Place } from '../paging.js';

export const approvalFilters = ['waiting', 'approved', 'rejected', 'expired', 'superseded'] as const;
type ApprovalFilter = (typeof approvalFilters)[number];

const who = z.object({ kind: z.string(), id: z.string() });
const approvalRow = z.object({
  id: z.uuid(),
  partnerId: z.uuid(),
  partnerSlug: z.string(),
  partnerName: z.string(),
  action: z.string(),
  subject: z.string(),
  version: z.int(),
  body: z.record(z.string(), z.unknown()),
  reason: z.string(),
  state: z.enum(approvalFilters),
  waived: z.boolean(),
  requestedBy: who,
  requestedAt: z.date(),
  expiresAt: z.date(),
  decidedBy: who.nullable(),
  decidedAt: z.date().nullable(),
  decisionReason: z.string().nullable(),
  result: z.record(z.string(), z.unknown()).nullable(),
});
export type ApprovalRow = z.infer<typeof approvalRow>;

// One whose time is over is expired, also before anybody has noted it.
const columns = `approval.id, partner_id AS "partnerId", slug AS "partnerSlug", name AS "partnerName", action, subject, version, body,
  reason, CASE WHEN state <> 'pending' THEN state WHEN expires_at > $1 THEN 'waiting' ELSE 'expired' END AS state, waived,
  requested_by AS "requestedBy", requested_at AS "requestedAt", expires_at AS "expiresAt", decided_by AS "decidedBy",
  decided_at AS "decidedAt", decision_reason AS "decisionReason", result`;
const tables = 'approval JOIN partner ON partner.id = approval.partner_id';

const isIn: Record<ApprovalFilter, string> = {
  waiting: `state = 'pending' AND expires_at > $1`,
  approved: `state = 'approved'`,
  rejected: `state = 'rejected'`,
  expired: `(state = 'expired' OR state = 'pending' AND expires_at <= $1)`,
  superseded: `state = 'superseded'`,
};

export interface ApprovalList {
  readonly state: ApprovalFilter | null;
  readonly action: (typeof approvalActions)[number] | null;
  readonly partnerId: string | null;
}

export function readApprovals(
  reads: PageReads,
  { state, action, partnerId }: ApprovalList,
  place: Place<string>,
  now: number,
): Promise<ApprovalRow[]> {
  const values: unknown[] = [new Date(now).toISOString(), partnerId, action];
  const { where, order } = placeIn('approval.id', place, values);
  return reads.rows(
    approvalRow,
    `SELECT ${columns} FROM ${tables}
     WHERE ($2::uuid IS NULL OR partner_id = $2) AND ($3::text IS NULL OR action = $3)
       AND ${state === null ? 'true' : isIn[state]} AND ${where} ${order}`,
    values,
  );
}

export function readApproval(reads: PageReads, id: string, now: number): Promise<ApprovalRow | null> {
  return reads.first(approvalRow, `SELECT ${columns} FROM ${tables} WHERE approval.id = $2`, [
    new Date(now).toISOString(),
    id,
  ]);
}
