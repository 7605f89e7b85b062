import { CancellationScope } from '@temporalio/workflow';
import { meaningOfRefusalCode } from '../domain/confirmAnswer.js';
import type { ReviewReason, Scheme } from '../domain/payment.js';
import { asFarAsTheLedgerGoes, confirmAtInvoicebox } from './confirmAtInvoicebox.js';
import { capture } from './close.js';
import type { Inbox } from './inbox.js';
import type { BegunSettlement, Payment } from './payment.js';
import { proveOutcome } from './proveOutcome.js';
import { closeAsRefused, organisationsOwn, type Settlement } from './settlement.js';

/** Goes on with what another run has held: from what is known of its calls. */
export function resumeSettlement(
  payment: Payment,
  scheme: Scheme,
  inbox: Inbox,
  { attempt, confirmation, state, reason, held }: BegunSettlement,
): Promise<void> {
  const settlement: Settlement = {
    payment,
    scheme,
    inbox,
    confirmation: { ...(confirmation ?? organisationsOwn(payment, held)), notAfter: Date.now() },
  };
  return CancellationScope.nonCancellable(() =>
    asFarAsTheLedgerGoes(settlement, async () => {
      // What a person was asked stays asked, until he or a proof answers.
      if (state === 'in_review') return proveOutcome(payment, inbox, (reason ?? 'unproven') as ReviewReason);
      switch (attempt.kind) {
        case 'paid':
          await capture(payment, attempt);
          return;
        case 'outstanding':
          return proveOutcome(payment, inbox, null);
        case 'refused':
          return closeAsRefused(settlement, meaningOfRefusalCode(attempt.code ?? '').kind);
        case 'none':
          return confirmAtInvoicebox(settlement);
      }
    }),
  );
}
