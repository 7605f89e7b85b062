import type pg from 'pg';
import { z } from 'zod';
import { call, iso } from './call.js';
import { outcome } from './outcomes.js';

export interface LedgerViolation {
  readonly kind: string;
  readonly subject: string;
  readonly partner_id: string;
}

/** Every row is a defect of the books. The pool is surety_monitor's: it sees all partners. */
export async function readViolations(pool: pg.Pool): Promise<LedgerViolation[]> {
  const { rows } = await pool.query<LedgerViolation>('SELECT kind, subject, partner_id FROM surety.ledger_violation');
  return rows;
}

const counted = z.array(z.object({ kind: z.string(), violations: z.coerce.number() }));

/** How many violations there were, whenever it was asked. */
export class LedgerChecks {
  constructor(private readonly pool: pg.Pool) {}

  /** By kind; none: the books are right. @param monitor connections of surety_monitor */
  async count(monitor: pg.Pool): Promise<Readonly<Record<string, number>>> {
    const { rows } = await monitor.query(
      'SELECT kind, count(*) AS violations FROM surety.ledger_violation GROUP BY kind',
    );
    return Object.fromEntries(counted.parse(rows).map(({ kind, violations }) => [kind, violations]));
  }

  store(violations: number, kinds: Readonly<Record<string, number>>, tookMs: number, at: number) {
    return call(this.pool, outcome('stored'), 'ledger_check_store', [violations, kinds, tookMs, iso(at)]);
  }
}
