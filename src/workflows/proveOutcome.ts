/**
 * The outcome of a pivot call is not known: until it is proven the hold is frozen and nobody is told "failed".
 * Reads the invoice on the prove schedule; repeats the confirm only where the reads allow it (src/domain/proof.ts).
 * In review a person is asked, while proving goes on daily: his resolution or a proof ends it, whichever comes first.
 */
import { ActivityFailure, CancellationScope, condition } from '@temporalio/workflow';
import type { ReviewReason } from '../domain/payment.js';
import { proofOf } from '../domain/proof.js';
import { probesBeforeReview, proveDelayMs } from '../domain/proveSchedule.js';
import { invoiceboxRead, ledger, priorities } from './calls.js';
import { capture, close, isLedgerRefusal, superseded } from './close.js';
import type { Inbox } from './inbox.js';
import { orderConfirm } from './orderConfirm.js';
import { explain, keyOf, moveTo, settleInto, type Payment } from './payment.js';
import { resolve } from './resolve.js';

/** Proving this long after the confirm goes before other proving. */
const earlyMs = 5 * 60_000;

interface Doubt {
  review: ReviewReason | null;
  /**
   * When the confirm may be repeated. Once the invoice was seen changed or partly paid: never, only reads may prove
   * anything. Once nothing is held any more, or the ledger has refused a step: only while it reads paid, to learn by whom.
   */
  mayConfirm: 'when_proven_safe' | 'when_paid' | 'never';
  pendingSinceMs: number | null;
  lastAttemptEndedAtMs: number;
  lastProbe: string | null;
}

export function proveOutcome(payment: Payment, inbox: Inbox, review: ReviewReason | null): Promise<void> {
  return CancellationScope.nonCancellable(async () => {
    const doubt: Doubt = {
      review,
      mayConfirm: mayConfirmAt(payment, review),
      pendingSinceMs: null,
      lastAttemptEndedAtMs: Date.now(),
      lastProbe: null,
    };
    const beganAt = Date.now();
    for (let probe = 0; ; probe++) {
      if (probe >= probesBeforeReview) doubt.review ??= 'unproven';
      const delayMs = proveDelayMs(
        doubt.review === null ? probe : Math.max(probe, probesBeforeReview),
        payment.policy.waitScale,
      );
      const nextProbeAt = Date.now() + delayMs;
      await noteUnproven(payment, doubt, nextProbeAt);
      inbox.answerAll();
      while (await condition(() => inbox.resolution !== null, Math.max(1, nextProbeAt - Date.now()))) {
        const resolved = await resolve(payment, inbox);
        if (resolved === 'over') return;
        if (resolved === 'released') {
          doubt.review = 'released_by_person';
          doubt.mayConfirm = 'when_paid';
        }
      }
      const priority = Date.now() - beganAt < earlyMs ? priorities.earlyProof : priorities.lateProof;
      if (await probeOnce(payment, doubt, priority)) return;
    }
  });
}

function mayConfirmAt(payment: Payment, review: ReviewReason | null): Doubt['mayConfirm'] {
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
      return payment.released ? 'when_paid' : 'when_proven_safe';
  }
}

/** @returns whether the payment has come to its end */
async function probeOnce(payment: Payment, doubt: Doubt, priority: number): Promise<boolean> {
  try {
    return await probe(payment, doubt, priority);
  } catch (error) {
    if (!isLedgerRefusal(error)) throw error;
    doubt.review = 'ledger_refused';
    doubt.mayConfirm = 'when_paid';
    return false;
  }
}

async function probe(payment: Payment, doubt: Doubt, priority: number): Promise<boolean> {
  const { held } = payment;
  const invoice = await readForProof(payment, priority);
  if (invoice === null || held === null) {
    doubt.lastProbe = 'unreadable';
    return false;
  }
  doubt.lastProbe = invoice.status;
  const proof = proofOf(
    invoice,
    {
      nowMs: invoice.readAt,
      heldAmountMinor: held.amountMinor,
      heldCurrency: held.currency,
      lastAttemptEndedAtMs: doubt.lastAttemptEndedAtMs,
      pendingSinceMs: doubt.pendingSinceMs,
    },
    payment.policy,
  );
  doubt.pendingSinceMs = proof.kind === 'still_pending' ? (doubt.pendingSinceMs ?? invoice.readAt) : null;
  switch (proof.kind) {
    case 'paid_by_somebody':
      return doubt.mayConfirm !== 'never' && confirmAgain(payment, doubt, priority);
    case 'still_pending':
      return doubt.mayConfirm === 'when_proven_safe' && proof.mayConfirmAgain && confirmAgain(payment, doubt, priority);
    case 'never_confirm_again':
      if (!payment.released) {
        doubt.mayConfirm = 'never';
        doubt.review = proof.reason;
      }
      return false;
    case 'not_paid': {
      const reason = proof.state === 'expired' ? 'invoice_expired' : 'invoice_canceled';
      return (await close(payment, { to: proof.state, reason })) === 'closed';
    }
    case 'nothing':
      return false;
  }
}

/** The same operation once more: success means it was ours, or is now. */
async function confirmAgain(payment: Payment, doubt: Doubt, priority: number): Promise<boolean> {
  const ordered = await orderConfirm(payment, true, priority);
  switch (ordered.kind) {
    case 'stale':
    case 'prove':
    case 'not_started':
      return false;
    case 'superseded':
      throw superseded(payment);
    case 'over':
      settleInto(payment, ordered.state);
      return true;
    case 'lost':
      doubt.lastAttemptEndedAtMs = Date.now();
      return false;
    case 'answered':
      break;
  }
  doubt.lastAttemptEndedAtMs = Date.now();
  const { meaning } = ordered;
  switch (meaning.kind) {
    case 'paid': {
      const captured = await capture(payment, { ...ordered, transactionId: meaning.transactionId });
      if (captured === 'captured') return true;
      doubt.review = 'paid_after_release';
      doubt.mayConfirm = 'never';
      return false;
    }
    case 'maybe_ours':
      if (!payment.released) doubt.review = 'already_paid_after_unknown';
      return false;
    // Definite only where the ledger knows of no attempt that may have paid; it checks that again before it releases.
    case 'credentials':
    case 'paid_elsewhere':
    case 'status_says_why':
    case 'refused':
      return (
        (await close(payment, {
          to: 'declined',
          reason: meaning.kind === 'status_says_why' ? 'refused' : meaning.kind,
        })) === 'closed'
      );
    case 'not_executed':
    case 'unknown':
    case 'proves_nothing':
      return false;
  }
}

async function readForProof(payment: Payment, priority: number) {
  try {
    return await invoiceboxRead(payment.partnerId, 0, priority).readInvoiceForProof({
      key: keyOf(payment),
      invoiceId: payment.invoiceId,
    });
  } catch (error) {
    if (error instanceof ActivityFailure) return null;
    throw error;
  }
}

async function noteUnproven(payment: Payment, doubt: Doubt, nextProbeAt: number): Promise<void> {
  const state = doubt.review === null ? 'unknown' : 'in_review';
  const reason = doubt.review ?? 'outcome_unknown';
  const noted = await ledger.noteUnproven(
    keyOf(payment),
    { state, reason, lastProbe: doubt.lastProbe, nextProbeAt },
    Date.now(),
  );
  switch (noted.outcome) {
    case 'noted':
      if (payment.state === state && payment.reason === reason) moveTo(payment, state, reason);
      else settleInto(payment, state, reason);
      break;
    case 'superseded':
    case 'conflict':
      throw superseded(payment);
  }
  explain(
    payment,
    `It is not known whether Invoicebox has executed the confirm (last read: ${doubt.lastProbe ?? 'none yet'}); next check ${new Date(nextProbeAt).toISOString()}.`,
    state === 'in_review'
      ? `A person is needed (${reason}): compare with the fund's statement at Invoicebox, then \`npm run resolve\`. ${payment.released ? 'Nothing is held any more.' : 'Points and fund stay held until then.'}`
      : 'Nothing to do yet: points and fund stay held, nobody is told that it failed.',
  );
}
