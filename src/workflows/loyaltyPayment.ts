/**
 * The loyalty scheme of the seed, top to bottom: the partner reads the invoice (2), the buyer confirms (3), the partner
 * confirms at Invoicebox (4), which changes the fund (5). The buyer's coming (1) and going (6) are the page's.
 */
import { superseded } from './close.js';
import { Inbox } from './inbox.js';
import type { OpenPayment, PaymentAnswer } from './messages.js';
import { cancelledBy, leave } from './leave.js';
import { answerOf, beginPayment, explain, settleInto, type Payment } from './payment.js';
import { readAndQuote } from './readAndQuote.js';
import { drainHandlers } from './waits.js';
import { waitForWord } from './waitForWord.js';

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
    await waitForWord(payment, 'loyalty', inbox, 'the buyer');
    inbox.answerAll();
  }
}

export async function readInvoiceForTheBuyer(payment: Payment, inbox: Inbox): Promise<void> {
  explain(
    payment,
    `Reading the invoice at Invoicebox, again and again until ${new Date(Date.now() + payment.policy.giveUpAfterMs).toISOString()}.`,
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
      return leave(payment, inbox, cancelledBy(inbox));
    case 'superseded':
      throw superseded(payment);
    case 'over':
      settleInto(payment, read.state);
  }
}
