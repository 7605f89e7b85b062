import { isCancellation } from '@temporalio/workflow';
import type { Scheme } from '../domain/payment.js';
import type { Inbox } from './inbox.js';
import { cancelledBy, leave } from './leave.js';
import { explain, type Payment } from './payment.js';
import { settlePayment } from './settlePayment.js';
import { untilMessage, wakeAt } from './waits.js';

/** Waits until the invoice's expiry for the word of who confirms, and acts on it. @param whose in the Temporal UI's words */
export async function waitForWord(payment: Payment, scheme: Scheme, inbox: Inbox, whose: string): Promise<void> {
  const expiresAt = payment.quote?.expiresAt ?? 0;
  const again = payment.reason === null ? '' : ` (asked because of \`${payment.reason}\`)`;
  explain(
    payment,
    `Waiting for ${whose} to confirm${again}, until the invoice expires at ${new Date(expiresAt).toISOString()}.`,
    'Nothing is held. Cancelling the workflow closes the payment.',
  );
  wakeAt(expiresAt);
  try {
    await untilMessage(() => inbox.hasMessage() || Date.now() >= expiresAt);
  } catch (error) {
    if (!isCancellation(error)) throw error;
    return leave(payment, inbox, cancelledBy(inbox));
  }
  if (inbox.cancellation !== null) return leave(payment, inbox, cancelledBy(inbox));
  if (inbox.confirmation === null) return leave(payment, inbox, { to: 'expired', reason: 'invoice_expired' });
  await settlePayment(payment, scheme, inbox, inbox.confirmation);
  const asksAgain = payment.state === 'awaiting_confirmation' || payment.state === 'awaiting_approval';
  if (asksAgain && inbox.tooManyTries) await leave(payment, inbox, { to: 'declined', reason: 'too_many_attempts' });
}
