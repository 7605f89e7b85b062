/** The connection pool of a process, under its own role. */
import pg from 'pg';
import type { Log } from '../log.js';

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
  });
  // An idle connection that the server ends is replaced on next use; it must not end the process.
  pool.on('error', (error) => {
    log.warn({ error: error.message }, 'an idle connection to Postgres was lost');
  });
  return pool;
}
