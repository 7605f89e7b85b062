/** Which ends a payment may come to, by its cell and by what the ledger says that neighbours' faults did to it. */
import type { PaymentRow } from './books.js';
import type { End } from './matrix.js';
import type { Purchase } from './purchase.js';

/** What the twin says of the invoice at the end. */
export interface InvoiceEnd {
  readonly confirmed: boolean;
  readonly status: string;
  readonly isExpired: boolean;
  readonly isEdited: boolean;
}

export function endOf({ state, reason }: { readonly state: string; readonly reason: string | null }): End {
  return reason === null || state === 'cancelled' || state === 'expired' ? state : `${state}:${reason}`;
}

/**
 * The cell's own ends. And where the ledger shows an attempt of unknown outcome (a neighbour's fault may have made it, or
 * the cell's own), the end that the twin's books prove, or the review that they cannot decide: nothing else is widened.
 */
export function mayEndSo(purchase: Purchase, payment: PaymentRow, invoice: InvoiceEnd): boolean {
  const end = endOf(payment);
  if (purchase.planned.cell.ends.includes(end)) return true;
  if (!hadAmbiguousAttempt(payment)) return false;
  if (invoice.confirmed) {
    return (
      end === 'paid' || (end === 'in_review:already_paid_after_unknown' && purchase.planned.cell.tenant === 'strict')
    );
  }
  // Arranged answers say so, whatever the twin's books hold.
  if (end === 'in_review:already_paid_after_unknown' && isToldAlreadyPaid(purchase)) return true;
  switch (invoice.status) {
    case 'paid':
      return end === 'in_review:already_paid_after_unknown';
    case 'canceled':
      return end === 'declined:invoice_canceled';
    case 'partial':
      return end === 'in_review:partial_after_unknown';
    default:
      return (
        (invoice.isExpired && end === 'expired') || (invoice.isEdited && end === 'in_review:changed_after_unknown')
      );
  }
}

/**
 * Of unknown outcome to this day; or until its answer was recorded late, for then another call came after it, or the
 * payment's events tell that nobody knew.
 */
function hadAmbiguousAttempt({ attempts, events }: PaymentRow): boolean {
  const mayHaveReached = attempts.filter((attempt) => attempt.class !== 'not_executed');
  return (
    mayHaveReached.length > 1 ||
    mayHaveReached.some(({ class: kind }) => kind === null || kind === 'unknown') ||
    events.some(({ type }) => type === 'payment.unknown')
  );
}

function isToldAlreadyPaid({ planned: { cell } }: Purchase): boolean {
  return cell.twin.some(
    (trouble) => 'code' in trouble && /^(alreadyPaid|invoice_already_paid)$/.test(trouble.code ?? ''),
  );
}
