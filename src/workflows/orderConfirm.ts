import { ActivityFailure, workflowInfo } from '@temporalio/workflow';
import type { ConfirmOutcome } from '../activities/invoicebox.js';
import type { InvoiceboxCall } from '../domain/quota.js';
import { invoiceboxConfirm, ledger } from './calls.js';
import { keyOf, type Payment } from './payment.js';

export type OrderedConfirm =
  | ConfirmOutcome
  /** The call may have been made, and its answer is lost. */
  | { readonly kind: 'lost' }
  /** The call was never made, and never will be. */
  | { readonly kind: 'not_started' };

/** Orders one pivot call under a ticket of its own. Where no answer comes back, the ledger says whether it had begun. */
export async function orderConfirm(payment: Payment, proving: boolean, call: InvoiceboxCall): Promise<OrderedConfirm> {
  payment.orders += 1;
  // Named by the run too: a run that was reset orders anew.
  const ticket = `${workflowInfo().runId}/${payment.orders}`;
  const ordered = await callOnce(payment, ticket, proving, call);
  if (ordered.kind === 'answered' && ordered.unrecorded !== null) {
    await ledger.endAttempt(keyOf(payment), ordered.n, { ...ordered.unrecorded, message: null }, Date.now());
  }
  return ordered;
}

async function callOnce(
  payment: Payment,
  ticket: string,
  proving: boolean,
  call: InvoiceboxCall,
): Promise<OrderedConfirm> {
  const { invoiceId, policy } = payment;
  const order = { key: keyOf(payment), invoiceId, ticket, proving, freshnessMs: policy.freshnessMs };
  try {
    return await invoiceboxConfirm(payment, call).confirmInvoice(order);
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
