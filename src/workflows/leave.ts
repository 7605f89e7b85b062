import { close, type WayOut } from './close.js';
import type { Inbox } from './inbox.js';
import type { Payment } from './payment.js';
import { proveOutcome } from './proveOutcome.js';

/** The way out of who calls the payment off: by his message, or from the Temporal UI. */
export function cancelledBy({ cancellation }: Inbox): WayOut {
  if (cancellation === null) return { to: 'cancelled', reason: 'workflow_cancelled' };
  const { as, reason, actor } = cancellation;
  return { to: as === 'refused' ? 'declined' : 'cancelled', reason, actor };
}

/**
 * Leaves the way that was asked for; where the ledger knows of an attempt that may have paid, proves first. If no doubt is
 * left then, the way is open.
 */
export async function leave(payment: Payment, inbox: Inbox, way: WayOut): Promise<void> {
  while ((await close(payment, way)) === 'attempt_outstanding') {
    if ((await proveOutcome(payment, inbox, null)).kind === 'over') return;
  }
}
