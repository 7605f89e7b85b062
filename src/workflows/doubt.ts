/** What is not known of a pivot call's outcome, and what may be done about it. */
import { patched } from '@temporalio/workflow';
import { isFinal, type ReviewReason } from '../domain/payment.js';
import { mayConfirmAfter, type MayConfirm } from '../domain/proof.js';
import { ledger } from './calls.js';
import { superseded } from './close.js';
import { explain, keyOf, moveTo, settleInto, type Payment } from './payment.js';

export interface Doubt {
  review: ReviewReason | null;
  mayConfirm: MayConfirm;
  pendingSinceMs: number | null;
  lastAttemptEndedAtMs: number;
  lastProbe: string | null;
  /** How often this run has repeated the confirm. */
  repeats: number;
}

/**
 * Tells the ledger, the index and the Temporal UI how it stands, and hears from the ledger what a run that was reset has
 * forgotten: what is held, that a person was asked, and an answer of the pivot call that nobody has captured.
 */
export async function noteUnproven(
  payment: Payment,
  doubt: Doubt,
  nextProbeAt: number,
): Promise<'noted' | 'over' | { readonly paid: NonNullable<Noted['paid']> }> {
  const asked = doubt.review === null ? 'unknown' : 'in_review';
  const noted = await ledger.noteUnproven(
    keyOf(payment),
    { state: asked, reason: doubt.review ?? 'outcome_unknown', lastProbe: doubt.lastProbe, nextProbeAt },
    Date.now(),
  );
  switch (noted.outcome) {
    case 'noted':
      break;
    case 'superseded':
      throw superseded(payment);
    case 'conflict':
      if (!isFinal(noted.state)) throw superseded(payment);
      settleInto(payment, noted.state);
      return 'over';
  }
  const { state = asked, reason = doubt.review ?? 'outcome_unknown', held, released, paid } = asEverRecorded(noted);
  if (held !== undefined) payment.held = held;
  if (released !== undefined) payment.released = released;
  if (state === 'in_review' && doubt.review === null) {
    doubt.review = reason as ReviewReason;
    doubt.mayConfirm = mayConfirmAfter(doubt.review, payment.released);
  }
  // 0.1.0 did not index a review's new reason.
  const isIndexed = payment.state === state && (payment.reason === reason || !patched('new-review-reason-is-indexed'));
  if (isIndexed) moveTo(payment, state, reason);
  else settleInto(payment, state, reason);
  explain(
    payment,
    `It is not known whether Invoicebox has executed the confirm (last read: ${doubt.lastProbe ?? 'none yet'}); next check ${new Date(nextProbeAt).toISOString()}.`,
    state === 'in_review'
      ? `A person is needed (${reason}): compare with the fund's statement at Invoicebox, then decide in the console, or by \`npm run resolve\`. ${payment.released ? 'Nothing is held any more.' : 'Points and fund stay held until then.'}`
      : 'Nothing to do yet: points and fund stay held, nobody is told that it failed.',
  );
  return paid === undefined || paid === null ? 'noted' : { paid };
}

type Noted = Awaited<ReturnType<typeof ledger.noteUnproven>> & { outcome: 'noted' };

/** Histories of 0.1.0 have no more than the outcome. */
const asEverRecorded = (noted: Noted): Partial<Noted> => noted;
