/** The states of a payment and what may follow what (design.md, section 1). The database enforces the same table. */
import type { ApprovalReason, PolicyRefusal } from './organisationPolicy.js';
import type { QuotaShare } from './quota.js';

const liveStates = [
  'opening',
  'awaiting_confirmation',
  'awaiting_approval',
  'settling',
  'unknown',
  'in_review',
] as const;
const finalStates = ['paid', 'declined', 'expired', 'cancelled'] as const;

type LiveState = (typeof liveStates)[number];
export type FinalState = (typeof finalStates)[number];
export type PaymentState = LiveState | FinalState;

export const paymentStates: readonly PaymentState[] = [...liveStates, ...finalStates];

export type Scheme = 'loyalty' | 'organisation';

export const legalTransitions: Readonly<Record<PaymentState, readonly PaymentState[]>> = {
  opening: ['awaiting_confirmation', 'awaiting_approval', 'settling', 'declined', 'expired', 'cancelled'],
  awaiting_confirmation: ['settling', 'declined', 'expired', 'cancelled'],
  awaiting_approval: ['settling', 'declined', 'expired', 'cancelled'],
  settling: [
    'awaiting_confirmation',
    'awaiting_approval',
    'unknown',
    'in_review',
    'paid',
    'declined',
    'expired',
    'cancelled',
  ],
  unknown: ['awaiting_confirmation', 'awaiting_approval', 'in_review', 'paid', 'declined', 'expired', 'cancelled'],
  in_review: ['paid', 'declined', 'expired', 'cancelled'],
  paid: [],
  declined: [],
  expired: [],
  cancelled: [],
};

export function isFinal(state: PaymentState): state is FinalState {
  return legalTransitions[state].length === 0;
}

/** Why a payment was declined. A refusal of Invoicebox's that has no name of its own is `refused` with its code. */
export type DeclineReason =
  | 'paid_elsewhere'
  | 'invoice_canceled'
  | 'invoice_expired'
  | 'invoice_partial'
  | 'invoice_not_found'
  | 'invoice_unpayable_amount'
  | 'invoice_status_unknown'
  | 'currency_unsupported'
  /** Of the programme's limits of one payment. */
  | 'too_few_points'
  | 'too_many_points'
  /** Of the organisation's policy. */
  | PolicyRefusal
  | 'over_day_limit'
  | 'over_month_limit'
  | 'insufficient_fund'
  | 'amount_changed'
  | 'fund_unavailable'
  | 'credentials'
  | 'gave_up'
  | 'too_many_attempts'
  | 'refused';

/** Why a live payment came back to the buyer, or to an organisation's approver, with nothing held. */
export type ReturnReason =
  | 'insufficient_points'
  | 'insufficient_fund'
  | 'amount_changed'
  /** What an approver has to look at again, although the sum is the same. */
  | 'invoice_changed'
  | ApprovalReason
  | 'approval_required'
  | 'own_approval'
  | 'other_member'
  | 'confirmation_given_up'
  | 'invoicebox_unavailable';

export type ReviewReason =
  | 'already_paid_after_unknown'
  | 'changed_after_unknown'
  | 'partial_after_unknown'
  | 'unproven'
  | 'ledger_refused'
  /** A person said "not paid": nothing is held any more, the invoice has yet to be canceled or to expire. */
  | 'released_by_person'
  /** ... and then Invoicebox proved that we had paid. */
  | 'paid_after_release';

/** Who did something. `member`: the buyer himself; ids are ours, never a name, phone or e-mail. */
export interface Actor {
  readonly kind: 'member' | 'api_key' | 'operator' | 'saga' | 'signal';
  readonly id: string;
}

/** Times of a payment, in milliseconds; set when it opens (src/partnerSettings.ts). */
export interface PaymentPolicy {
  readonly freshnessMs: number;
  readonly quoteTtlMs: number;
  readonly giveUpAfterMs: number;
  readonly pendingGapMs: number;
  readonly quietMs: number;
  readonly marginMs: number;
  readonly waitScale: number;
  readonly trustTemporalSignals: boolean;
  /** Absent where it is the partner's alone, at everybody's rate. */
  readonly quota?: QuotaShare | undefined;
}

/** A price as read; times in milliseconds since 1970, Temporal's. */
export interface Quote {
  readonly amountMinor: number;
  readonly currency: string;
  readonly points: number;
  readonly pricedAt: number;
  readonly readAt: number;
  readonly expiresAt: number;
  /** Of an organisation's invoice: which read it is, and why that needs an approver. */
  readonly version?: number;
  readonly approval?: ApprovalReason | null;
}

/** What somebody agrees to pay. `version`: of what was read of the invoice, in an organisation's approval. */
export interface Seen {
  readonly amountMinor: number;
  readonly currency: string;
  readonly points: number;
  readonly version?: number | undefined;
}

/** "Pay this": who says so, what he saw, and until when it counts (milliseconds since 1970). */
export interface Confirmation {
  readonly memberId: string | null;
  readonly seen: Seen;
  readonly actor: Actor;
  readonly confirmationId: string;
  readonly notAfter: number;
}

/** What a person decided about a payment in review; his reason, comment and reference are in the ledger under the same id. */
export interface Resolution {
  readonly resolutionId: string;
  readonly outcome: ResolutionOutcome;
  readonly notAfter: number;
}

/** "Look now": an outcome that is not known is read at once, besides its schedule. */
export interface Probing {
  /** Repeat the confirm too, as soon as what is proven allows it: no sooner than without this. */
  readonly confirm: boolean;
  readonly notAfter: number;
}

/** `not_paid`: nobody paid. `paid_elsewhere`: somebody else did, and there is proof of that. */
export type ResolutionOutcome = 'paid' | 'not_paid' | 'paid_elsewhere';

/** What a new run of a payment goes on from, as the ledger proves it. */
export interface Resumption {
  readonly state: PaymentState;
  readonly reason: string | null;
  /** What is held, or was until a person released it. */
  readonly held: Confirmation['seen'] | null;
  readonly released: boolean;
  readonly confirmation: Omit<Confirmation, 'notAfter'> | null;
  /** What is known of the pivot calls. `outstanding`: one of them may have paid. */
  readonly attempt:
    | { readonly kind: 'paid'; readonly n: number; readonly transactionId: string; readonly requestId: string | null }
    | { readonly kind: 'outstanding' }
    | { readonly kind: 'refused'; readonly code: string | null }
    | { readonly kind: 'none' };
}

/** `refused`: an approver says no, so that the payment is declined instead of cancelled. */
export interface Cancellation {
  readonly as?: 'refused' | undefined;
  readonly actor: Actor;
  readonly reason: string;
  readonly notAfter: number;
}
