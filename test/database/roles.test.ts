/** What each role of the database may do, by what the database itself says. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Books } from '../support/books.js';

let books: Books;
beforeAll(async () => {
  books = await Books.open();
});
afterAll(() => books.close());

const processes = ['surety_api', 'surety_worker', 'surety_monitor', 'surety_console'] as const;

async function column(sql: string, values: unknown[] = []): Promise<string[]> {
  const { rows } = await books.admin.query<{ name: string }>(sql, values);
  return rows.map(({ name }) => name);
}

describe('a role that a process logs in by', () => {
  it.each(processes)(
    '%s owns nothing, is no superuser, bypasses no row-level security and inherits nothing',
    async (role) => {
      const { rows } = await books.admin.query(
        'SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolinherit, rolreplication FROM pg_roles WHERE rolname = $1',
        [role],
      );
      expect(rows).toEqual([
        {
          rolsuper: false,
          rolbypassrls: false,
          rolcreaterole: false,
          rolcreatedb: false,
          rolinherit: false,
          rolreplication: false,
        },
      ]);
      expect(await column('SELECT relname AS name FROM pg_class WHERE relowner = $1::regrole', [role])).toEqual([]);
      expect(
        await column('SELECT roleid::regrole::text AS name FROM pg_auth_members WHERE member = $1::regrole', [role]),
      ).toEqual([]);
    },
  );

  it.each(['surety_worker', 'surety_monitor', 'surety_console'])('%s writes to no table itself', async (role) => {
    const written = await column(
      `SELECT table_name || ' ' || privilege_type AS name FROM information_schema.role_table_grants
       WHERE grantee = $1 AND privilege_type <> 'SELECT'
       UNION SELECT table_name || '.' || column_name || ' ' || privilege_type FROM information_schema.column_privileges
       WHERE grantee = $1 AND privilege_type <> 'SELECT'`,
      [role],
    );
    expect(written).toEqual([]);
  });

  it('surety_api writes to sessions, tokens and keys alone: all else by functions', async () => {
    const written = await column(
      `SELECT table_name AS name FROM information_schema.column_privileges
       WHERE grantee = 'surety_api' AND privilege_type IN ('INSERT', 'UPDATE') GROUP BY 1 ORDER BY 1`,
    );
    expect(written).toEqual(['api_key', 'login_token', 'operator_session', 'session']);
  });

  it.each([
    ['surety_console', '(_sealed|secret)|^(session|operator_session|login_token|api_key|idempotency_key)[.]'],
    ['surety_monitor', '^(session|operator_session|login_token)[.]'],
  ])('%s sees nothing that opens a door', async (role, doors) => {
    const seen = await column(
      `SELECT table_name || '.' || column_name AS name FROM information_schema.column_privileges
       WHERE grantee = $1 AND table_name || '.' || column_name ~ $2`,
      [role, doors],
    );
    expect(seen).toEqual([]);
  });

  it('nobody may run a function unless he is named', async () => {
    const open = await column(
      `SELECT proname AS name FROM pg_proc JOIN pg_namespace ON pg_namespace.oid = pronamespace
       WHERE nspname = 'surety' AND has_function_privilege('public', pg_proc.oid, 'EXECUTE') ORDER BY 1`,
    );
    expect(open).toEqual(['current_partner']);
  });
});

describe('what runs with the rights of who owns it', () => {
  it.each(['surety_owner', 'surety_ledger', 'surety_directory'])(
    '%s, who owns, logs in nowhere, is no superuser and bypasses no row-level security',
    async (role) => {
      const { rows } = await books.admin.query(
        'SELECT rolcanlogin, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication FROM pg_roles WHERE rolname = $1',
        [role],
      );
      const none = { rolsuper: false, rolcreaterole: false, rolcreatedb: false, rolreplication: false };
      expect(rows).toEqual([{ rolcanlogin: false, rolbypassrls: false, ...none }]);
    },
  );

  it('looks nowhere but in our schema: nobody puts a function or table of his own before ours', async () => {
    const loose = await column(
      `SELECT proname AS name FROM pg_proc JOIN pg_namespace ON pg_namespace.oid = pronamespace
       WHERE nspname = 'surety' AND prosecdef
         AND NOT coalesce(proconfig, '{}') @> ARRAY['search_path=surety, pg_temp'] ORDER BY 1`,
    );
    expect(loose).toEqual([]);
    const counted = await column(
      `SELECT count(*)::text AS name FROM pg_proc JOIN pg_namespace ON pg_namespace.oid = pronamespace
       WHERE nspname = 'surety' AND prosecdef`,
    );
    expect(Number(counted[0])).toBeGreaterThan(100);
  });

  it('is nobody’s to change: no role of a process may create anything in the schema, nor in public', async () => {
    const may = await column(
      `SELECT role || ' in ' || nspname AS name FROM unnest($1::text[]) AS role, pg_namespace
       WHERE nspname IN ('surety', 'public') AND has_schema_privilege(role, pg_namespace.oid, 'CREATE')`,
      [processes],
    );
    expect(may).toEqual([]);
  });
});
