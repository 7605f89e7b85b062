/** The connection pool of a process, under its own role. */
import pg from 'pg';
import type { Log } from '../log.js';
import { LedgerNotRecovered } from './trouble.js';

/**
 * A connection that the server ends is told to whoever uses it, by its query. The event besides would end the process where
 * nobody listens, as between two statements of a TypeORM transaction that has failed (found by the fault run).
 */
export class SteadyClient extends pg.Client {
  constructor(config?: string | pg.ClientConfig) {
    super(config);
    this.on('error', () => undefined);
  }
}

/**
 * Whoever was connected before a restore has lost his connection by it, so asking once a connection keeps everybody from books
 * of which something may be missing, and costs a payment nothing (src/ledger/sql/ledger_incarnation.sql).
 */
export function refuseUnrecovered(client: pg.ClientBase, done: (error?: Error) => void): void {
  client.query<{ open: boolean }>('SELECT surety.ledger_is_open() AS open').then(
    ({ rows }) => {
      done(rows[0]?.open === true ? undefined : new LedgerNotRecovered());
    },
    (error: unknown) => {
      // A schema from before this release knows nothing of it: what is missing there is told by the readiness.
      const isOlder =
        error instanceof pg.DatabaseError && [undefinedFunction, undefinedSchema].includes(error.code ?? '');
      done(isOlder ? undefined : error instanceof Error ? error : new Error(String(error)));
    },
  );
}

const undefinedFunction = '42883';
const undefinedSchema = '3F000';

/** A class of our own, so that Nest can hand it out by type. */
export class Pool extends pg.Pool {}

export function createPool(connectionString: string, size: number, log: Log): Pool {
  const pool = new Pool({
    connectionString,
    max: size,
    // A saga step waits this long for a connection, then its retry policy decides.
    connectionTimeoutMillis: 5_000,
    options: '-c search_path=surety -c statement_timeout=10s -c idle_in_transaction_session_timeout=5s -c timezone=UTC',
    application_name: 'surety',
    keepAlive: true,
    Client: SteadyClient,
    verify: refuseUnrecovered,
  });
  // An idle connection that the server ends is replaced on next use; it must not end the process.
  pool.on('error', (error) => {
    log.warn({ error: error.message }, 'an idle connection to Postgres was lost');
  });
  return pool;
}
