/** A deploy beside the release that still runs: each migration once, and nobody waits long behind one. */
import { createHash, randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import pg from 'pg';
import { pino } from 'pino';
import { passwords } from '../../scripts/surety.js';
import { scopes as scopesOfAll } from '../../src/api/auth/apiKeys.js';
import { migrate } from '../../src/database/migrate.js';
import { createPool } from '../../src/database/pool.js';
import { postgres } from '../support/books.js';
import { eventually } from '../support/world.js';

let server: pg.Pool;
beforeAll(() => {
  server = new pg.Pool({ connectionString: postgres.url('postgres'), max: 2 });
});
afterAll(async () => {
  await server.end();
});

async function emptyDatabase(): Promise<string> {
  const database = `migrated_${randomUUID().replaceAll('-', '')}`;
  await server.query(`CREATE DATABASE ${database}`);
  return database;
}

interface Said {
  readonly msg: string;
  readonly migration?: string;
}

/** Notes what migrators say. */
class Listener {
  readonly said: Said[] = [];
  readonly log = pino(
    { level: 'info' },
    {
      write: (line: string) => {
        this.said.push(JSON.parse(line) as Said);
      },
    },
  );

  get applied(): string[] {
    return this.said.filter(({ msg }) => msg === 'applied').map(({ migration }) => migration ?? '');
  }
}

function migrateOnce(database: string, listener: Listener): Promise<void> {
  return migrate(
    {
      DATABASE_ADMIN_URL: postgres.url(database),
      SURETY_API_DB_PASSWORD: passwords.api,
      SURETY_WORKER_DB_PASSWORD: passwords.worker,
      SURETY_MONITOR_DB_PASSWORD: passwords.monitor,
      LOG_LEVEL: 'info',
    },
    listener.log,
  );
}

async function recorded(database: string): Promise<string[]> {
  const client = new pg.Client({ connectionString: postgres.url(database) });
  await client.connect();
  const { rows } = await client.query<{ name: string }>('SELECT name FROM public.surety_migration ORDER BY name');
  await client.end();
  return rows.map(({ name }) => name);
}

/** What an earlier release has left: its tables, without what came after them. */
async function databaseOfAnEarlierRelease(): Promise<string> {
  const database = await emptyDatabase();
  const client = new pg.Client({ connectionString: postgres.url(database) });
  await client.connect();
  await client.query(`CREATE TABLE public.surety_migration
    (name text PRIMARY KEY, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())`);
  for (const name of ['0001_roles.sql', '0002_ledger.sql']) {
    const sql = await readFile(new URL(`../../src/database/migrations/${name}`, import.meta.url), 'utf8');
    const checksum = createHash('sha256').update(sql).digest('hex');
    await untilDone(async () => {
      await client.query(`BEGIN;\n${sql};\nRESET ROLE`);
      await client.query('INSERT INTO public.surety_migration (name, checksum) VALUES ($1, $2)', [name, checksum]);
      await client.query('COMMIT');
    }, client);
  }
  await client.end();
  // Its roles log in; whoever migrated another database of this server has given them these passwords.
  await migrateOnce(await emptyDatabase(), new Listener());
  return database;
}

/** Roles are the cluster's: another suite may be granting the same ones just now. */
async function untilDone(change: () => Promise<void>, client: pg.Client): Promise<void> {
  await eventually(
    async () => {
      try {
        await change();
        return true;
      } catch (error) {
        await client.query('ROLLBACK');
        if (error instanceof Error && error.message === 'tuple concurrently updated') return false;
        throw error;
      }
    },
    () => 'the roles were busy all the time',
  );
}

const untilItWaits = (database: string, count = 1) =>
  eventually(
    async () => {
      const { rows } = await server.query<{ waiting: number }>(
        `SELECT count(*)::int AS waiting FROM pg_stat_activity WHERE datname = $1 AND wait_event_type = 'Lock'`,
        [database],
      );
      return rows[0]?.waiting === count;
    },
    () => 'nothing ever waited for a lock',
  );

/** A session of somebody else's, in a transaction that stays open. */
async function openTransaction(database: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: postgres.url(database), options: '-c search_path=surety' });
  await client.connect();
  await client.query('BEGIN');
  return client;
}

it('[case kodus-ai PR#1298, gocardless] four migrators at once: every migration and every function is applied once', async () => {
  const database = await emptyDatabase();
  const listeners = Array.from({ length: 4 }, () => new Listener());
  await Promise.all(listeners.map((listener) => migrateOnce(database, listener)));
  const applied = listeners.flatMap((listener) => listener.applied);
  expect(applied.length).toBeGreaterThan(20);
  expect([...applied].sort()).toEqual(await recorded(database));
  const later = new Listener();
  await migrateOnce(database, later);
  expect(later.applied).toEqual([]);
}, 120_000);

it('[case kodus-ai PR#1298, gocardless] an ALTER behind a long report gives way: requests go on, and it is applied once the report ends', async () => {
  const database = await databaseOfAnEarlierRelease();
  const listener = new Listener();
  const requests = createPool(postgres.url(database, 'surety_api', passwords.api), 5, listener.log);
  const report = await openTransaction(database);
  await report.query('SELECT count(*) FROM payment');
  const migrating = migrateOnce(database, listener);
  await untilItWaits(database);

  const waitsMs: number[] = [];
  const isBusy = () => listener.said.filter(({ msg }) => msg.includes('busy')).length;
  while (isBusy() < 2) {
    const beganMs = performance.now();
    await requests.query('SELECT id, state FROM payment');
    waitsMs.push(performance.now() - beganMs);
  }
  expect(listener.applied).toEqual([]);
  await report.query('COMMIT');
  await migrating;

  // Answered behind an ALTER as soon as it gave way, long before a request's time (10 s) was up.
  expect(waitsMs.length).toBeGreaterThan(2);
  expect(Math.max(...waitsMs)).toBeLessThan(4_500);
  const names = await recorded(database);
  expect([...listener.applied, '0001_roles.sql', '0002_ledger.sql'].sort()).toEqual(names);
  await Promise.all([requests.end(), report.end()]);
}, 120_000);

it('[case kodus-ai PR#1298, gocardless] a saga step that has one table and wants another goes on, and so does the migration that has it', async () => {
  const database = await databaseOfAnEarlierRelease();
  const listener = new Listener();
  // As payment_attempt_begin does: the payment first, then its attempts.
  const step = await openTransaction(database);
  await step.query('SELECT FROM payment FOR UPDATE');
  const migrating = migrateOnce(database, listener);
  const migrated = expect(migrating).resolves.toBeUndefined();
  await untilItWaits(database);
  await step.query('SELECT FROM payment_attempt');
  await step.query('COMMIT');
  await step.end();
  await migrated;
}, 120_000);

it('what stood before is counted, and first keys get the new scopes, although row-level security is forced', async () => {
  const database = await databaseOfAnEarlierRelease();
  const admin = new pg.Client({ connectionString: postgres.url(database), options: '-c search_path=surety' });
  await admin.connect();
  const { rows } = await admin.query<{ id: string }>(
    `INSERT INTO partner (slug, name, settings, invoicebox_token_sealed)
     SELECT 'p' || n, 'p', '{}', 'x' FROM generate_series(1, 2) AS n RETURNING id`,
  );
  for (const { id } of rows) {
    await admin.query(
      `INSERT INTO api_key (partner_id, name, prefix, hash, scopes) VALUES
         ($1, 'first', 'x', decode(replace($1::uuid::text, '-', ''), 'hex'), '{payments:write,payments:read,fund:read}'),
         ($1, 'weak', 'x', decode(replace($1::uuid::text, '-', '') || '00', 'hex'), '{fund:read}')`,
      [id],
    );
    await admin.query(
      `WITH accounts AS (
         INSERT INTO account (partner_id, kind, asset, balance) VALUES
           ($1, 'fund.external', 'RUB', -1000), ($1, 'fund.available', 'RUB', 700), ($1, 'fund.drawn', 'RUB', 300)
         RETURNING id, kind)
       INSERT INTO transfer (partner_id, kind, debit, credit, amount, reference, actor, at)
       SELECT $1::uuid, entry.kind, debited.id, credited.id, amount, 'x', '{}', '2026-01-01T00:14:59Z'
       FROM (VALUES ('deposit', 'fund.external', 'fund.available', 1000), ('draw', 'fund.available', 'fund.drawn', 300))
         AS entry(kind, debit, credit, amount)
       JOIN accounts debited ON debited.kind = entry.debit JOIN accounts credited ON credited.kind = entry.credit`,
      [id],
    );
  }
  await migrateOnce(database, new Listener());
  const flow = await admin.query(
    `SELECT DISTINCT kind, quarter = '2026-01-01T00:00:00Z' AS first, incoming_minor::int, outgoing_minor::int FROM fund_flow ORDER BY kind`,
  );
  expect(flow.rows).toEqual([
    { kind: 'deposit', first: true, incoming_minor: 1000, outgoing_minor: 0 },
    { kind: 'draw', first: true, incoming_minor: 0, outgoing_minor: 300 },
  ]);
  const keys = await admin.query<{ name: string; scopes: string[] }>('SELECT name, scopes FROM api_key ORDER BY name');
  for (const { name, scopes } of keys.rows) {
    if (name === 'weak') expect(scopes).toEqual(['fund:read']);
    else expect(scopes).toEqual(expect.arrayContaining([...scopesOfAll]));
  }
  expect(keys.rowCount).toBe(4);
  const violations = await admin.query("SELECT kind FROM ledger_violation WHERE kind = 'flow_is_not_its_entries'");
  expect(violations.rows).toEqual([]);
  await admin.end();
}, 120_000);
