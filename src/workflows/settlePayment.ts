/**
 * The settlement, the same for both schemes: check the invoice again if the read is old, hold points and reserve the
 * fund, make the pivot call, and go where its answer says. Never cancellable: after the hold, only forward or undone whole.
 */
import { ApplicationFailure, CancellationScope } from '@temporalio/workflow';
import { isFinal, type Confirmation, type Quote, type Scheme } from '../domain/payment.js';
import { ledger } from './calls.js';
import { superseded } from './close.js';
import { asFarAsTheLedgerGoes, confirmAtInvoicebox } from './confirmAtInvoicebox.js';
import type { Inbox } from './inbox.js';
import { leave } from './leave.js';
import { explain, keyOf, moveTo, settleInto, type Payment } from './payment.js';
import { readAndQuote } from './readAndQuote.js';
import { changeOf, confirmationOf, decline, leaveCancelled, returnOrDecline, type Settlement } from './settlement.js';

/** How long a buyer's confirm waits for a stale invoice to be read again: less than his request waits for an answer. */
const rereadWithinMs = 6_000;

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
    await asFarAsTheLedgerGoes(settlement, () => confirmAtInvoicebox(settlement));
  });
}

/** @returns whether what was confirmed is still what the invoice says; otherwise the payment has left or waits anew. */
async function readAgainIfStale(settlement: Settlement): Promise<boolean> {
  const { payment, scheme, inbox, confirmation } = settlement;
  const { quote } = payment;
  const isFresh = quote !== null && Date.now() - quote.readAt < payment.policy.freshnessMs;
  // What the buyer saw may be newer than what we know: then the invoice decides.
  if (isFresh && isWhatWasSeen(quote, confirmation)) return true;
  explain(
    payment,
    'Confirmed; the invoice is read at Invoicebox once more, since the last read is old.',
    'Nothing is held yet. Without an answer the payment goes no further; nothing to do.',
  );
  const within = scheme === 'loyalty' ? rereadWithinMs : payment.policy.giveUpAfterMs;
  const read = await readAndQuote(payment, scheme, within, inbox);
  switch (read.kind) {
    case 'quoted':
      if (isWhatWasSeen(read.quote, confirmation)) return true;
      await returnOrDecline(settlement, changeOf(read.quote, confirmation) ?? 'amount_changed');
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
    case 'over':
      settleInto(payment, read.state);
      return false;
  }
}

function isWhatWasSeen(quote: Quote, { seen }: Confirmation): boolean {
  const isSameVersion = seen.version === undefined || seen.version === quote.version;
  const isSameSum = quote.amountMinor === seen.amountMinor && quote.currency === seen.currency;
  return isSameVersion && isSameSum && quote.points === seen.points;
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
    case 'not_approved':
      await returnOrDecline(settlement, 'approval_required');
      return false;
    case 'own_approval':
      await returnOrDecline(settlement, 'own_approval');
      return false;
    case 'over_limit':
      await decline(settlement, `over_${held.which}_limit`);
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
