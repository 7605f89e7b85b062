/**
 * The loyalty scheme of the seed, top to bottom: the partner reads the invoice (2), the buyer confirms (3), the partner
 * confirms at Invoicebox (4), which changes the fund (5). The buyer's coming (1) and going (6) are the page's.
 */
import { isCancellation } from '@temporalio/workflow';
import { superseded } from './close.js';
import { Inbox } from './inbox.js';
import type { OpenPayment, PaymentAnswer } from './messages.js';
import { leave } from './leave.js';
import { answerOf, beginPayment, explain, settleInto, type Payment } from './payment.js';
import { readAndQuote } from './readAndQuote.js';
import { settlePayment } from './settlePayment.js';
import { drainHandlers, untilMessage, wakeAt } from './waits.js';

export async function loyaltyPayment(input: OpenPayment): Promise<PaymentAnswer> {
  const payment = beginPayment(input);
  const inbox = new Inbox(payment);

  await readInvoiceForTheBuyer(payment, inbox);
  await untilTheBuyerHasPaid(payment, inbox);
  await drainHandlers();
  return answerOf(payment);
}

/** As often as he is asked again, with nothing held. */
export async function untilTheBuyerHasPaid(payment: Payment, inbox: Inbox): Promise<void> {
  inbox.answerAll();
  while (payment.state === 'awaiting_confirmation') {
    await waitForTheBuyer(payment, inbox);
    inbox.answerAll();
  }
}

export async function readInvoiceForTheBuyer(payment: Payment, inbox: Inbox): Promise<void> {
  explain(
    payment,
    'Reading the invoice at Invoicebox.',
    'Nothing is held. Cancelling the workflow closes the payment.',
  );
  const read = await readAndQuote(payment, 'loyalty', payment.policy.giveUpAfterMs, inbox);
  switch (read.kind) {
    case 'quoted':
      settleInto(payment, 'awaiting_confirmation');
      return;
    case 'expired':
      return leave(payment, inbox, { to: 'declined', reason: 'invoice_expired' });
    case 'unpayable':
      return leave(payment, inbox, { to: 'declined', reason: read.reason });
    case 'unavailable':
      return leave(payment, inbox, { to: 'declined', reason: 'gave_up' });
    case 'cancelled':
      return leave(payment, inbox, cancelled(inbox));
    case 'superseded':
      throw superseded(payment);
    case 'over':
      settleInto(payment, read.state);
  }
}

/** Waits for the buyer's word until the invoice's expiry, and acts on it. */
async function waitForTheBuyer(payment: Payment, inbox: Inbox): Promise<void> {
  explain(payment, 'Waiting for the buyer to confirm.', 'Nothing is held. Cancelling the workflow closes the payment.');
  const expiresAt = payment.quote?.expiresAt ?? 0;
  wakeAt(expiresAt);
  try {
    await untilMessage(() => inbox.hasMessage() || Date.now() >= expiresAt);
  } catch (error) {
    if (!isCancellation(error)) throw error;
    return leave(payment, inbox, cancelled(inbox));
  }
  if (inbox.cancellation !== null) return leave(payment, inbox, cancelled(inbox));
  if (inbox.confirmation === null) return leave(payment, inbox, { to: 'expired', reason: 'invoice_expired' });
  await settlePayment(payment, 'loyalty', inbox, inbox.confirmation);
  if (payment.state === 'awaiting_confirmation' && inbox.tooManyTries) {
    await leave(payment, inbox, { to: 'declined', reason: 'too_many_attempts' });
  }
}

function cancelled(inbox: Inbox) {
  return inbox.cancellation === null
    ? ({ to: 'cancelled', reason: 'workflow_cancelled' } as const)
    : ({ to: 'cancelled', reason: inbox.cancellation.reason, actor: inbox.cancellation.actor } as const);
}
