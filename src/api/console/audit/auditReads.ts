/** The log of what operators did, as the console tells it: of his partners, and where he sees all of them, of none too. */
import { z } from 'zod';
import type { PageReads } from '../consoleReads.js';
import { placeIn, type Place } from '../paging.js';

const actRow = z.object({
  n: z.coerce.number(),
  at: z.date(),
  operator: z.string(),
  roles: z.array(z.string()),
  partnerName: z.string().nullable(),
  action: z.string(),
  subjectKind: z.string(),
  subject: z.string(),
  outcome: z.string(),
  detail: z.record(z.string(), z.unknown()),
  requestId: z.string(),
  previousHash: z.string(),
  hash: z.string(),
});
export type ActRow = z.infer<typeof actRow>;

const columns = `n, at, operator, roles, (SELECT name FROM partner WHERE id = partner_id) AS "partnerName", action,
  subject_kind AS "subjectKind", subject, outcome, detail, request_id AS "requestId",
  encode(previous_hash, 'hex') AS "previousHash", encode(hash, 'hex') AS hash`;

export interface ActFilter {
  readonly operator?: string | undefined;
  readonly action?: string | undefined;
  readonly subject?: string | undefined;
  readonly partnerId?: string | undefined;
}

function conditionsOf({ operator, action, subject, partnerId }: ActFilter, values: unknown[]): string {
  const wanted = [
    ['operator', operator],
    ['action', action],
    ['subject', subject],
    ['partner_id', partnerId],
  ] as const;
  const conditions = wanted.flatMap(([column, value]) =>
    value === undefined ? [] : [`${column} = $${values.push(value)}`],
  );
  return conditions.length === 0 ? 'true' : conditions.join(' AND ');
}

export function readActs(reads: PageReads, filter: ActFilter, place: Place<number>): Promise<ActRow[]> {
  const values: unknown[] = [];
  const conditions = conditionsOf(filter, values);
  const { where, order } = placeIn('n', place, values);
  return reads.rows(actRow, `SELECT ${columns} FROM operator_act WHERE ${conditions} AND ${where} ${order}`, values);
}

/** From after a line, oldest first: for an export. */
export function readActsAfter(reads: PageReads, filter: ActFilter, after: number, most: number): Promise<ActRow[]> {
  const values: unknown[] = [after, most];
  const conditions = conditionsOf(filter, values);
  return reads.rows(
    actRow,
    `SELECT ${columns} FROM operator_act WHERE n > $1 AND ${conditions} ORDER BY n LIMIT $2`,
    values,
  );
}

export function readAct(reads: PageReads, n: number): Promise<ActRow | null> {
  return reads.first(actRow, `SELECT ${columns} FROM operator_act WHERE n = $1`, [n]);
}

/** The actions that there are, each found by a step in the index: however many lines there are. */
export async function readActions(reads: PageReads): Promise<string[]> {
  const rows = await reads.rows(
    z.object({ action: z.string() }),
    `WITH RECURSIVE step AS (
       SELECT min(action) AS action FROM operator_act
       UNION ALL
       SELECT (SELECT min(action) FROM operator_act WHERE action > step.action) FROM step WHERE step.action IS NOT NULL
     ) SELECT action FROM step WHERE action IS NOT NULL LIMIT 200`,
  );
  return rows.map(({ action }) => action);
}

const headRow = z.object({
  partnerName: z.string(),
  n: z.coerce.number().nullable(),
  hash: z.string().nullable(),
  sealedAt: z.date().nullable(),
  entries: z.coerce.number().nullable(),
});
export type HeadRow = z.infer<typeof headRow>;

/** The last block of each partner's books: whoever keeps its hash can tell later whether anything before it was touched. */
export function readHeads(reads: PageReads): Promise<HeadRow[]> {
  return reads.rows(
    headRow,
    `SELECT partner.name AS "partnerName", block.n, block.hash, block.sealed_at AS "sealedAt", block.entries
     FROM partner LEFT JOIN LATERAL (
       SELECT n, encode(hash, 'hex') AS hash, sealed_at, first_position + entries - 1 AS entries FROM audit_block
       WHERE partner_id = partner.id ORDER BY n DESC LIMIT 1) AS block ON true
     ORDER BY partner.name, partner.id LIMIT 1000`,
  );
}
