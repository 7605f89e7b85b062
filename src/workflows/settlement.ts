/** A settlement under way, and its ways out that are not `paid`: whatever is held is released, if the ledger allows it. */
import type { Confirmation, DeclineReason, Quote, ReturnReason, Scheme } from '../domain/payment.js';
import { superseded } from './close.js';
import type { Inbox } from './inbox.js';
import { cancelledBy, leave } from './leave.js';
import { explain, settleInto, type Payment } from './payment.js';
import { readAndQuote } from './readAndQuote.js';

export interface Settlement {
  readonly payment: Payment;
  readonly scheme: Scheme;
  readonly inbox: Inbox;
  readonly confirmation: Confirmation;
}

/** An organisation's payment is confirmed by its opening; the same in every run, so that a new one finds its hold again. */
export function organisationsOwn(payment: Payment, seen: Confirmation['seen']): Omit<Confirmation, 'notAfter'> {
  return {
    memberId: null,
    seen,
    actor: { kind: 'saga', id: payment.paymentId },
    confirmationId: payment.paymentId,
  };
}

export const expiryOf = (payment: Payment, otherwise: number): number => payment.quote?.expiresAt ?? otherwise;

export const confirmationOf = ({ confirmation }: Settlement) => ({ confirmationId: confirmation.confirmationId });

export const decline = (settlement: Settlement, reason: DeclineReason): Promise<void> =>
  leave(settlement.payment, settlement.inbox, { to: 'declined', reason, ...confirmationOf(settlement) });

export function leaveCancelled(settlement: Settlement): Promise<void> {
  const { payment, inbox } = settlement;
  return leave(payment, inbox, { ...cancelledBy(inbox), ...confirmationOf(settlement) });
}

/** Time is up: the invoice's, or ours. */
export function leaveForTime(settlement: Settlement, giveUpAt: number): Promise<void> {
  const { payment, inbox } = settlement;
  return Date.now() >= expiryOf(payment, giveUpAt + 1)
    ? leave(payment, inbox, { to: 'expired', reason: 'invoice_expired', ...confirmationOf(settlement) })
    : decline(settlement, 'gave_up');
}

/**
 * A buyer is asked again with nothing held. An organisation's payment is declined, unless what was approved, or has to be, is
 * no longer what the invoice says: then an approver is asked.
 */
export function returnOrDecline(settlement: Settlement, reason: ReturnReason): Promise<void> {
  const { payment, scheme, inbox } = settlement;
  const to =
    scheme === 'loyalty'
      ? 'awaiting_confirmation'
      : asksApprover(settlement, reason)
        ? 'awaiting_approval'
        : 'declined';
  return leave(payment, inbox, { to, reason, ...confirmationOf(settlement) });
}

function asksApprover({ confirmation }: Settlement, reason: ReturnReason): boolean {
  switch (reason) {
    case 'approval_above_amount':
    case 'approval_by_rule':
    case 'approval_required':
    case 'own_approval':
    case 'invoice_changed':
      return true;
    case 'amount_changed':
    case 'confirmation_given_up':
      return isApproval(confirmation);
    case 'insufficient_points':
    case 'insufficient_fund':
    case 'other_member':
    case 'invoicebox_unavailable':
      return false;
  }
}

const isApproval = ({ seen }: Confirmation): boolean => seen.version !== undefined;

/** Why an invoice that was read anew is not what was agreed to; null: it is, but perhaps for its price in points. */
export function changeOf(quote: Quote, { seen }: Confirmation): ReturnReason | null {
  if (quote.amountMinor !== seen.amountMinor || quote.currency !== seen.currency) return 'amount_changed';
  if (seen.version !== undefined) return quote.version === seen.version ? null : 'invoice_changed';
  return quote.approval ?? null;
}

export function closeAsRefused(
  settlement: Settlement,
  kind: 'credentials' | 'paid_elsewhere' | 'status_says_why' | 'refused',
): Promise<void> {
  return kind === 'status_says_why' ? declineByStatus(settlement) : decline(settlement, kind);
}

/** `wrong_order_status` without an ambiguous attempt: the invoice's status says why. */
async function declineByStatus(settlement: Settlement): Promise<void> {
  const { payment, scheme } = settlement;
  explain(
    payment,
    'Invoicebox has refused the confirm for the invoice’s status, which is being read.',
    'Nothing was executed: points and fund are given back as soon as it is known why. Nothing to do.',
  );
  const read = await readAndQuote(payment, scheme, payment.policy.giveUpAfterMs, null);
  switch (read.kind) {
    case 'unpayable':
      return decline(settlement, read.reason);
    case 'expired':
      return decline(settlement, 'invoice_expired');
    case 'quoted':
    case 'unavailable':
    case 'cancelled':
      return decline(settlement, 'refused');
    case 'superseded':
      throw superseded(payment);
    case 'over':
      settleInto(payment, read.state);
  }
}
