import type pg from 'pg';

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
