/**
 * The settlement, the same for both schemes: check the invoice again if the read is old, hold points and reserve the
 * fund, make the pivot call, and go where its answer says. Never cancellable: after the hold, only forward or undone whole.
 */
import { ApplicationFailure, CancellationScope, condition } from '@temporalio/workflow';
import type { ConfirmMeaning } from '../domain/confirmAnswer.js';
import type { Confirmation, DeclineReason, ReturnReason, Scheme } from '../domain/payment.js';
import { ledger, priorities } from './calls.js';
import { capture, superseded } from './close.js';
import type { Inbox } from './inbox.js';
import { leave } from './leave.js';
import { orderConfirm } from './orderConfirm.js';
import { explain, keyOf, moveTo, settleInto, type Payment } from './payment.js';
import { proveOutcome } from './proveOutcome.js';
import { readAndQuote } from './readAndQuote.js';

/** How long a buyer's confirm waits for a stale invoice to be read again. */
const rereadWithinMs = 30_000;
const firstPauseMs = 1_000;
const longestPauseMs = 60_000;
/** `out_of_service`: repeat during the next day (contract, section 3). */
const firstLongPauseMs = 5 * 60_000;
const longestLongPauseMs = 60 * 60_000;

interface Settlement {
  readonly payment: Payment;
  readonly scheme: Scheme;
  readonly inbox: Inbox;
  readonly confirmation: Confirmation;
}

export function settlePayment(
  payment: Payment,
  scheme: Scheme,
  inbox: Inbox,
  confirmation: Confirmation,
): Promise<void> {
  const settlement = { payment, scheme, inbox, confirmation };
  return CancellationScope.nonCancellable(async () => {
    const unchanged = await readAgainIfStale(settlement);
    if (!unchanged) return;
    const held = await holdPointsAndReserveFund(settlement);
    if (!held) return;
    await confirmAtInvoicebox(settlement);
  });
}

/** @returns whether what was confirmed is still what the invoice says; otherwise the payment has left or waits anew. */
async function readAgainIfStale({ payment, scheme, inbox, confirmation }: Settlement): Promise<boolean> {
  const isFresh = payment.quote !== null && Date.now() - payment.quote.readAt < payment.policy.freshnessMs;
  if (isFresh) return true;
  const within = scheme === 'loyalty' ? rereadWithinMs : payment.policy.giveUpAfterMs;
  const read = await readAndQuote(payment, scheme, within, null);
  const settlement = { payment, scheme, inbox, confirmation };
  switch (read.kind) {
    case 'quoted': {
      const { seen } = confirmation;
      const { amountMinor, currency, points } = read.quote;
      if (amountMinor === seen.amountMinor && currency === seen.currency && points === seen.points) return true;
      await returnOrDecline(settlement, 'amount_changed');
      return false;
    }
    case 'unavailable':
    case 'cancelled':
      await returnOrDecline(settlement, 'invoicebox_unavailable');
      return false;
    case 'expired':
      await leave(payment, inbox, {
        to: 'expired',
        reason: 'invoice_expired',
        confirmationId: confirmation.confirmationId,
      });
      return false;
    case 'unpayable':
      await decline(settlement, read.reason);
      return false;
    case 'superseded':
      throw superseded(payment);
  }
}

async function holdPointsAndReserveFund(settlement: Settlement): Promise<boolean> {
  const { payment, confirmation } = settlement;
  const { memberId, seen, actor, confirmationId } = confirmation;
  const held = await ledger.holdPointsAndReserveFund(
    keyOf(payment),
    { memberId, seen, actor, confirmationId },
    Date.now(),
  );
  switch (held.outcome) {
    case 'held':
    case 'already_held':
      moveTo(payment, 'settling');
      return true;
    case 'insufficient_points':
    case 'insufficient_fund':
    case 'other_member':
      await returnOrDecline(settlement, held.outcome);
      return false;
    case 'changed':
      await returnOrDecline(settlement, 'amount_changed');
      return false;
    case 'superseded':
    case 'not_found':
      throw superseded(payment);
    case 'conflict':
      throw ApplicationFailure.nonRetryable(`Nothing was held: the ledger says ${held.state}`, 'LedgerConflict');
  }
}

async function confirmAtInvoicebox(settlement: Settlement): Promise<void> {
  const { payment, inbox } = settlement;
  explain(
    payment,
    'Confirming at Invoicebox.',
    'Points and fund are held. It goes forward now: cancelling changes nothing.',
  );
  const giveUpAt = Date.now() + payment.policy.giveUpAfterMs;
  for (let tries = 0; ; tries++) {
    const ordered = await orderConfirm(payment, false, priorities.confirm);
    switch (ordered.kind) {
      case 'lost':
        return proveOutcome(payment, inbox, null);
      case 'superseded':
        throw superseded(payment);
      case 'stale': {
        const left = await readAgainWhileHeld(settlement, giveUpAt);
        if (left) return;
        continue;
      }
      case 'not_started': {
        const left = await waitOrGiveUp(settlement, { pace: 'soon', retryAfterMs: null }, tries, giveUpAt);
        if (left) return;
        continue;
      }
      case 'answered':
        break;
    }
    const { meaning } = ordered;
    switch (meaning.kind) {
      case 'paid':
        return capture(payment, { n: ordered.n, transactionId: meaning.transactionId, requestId: ordered.requestId });
      case 'not_executed': {
        const left = await waitOrGiveUp(settlement, meaning, tries, giveUpAt);
        if (left) return;
        continue;
      }
      case 'credentials':
      case 'paid_elsewhere':
      case 'refused':
        return decline(settlement, meaning.kind);
      case 'status_says_why':
        return declineByStatus(settlement);
      case 'unknown':
      case 'maybe_ours':
      case 'proves_nothing':
        return proveOutcome(payment, inbox, meaning.kind === 'maybe_ours' ? 'already_paid_after_unknown' : null);
    }
  }
}

/** Nothing reached Invoicebox yet and the read has aged. @returns whether the payment has left the settlement. */
async function readAgainWhileHeld(settlement: Settlement, giveUpAt: number): Promise<boolean> {
  const { payment, scheme, inbox, confirmation } = settlement;
  const read = await readAndQuote(payment, scheme, Math.max(1_000, giveUpAt - Date.now()), null);
  switch (read.kind) {
    case 'quoted': {
      const { amountMinor, currency } = read.quote;
      if (amountMinor === confirmation.seen.amountMinor && currency === confirmation.seen.currency) return false;
      await returnOrDecline(settlement, 'amount_changed');
      return true;
    }
    case 'unavailable':
    case 'cancelled':
      await decline(settlement, 'gave_up');
      return true;
    case 'expired':
      await leave(payment, inbox, { to: 'expired', reason: 'invoice_expired' });
      return true;
    case 'unpayable':
      await decline(settlement, read.reason);
      return true;
    case 'superseded':
      throw superseded(payment);
  }
}

/**
 * Every attempt was proven not executed, so all can still be undone: by the buyer's cancel, the invoice's expiry, or time.
 * @returns whether the payment has left the settlement
 */
async function waitOrGiveUp(
  { payment, inbox, scheme, confirmation }: Settlement,
  { pace, retryAfterMs }: Pick<ConfirmMeaning & { kind: 'not_executed' }, 'pace' | 'retryAfterMs'>,
  tries: number,
  giveUpAt: number,
): Promise<boolean> {
  if (payment.state === 'settling' && tries === 0) settleInto(payment, 'settling');
  explain(
    payment,
    'Invoicebox turned the call away before executing it.',
    'It is called again. The buyer may still cancel.',
  );
  const [first, longest] = pace === 'soon' ? [firstPauseMs, longestPauseMs] : [firstLongPauseMs, longestLongPauseMs];
  const pauseMs = retryAfterMs ?? Math.min(longest, first * 2 ** Math.min(tries, 20));
  const expiresAt = payment.quote?.expiresAt ?? giveUpAt;
  inbox.canStillCancel = true;
  try {
    await condition(() => inbox.cancellation !== null, Math.max(1, Math.round(pauseMs * payment.policy.waitScale)));
  } finally {
    inbox.canStillCancel = false;
  }
  const settlement = { payment, inbox, scheme, confirmation };
  if (inbox.cancellation !== null) {
    await leave(payment, inbox, { to: 'cancelled', reason: 'cancelled_by_buyer', actor: inbox.cancellation.actor });
    return true;
  }
  if (Date.now() >= expiresAt) {
    await leave(payment, inbox, { to: 'expired', reason: 'invoice_expired' });
    return true;
  }
  if (Date.now() >= giveUpAt) {
    await decline(settlement, 'gave_up');
    return true;
  }
  return false;
}

/** `wrong_order_status` without an ambiguous attempt: the invoice's status says why. */
async function declineByStatus(settlement: Settlement): Promise<void> {
  const { payment, scheme } = settlement;
  const read = await readAndQuote(payment, scheme, rereadWithinMs, null);
  switch (read.kind) {
    case 'unpayable':
      return decline(settlement, read.reason);
    case 'expired':
      return decline(settlement, 'invoice_expired');
    case 'quoted':
    case 'unavailable':
    case 'cancelled':
      return decline(settlement, 'refused');
    case 'superseded':
      throw superseded(payment);
  }
}

const decline = ({ payment, inbox, confirmation }: Settlement, reason: DeclineReason): Promise<void> =>
  leave(payment, inbox, { to: 'declined', reason, confirmationId: confirmation.confirmationId });

/** A buyer is asked again with nothing held; an organisation's payment is declined. */
function returnOrDecline({ payment, scheme, inbox, confirmation }: Settlement, reason: ReturnReason): Promise<void> {
  return leave(payment, inbox, {
    to: scheme === 'loyalty' ? 'awaiting_confirmation' : 'declined',
    reason,
    confirmationId: confirmation.confirmationId,
  });
}
