/** What an error of Postgres, or of the way there, says about the work that met it. */
import { QueryRunnerAlreadyReleasedError, QueryRunnerProviderAlreadyReleasedError } from 'typeorm';

/** These books are a restored copy of which something may be missing, so that nothing is read or written (docs/backup.md). */
export class LedgerNotRecovered extends Error {
  constructor() {
    super(
      'The ledger was restored and is not recovered yet: nothing is done with it until `npm run recover` has ended',
    );
    this.name = 'LedgerNotRecovered';
  }
}

/**
 * `rolled_back`: the database gave this work up in favour of others, and nothing of its statement or transaction is left.
 * `away`: it could not be reached, or was lost on the way; what was sent before may have been done.
 */
export type DatabaseTrouble = 'rolled_back' | 'away';

/** Time is up, a deadlock, a serialisation failure, a lock that was not to be had, a transaction that stood still too long. */
const rolledBack: readonly string[] = ['57014', '40P01', '40001', '55P03', '25P03'];

/** Null: it is something else. */
export function databaseTroubleOf(error: unknown): DatabaseTrouble | null {
  if (!(error instanceof Error)) return null;
  if (error instanceof LedgerNotRecovered) return 'away';
  const { code } = error as Error & { code?: unknown };
  if (typeof code === 'string') {
    if (rolledBack.includes(code)) return 'rolled_back';
    // Class 08 and the rest of 57 and 53, whether a commit was completed (40003), and what the sockets say.
    if (/^(08|57P|53|40003$|ECONN|EPIPE|ENOTFOUND|ETIMEDOUT)/.test(code)) return 'away';
  }
  // TypeORM, whose connection was ended between two statements of a transaction.
  if (error instanceof QueryRunnerAlreadyReleasedError || error instanceof QueryRunnerProviderAlreadyReleasedError)
    return 'away';
  const words = /Connection terminated|timeout exceeded when trying to connect|Driver not Connected|not queryable/i;
  return words.test(error.message) ? 'away' : null;
}
