/**
 * The settlement, the same for both schemes: check the invoice again if the read is old, hold points and reserve the
 * fund, make the pivot call, and go where its answer says. Never cancellable: after the hold, only forward or undone whole.
 */
import { ApplicationFailure, CancellationScope, condition } from '@temporalio/workflow';
import type { Quote } from '../activities/invoicebox.js';
import type { ConfirmMeaning } from '../domain/confirmAnswer.js';
import { isFinal, type Confirmation, type DeclineReason, type ReturnReason, type Scheme } from '../domain/payment.js';
import { ledger, priorities } from './calls.js';
import { capture, superseded } from './close.js';
import type { Inbox } from './inbox.js';
import { leave } from './leave.js';
import { orderConfirm } from './orderConfirm.js';
import { explain, keyOf, moveTo, settleInto, type Payment } from './payment.js';
import { proveOutcome } from './proveOutcome.js';
import { readAndQuote } from './readAndQuote.js';

/** How long a buyer's confirm waits for a stale invoice to be read again: less than his request waits for an answer. */
const rereadWithinMs = 6_000;
const firstPauseMs = 1_000;
const longestPauseMs = 60_000;
/** `out_of_service`: repeat during the next day (contract, section 3). */
const firstLongPauseMs = 5 * 60_000;
const longestLongPauseMs = 60 * 60_000;

const soon = { pace: 'soon', retryAfterMs: null } as const;
const stalesWithoutPause = 3;

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
async function readAgainIfStale(settlement: Settlement): Promise<boolean> {
  const { payment, scheme, inbox, confirmation } = settlement;
  const { quote } = payment;
  const isFresh = quote !== null && Date.now() - quote.readAt < payment.policy.freshnessMs;
  // What the buyer saw may be newer than what we know: then the invoice decides.
  if (isFresh && isWhatWasSeen(quote, confirmation)) return true;
  const within = scheme === 'loyalty' ? rereadWithinMs : payment.policy.giveUpAfterMs;
  const read = await readAndQuote(payment, scheme, within, inbox);
  switch (read.kind) {
    case 'quoted':
      if (isWhatWasSeen(read.quote, confirmation)) return true;
      await returnOrDecline(settlement, 'amount_changed');
      return false;
    case 'unavailable':
      await returnOrDecline(settlement, 'invoicebox_unavailable');
      return false;
    case 'cancelled':
      await leaveCancelled(settlement);
      return false;
    case 'expired':
      await leave(payment, inbox, { to: 'expired', reason: 'invoice_expired', ...confirmationOf(settlement) });
      return false;
    case 'unpayable':
      await decline(settlement, read.reason);
      return false;
    case 'superseded':
      throw superseded(payment);
  }
}

function isWhatWasSeen(quote: Quote, { seen }: Confirmation): boolean {
  return quote.amountMinor === seen.amountMinor && quote.currency === seen.currency && quote.points === seen.points;
}

async function holdPointsAndReserveFund(settlement: Settlement): Promise<boolean> {
  const { payment, confirmation } = settlement;
  const { memberId, seen, actor, confirmationId } = confirmation;
  // From here on a cancel comes too late, whatever the hold comes to.
  moveTo(payment, 'settling');
  const held = await ledger.holdPointsAndReserveFund(
    keyOf(payment),
    { memberId, seen, actor, confirmationId },
    Date.now(),
  );
  switch (held.outcome) {
    case 'held':
    case 'already_held':
      payment.held = seen;
      return true;
    case 'insufficient_points':
    case 'insufficient_fund':
    case 'other_member':
      await returnOrDecline(settlement, held.outcome);
      return false;
    case 'changed':
      await returnOrDecline(settlement, 'amount_changed');
      return false;
    case 'given_up':
      await returnOrDecline(settlement, 'confirmation_given_up');
      return false;
    case 'superseded':
    case 'not_found':
      throw superseded(payment);
    case 'conflict':
      // A task that was lost has closed it: the ledger's word stands.
      if (isFinal(held.state)) {
        settleInto(payment, held.state);
        return false;
      }
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
        if (await readAgainWhileHeld(settlement, giveUpAt)) return;
        // Reads that are stale again and again come from a queue that is too long, or a freshness that is too short.
        if (tries >= stalesWithoutPause && (await waitOrGiveUp(settlement, soon, tries, giveUpAt))) return;
        continue;
      }
      case 'not_started': {
        if (await waitOrGiveUp(settlement, soon, tries, giveUpAt)) return;
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
        if (await waitOrGiveUp(settlement, meaning, tries, giveUpAt)) return;
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
  const until = Math.min(giveUpAt, expiryOf(payment, giveUpAt));
  const read = await whileCancellable(inbox, () =>
    readAndQuote(payment, scheme, Math.max(1_000, until - Date.now()), inbox),
  );
  switch (read.kind) {
    case 'quoted': {
      const { amountMinor, currency } = read.quote;
      if (amountMinor === confirmation.seen.amountMinor && currency === confirmation.seen.currency) return false;
      await returnOrDecline(settlement, 'amount_changed');
      return true;
    }
    case 'unavailable':
      await leaveForTime(settlement, giveUpAt);
      return true;
    case 'cancelled':
      await leaveCancelled(settlement);
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
  settlement: Settlement,
  { pace, retryAfterMs }: Pick<ConfirmMeaning & { kind: 'not_executed' }, 'pace' | 'retryAfterMs'>,
  tries: number,
  giveUpAt: number,
): Promise<boolean> {
  const { payment, inbox } = settlement;
  if (tries === 0) settleInto(payment, 'settling');
  explain(
    payment,
    'Invoicebox turned the call away before executing it.',
    'It is called again. The buyer may still cancel.',
  );
  const [first, longest] = pace === 'soon' ? [firstPauseMs, longestPauseMs] : [firstLongPauseMs, longestLongPauseMs];
  // Never faster than our own pace, whatever Retry-After says; never past the time when all is given up.
  const pauseMs = Math.max(retryAfterMs ?? 0, Math.min(longest, first * 2 ** Math.min(tries, 20)));
  const until = Math.min(giveUpAt, expiryOf(payment, giveUpAt), Date.now() + pauseMs * payment.policy.waitScale);
  await whileCancellable(inbox, () =>
    condition(() => inbox.cancellation !== null, Math.max(1, Math.round(until - Date.now()))),
  );
  if (inbox.cancellation !== null) {
    await leaveCancelled(settlement);
    return true;
  }
  if (Date.now() < Math.min(giveUpAt, expiryOf(payment, giveUpAt))) return false;
  await leaveForTime(settlement, giveUpAt);
  return true;
}

const expiryOf = (payment: Payment, otherwise: number): number => payment.quote?.expiresAt ?? otherwise;

async function whileCancellable<T>(inbox: Inbox, work: () => Promise<T>): Promise<T> {
  inbox.canStillCancel = true;
  try {
    return await work();
  } finally {
    inbox.canStillCancel = false;
  }
}

/** `wrong_order_status` without an ambiguous attempt: the invoice's status says why. */
async function declineByStatus(settlement: Settlement): Promise<void> {
  const { payment, scheme } = settlement;
  const read = await readAndQuote(payment, scheme, payment.policy.giveUpAfterMs, null);
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

const confirmationOf = ({ confirmation }: Settlement) => ({ confirmationId: confirmation.confirmationId });

const decline = (settlement: Settlement, reason: DeclineReason): Promise<void> =>
  leave(settlement.payment, settlement.inbox, { to: 'declined', reason, ...confirmationOf(settlement) });

function leaveCancelled(settlement: Settlement): Promise<void> {
  const { payment, inbox } = settlement;
  const { actor, reason } = inbox.cancellation ?? { actor: undefined, reason: 'workflow_cancelled' };
  return leave(payment, inbox, { to: 'cancelled', reason, actor, ...confirmationOf(settlement) });
}

/** Time is up: the invoice's, or ours. */
function leaveForTime(settlement: Settlement, giveUpAt: number): Promise<void> {
  const { payment, inbox } = settlement;
  return Date.now() >= expiryOf(payment, giveUpAt + 1)
    ? leave(payment, inbox, { to: 'expired', reason: 'invoice_expired', ...confirmationOf(settlement) })
    : decline(settlement, 'gave_up');
}

/** A buyer is asked again with nothing held; an organisation's payment is declined. */
function returnOrDecline(settlement: Settlement, reason: ReturnReason): Promise<void> {
  const { payment, scheme, inbox } = settlement;
  const to = scheme === 'loyalty' ? 'awaiting_confirmation' : 'declined';
  return leave(payment, inbox, { to, reason, ...confirmationOf(settlement) });
}
