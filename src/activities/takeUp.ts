/** A new run takes over a payment: of the sweep, and of a recovery. */
import type { Client } from '@temporalio/client';
import type { PaymentState } from '../domain/payment.js';
import type { PaymentKey } from '../ledger/ledger.js';
import type { Recovery } from '../ledger/recovery.js';
import { paymentStart, resumedWorkflow, type ResumePayment } from '../workflows/messages.js';

/**
 * @param how holdAgeMs: given where a run still runs that has forgotten what is held (payment_resume.sql)
 * @returns what the new run goes on from; null: nothing was started, the payment is over or another run is newer
 */
export async function takeUp(
  temporal: Client,
  recovery: Recovery,
  key: PaymentKey,
  how: { readonly holdAgeMs: number | null; readonly forgotten: boolean; readonly at: number },
): Promise<{ readonly epoch: number; readonly state: PaymentState } | null> {
  const resumed = await recovery.resume(key, how.holdAgeMs, how.at);
  switch (resumed.outcome) {
    case 'over':
    case 'superseded':
    case 'not_found':
      return null;
    case 'resumed':
      break;
  }
  const { partnerId, paymentId } = key;
  const { epoch, scheme, invoiceId, policy, state, reason, held, released, confirmation, attempt } = resumed;
  const input: ResumePayment = {
    ...{ partnerId, paymentId, epoch, invoiceId, policy, scheme, forgotten: how.forgotten },
    startedAt: how.at,
    resumed: { state, reason, held, released, confirmation, attempt },
  };
  await temporal.workflow.start(resumedWorkflow, {
    ...paymentStart(input, state),
    workflowIdReusePolicy: 'ALLOW_DUPLICATE',
    // Whatever still runs under an older epoch is powerless.
    workflowIdConflictPolicy: 'TERMINATE_EXISTING',
  });
  return { epoch, state };
}
