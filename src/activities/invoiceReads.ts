/** What all reads of invoices have in common, whatever they are for. */
import { Context } from '@temporalio/activity';
import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common';
import type { ReadAnswer } from '../invoicebox/client.js';

const heartbeatEveryMs = 2_000;

/** The server hears every 2 s that a call is under way, so that a dead worker is noticed long before the call's time is up. */
export async function beating<T>(call: () => Promise<T>): Promise<T> {
  const beat = setInterval(() => {
    Context.current().heartbeat();
  }, heartbeatEveryMs);
  try {
    return await call();
  } finally {
    clearInterval(beat);
  }
}

/** Nothing was learned: the retry policy reads again. */
export function readAgainLater(
  answer: Extract<ReadAnswer, { kind: 'rate_limited' | 'unavailable' }>,
): ApplicationFailure {
  switch (answer.kind) {
    case 'rate_limited':
      return ApplicationFailure.create({
        message: 'Invoicebox says: too many requests',
        type: 'RateLimited',
        category: ApplicationFailureCategory.BENIGN,
        ...(answer.retryAfterMs === undefined ? {} : { nextRetryDelay: answer.retryAfterMs }),
      });
    case 'unavailable':
      return ApplicationFailure.retryable(
        `Invoicebox gave no usable answer: ${answer.detail}`,
        'InvoiceboxUnavailable',
      );
  }
}
