/**
 * A payment whose workflow was terminated or lost goes on in a new run, under the same id: from what the ledger has proven,
 * never from what the old run may have believed. Started by the sweeper (src/activities/sweep.ts).
 */
import { CancellationScope } from '@temporalio/workflow';
import { meaningOfRefusalCode } from '../domain/confirmAnswer.js';
import type { Confirmation, Resumption, ReviewReason } from '../domain/payment.js';
import { capture } from './close.js';
import { asFarAsTheLedgerGoes, confirmAtInvoicebox, proveFirst } from './confirmAtInvoicebox.js';
import { Inbox } from './inbox.js';
import { readInvoiceForTheBuyer, untilTheBuyerHasPaid } from './loyaltyPayment.js';
import type { PaymentAnswer, ResumePayment } from './messages.js';
import { readAndSettle, untilApprovedAndPaid } from './organisationPayment.js';
import { answerOf, beginPayment, moveTo, type Payment } from './payment.js';
import { proveOutcome } from './proveOutcome.js';
import { closeAsRefused, organisationsOwn, returnOrDecline, type Settlement } from './settlement.js';
import { drainHandlers } from './waits.js';

export async function resumedPayment({ scheme, resumed, forgotten, ...input }: ResumePayment): Promise<PaymentAnswer> {
  const payment = beginPayment(input);
  const inbox = new Inbox(payment);

  if (hasBegunSettlement(resumed)) await settleOn(payment, scheme, inbox, resumed, forgotten);
  else if (scheme === 'loyalty') await readInvoiceForTheBuyer(payment, inbox);
  else await readAndSettle(payment, inbox);
  if (payment.state === 'awaiting_confirmation' && payment.quote === null) {
    // Back at the buyer, of whose invoice this run knows nothing yet.
    moveTo(payment, 'opening', payment.reason);
    await readInvoiceForTheBuyer(payment, inbox);
  }
  if (payment.state === 'awaiting_approval' && payment.quote === null) {
    moveTo(payment, 'opening', payment.reason);
    await readAndSettle(payment, inbox);
  }
  // Each ends at once unless it is the buyer's turn, or an approver's.
  await untilTheBuyerHasPaid(payment, inbox);
  await untilApprovedAndPaid(payment, inbox);
  await drainHandlers();
  return answerOf(payment);
}

/** Something is held, or was until a person released it. */
type BegunSettlement = Resumption & { readonly held: Confirmation['seen'] };

function hasBegunSettlement(resumed: Resumption): resumed is BegunSettlement {
  return resumed.held !== null;
}

function settleOn(
  payment: Payment,
  scheme: ResumePayment['scheme'],
  inbox: Inbox,
  { state, reason, held, released, confirmation, attempt }: BegunSettlement,
  forgotten: boolean,
): Promise<void> {
  moveTo(payment, state, reason);
  payment.held = held;
  payment.released = released;
  const settlement: Settlement = {
    payment,
    scheme,
    inbox,
    confirmation: { ...(confirmation ?? organisationsOwn(payment, held)), notAfter: Date.now() },
  };
  return CancellationScope.nonCancellable(() =>
    asFarAsTheLedgerGoes(settlement, async () => {
      if (attempt.kind === 'paid') {
        if ((await capture(payment, attempt)) === 'captured') return;
        await proveOutcome(payment, inbox, 'paid_after_release');
        return;
      }
      // What a person was asked stays asked, until he or a proof answers.
      if (state === 'in_review') {
        await proveOutcome(payment, inbox, (reason ?? 'unproven') as ReviewReason);
        return;
      }
      switch (attempt.kind) {
        case 'outstanding':
          if (await proveFirst(settlement, null)) return;
          return confirmAtInvoicebox(settlement);
        case 'refused':
          return closeAsRefused(settlement, meaningOfRefusalCode(attempt.code ?? '').kind);
        case 'none':
          // A buyer whose click was forgotten was told that it counts for a minute: he is asked again.
          return forgotten && scheme === 'loyalty'
            ? returnOrDecline(settlement, 'confirmation_given_up')
            : confirmAtInvoicebox(settlement);
      }
    }),
  );
}
