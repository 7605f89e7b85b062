/** One map from a payment's true state to what the buyer sees (experience.md, [buyer 9]). Pure. */
import { isFinal, type PaymentState } from '../../domain/payment.js';

export const viewNames = [
  'opening',
  'ready',
  'insufficient_points',
  'amount_changed',
  'fund_unavailable',
  'try_again',
  'processing',
  'unknown',
  'paid',
  'declined',
  'expired',
  'cancelled',
  'paid_elsewhere',
  'someone_else',
  'someone_else_paid',
  'someone_else_ended',
] as const;

export type ViewName = (typeof viewNames)[number];

export interface ViewSubject {
  readonly state: PaymentState;
  readonly reason: string | null;
  readonly points: number | null;
  /** Who is bound to pay it, if somebody is. */
  readonly memberId: string | null;
}

/** @param available the points that this member can spend now */
export function viewOf(payment: ViewSubject, memberId: string, available: number): ViewName {
  if (payment.memberId !== null && payment.memberId !== memberId) return othersViewOf(payment.state);
  switch (payment.state) {
    case 'opening':
      return 'opening';
    case 'settling':
    case 'awaiting_approval':
      return 'processing';
    case 'awaiting_confirmation':
      return waitingViewOf(payment, available);
    case 'unknown':
    case 'in_review':
      return 'unknown';
    case 'paid':
      return 'paid';
    case 'declined':
      return declinedViewOf(payment.reason);
    case 'expired':
      return 'expired';
    case 'cancelled':
      return 'cancelled';
  }
}

function othersViewOf(state: PaymentState): ViewName {
  if (state === 'paid') return 'someone_else_paid';
  return isFinal(state) ? 'someone_else_ended' : 'someone_else';
}

function waitingViewOf(payment: ViewSubject, available: number): ViewName {
  if (payment.points !== null && available < payment.points) return 'insufficient_points';
  switch (payment.reason) {
    case 'amount_changed':
      return 'amount_changed';
    case 'insufficient_fund':
      return 'fund_unavailable';
    case 'invoicebox_unavailable':
      return 'try_again';
    case null:
    default:
      return 'ready';
  }
}

function declinedViewOf(reason: string | null): ViewName {
  switch (reason) {
    case 'paid_elsewhere':
      return 'paid_elsewhere';
    case 'invoice_expired':
      return 'expired';
    case 'fund_unavailable':
    case 'insufficient_fund':
      return 'fund_unavailable';
    case null:
    default:
      return 'declined';
  }
}
