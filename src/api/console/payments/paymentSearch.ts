/** What somebody has in his hand when he looks for a payment: any of the ids that there are, one whole. */
import { z } from 'zod';
import type { PageReads } from '../consoleReads.js';

export type Found =
  | { readonly kind: 'payment'; readonly id: string }
  /** Of which there are several. */
  | { readonly kind: 'invoice'; readonly invoiceId: string }
  | { readonly kind: 'member'; readonly memberId: string; readonly partnerId: string }
  | { readonly kind: 'nothing' };

const uuid = /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/;
const idRow = z.object({ id: z.uuid() });
const memberRow = z.object({ id: z.uuid(), partnerId: z.uuid() });

/** Of a payment, an invoice, a return, a transaction, a call to Invoicebox, a workflow, an event: each by an index of its own. */
const byUuid = `
  SELECT id FROM payment WHERE id = $2::uuid
  UNION SELECT id FROM payment WHERE partner_id = ANY ($1::uuid[]) AND invoice_id = $2::uuid::text
    AND state NOT IN ('declined', 'expired', 'cancelled')
  UNION SELECT id FROM payment WHERE partner_id = ANY ($1::uuid[]) AND invoice_id = $2::uuid::text
    AND state IN ('declined', 'expired', 'cancelled')
  UNION SELECT payment_id FROM payment_return WHERE id = $2::uuid
  UNION SELECT payment_id FROM event WHERE id = $2::uuid AND payment_id IS NOT NULL
  ORDER BY id DESC LIMIT 2`;
const byText = `
  SELECT id FROM payment WHERE partner_id = ANY ($1::uuid[]) AND transaction_id = $2
  UNION SELECT payment_id FROM payment_attempt WHERE request_id = $2
  ORDER BY id DESC LIMIT 2`;
const byMember = `
  SELECT id, partner_id AS "partnerId" FROM member
  WHERE partner_id = ANY ($1::uuid[]) AND external_id = $2 AND erased_at IS NULL ORDER BY id LIMIT 1`;

/** @param partnerIds whose payments are looked through @param text what was typed, without spaces around it */
export async function searchPayments(reads: PageReads, partnerIds: readonly string[], text: string): Promise<Found> {
  const id = text.toLowerCase().replace(/^(payment|return)-/, '');
  if (uuid.test(id)) {
    const [newest, another] = await reads.rows(idRow, byUuid, [partnerIds, id]);
    if (newest !== undefined && another !== undefined) return { kind: 'invoice', invoiceId: id };
    if (newest !== undefined) return { kind: 'payment', id: newest.id };
  }
  const named = await reads.first(idRow, byText, [partnerIds, text]);
  if (named !== null) return { kind: 'payment', id: named.id };
  const member = await reads.first(memberRow, byMember, [partnerIds, text]);
  return member === null ? { kind: 'nothing' } : { kind: 'member', memberId: member.id, partnerId: member.partnerId };
}
