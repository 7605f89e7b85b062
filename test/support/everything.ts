/** What stands in the database, by table, so that a test can say: nothing was changed. */
import pg from 'pg';

/** Written also by what is refused, an Idempotency-Key's answer, and in the background whatever happens, the audit chain. */
const notMeant = ['idempotency_key', 'audit_block'];

/** Tables of the schema with a partner's rows. */
export async function tablesOfPartners(admin: pg.Pool): Promise<{ name: string; column: string }[]> {
  const { rows } = await admin.query<{ name: string; column: string }>(
    `SELECT c.relname AS name, a.attname AS column
       FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
      WHERE c.relnamespace = 'surety'::regnamespace AND c.relkind IN ('r', 'p')
        AND (a.attname = 'partner_id' OR c.relname = 'partner' AND a.attname = 'id')
      ORDER BY 1`,
  );
  return rows;
}

/** A fingerprint of each table's rows; of one partner's, where one is named. */
export async function everything(admin: pg.Pool, partnerId: string | null = null): Promise<Record<string, string>> {
  const tables = (await tablesOfPartners(admin)).filter(({ name }) => !notMeant.includes(name));
  const prints = await Promise.all(
    tables.map(async ({ name, column }) => {
      const { rows } = await admin.query<{ print: string }>(
        `SELECT count(*) || ' rows, ' || coalesce(md5(string_agg(told, ' ' ORDER BY told)), '') AS print
           FROM (SELECT (to_jsonb(t) - 'last_used_at')::text AS told FROM ${pg.escapeIdentifier(name)} t
                  WHERE $1::uuid IS NULL OR ${pg.escapeIdentifier(column)} = $1) all_rows`,
        [partnerId],
      );
      return [name, rows[0]?.print ?? ''] as const;
    }),
  );
  return Object.fromEntries(prints);
}
