import { ActivityFailure } from '@temporalio/workflow';
import type { ConfirmOutcome } from '../activities/invoicebox.js';
import { invoiceboxConfirm, ledger } from './calls.js';
import { keyOf, type Payment } from './payment.js';

export type OrderedConfirm =
  | ConfirmOutcome
  /** The call may have been made, and its answer is lost. */
  | { readonly kind: 'lost' }
  /** The call was never made, and never will be. */
  | { readonly kind: 'not_started' };

/** Orders one pivot call under a ticket of its own. Where no answer comes back, the ledger says whether it had begun. */
export async function orderConfirm(payment: Payment, proving: boolean, priorityKey: number): Promise<OrderedConfirm> {
  payment.ticket += 1;
  const { ticket, invoiceId, policy } = payment;
  try {
    return await invoiceboxConfirm(payment.partnerId, priorityKey).confirmInvoice({
      key: keyOf(payment),
      invoiceId,
      ticket,
      proving,
      freshnessMs: policy.freshnessMs,
    });
  } catch (error) {
    if (!(error instanceof ActivityFailure)) throw error;
    const fenced = await ledger.fenceConfirm(keyOf(payment), ticket);
    switch (fenced.outcome) {
      case 'started':
        return { kind: 'lost' };
      case 'not_started':
        return { kind: 'not_started' };
      case 'superseded':
        return { kind: 'superseded' };
    }
  }
}
