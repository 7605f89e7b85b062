/** The ways out of a payment, each a single call of the ledger's, which alone decides what is undone. */
import { ActivityFailure, ApplicationFailure, CancellationScope } from '@temporalio/workflow';
import type { Actor, FinalState } from '../domain/payment.js';
import { ledger } from './calls.js';
import { keyOf, settleInto, type Payment } from './payment.js';

export interface WayOut {
  readonly to: Exclude<FinalState, 'paid'> | 'awaiting_confirmation' | 'awaiting_approval';
  readonly reason: string;
  readonly actor?: Actor | undefined;
  /** A confirmation that must not hold any more, even if its hold comes late. */
  readonly confirmationId?: string | undefined;
}

/** Releases and closes, unless an attempt may have paid: then nothing changes and the outcome has to be proven. */
export function close(payment: Payment, way: WayOut): Promise<'closed' | 'attempt_outstanding'> {
  return CancellationScope.nonCancellable(async () => {
    const actor = way.actor ?? { kind: 'saga', id: payment.paymentId };
    const closed = await ledger.closePayment(
      keyOf(payment),
      way.to,
      way.reason,
      way.confirmationId ?? null,
      actor,
      Date.now(),
    );
    switch (closed.outcome) {
      case 'closed':
        settleInto(payment, way.to, way.reason);
        return 'closed';
      case 'already_closed':
        settleInto(payment, closed.state);
        return 'closed';
      case 'attempt_outstanding':
        return 'attempt_outstanding';
      case 'superseded':
      case 'not_found':
        throw superseded(payment);
    }
  });
}

/**
 * Paid by us: the points are captured, the fund is drawn. Where a person had released the hold before, the fund is drawn
 * alone, and he is asked again.
 */
export async function capture(
  payment: Payment,
  paid: { readonly n: number; readonly transactionId: string; readonly requestId: string | null },
): Promise<'captured' | 'captured_late'> {
  const captured = await ledger.capturePointsAndDrawFund(
    keyOf(payment),
    paid.n,
    paid.transactionId,
    paid.requestId,
    Date.now(),
  );
  switch (captured.outcome) {
    case 'captured':
    case 'already_captured':
      settleInto(payment, 'paid');
      return 'captured';
    case 'captured_late':
      return 'captured_late';
    case 'superseded':
    case 'not_found':
      throw superseded(payment);
    case 'conflict':
      throw ApplicationFailure.nonRetryable(
        `Paid at Invoicebox, but the ledger says the payment is ${captured.state}`,
        ledgerRefused,
      );
  }
}

/** The failure of a step that the ledger will not do, however often it is asked (src/activities/ledger.ts). */
const ledgerRefused = 'LedgerRefused';

export function isLedgerRefusal(error: unknown): boolean {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  return cause instanceof ApplicationFailure && cause.type === ledgerRefused;
}

/** Another run of this payment goes on; this one must not. */
export function superseded(payment: Payment): ApplicationFailure {
  return ApplicationFailure.nonRetryable(
    `Epoch ${payment.epoch} of this payment is over; a newer run goes on`,
    'Superseded',
  );
}
