/** Who a member is, of the partners whose books an operator sees. What he has is read by the ledger's own functions. */
import { z } from 'zod';
import type { PageReads } from '../consoleReads.js';

const place = z.object({
  partnerId: z.uuid(),
  partnerName: z.string(),
  partnerSlug: z.string(),
  soonDays: z.coerce.number().nullable(),
});
export type MemberPlace = z.infer<typeof place>;

/** Whose member he is; nothing of himself. */
export function placeOfMember(reads: PageReads, id: string): Promise<MemberPlace | null> {
  return reads.first(
    place,
    `SELECT partner_id AS "partnerId", name AS "partnerName", slug AS "partnerSlug",
       coalesce(programme ->> 'expiringSoonDays', settings #>> '{loyalty,expiringSoonDays}') AS "soonDays"
     FROM member JOIN partner ON partner.id = partner_id WHERE member.id = $1`,
    [id],
  );
}

const waiting = z.object({ id: z.uuid(), subject: z.string() });

/** Adjustments of his points that nobody has decided on. */
export function readAdjustments(reads: PageReads, partnerId: string, memberId: string, now: number) {
  return reads.rows(
    waiting,
    // First what waits at all, which is little: in the order of their ids all that were ever decided would be read.
    `WITH waiting AS MATERIALIZED (SELECT * FROM approval WHERE state = 'pending' AND expires_at > $2)
     SELECT id, subject FROM waiting
     WHERE partner_id = $1 AND action = 'points.adjust' AND body ->> 'memberId' = $3 ORDER BY id DESC LIMIT 20`,
    [partnerId, new Date(now).toISOString(), memberId],
  );
}
