/**
 * Whether the books are those that were written in last: a restored copy is closed until somebody has recovered it, or answers
 * for it that nothing was lost (src/ledger/sql/ledger_incarnation.sql). The pool is the operator's.
 */
import type pg from 'pg';
import { z } from 'zod';
import { call, iso } from './call.js';

const closed = z.object({ connected: z.array(z.string()) });
const reopened = z.object({ epoch: z.int() });

export class Incarnation {
  constructor(private readonly pool: pg.Pool) {}

  isOpen(): Promise<boolean> {
    return call(this.pool, z.boolean(), 'ledger_is_open', []);
  }

  /** To new connections; `connected` names whose are there from before: they may write until they are stopped. */
  close(): Promise<z.infer<typeof closed>> {
    return call(this.pool, closed, 'ledger_close', []);
  }

  /** Somebody answers for it. */
  reopenWithNothingLost(reason: string, actor: string): Promise<{ epoch: number }> {
    return call(this.pool, reopened, 'ledger_reopen', [null, reason, actor, null]);
  }

  /** After a recovery: the feed of events begins anew. @param lostSince milliseconds since 1970 */
  reopenRecovered(lostSince: number, actor: string, report: object): Promise<{ epoch: number }> {
    return call(this.pool, reopened, 'ledger_reopen', [iso(lostSince), null, actor, report]);
  }
}
