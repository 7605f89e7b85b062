/** Differences and runs of all partners whose books an operator sees. */
import { z } from 'zod';
import {
  differenceKinds,
  differenceStates,
  reconciliationStates,
  reconciliationWishes,
  type DifferenceKind,
  type DifferenceState,
} from '../../../ledger/reconciliations.js';
import type { PageReads } from '../consoleReads.js';
import { entryRow, type EntryRow } from '../fund/fundReads.js';
import { placeIn, type Place } from '../paging.js';

const amount = z.coerce.number();
const differenceRow = z.object({
  id: z.uuid(),
  partnerName: z.string(),
  kind: z.enum(differenceKinds),
  state: z.enum(differenceStates),
  currency: z.string(),
  amountMinor: amount,
  paymentId: z.uuid().nullable(),
  firstSeenAt: z.date(),
  lastSeenAt: z.date(),
});
export type DifferenceRow = z.infer<typeof differenceRow>;

export function readDifferences(
  reads: PageReads,
  only: { state: DifferenceState | null; kind: DifferenceKind | null; partnerId: string | null },
  place: Place<string>,
): Promise<DifferenceRow[]> {
  const values: unknown[] = [only.state, only.kind, only.partnerId];
  const { where, order } = placeIn('fund_difference.id', place, values);
  return reads.rows(
    differenceRow,
    `SELECT fund_difference.id, partner.name AS "partnerName", kind, state, currency, amount_minor AS "amountMinor",
       payment_id AS "paymentId", first_seen_at AS "firstSeenAt", last_seen_at AS "lastSeenAt"
     FROM fund_difference JOIN partner ON partner.id = partner_id
     WHERE ($1::text IS NULL OR state = $1) AND ($2::text IS NULL OR kind = $2) AND ($3::uuid IS NULL OR partner_id = $3)
       AND ${where} ${order}`,
    values,
  );
}

const runRow = z.object({
  id: z.uuid(),
  partnerName: z.string(),
  state: z.enum(reconciliationStates),
  wantedBy: z.enum(reconciliationWishes),
  failure: z.string().nullable(),
  result: z.record(z.string(), z.number().nullable()),
  createdAt: z.date(),
  startedAt: z.date().nullable(),
  finishedAt: z.date().nullable(),
});
export type RunRow = z.infer<typeof runRow>;

export function readRuns(reads: PageReads, partnerId: string | null, place: Place<string>): Promise<RunRow[]> {
  const values: unknown[] = [partnerId];
  const { where, order } = placeIn('reconciliation.id', place, values);
  return reads.rows(
    runRow,
    `SELECT reconciliation.id, partner.name AS "partnerName", state, wanted_by AS "wantedBy", failure, result,
       reconciliation.created_at AS "createdAt", started_at AS "startedAt", finished_at AS "finishedAt"
     FROM reconciliation JOIN partner ON partner.id = partner_id
     WHERE ($1::uuid IS NULL OR partner_id = $1) AND ${where} ${order}`,
    values,
  );
}

const placed = z.object({
  partnerId: z.uuid(),
  partnerSlug: z.string(),
  partnerName: z.string(),
  correctionId: z.uuid().nullable(),
});
export type PlacedDifference = z.infer<typeof placed>;

/** Whose a difference is, and what was asked for to set it right. */
export function placeOfDifference(reads: PageReads, id: string): Promise<PlacedDifference | null> {
  return reads.first(
    placed,
    `SELECT partner_id AS "partnerId", slug AS "partnerSlug", name AS "partnerName", correction_id AS "correctionId"
     FROM fund_difference JOIN partner ON partner.id = partner_id WHERE fund_difference.id = $1`,
    [id],
  );
}

/** Entries of our books by their ids. */
export function readOurs(reads: PageReads, ids: readonly string[]): Promise<EntryRow[]> {
  return reads.rows(
    entryRow,
    `SELECT id, at, kind, amount AS "amountMinor", reference, payment_id AS "paymentId" FROM transfer
     WHERE id = ANY ($1::uuid[]) ORDER BY at LIMIT 50`,
    [ids],
  );
}

const paid = z.object({
  id: z.uuid(),
  state: z.string(),
  invoiceNumber: z.string().nullable(),
  amountMinor: amount.nullable(),
  currency: z.string().nullable(),
  transactionId: z.string().nullable(),
  checkedStatus: z.string().nullable(),
  checkedAt: z.date().nullable(),
});
export type OurPayment = z.infer<typeof paid>;

/** A payment, and what its invoice read when it was looked at again. */
export function readOurPayment(reads: PageReads, id: string): Promise<OurPayment | null> {
  return reads.first(
    paid,
    `SELECT payment.id, state, invoice_number AS "invoiceNumber", payment.amount_minor AS "amountMinor", payment.currency,
       transaction_id AS "transactionId", status AS "checkedStatus", read_at AS "checkedAt"
     FROM payment LEFT JOIN payment_check ON payment_check.payment_id = payment.id WHERE payment.id = $1`,
    [id],
  );
}
