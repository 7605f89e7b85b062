/** What a later read of the invoice proves about an unknown outcome (design.md, section 2, "Prove"). */
import type { InvoiceFacts } from './invoice.js';
import type { ReviewReason } from './payment.js';

export interface ProofTimes {
  /** Two reads of `pending` this far apart are needed before the confirm is repeated. */
  readonly pendingGapMs: number;
  /** The last attempt must have ended this long ago: the first may still be executing. */
  readonly quietMs: number;
  /** "Expired and unpaid" counts only this long after the expiry and after the last attempt. */
  readonly marginMs: number;
}

export interface ProofSituation {
  readonly nowMs: number;
  readonly heldAmountMinor: number;
  readonly heldCurrency: string;
  readonly lastAttemptEndedAtMs: number;
  /** When the current unbroken row of `pending` reads began; null before the first. */
  readonly pendingSinceMs: number | null;
}

export type Proof =
  /** Somebody paid it: the repeat of the confirm tells whether we did. */
  | { readonly kind: 'paid_by_somebody' }
  | { readonly kind: 'still_pending'; readonly mayConfirmAgain: boolean }
  | { readonly kind: 'never_confirm_again'; readonly reason: 'changed_after_unknown' | 'partial_after_unknown' }
  | { readonly kind: 'not_paid'; readonly state: 'declined' | 'expired' }
  | { readonly kind: 'nothing' };

export function proofOf(invoice: InvoiceFacts, situation: ProofSituation, times: ProofTimes): Proof {
  const { nowMs, lastAttemptEndedAtMs, pendingSinceMs } = situation;
  const pastMarginAfterAttempt = nowMs >= lastAttemptEndedAtMs + times.marginMs;
  switch (invoice.status) {
    case 'paid':
      return { kind: 'paid_by_somebody' };
    case 'partial':
      return { kind: 'never_confirm_again', reason: 'partial_after_unknown' };
    case 'canceled':
      return pastMarginAfterAttempt ? { kind: 'not_paid', state: 'declined' } : { kind: 'nothing' };
    case 'unknown':
      return { kind: 'nothing' };
    case 'pending':
      break;
  }
  if (invoice.expiresAtMs !== null && invoice.expiresAtMs <= nowMs) {
    const pastMarginAfterExpiry = nowMs >= invoice.expiresAtMs + times.marginMs;
    return pastMarginAfterExpiry && pastMarginAfterAttempt
      ? { kind: 'not_paid', state: 'expired' }
      : { kind: 'nothing' };
  }
  if (invoice.amountMinor !== situation.heldAmountMinor || invoice.currency !== situation.heldCurrency) {
    return { kind: 'never_confirm_again', reason: 'changed_after_unknown' };
  }
  const mayConfirmAgain = pendingSinceMs !== null && nowMs >= mayConfirmAgainFrom(situation, pendingSinceMs, times);
  return { kind: 'still_pending', mayConfirmAgain };
}

/** From when a read of `pending` allows the confirm to be repeated, if nothing else is read until then. */
export function mayConfirmAgainFrom(
  { lastAttemptEndedAtMs }: Pick<ProofSituation, 'lastAttemptEndedAtMs'>,
  pendingSinceMs: number,
  times: ProofTimes,
): number {
  return Math.max(pendingSinceMs + times.pendingGapMs, lastAttemptEndedAtMs + times.quietMs);
}

/**
 * When the confirm may be repeated. Once the invoice was seen changed or partly paid: never, only reads may prove
 * anything. Once nothing is held any more, or the ledger has refused a step: only while it reads paid, to learn by whom.
 */
export type MayConfirm = 'when_proven_safe' | 'when_paid' | 'never';

/** @param review why a person is asked; null: nobody is yet @param released whether a person has given back what was held */
export function mayConfirmAfter(review: ReviewReason | null, released: boolean): MayConfirm {
  switch (review) {
    case 'changed_after_unknown':
    case 'partial_after_unknown':
    case 'paid_after_release':
      return 'never';
    case 'released_by_person':
    case 'ledger_refused':
      return 'when_paid';
    case 'already_paid_after_unknown':
    case 'unproven':
    case null:
      return released ? 'when_paid' : 'when_proven_safe';
  }
}
