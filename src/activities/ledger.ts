/** The Postgres steps of the saga: local activities, one ledger function each, idempotent, repeated until Postgres answers. */
import type { Ledger } from '../ledger/ledger.js';

export function createLedgerActivities(ledger: Ledger) {
  return {
    holdPointsAndReserveFund: (...args: Parameters<Ledger['hold']>) => ledger.hold(...args),
    capturePointsAndDrawFund: (...args: Parameters<Ledger['capture']>) => ledger.capture(...args),
    closePayment: (...args: Parameters<Ledger['close']>) => ledger.close(...args),
    noteUnproven: (...args: Parameters<Ledger['noteUnproven']>) => ledger.noteUnproven(...args),
    fenceConfirm: (...args: Parameters<Ledger['fence']>) => ledger.fence(...args),
  };
}
