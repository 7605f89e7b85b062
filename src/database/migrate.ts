/**
 * Brings a database to this release: migrations in order, each once; then the functions and views of src/ledger/sql,
 * applied again when their text has changed. Any number of replicas may start it at once: one works, the others wait.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import type { MigrateConfig } from '../config.js';
import type { Log } from '../log.js';

const migrationsFolder = new URL('./migrations/', import.meta.url);
const functionsFolder = new URL('../ledger/sql/', import.meta.url);
const advisoryLock = 7_201_871_001;
/** An ALTER that would queue behind a long read gives up and tries again, so that requests go on meanwhile. */
const lockTimeoutMs = 500;
/** What waits behind a try that gave up goes on meanwhile. */
const pauseMs = 1_000;
const attempts = 60;

interface Script {
  readonly name: string;
  readonly sql: string;
  readonly checksum: string;
}

async function scriptsIn(folder: URL): Promise<Script[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.sql')).sort();
  return Promise.all(
    names.map(async (name) => {
      const sql = await readFile(new URL(name, folder), 'utf8');
      return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') };
    }),
  );
}

/** The names of the migrations that this release needs. */
export async function neededMigrations(): Promise<string[]> {
  return (await scriptsIn(migrationsFolder)).map((script) => script.name);
}

export async function migrate(config: MigrateConfig, log: Log): Promise<void> {
  const client = new pg.Client({ connectionString: config.DATABASE_ADMIN_URL });
  await client.connect();
  try {
    await client.query('SELECT pg_advisory_lock($1)', [advisoryLock]);
    await client.query(`CREATE TABLE IF NOT EXISTS public.surety_migration
      (name text PRIMARY KEY, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())`);
    const { rows } = await client.query<{ name: string; checksum: string }>(
      'SELECT name, checksum FROM public.surety_migration',
    );
    const applied = new Map(rows.map((row) => [row.name, row.checksum]));

    for (const script of await scriptsIn(migrationsFolder)) {
      const earlier = applied.get(script.name);
      if (earlier === script.checksum) continue;
      if (earlier !== undefined)
        throw new Error(`Migration ${script.name} was changed after it was applied; nothing was done`);
      await apply(client, script, script.sql, log);
    }
    const functions = await scriptsIn(functionsFolder);
    for (const script of functions) {
      const name = `functions/${script.name}`;
      if (applied.get(name) === script.checksum) continue;
      const owner = ownerOf(script);
      await apply(
        client,
        { ...script, name },
        `SET LOCAL ROLE ${owner};\nSET LOCAL search_path = surety;\n${script.sql}`,
        log,
      );
    }
    await grantExecution(client);
    await setPasswords(client, config);
    // API and worker see from here which release the database is at.
    await client.query('GRANT SELECT ON public.surety_migration TO surety_api, surety_worker, surety_monitor');
  } finally {
    await client.end();
  }
}

function ownerOf(script: Script): 'surety_owner' | 'surety_ledger' | 'surety_directory' {
  if (script.name === 'directory.sql') return 'surety_directory';
  return script.name === 'ledger_violation.sql' ? 'surety_owner' : 'surety_ledger';
}

async function apply(client: pg.Client, script: Script, sql: string, log: Log): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await client.query('BEGIN');
      await client.query(`SET LOCAL lock_timeout = ${lockTimeoutMs}`);
      await client.query(sql);
      await client.query('RESET ROLE');
      await client.query(
        `INSERT INTO public.surety_migration (name, checksum) VALUES ($1, $2)
         ON CONFLICT (name) DO UPDATE SET checksum = excluded.checksum, applied_at = now()`,
        [script.name, script.checksum],
      );
      await client.query('COMMIT');
      log.info({ migration: script.name }, 'applied');
      return;
    } catch (error) {
      await client.query('ROLLBACK');
      if (!isBusy(error) || attempt === attempts) throw error;
      log.warn({ migration: script.name, attempt }, 'a table is busy; trying again');
      await pause(pauseMs);
    }
  }
}

/** The views of src/ledger/sql/gauges.sql. */
const gauges = [
  'gauge_live_payments', 'gauge_oldest_unknown', 'gauge_review', 'gauge_held_points', 'gauge_funds', 'gauge_differences',
  'gauge_reconciled', 'gauge_oldest_delivery', 'gauge_flags', 'gauge_pauses', 'gauge_ledger_check',
]; // prettier-ignore

/** Nobody may run a function unless he is named here. */
async function grantExecution(client: pg.Client): Promise<void> {
  const both = [
    'payment_open', 'member_open', 'member_balance', 'fund_balance', 'payment_passport',
    'payment_return_open', 'payment_returns_read', 'reconciliation_want', 'ledger_is_open', 'ledger_open_since', 'payments_forgotten',
  ]; // prettier-ignore
  const api = [
    'api_key_authenticate', 'partner_by_slug', 'idempotency_begin', 'idempotency_finish', 'idempotency_end', 'payment_open_named', 'payment_resolution_open',
    'member_put', 'member_find', 'member_erase', 'member_read', 'member_balance_at', 'member_balance_on', 'member_entries', 'member_lots',
    'points_credit_until', 'points_credit_named', 'points_credit_read', 'points_reverse', 'points_adjust_request', 'programme_change', 'export_members', 'export_entries',
    'credit_import_open', 'credit_import_receive', 'credit_import_start', 'credit_import_abandon', 'credit_import_get',
    'credit_import_list', 'credit_import_rejections',
    'payment_batch_open', 'payment_batch_get', 'payment_batch_list', 'payment_batch_items', 'payment_batch_change',
    'statement_mapping_get', 'statement_mapping_put', 'statement_open', 'statement_receive', 'statement_start', 'statement_abandon',
    'statement_get', 'statement_list', 'reconciliation_get', 'reconciliation_list',
    'fund_difference_get', 'fund_difference_list', 'fund_difference_explain', 'fund_difference_correct',
    'webhook_endpoint_create', 'webhook_endpoints_read', 'webhook_endpoint_change', 'webhook_secret_rotate', 'webhook_endpoint_delete',
    'webhook_deliveries_read', 'webhook_replay', 'webhook_replay_range', 'webhook_test', 'event_feed',
    'approval_decide', 'approval_read', 'approval_list',
    'pause_set', 'pause_clear', 'pauses_read',
    'fund_read', 'fund_change_request', 'fund_doubt_clear', 'fund_low_water_set', 'fund_act_list',
    'fund_statement_begin', 'fund_statement_page', 'points_outstanding',
    'operator_act_write', 'operator_acts_check',
    ...both,
  ]; // prettier-ignore
  const worker = [
    'partner_account', 'payment_quote', 'payment_hold', 'payment_attempt_begin', 'payment_attempt_end', 'payment_attempt_finish', 'payment_fence',
    'payment_capture', 'payment_close', 'payment_unproven', 'payment_resume', 'payment_resolve', 'temporal_namespace_is_ours',
    'payments_to_sweep', 'points_expire', 'points_close_day', 'partners_with_expired_points',
    'statement_take', 'statement_clear', 'statement_reject', 'statement_match_by_id', 'statement_match_by_reference',
    'statement_match_by_invoice', 'statement_line_findings', 'statement_periods', 'statement_entry_findings', 'statement_settle',
    'reconciliation_begin', 'reconciliation_end', 'reconciliations_unfinished', 'partners_page',
    'payment_check_discover', 'payment_check_due', 'payment_check_store',
    'webhook_attempt_begin', 'webhook_attempt_end', 'webhook_postpone', 'webhook_deliveries_take_up',
    'webhook_endpoints_to_clear', 'webhook_endpoint_clear', 'credit_imports_cut', 'credit_import_forget',
    'payment_return_work', 'payment_return_book', 'payment_returns_to_book',
    'credit_imports_running', 'credit_import_work', 'credit_import_read_chunk', 'credit_import_apply', 'credit_import_clear', 'credit_import_end',
    'partners_to_seal', 'audit_seal', 'ledger_check_store',
    'payment_batches_to_work_on', 'payment_batch_stock', 'payment_batch_next', 'payment_batch_found', 'payment_batch_start', 'payment_batch_change', 'payment_batch_end',
    ...both,
  ]; // prettier-ignore
  // In one step: whoever runs already never finds a function that he may not call.
  await client.query('BEGIN');
  await client.query('REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA surety FROM PUBLIC');
  await client.query('GRANT EXECUTE ON FUNCTION surety.current_partner() TO PUBLIC');
  for (const [role, functions] of [
    ['surety_api', api],
    ['surety_worker', worker],
    // It writes nothing, and calls nothing but this, as each connection does.
    ['surety_console', ['ledger_is_open']],
  ] as const) {
    for (const name of functions) {
      await client.query(`GRANT EXECUTE ON FUNCTION surety.${name} TO ${role}`);
    }
  }
  await client.query('GRANT EXECUTE ON FUNCTION surety.fund_runway TO surety_monitor');
  const watched = ['ledger_violation', ...gauges].map((view) => `surety.${view}`).join(', ');
  await client.query(`GRANT SELECT ON ${watched} TO surety_monitor`);
  await client.query('COMMIT');
}

async function setPasswords(client: pg.Client, config: MigrateConfig): Promise<void> {
  const passwords = {
    surety_api: config.SURETY_API_DB_PASSWORD,
    surety_worker: config.SURETY_WORKER_DB_PASSWORD,
    surety_monitor: config.SURETY_MONITOR_DB_PASSWORD,
    // Without one nobody can log in by this role, and there is no console.
    ...(config.SURETY_CONSOLE_DB_PASSWORD === undefined ? {} : { surety_console: config.SURETY_CONSOLE_DB_PASSWORD }),
  };
  for (const [role, password] of Object.entries(passwords)) {
    await untilNotBusy(() => client.query(`ALTER ROLE ${role} PASSWORD ${client.escapeLiteral(password)}`));
  }
}

async function untilNotBusy(change: () => Promise<unknown>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await change();
      return;
    } catch (error) {
      if (!isBusy(error) || attempt === attempts) throw error;
    }
  }
}

/**
 * A table is locked, or a saga step and this migration wait for each other, or a role is being changed by the migration of another database of this cluster: roles are the
 * cluster's, our advisory lock is the database's, and Postgres says "tuple concurrently updated" (XX000) to one of two.
 */
function isBusy(error: unknown): boolean {
  if (!(error instanceof pg.DatabaseError)) return false;
  return (
    error.code === '55P03' ||
    error.code === '40P01' ||
    (error.code === 'XX000' && error.message === 'tuple concurrently updated')
  );
}
