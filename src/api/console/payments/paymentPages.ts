/**
 * Pages of payments, by their ids, which are in the order of their opening. Every way of filtering is read from an index
 * that gives its next ones without sorting, a few for each partner, state and scheme; then the best of those few are shown:
 * so a page costs the same among a hundred payments and among ten million.
 */
import { z } from 'zod';
import { paymentStates } from '../../../domain/payment.js';
import type { PageReads } from '../consoleReads.js';
import type { PaymentFilters } from './paymentFilters.js';

const minor = z.coerce.number().nullable();
const paymentRow = z.object({
  id: z.uuid(),
  partnerName: z.string(),
  partnerSlug: z.string(),
  scheme: z.string(),
  invoiceId: z.string(),
  invoiceNumber: z.string().nullable(),
  memberId: z.uuid().nullable(),
  /** The end of his external id, if that is long enough to say nothing. */
  memberEnd: z.string().nullable(),
  amountMinor: minor,
  currency: z.string().nullable(),
  points: minor,
  state: z.string(),
  reason: z.string().nullable(),
  openedAt: z.date(),
  closedAt: z.date().nullable(),
});
export type PaymentRow = z.infer<typeof paymentRow>;

/** Enough to tell two members apart, too little to call one. */
export const masked = (end: string | null): string => (end === null ? '•••' : `•••${end}`);

/** $1 partners · $2 states · $3 schemes · $4 reason · $5 member · $6 above this id · $7 below it · $8 so many · $9 invoice. */
const within = 'id > $6::uuid AND id < $7::uuid';
const ways = {
  all: `unnest($1::uuid[]) AS of_partner CROSS JOIN LATERAL (
    SELECT id FROM payment WHERE partner_id = of_partner AND ${within} ORDER BY id {order} LIMIT $8) AS found`,
  byState: `unnest($1::uuid[]) AS of_partner CROSS JOIN unnest($2::text[]) AS of_state
    CROSS JOIN unnest($3::text[]) AS of_scheme CROSS JOIN LATERAL (
    SELECT id FROM payment WHERE partner_id = of_partner AND state = of_state AND scheme = of_scheme AND ${within}
    ORDER BY id {order} LIMIT $8) AS found`,
  byReason: `unnest($1::uuid[]) AS of_partner CROSS JOIN unnest($3::text[]) AS of_scheme CROSS JOIN LATERAL (
    SELECT id FROM payment WHERE partner_id = of_partner AND reason = $4 AND scheme = of_scheme
      AND state = ANY ($2::text[]) AND ${within}
    ORDER BY id {order} LIMIT $8) AS found`,
  byMember: `(SELECT id FROM payment WHERE partner_id = ANY ($1::uuid[]) AND member_id = $5 AND state = ANY ($2::text[])
      AND scheme = ANY ($3::text[]) AND ($4::text IS NULL OR reason = $4) AND ${within}
    ORDER BY id {order} LIMIT $8) AS found`,
  // One that is live or paid, and those that are over.
  byInvoice: `(SELECT id FROM (
      SELECT * FROM payment WHERE partner_id = ANY ($1::uuid[]) AND invoice_id = $9
        AND state NOT IN ('declined', 'expired', 'cancelled')
      UNION ALL SELECT * FROM payment WHERE partner_id = ANY ($1::uuid[]) AND invoice_id = $9
        AND state IN ('declined', 'expired', 'cancelled')) AS payment
    WHERE state = ANY ($2::text[]) AND scheme = ANY ($3::text[]) AND ($4::text IS NULL OR reason = $4)
      AND ($5::uuid IS NULL OR member_id = $5) AND ${within}
    ORDER BY id {order} LIMIT $8) AS found`,
} as const;

const rowsOf = (way: string) => `
  WITH asked AS (SELECT $1::uuid[], $2::text[], $3::text[], $4::text, $5::uuid, $9::text)
  SELECT payment.id, partner.name AS "partnerName", partner.slug AS "partnerSlug", scheme, invoice_id AS "invoiceId",
    invoice_number AS "invoiceNumber", member_id AS "memberId",
    CASE WHEN erased_at IS NULL AND length(external_id) >= 6 THEN right(external_id, 2) END AS "memberEnd",
    amount_minor AS "amountMinor", currency, points, state, reason, opened_at AS "openedAt", closed_at AS "closedAt"
  FROM (SELECT found.id FROM ${way} ORDER BY found.id {order} LIMIT $8) AS page
  JOIN payment ON payment.id = page.id JOIN partner ON partner.id = payment.partner_id
  LEFT JOIN member ON member.id = payment.member_id
  ORDER BY payment.id {order}`;

type Way = keyof typeof ways;
type Order = 'ASC' | 'DESC';
/** Each whole, written once: a page chooses one of them. */
const queries = Object.fromEntries(
  (Object.keys(ways) as Way[]).map((way) => [
    way,
    { ASC: rowsOf(ways[way]).replaceAll('{order}', 'ASC'), DESC: rowsOf(ways[way]).replaceAll('{order}', 'DESC') },
  ]),
) as Record<Way, Record<Order, string>>;

const schemes = ['loyalty', 'organisation'];
const lowest = '00000000-0000-0000-0000-000000000000';
const highest = 'ffffffff-ffff-ffff-ffff-ffffffffffff';

/** The lowest id that a payment opened then could have: of UUIDv7. */
const idFrom = (ms: number): string => {
  const hex = Math.max(0, ms).toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`;
};

export interface PaymentSpan {
  /** Milliseconds since 1970: opened then or later. */
  readonly fromMs: number | null;
  /** Opened before. */
  readonly beforeMs: number | null;
}

function wayOf({ state, scheme, reason, member, invoice }: PaymentFilters): Way {
  if (invoice !== undefined) return 'byInvoice';
  if (member !== undefined) return 'byMember';
  if (reason !== undefined) return 'byReason';
  return state === undefined && scheme === undefined ? 'all' : 'byState';
}

/** @returns payments in the order of ids that is asked for, none at the borders that `above` and `below` name */
export function readPayments(
  reads: PageReads,
  partnerIds: readonly string[],
  filters: PaymentFilters,
  { fromMs, beforeMs }: PaymentSpan,
  page: { readonly order: Order; readonly above?: string | undefined; readonly below?: string | undefined },
  limit: number,
): Promise<PaymentRow[]> {
  const above = page.above ?? lowest;
  const below = page.below ?? highest;
  const spanFrom = fromMs === null ? lowest : idFrom(fromMs);
  const spanBefore = beforeMs === null ? highest : idFrom(beforeMs);
  return reads.rows(paymentRow, queries[wayOf(filters)][page.order], [
    partnerIds,
    filters.state === undefined ? paymentStates : [filters.state],
    filters.scheme === undefined ? schemes : [filters.scheme],
    filters.reason ?? null,
    filters.member ?? null,
    above > spanFrom ? above : spanFrom,
    below < spanBefore ? below : spanBefore,
    limit,
    filters.invoice ?? null,
  ]);
}

const spanRow = z.object({ from: z.date().nullable(), before: z.date().nullable() });

/** When the days begin and end, in this zone. */
export async function spanOf(reads: PageReads, { from, to }: PaymentFilters, timeZone: string): Promise<PaymentSpan> {
  if (from === undefined && to === undefined) return { fromMs: null, beforeMs: null };
  const span = await reads.first(
    spanRow,
    `SELECT $1::date::timestamp AT TIME ZONE $3 AS "from", ($2::date + 1)::timestamp AT TIME ZONE $3 AS before`,
    [from ?? null, to ?? null, timeZone],
  );
  return { fromMs: span?.from?.getTime() ?? null, beforeMs: span?.before?.getTime() ?? null };
}
