/** What becomes of an invoice that was read: the facts that are decided on, what is kept of it, how a policy judges it. */
import { createHash } from 'node:crypto';
import type { InvoiceFacts } from '../domain/invoice.js';
import {
  judgeInvoice,
  type ApprovalReason,
  type OrganisationPolicy,
  type PolicyVerdict,
} from '../domain/organisationPolicy.js';
import type { Invoice } from '../invoicebox/client.js';
import type { StoredRead } from '../ledger/ledger.js';

export function factsOf(invoice: Invoice): InvoiceFacts {
  return {
    status: invoice.status,
    amountMinor: invoice.amount.ok ? invoice.amount.amountMinor : null,
    currency: invoice.currency,
    expiresAtMs: invoice.expiresAt === null ? null : Date.parse(invoice.expiresAt),
  };
}

export function storedRead(invoice: Invoice): StoredRead {
  return {
    status: invoice.status,
    number: invoice.number,
    description: invoice.description,
    amountMinor: invoice.amount.ok ? invoice.amount.amountMinor : null,
    vatAmountMinor: invoice.vatAmountMinor,
    currency: invoice.currency,
    expiresAt: invoice.expiresAt,
    paymentUrl: invoice.paymentUrl,
  };
}

/** Whose invoice it is and what for never leaves the activity: only what the policy says of it does. */
export function judged(
  { amount, currency, description, customer }: Invoice,
  policy: OrganisationPolicy | null,
): PolicyVerdict {
  if (!amount.ok) return { kind: 'allowed' };
  const { amountMinor } = amount;
  return judgeInvoice({ amountMinor, currency, description, vatNumber: customer.vatNumber ?? '' }, policy);
}

export const approvalOf = (verdict: PolicyVerdict): ApprovalReason | null =>
  verdict.kind === 'needs_approval' ? verdict.reason : null;

/** What an approval is bound to: everything that an approver, or the policy, decides by. */
export function judgement(
  { amount, currency, description, customer }: Invoice,
  verdict: PolicyVerdict,
): Required<Pick<StoredRead, 'print' | 'approval'>> {
  const told = [amount.ok ? amount.amountMinor : null, currency, description, customer.name, customer.vatNumber];
  return { print: createHash('sha256').update(JSON.stringify(told)).digest('hex'), approval: approvalOf(verdict) };
}
