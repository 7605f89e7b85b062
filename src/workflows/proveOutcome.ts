/**
 * The outcome of a pivot call is not known: until it is proven the hold is frozen and nobody is told "failed".
 * Reads the invoice on the prove schedule; repeats the confirm only where the reads allow it (src/domain/proof.ts).
 */
import { ActivityFailure, CancellationScope, sleep } from '@temporalio/workflow';
import type { ReviewReason } from '../domain/payment.js';
import { proofOf } from '../domain/proof.js';
import { probesBeforeReview, proveDelayMs } from '../domain/proveSchedule.js';
import { invoiceboxRead, ledger, priorities } from './calls.js';
import { capture, close, superseded } from './close.js';
import type { Inbox } from './inbox.js';
import { orderConfirm } from './orderConfirm.js';
import { explain, keyOf, moveTo, settleInto, type Payment } from './payment.js';

/** Proving this long after the confirm goes before other proving. */
const earlyMs = 5 * 60_000;

interface Doubt {
  review: ReviewReason | null;
  /** Once the invoice was seen changed or partly paid, only reads may prove anything. */
  mayConfirm: boolean;
  pendingSinceMs: number | null;
  lastAttemptEndedAtMs: number;
  lastProbe: string | null;
}

export function proveOutcome(payment: Payment, inbox: Inbox, review: ReviewReason | null): Promise<void> {
  return CancellationScope.nonCancellable(async () => {
    const doubt: Doubt = {
      review,
      mayConfirm: true,
      pendingSinceMs: null,
      lastAttemptEndedAtMs: Date.now(),
      lastProbe: null,
    };
    const beganAt = Date.now();
    for (let probe = 0; ; probe++) {
      if (probe >= probesBeforeReview) doubt.review ??= 'unproven';
      // A person is asked: proving goes on daily, his resolution or a proof ends it.
      const delayMs = proveDelayMs(
        doubt.review === null ? probe : Math.max(probe, probesBeforeReview),
        payment.policy.waitScale,
      );
      await noteUnproven(payment, doubt, Date.now() + delayMs);
      inbox.answerAll();
      await sleep(delayMs);
      const priority = Date.now() - beganAt < earlyMs ? priorities.earlyProof : priorities.lateProof;
      const proven = await probeOnce(payment, doubt, priority);
      if (proven) return;
    }
  });
}

/** @returns whether the payment has come to its end */
async function probeOnce(payment: Payment, doubt: Doubt, priority: number): Promise<boolean> {
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
      return doubt.mayConfirm && confirmAgain(payment, doubt, priority);
    case 'still_pending':
      return doubt.mayConfirm && proof.mayConfirmAgain && confirmAgain(payment, doubt, priority);
    case 'never_confirm_again':
      doubt.mayConfirm = false;
      doubt.review = proof.reason;
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
    case 'not_started':
      return false;
    case 'superseded':
      throw superseded(payment);
    case 'lost':
      doubt.lastAttemptEndedAtMs = Date.now();
      return false;
    case 'answered':
      break;
  }
  doubt.lastAttemptEndedAtMs = Date.now();
  const { meaning } = ordered;
  switch (meaning.kind) {
    case 'paid':
      await capture(payment, { n: ordered.n, transactionId: meaning.transactionId, requestId: ordered.requestId });
      return true;
    case 'maybe_ours':
      doubt.review = 'already_paid_after_unknown';
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
      if (payment.state === state) moveTo(payment, state, reason);
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
      ? `A person is needed (${reason}): compare with the fund's statement at Invoicebox. Points and fund stay held until then.`
      : 'Nothing to do yet: points and fund stay held, nobody is told that it failed.',
  );
}
