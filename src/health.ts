/** Health for orchestrators: live needs nothing external; ready needs Postgres at this release and a prepared Temporal. */
import type { Connection } from '@temporalio/client';
import type pg from 'pg';
import { neededMigrations } from './database/migrate.js';
import { missingSearchAttributes } from './temporal.js';

export interface Readiness {
  readonly ready: boolean;
  /** Each part: `ok`, or what is wrong in words. Nothing secret. */
  readonly parts: Readonly<Record<'postgres' | 'migrations' | 'temporal', string>>;
}

const answerWithinMs = 2_000;

export async function readReadiness(pool: pg.Pool, connection: Connection, namespace: string): Promise<Readiness> {
  const [migrations, temporal] = await Promise.all([readMigrations(pool), readTemporal(connection, namespace)]);
  const postgres = migrations === 'not reachable' ? migrations : 'ok';
  const parts = { postgres, migrations, temporal };
  return { ready: Object.values(parts).every((part) => part === 'ok'), parts };
}

async function readMigrations(pool: pg.Pool): Promise<string> {
  try {
    const { rows } = await pool.query<{ name: string }>('SELECT name FROM public.surety_migration');
    const applied = new Set(rows.map((row) => row.name));
    const missing = (await neededMigrations()).filter((name) => !applied.has(name));
    return missing.length === 0 ? 'ok' : `not applied: ${missing.join(', ')}`;
  } catch {
    // Which of the many ways it is unreachable does not matter to whoever sends traffic.
    return 'not reachable';
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
