/** A person ends a review: what he says is kept first, then the payment's own workflow reads the invoice and decides. */
import type { Client } from '@temporalio/client';
import type { Actor, Resolution, ResolutionOutcome } from '../../domain/payment.js';
import type { Recovery } from '../../ledger/recovery.js';
import { resolveUpdate, workflowIdOf, type ResolutionAnswer } from '../../workflows/messages.js';
import { sagaAnswerOf } from './sagas.js';

export interface WishToResolve {
  readonly partnerId: string;
  readonly paymentId: string;
  /** UUID; the same one again asks about the same resolution. */
  readonly resolutionId: string;
  readonly outcome: ResolutionOutcome;
  /** Invoicebox's, from the fund's statement; of `paid` alone. */
  readonly transactionId: string | null;
  /** A code: 1 to 64 of a-z, 0-9 and _. */
  readonly reason: string;
  /** In his own words: stays in the database. */
  readonly comment: string;
  /** What proves it: a line of the statement, a case at Invoicebox. */
  readonly reference: string;
  readonly actor: Actor;
}

export type Resolved =
  | ResolutionAnswer
  | { readonly kind: 'not_in_review'; readonly state: string }
  | { readonly kind: 'not_found' }
  /** Kept, but the workflow did not answer: it may still count. */
  | { readonly kind: 'unanswered' };

const countsForMs = 60_000;
const answerWithinMs = 50_000;

export async function resolveReview(client: Client, recovery: Recovery, wish: WishToResolve): Promise<Resolved> {
  const opened = await recovery.openResolution({ ...wish, at: Date.now() });
  switch (opened.outcome) {
    case 'not_found':
      return { kind: 'not_found' };
    case 'conflict':
      return { kind: 'not_in_review', state: opened.state };
    case 'recorded':
    case 'already_recorded':
      break;
  }
  const { resolutionId, outcome } = wish;
  const resolution: Resolution = { resolutionId, outcome, notAfter: Date.now() + countsForMs };
  try {
    return await client.withDeadline(Date.now() + answerWithinMs, () =>
      client.workflow
        .getHandle(workflowIdOf(wish.paymentId))
        .executeUpdate(resolveUpdate, { updateId: `resolve:${resolutionId}`, args: [resolution] }),
    );
  } catch (error) {
    const answer = sagaAnswerOf(error);
    if (answer.kind === 'refused') return { kind: 'refused', why: answer.refusal, read: null };
    return ofLedger(await recovery.openResolution({ ...wish, at: Date.now() }));
  }
}

/** Where the workflow's answer was lost, the ledger knows whether the resolution was done. */
function ofLedger(known: Awaited<ReturnType<Recovery['openResolution']>>): Resolved {
  if (known.outcome !== 'already_recorded' || known.result === null) return { kind: 'unanswered' };
  const { result } = known;
  return result.outcome === 'resolved'
    ? { kind: 'resolved', state: result.state, reason: result.reason, read: null }
    : { kind: 'refused', why: result.why, read: null };
}
