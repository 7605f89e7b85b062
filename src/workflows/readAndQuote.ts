import { ActivityFailure, CancellationScope, isCancellation } from '@temporalio/workflow';
import type { QuoteAnswer } from '../activities/invoicebox.js';
import type { Scheme } from '../domain/payment.js';
import { invoiceboxRead } from './calls.js';
import type { Inbox } from './inbox.js';
import { keyOf, type Payment } from './payment.js';
import { untilMessage } from './waits.js';

export type ReadResult =
  | Exclude<QuoteAnswer, { kind: 'superseded' }>
  | { readonly kind: 'unavailable' }
  | { readonly kind: 'cancelled' }
  | { readonly kind: 'superseded' };

/**
 * Reads the invoice and quotes it, again and again until Invoicebox answers, the time is up or somebody cancels.
 * The price is kept in `payment.quote`.
 */
export async function readAndQuote(
  payment: Payment,
  scheme: Scheme,
  giveUpAfterMs: number,
  inbox: Inbox | null,
): Promise<ReadResult> {
  const invoicebox = invoiceboxRead(payment, giveUpAfterMs, 'read');
  const reading = new CancellationScope();
  if (inbox !== null) {
    untilMessage(() => inbox.cancellation !== null).then(
      () => {
        reading.cancel();
      },
      (error: unknown) => {
        if (!isCancellation(error)) throw error;
      },
    );
  }
  try {
    const answer = await reading.run(() =>
      invoicebox.readInvoiceAndQuote({
        key: keyOf(payment),
        invoiceId: payment.invoiceId,
        scheme,
        quoteTtlMs: payment.policy.quoteTtlMs,
        previous: payment.quote,
      }),
    );
    if (answer.kind === 'quoted') payment.quote = answer.quote;
    // A cancelled activity may still complete; the wish to cancel counts all the same.
    return reading.consideredCancelled ? { kind: 'cancelled' } : answer;
  } catch (error) {
    if (isCancellation(error)) return { kind: 'cancelled' };
    if (error instanceof ActivityFailure) return { kind: 'unavailable' };
    throw error;
  }
}
