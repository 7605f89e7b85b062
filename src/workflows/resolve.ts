import { ActivityFailure } from '@temporalio/workflow';
import { isFinal } from '../domain/payment.js';
import { invoiceboxRead, ledger } from './calls.js';
import { isLedgerRefusal, superseded } from './close.js';
import type { Inbox } from './inbox.js';
import type { ResolutionAnswer } from './messages.js';
import { keyOf, settleInto, type Payment } from './payment.js';

type ResolveOutcome = Awaited<ReturnType<typeof ledger.resolvePayment>>;

/** A decision rests on a read that was made for it. */
const readWithinMs = 60_000;

/** Reads the invoice for a person's resolution, and does what he says where that is possible; he is answered either way. */
export async function resolve(payment: Payment, inbox: Inbox): Promise<'over' | 'released' | 'still_in_review'> {
  const { resolution } = inbox;
  if (resolution === null) return 'still_in_review';
  const read = await readForPerson(payment);
  if (read === null) {
    inbox.answerResolution({ kind: 'refused', why: 'invoice_not_read', read });
    return 'still_in_review';
  }
  const answer = (said: ResolveOutcome & { outcome: 'resolved' | 'refused' }): ResolutionAnswer =>
    said.outcome === 'resolved'
      ? { kind: 'resolved', state: said.state, reason: said.reason, read }
      : { kind: 'refused', why: said.why, read };
  let decided: ResolveOutcome;
  try {
    decided = await ledger.resolvePayment(keyOf(payment), resolution.resolutionId, readWithinMs, Date.now());
  } catch (error) {
    if (!isLedgerRefusal(error)) throw error;
    inbox.answerResolution({ kind: 'refused', why: 'ledger_refused', read });
    return 'still_in_review';
  }
  switch (decided.outcome) {
    case 'superseded':
      throw superseded(payment);
    case 'conflict':
      inbox.answerResolution({ kind: 'refused', why: 'already_over', read });
      if (!isFinal(decided.state)) throw superseded(payment);
      settleInto(payment, decided.state);
      return 'over';
    case 'already_decided':
      inbox.answerResolution(answer(decided.result));
      return end(payment, decided.result);
    case 'resolved':
    case 'refused':
      inbox.answerResolution(answer(decided));
      return end(payment, decided);
  }
}

function end(payment: Payment, decided: ResolveOutcome & { outcome: 'resolved' | 'refused' }) {
  if (decided.outcome === 'refused') return 'still_in_review';
  if (isFinal(decided.state)) {
    settleInto(payment, decided.state, decided.reason);
    return 'over';
  }
  payment.released = true;
  settleInto(payment, decided.state, decided.reason);
  return 'released';
}

async function readForPerson(payment: Payment): Promise<ResolutionAnswer['read']> {
  try {
    const { status, amountMinor, currency } = await invoiceboxRead(payment, 0, 'forPerson').readInvoiceForProof({
      key: keyOf(payment),
      invoiceId: payment.invoiceId,
    });
    return { status, amountMinor, currency };
  } catch (error) {
    if (error instanceof ActivityFailure) return null;
    throw error;
  }
}
