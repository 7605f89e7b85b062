/** The guarantee funds as the console tells them: all of an operator's partners, and one by its entries and over time. */
import { z } from 'zod';
import type { PageReads } from '../consoleReads.js';
import { rowsAPage, type Place } from '../paging.js';

const amount = z.coerce.number();
const fundRow = z.object({
  partnerId: z.uuid(),
  slug: z.string(),
  name: z.string(),
  currency: z.string(),
  overdraftMinor: amount,
  isLow: z.boolean(),
  doubtedAt: z.date().nullable(),
  sizeMinor: amount,
  reservedMinor: amount,
  drawnMinor: amount,
  availableMinor: amount,
  drawnIn7DaysMinor: amount,
});
export type FundRow = z.infer<typeof fundRow>;

/** A page of partners with all their funds, the newest partner first. */
export function readFunds(
  reads: PageReads,
  { before, after }: Place<string>,
  needsSomebody: boolean,
  now: number,
): Promise<FundRow[]> {
  const isBefore = after === undefined;
  const [than, direction] = isBefore ? ['<', 'DESC'] : ['>', 'ASC'];
  return reads.rows(
    fundRow,
    `SELECT partner.id AS "partnerId", slug, name, currency, overdraft_minor AS "overdraftMinor", is_low AS "isLow",
       fund_doubted_at AS "doubtedAt", -external AS "sizeMinor", reserved AS "reservedMinor", drawn AS "drawnMinor",
       available AS "availableMinor", drawn_7 AS "drawnIn7DaysMinor"
     FROM (SELECT id, slug, name, fund_doubted_at FROM partner
       WHERE ($2::uuid IS NULL OR id ${than} $2) AND EXISTS (SELECT FROM fund WHERE partner_id = partner.id
         AND (NOT $3 OR is_low OR fund_doubted_at IS NOT NULL))
       ORDER BY id ${direction} LIMIT $4) AS partner
     JOIN fund ON fund.partner_id = partner.id
     CROSS JOIN LATERAL (
       SELECT coalesce(sum(balance) FILTER (WHERE kind = 'fund.external'), 0) AS external,
         coalesce(sum(balance) FILTER (WHERE kind = 'fund.reserved'), 0) AS reserved,
         coalesce(sum(balance) FILTER (WHERE kind = 'fund.drawn'), 0) AS drawn,
         coalesce(sum(balance) FILTER (WHERE kind = 'fund.available'), 0) AS available
       FROM account WHERE partner_id = partner.id AND owner IS NULL AND asset = currency
         AND kind IN ('fund.external', 'fund.reserved', 'fund.drawn', 'fund.available')) AS balances
     CROSS JOIN LATERAL (
       SELECT coalesce(sum(outgoing_minor), 0) AS drawn_7 FROM fund_flow
       WHERE partner_id = partner.id AND fund_flow.currency = fund.currency AND kind = 'draw'
         AND quarter > $1::timestamptz - interval '7 days') AS draws
     ORDER BY partner.id ${direction}, currency`,
    [new Date(now).toISOString(), after ?? before ?? null, needsSomebody, rowsAPage + 1],
  );
}

const stepRow = z.object({ at: z.date(), movedMinor: amount });

/** How the balance moved by steps of an hour or a day since then; the steps in which nothing moved are left out. */
export function readFlow(
  reads: PageReads,
  { partnerId, currency }: { partnerId: string; currency: string },
  since: Date,
  step: 'hour' | 'day',
) {
  return reads.rows(
    stepRow,
    `SELECT date_trunc($4, quarter, 'UTC') AS at, sum(incoming_minor - outgoing_minor) AS "movedMinor" FROM fund_flow
     WHERE partner_id = $1 AND currency = $2 AND kind IN ('deposit', 'draw', 'repayment', 'correction', 'return_fund')
       AND quarter >= $3
     GROUP BY 1 ORDER BY 1`,
    [partnerId, currency, since.toISOString(), step],
  );
}

/** An entry of the books that moved a fund. */
export const entryRow = z.object({
  id: z.uuid(),
  at: z.date(),
  kind: z.string(),
  amountMinor: amount,
  reference: z.string(),
  paymentId: z.uuid().nullable(),
});
export type EntryRow = z.infer<typeof entryRow>;

/** By time, then id: both stand in the place, as the index has them. */
export interface EntryPlace {
  readonly before?: { readonly at: string; readonly id: string } | undefined;
  readonly after?: { readonly at: string; readonly id: string } | undefined;
}

/** What moved the fund's balance, the newest first: reservations do not. */
export async function readEntries(
  reads: PageReads,
  { partnerId, currency }: { partnerId: string; currency: string },
  { before, after }: EntryPlace,
): Promise<EntryRow[]> {
  const accounts = await reads.rows(
    z.object({ id: z.uuid() }),
    `SELECT id FROM account WHERE partner_id = $1 AND owner IS NULL AND asset = $2 AND kind IN ('fund.external', 'fund.drawn')`,
    [partnerId, currency],
  );
  const key = after ?? before;
  const isBefore = after === undefined;
  const values: unknown[] = [partnerId, accounts.map(({ id }) => id), rowsAPage + 1];
  if (key !== undefined) values.push(key.at, key.id);
  return reads.rows(
    entryRow,
    `SELECT id, at, kind, CASE WHEN debit = ANY ($2::uuid[]) THEN amount ELSE -amount END AS "amountMinor", reference,
       payment_id AS "paymentId"
     FROM transfer
     WHERE partner_id = $1
       AND kind NOT IN ('credit', 'hold', 'capture', 'release', 'reserve', 'unreserve', 'expiry', 'reversal')
       AND (debit = ANY ($2::uuid[]) OR credit = ANY ($2::uuid[]))
       ${key === undefined ? '' : `AND (at, id) ${isBefore ? '<' : '>'} ($4::timestamptz, $5::uuid)`}
     ORDER BY at ${isBefore ? 'DESC' : 'ASC'}, id ${isBefore ? 'DESC' : 'ASC'} LIMIT $3`,
    values,
  );
}

const heldRow = z.object({ at: z.date(), points: amount });

/** What is held now, in the order in which it was: the oldest first; of more than so many holds the rest is told as one. */
export function readHeld(reads: PageReads, partnerId: string): Promise<z.infer<typeof heldRow>[]> {
  return reads.rows(
    heldRow,
    `SELECT date_trunc('minute', at) AS at, sum(points) AS points FROM hold
     WHERE state = 'held' AND partner_id = $1 GROUP BY 1 ORDER BY 1 LIMIT 2000`,
    [partnerId],
  );
}

const waitingRow = z.object({ id: z.uuid(), action: z.string(), subject: z.string() });

/** What somebody has asked for and nobody has decided. */
export function readAsked(reads: PageReads, partnerId: string, now: number) {
  return reads.rows(
    waitingRow,
    // First what waits at all, which is little: in the order of their ids all that were ever decided would be read.
    `WITH waiting AS MATERIALIZED (SELECT * FROM approval WHERE state = 'pending' AND expires_at > $2)
     SELECT id, action, subject FROM waiting
     WHERE partner_id = $1 AND action LIKE 'fund.%' ORDER BY id DESC LIMIT 20`,
    [partnerId, new Date(now).toISOString()],
  );
}
