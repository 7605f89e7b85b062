/**
 * The organisation's scheme of the seed: read the invoice (1), confirm it (2), Invoicebox changes the fund (3). What its
 * policy does not let be paid of itself waits for an approver in between.
 */
import { superseded } from './close.js';
import { Inbox } from './inbox.js';
import { cancelledBy, leave } from './leave.js';
import type { Quote } from '../domain/payment.js';
import type { OpenOrganisationPayment, PaymentAnswer } from './messages.js';
import { answerOf, beginPayment, explain, settleInto, type Payment } from './payment.js';
import { readAndQuote } from './readAndQuote.js';
import { organisationsOwn } from './settlement.js';
import { settlePayment } from './settlePayment.js';
import { drainHandlers } from './waits.js';
import { waitForWord } from './waitForWord.js';

export async function organisationPayment({ quote, ...input }: OpenOrganisationPayment): Promise<PaymentAnswer> {
  const payment = beginPayment(input);
  const inbox = new Inbox(payment);

  // A batch has read it by the page; what is older than that is worth is read again.
  if (quote !== undefined && Date.now() - quote.readAt < payment.policy.freshnessMs) {
    payment.quote = quote;
    await settleAsPolicyAllows(payment, inbox, quote);
  } else {
    await readAndSettle(payment, inbox);
  }
  await untilApprovedAndPaid(payment, inbox);
  await drainHandlers();
  return answerOf(payment);
}

/** As often as an approver is asked again, with nothing held. */
export async function untilApprovedAndPaid(payment: Payment, inbox: Inbox): Promise<void> {
  inbox.answerAll();
  while (payment.state === 'awaiting_approval') {
    await waitForWord(payment, 'organisation', inbox, 'an approver');
    inbox.answerAll();
  }
}

export async function readAndSettle(payment: Payment, inbox: Inbox): Promise<void> {
  explain(
    payment,
    `Reading the invoice at Invoicebox, again and again until ${new Date(Date.now() + payment.policy.giveUpAfterMs).toISOString()}.`,
    'Nothing is reserved. Cancelling the workflow closes the payment.',
  );
  const read = await readAndQuote(payment, 'organisation', payment.policy.giveUpAfterMs, inbox);
  switch (read.kind) {
    case 'quoted':
      return settleAsPolicyAllows(payment, inbox, read.quote);
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

async function settleAsPolicyAllows(payment: Payment, inbox: Inbox, quote: Quote): Promise<void> {
  const { amountMinor, currency, points, approval = null } = quote;
  if (approval !== null) {
    settleInto(payment, 'awaiting_approval', approval);
    return;
  }
  return settlePayment(payment, 'organisation', inbox, {
    ...organisationsOwn(payment, { amountMinor, currency, points }),
    notAfter: Date.now(),
  });
}
