/**
 * The outcome of a pivot call is not known: until it is proven the hold is frozen and nobody is told "failed".
 * Reads the invoice on the prove schedule; repeats the confirm only where the reads allow it (src/domain/proof.ts).
 * In review a person is asked, while proving goes on daily: his resolution or a proof ends it, whichever comes first.
 * A person may have it read at once, besides the schedule: that proves more, or nothing, but never allows more.
 */
import { ActivityFailure, CancellationScope, condition } from '@temporalio/workflow';
import { isFinal, type Probing, type ReviewReason } from '../domain/payment.js';
import { mayConfirmAfter, mayConfirmAgainFrom, proofOf } from '../domain/proof.js';
import { probesBeforeReview, proveDelayMs } from '../domain/proveSchedule.js';
import type { InvoiceboxCall } from '../domain/quota.js';
import { invoiceboxRead } from './calls.js';
import { capture, close, isLedgerRefusal, superseded } from './close.js';
import { noteUnproven, type Doubt } from './doubt.js';
import type { Inbox } from './inbox.js';
import { orderConfirm } from './orderConfirm.js';
import type { ProbeAnswer } from './messages.js';
import { answerOf, keyOf, settleInto, type Payment } from './payment.js';
import { resolve } from './resolve.js';

/** Proving this long after the confirm goes before other proving. */
const earlyMs = 5 * 60_000;

export function proveOutcome(payment: Payment, inbox: Inbox, review: ReviewReason | null): Promise<void> {
  return CancellationScope.nonCancellable(async () => {
    const doubt: Doubt = {
      review,
      mayConfirm: mayConfirmAfter(review, payment.released),
      pendingSinceMs: null,
      lastAttemptEndedAtMs: Date.now(),
      lastProbe: null,
      repeats: 0,
    };
    const beganAt = Date.now();
    let asked: Asked | null = null;
    for (let probe = 0; ;) {
      if (probe >= probesBeforeReview) doubt.review ??= 'unproven';
      const delayMs = proveDelayMs(
        doubt.review === null ? probe : Math.max(probe, probesBeforeReview),
        payment.policy.waitScale,
      );
      // What a person has asked for comes besides the schedule, and moves it no further away.
      const nextProbeAt: number = asked === null ? Date.now() + delayMs : probeAgainAt(payment, doubt, asked);
      const noted = await noteUnproven(payment, doubt, nextProbeAt);
      if (noted === 'over') return;
      if (noted !== 'noted') {
        if (await unlessRefused(doubt, () => captureWhatIsPaid(payment, doubt, noted.paid))) return;
        await noteUnproven(payment, doubt, nextProbeAt);
      }
      inbox.answerAll();
      if (asked !== null) inbox.answerProbe(answerTo(asked, payment, doubt, nextProbeAt));
      asked = null;
      const said = await untilResolvedOr(nextProbeAt, payment, inbox);
      if (said === 'over') return;
      if (said === 'released') {
        doubt.review = 'released_by_person';
        doubt.mayConfirm = 'when_paid';
        continue;
      }
      const call = Date.now() - beganAt < earlyMs ? 'earlyProof' : 'lateProof';
      const probing = said === 'time_to_probe' ? null : said;
      if (probing !== null) asked = { probing, scheduledAt: nextProbeAt, repeatsBefore: doubt.repeats };
      const isOver = await unlessRefused(doubt, () => probeOnce(payment, doubt, probing === null ? call : 'forPerson'));
      if (isOver && asked !== null) inbox.answerProbe(answerTo(asked, payment, doubt, null));
      if (isOver) return;
      if (probing === null) probe++;
    }
  });
}

/** What a person has asked for, and what stood then. */
interface Asked {
  readonly probing: Probing;
  readonly scheduledAt: number;
  readonly repeatsBefore: number;
}

const waitsToConfirm = ({ probing, repeatsBefore }: Asked, doubt: Doubt): boolean =>
  probing.confirm &&
  doubt.repeats === repeatsBefore &&
  doubt.mayConfirm === 'when_proven_safe' &&
  doubt.pendingSinceMs !== null;

/** When it was scheduled; sooner where a confirm is wanted that a second read may allow by then. */
function probeAgainAt(payment: Payment, doubt: Doubt, asked: Asked): number {
  if (!waitsToConfirm(asked, doubt) || doubt.pendingSinceMs === null) return asked.scheduledAt;
  return Math.min(asked.scheduledAt, mayConfirmAgainFrom(doubt, doubt.pendingSinceMs, payment.policy));
}

function answerTo(asked: Asked, payment: Payment, doubt: Doubt, nextProbeAt: number | null): ProbeAnswer {
  const confirm = (): ProbeAnswer['confirm'] => {
    if (doubt.repeats > asked.repeatsBefore) return 'sent';
    if (!asked.probing.confirm) return 'not_asked';
    return waitsToConfirm(asked, doubt) && !isFinal(payment.state) ? 'waits' : 'not_allowed';
  };
  const read = doubt.lastProbe === 'unreadable' ? null : doubt.lastProbe;
  return { ...answerOf(payment), read, confirm: confirm(), nextProbeAt };
}

/** Waits for the time of the next probe, or for a person who wants one now; does meanwhile what a person decides. */
async function untilResolvedOr(
  nextProbeAt: number,
  payment: Payment,
  inbox: Inbox,
): Promise<'time_to_probe' | 'released' | 'over' | Probing> {
  const isAsked = (): boolean => inbox.resolution !== null || inbox.probing !== null;
  while (await condition(isAsked, Math.max(1, nextProbeAt - Date.now()))) {
    if (inbox.resolution === null && inbox.probing !== null) return inbox.probing;
    const resolved = await resolve(payment, inbox);
    if (resolved !== 'still_in_review') return resolved;
  }
  return 'time_to_probe';
}

/** A step that the ledger refuses leaves everything as it was, and asks a person. @returns whether the payment has ended */
async function unlessRefused(doubt: Doubt, step: () => Promise<boolean>): Promise<boolean> {
  try {
    return await step();
  } catch (error) {
    if (!isLedgerRefusal(error)) throw error;
    doubt.review = 'ledger_refused';
    doubt.mayConfirm = 'when_paid';
    return false;
  }
}

/** @returns whether the payment has come to its end */
async function probeOnce(payment: Payment, doubt: Doubt, call: InvoiceboxCall): Promise<boolean> {
  const { held } = payment;
  const invoice = await readForProof(payment, call);
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
      return doubt.mayConfirm !== 'never' && confirmAgain(payment, doubt, call);
    case 'still_pending':
      return doubt.mayConfirm === 'when_proven_safe' && proof.mayConfirmAgain && confirmAgain(payment, doubt, call);
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
async function confirmAgain(payment: Payment, doubt: Doubt, call: InvoiceboxCall): Promise<boolean> {
  const ordered = await orderConfirm(payment, true, call);
  if (ordered.kind === 'answered' || ordered.kind === 'lost') doubt.repeats += 1;
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
    case 'paid':
      return captureWhatIsPaid(payment, doubt, { ...ordered, transactionId: meaning.transactionId });
    case 'maybe_ours':
      doubt.review = 'already_paid_after_unknown';
      // Nothing is held that an answer could still capture: a person has to look.
      if (payment.released) doubt.mayConfirm = 'never';
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

/** @returns whether the payment has come to its end: not where a person had released it before */
async function captureWhatIsPaid(
  payment: Payment,
  doubt: Doubt,
  paid: { readonly n: number; readonly transactionId: string; readonly requestId: string | null },
): Promise<boolean> {
  if ((await capture(payment, paid)) === 'captured') return true;
  doubt.review = 'paid_after_release';
  doubt.mayConfirm = 'never';
  return false;
}

async function readForProof(payment: Payment, call: InvoiceboxCall) {
  try {
    return await invoiceboxRead(payment, 0, call).readInvoiceForProof({
      key: keyOf(payment),
      invoiceId: payment.invoiceId,
    });
  } catch (error) {
    if (error instanceof ActivityFailure) return null;
    throw error;
  }
}
