/** Asks the views of violations, of all partners, and keeps what they say: for the metrics and for whoever is called by them. */
import { Context } from '@temporalio/activity';
import type pg from 'pg';
import type { LedgerChecks } from '../ledger/violations.js';
import { scheduledAt } from './clock.js';
import { beating } from './invoiceReads.js';

/** How many violations there are; `not_checked`: this worker was not given the monitor's address. */
export type LedgerCheck = { readonly kind: 'checked'; readonly violations: number } | { readonly kind: 'not_checked' };

/** @param monitor connections of surety_monitor, whose statements may take long; null: there are none */
export function createCheckActivities(checks: LedgerChecks, monitor: pg.Pool | null) {
  return {
    async checkLedger(): Promise<LedgerCheck> {
      const { log } = Context.current();
      if (monitor === null) {
        log.warn('the books were not checked: DATABASE_MONITOR_URL is not set');
        return { kind: 'not_checked' };
      }
      const at = scheduledAt();
      const beganMs = performance.now();
      const kinds = await beating(() => checks.count(monitor));
      const violations = Object.values(kinds).reduce((sum, count) => sum + count, 0);
      await checks.store(violations, kinds, Math.round(performance.now() - beganMs), at);
      if (violations > 0) log.error('the books are wrong', { violations, kinds });
      return { kind: 'checked', violations };
    },
  };
}
