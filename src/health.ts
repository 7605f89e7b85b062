/** Health for orchestrators: live needs nothing external; ready needs Postgres at this release, books
 * of which nothing is missing, and a prepared Temporal. */
import type { Connection } from '@temporalio/client';
import type pg from 'pg';
import { neededMigrations } from './database/migrate.js';
import { LedgerNotRecovered } from './database/trouble.js';
import { missingSearchAttributes } from './temporal.js';

export interface Readiness {
  readonly ready: boolean;
  /** Each part: `ok`, or what is wrong in words. Nothing secret. */
  readonly parts: Readonly<Record<'postgres' | 'migrations' | 'ledger' | 'temporal', string>>;
}

const answerWithinMs = 2_000;
export const notRecovered = 'restored from a backup, not recovered yet: `npm run recover` (docs/backup.md)';
export const forgetful =
  'Temporal knows of payments what these books do not, so they are a copy of before: `npm run recover` (docs/backup.md)';

export async function readReadiness(pool: pg.Pool, connection: Connection, namespace: string): Promise<Readiness> {
  const [database, temporal] = await Promise.all([readDatabase(pool), readTemporal(connection, namespace)]);
  const parts = { ...database, temporal };
  return { ready: Object.values(parts).every((part) => part === 'ok'), parts };
}

async function readDatabase(pool: pg.Pool): Promise<Omit<Readiness['parts'], 'temporal'>> {
  try {
    const { rows } = await pool.query<{ name: string }>('SELECT name FROM public.surety_migration');
    const applied = new Set(rows.map((row) => row.name));
    const missing = (await neededMigrations()).filter((name) => !applied.has(name));
    const migrations = missing.length === 0 ? 'ok' : `not applied: ${missing.join(', ')}`;
    return { postgres: 'ok', migrations, ledger: 'ok' };
  } catch (error) {
    if (error instanceof LedgerNotRecovered) return { postgres: 'ok', migrations: 'not read', ledger: notRecovered };
    // Which of the many ways it is unreachable does not matter to whoever sends traffic.
    return { postgres: 'not reachable', migrations: 'not reachable', ledger: 'not reachable' };
  }
}

async function readTemporal(connection: Connection, namespace: string): Promise<string> {
  try {
    const missing = await connection.withDeadline(Date.now() + answerWithinMs, () =>
      missingSearchAttributes(connection, namespace),
    );
    return missing.length === 0 ? 'ok' : `search attributes missing: ${missing.join(', ')}; run the temporal-setup job`;
  } catch {
    return 'not reachable';
  }
}
