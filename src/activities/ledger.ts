/** The Postgres steps of the saga: local activities, one ledger function each, idempotent, repeated until Postgres answers. */
import { ApplicationFailure } from '@temporalio/common';
import pg from 'pg';
import type { Ledger } from '../ledger/ledger.js';

/** What becomes of a step that was to be undone and was not; what is undone the ledger tells itself. */
export type OnNotUndone = (why: 'outstanding' | 'refused') => void;

export function createLedgerActivities(ledger: Ledger, onNotUndone: OnNotUndone) {
  return {
    /** Tells also what was held, for whom and on whose word: of that a history is the only evidence once the ledger is lost. */
    holdPointsAndReserveFund: async (...args: Parameters<Ledger['hold']>) => ({
      ...(await refusing(ledger.hold(...args))),
      confirmation: args[1],
    }),
    endAttempt: (...args: Parameters<Ledger['endAttempt']>) => refusing(ledger.endAttempt(...args)),
    capturePointsAndDrawFund: (...args: Parameters<Ledger['capture']>) => refusing(ledger.capture(...args)),
    closePayment: async (...args: Parameters<Ledger['close']>) => {
      try {
        const closed = await refusing(ledger.close(...args));
        if (closed.outcome === 'attempt_outstanding') onNotUndone('outstanding');
        return closed;
      } catch (error) {
        if (error instanceof ApplicationFailure) onNotUndone('refused');
        throw error;
      }
    },
    noteUnproven: (...args: Parameters<Ledger['noteUnproven']>) => refusing(ledger.noteUnproven(...args)),
    resolvePayment: (...args: Parameters<Ledger['resolve']>) => refusing(ledger.resolve(...args)),
    fenceConfirm: (...args: Parameters<Ledger['fence']>) => refusing(ledger.fence(...args)),
  };
}

/** Bad data, a broken constraint, an exception raised: repeating won't help, so the workflow fails visibly and holds stay. */
export async function refusing<T>(step: Promise<T>): Promise<T> {
  try {
    return await step;
  } catch (error) {
    if (error instanceof pg.DatabaseError && /^(22|23|P0)/.test(error.code ?? '')) {
      throw ApplicationFailure.nonRetryable(
        `The ledger refused the step: SQLSTATE ${error.code ?? ''}`,
        'LedgerRefused',
      );
    }
    throw error;
  }
}
