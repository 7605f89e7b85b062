/** What becomes of a wish that needs a second person: where the operator goes on, or why nothing was asked for. */
import type { Response } from 'express';
import type { AdjustOutcome } from '../../ledger/adjustments.js';
import type { FundChangeOutcome } from '../../ledger/fund.js';
import type { FundCorrectionOutcome } from '../../ledger/reconciliations.js';
import type { Begun } from './acts.js';
import { refusalWords } from './approvals/approvalWords.js';
import { ConsoleStop, type StopKind } from './consoleStop.js';
import { addressOf } from './paging.js';

type Asked =
  | { readonly kind: 'asked'; readonly approvalId: string; readonly done: 'asked' | 'asked_before' | 'performed' }
  | { readonly kind: 'not'; readonly outcome: string; readonly stop: StopKind; readonly words: string };

/**
 * Ends what was begun, and leads to the approval that waits, or was waived.
 * @param here where he goes on when nothing was asked for
 */
export async function endAsAsked(
  begun: Begun,
  outcome: FundChangeOutcome | FundCorrectionOutcome | AdjustOutcome,
  here: string,
  response: Response,
): Promise<void> {
  const asked = askedOf(outcome);
  if (asked.kind === 'not') return begun.refuse(asked.outcome, new ConsoleStop(asked.stop, asked.words, here));
  const { approvalId, done } = asked;
  await begun.done({ approvalId, done });
  response.redirect(303, addressOf(`/console/approvals/${approvalId}`, { done }));
}

const not = (outcome: string, stop: StopKind, words: string): Asked => ({ kind: 'not', outcome, stop, words });

function askedOf(outcome: FundChangeOutcome | FundCorrectionOutcome | AdjustOutcome): Asked {
  switch (outcome.outcome) {
    case 'requested':
      return { kind: 'asked', approvalId: outcome.approval.id, done: 'asked' };
    case 'already_requested':
      return { kind: 'asked', approvalId: outcome.approval.id, done: 'asked_before' };
    case 'performed':
      return { kind: 'asked', approvalId: outcome.approval.id, done: 'performed' };
    case 'conflict':
      return not('conflict', 'stale_page', 'Something else was asked for, or booked, under this reference.');
    case 'already_booked':
      return not('already_booked', 'stale_page', 'This is booked already.');
    case 'refused':
      return not(`refused ${outcome.why}`, 'invalid', `It cannot be done: ${refusalWords(outcome.why)}.`);
    case 'no_fund':
      return not('no_fund', 'not_found', 'There is no fund of this currency.');
    case 'closed':
      return not('closed', 'stale_page', 'A later run found this difference no longer.');
    case 'not_found':
      return not('not_found', 'not_found', 'It is not there.');
    case 'already_over':
      return not('already_over', 'invalid', 'The day until which the points would count is past.');
    case 'erased':
      return not('erased', 'invalid', 'The member was erased: nothing can be credited to him.');
    case 'no_such_credit':
      return not('no_such_credit', 'invalid', 'This member has no such credit.');
    case 'insufficient':
      return not('insufficient', 'stale_page', `Only ${outcome.remaining} points are left of that credit.`);
  }
}
