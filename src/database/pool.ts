/** The connection pool of a process, under its own role. */
import pg from 'pg';
import type { Log } from '../log.js';

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
  });
  // An idle connection that the server ends is replaced on next use; it must not end the process.
  pool.on('error', (error) => {
    log.warn({ error: error.message }, 'an idle connection to Postgres was lost');
  });
  return pool;
}
