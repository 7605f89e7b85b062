/** What a restored ledger is told of a payment, by what its history proves and what the ledger says itself (docs/backup.md). */
import { mayHavePaid, type Evidence } from './evidence.js';
import { isFinal, type FinalState, type PaymentState } from './payment.js';

/** How a payment stands in the restored ledger; null: it is not there. */
export interface LedgerSays {
  readonly state: PaymentState;
  readonly transactionId: string | null;
}

export type RecoveryAction =
  /** The ledger has it already. */
  | { readonly kind: 'nothing' }
  | { readonly kind: 'pay'; readonly transactionId: string }
  | { readonly kind: 'close'; readonly state: Exclude<FinalState, 'paid'>; readonly reason: string | null }
  /** What is held is held again, what is not known stays so, and a new run goes on from there. */
  | { readonly kind: 'take_up'; readonly state: PaymentState; readonly reason: string | null }
  /** They cannot both be right: nothing is changed, a person looks. */
  | { readonly kind: 'contradiction'; readonly why: string };

/** What a restored ledger is told of a payment: a table in test/domain/recovery.test.ts, one test a row. */
export function recoveryAction(ledger: LedgerSays | null, evidence: Evidence): RecoveryAction {
  const { state, reason, transactionId } = evidence;
  if (ledger !== null && isFinal(ledger.state)) {
    // A commit that no history has heard of yet: its run will.
    if (!isFinal(state) && transactionId === null) return { kind: 'nothing' };
    if (ledger.state === 'paid') {
      return state === 'paid' || !isFinal(state)
        ? sameTransaction(ledger, transactionId)
        : disagree(ledger.state, state);
    }
    return ledger.state === state
      ? { kind: 'nothing' }
      : disagree(ledger.state, transactionId === null ? state : 'paid');
  }
  if (transactionId !== null) return { kind: 'pay', transactionId };
  // A person has named the transaction, and his word is lost.
  if (state === 'paid') return { kind: 'take_up', state: 'in_review', reason: 'unproven' };
  if (isFinal(state)) return { kind: 'close', state, reason };
  return { kind: 'take_up', state, reason };
}

function sameTransaction(ledger: LedgerSays, transactionId: string | null): RecoveryAction {
  return transactionId === null || transactionId === ledger.transactionId
    ? { kind: 'nothing' }
    : {
        kind: 'contradiction',
        why: `the ledger knows transaction ${ledger.transactionId ?? 'none'}, Temporal ${transactionId}`,
      };
}

const disagree = (ledger: string, temporal: string): RecoveryAction => ({
  kind: 'contradiction',
  why: `the ledger says ${ledger}, Temporal ${temporal}`,
});

/** Who goes first: what gives points back, then what has taken them for certain, then what may have, then the rest. */
export function turnOf(action: RecoveryAction, evidence: Evidence): number {
  switch (action.kind) {
    case 'nothing':
    case 'contradiction':
      return 0;
    case 'close':
      return 1;
    case 'pay':
      return 2;
    case 'take_up':
      return mayHavePaid(evidence) ? 3 : 4;
  }
}

/** A return gives back, so it goes first, unless its payment is yet to be paid: then it follows that by its time. */
export const turnOfReturn = (isPaymentYetToBePaid: boolean): number => (isPaymentYetToBePaid ? 2 : 1);

/** What Invoicebox says against what was booked, in words for the report; null: nothing. */
export function disagreement(
  action: RecoveryAction,
  ledger: LedgerSays | null,
  evidence: Evidence,
  status: string,
): string | null {
  const isPaid = action.kind === 'pay' || (action.kind === 'nothing' && ledger?.state === 'paid');
  if (status === 'unread') return 'the invoice could not be read';
  if (isPaid) return status === 'paid' ? null : `paid by us, and the invoice reads ${status}`;
  if (action.kind === 'close' && status === 'paid' && mayHavePaid(evidence))
    return 'closed as not paid, and the invoice reads paid: compare with the statement';
  return null;
}
