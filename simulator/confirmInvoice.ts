import { type Account, availableMinor, type Books, type Invoice } from './books.js';
import type { Confirmation } from './events.js';

/** What a confirm call finds, decided without changing anything (contract, section 3). */
export type ConfirmDecision =
  | { readonly outcome: 'draw'; readonly invoice: Invoice }
  | { readonly outcome: 'repeat'; readonly confirmation: Confirmation }
  | { readonly outcome: 'unknown_invoice' | 'operation_used' | 'already_paid' | 'wrong_status' | 'no_money' };

export function decideConfirm(
  books: Books,
  account: Account,
  invoiceId: string,
  partnerOperationId: string,
  now: Date,
): ConfirmDecision {
  const invoice = books.invoice(invoiceId);
  if (!invoice || !mayUse(account, invoice)) return { outcome: 'unknown_invoice' };

  const earlier = books.confirmation(account.id, partnerOperationId);
  if (earlier) {
    // The contract does not say what the id of another invoice's operation gets: the answer that moves no money.
    if (earlier.invoiceId !== invoiceId) return { outcome: 'operation_used' };
    return account.repeatAnswers === 'success'
      ? { outcome: 'repeat', confirmation: earlier }
      : { outcome: 'already_paid' };
  }
  if (invoice.status === 'paid') return { outcome: 'already_paid' };
  if (invoice.status !== 'pending' || isExpired(invoice, now)) return { outcome: 'wrong_status' };

  const fund = account.funds.get(invoice.currency);
  if (!fund || availableMinor(fund) < invoice.amountMinor) return { outcome: 'no_money' };
  return { outcome: 'draw', invoice };
}

/** An invoice without an account is open to every account. */
export function mayUse(account: Account, invoice: Invoice): boolean {
  return invoice.accountId === undefined || invoice.accountId === account.id;
}

export function isExpired(invoice: Invoice, now: Date): boolean {
  return Date.parse(invoice.expiresAt) <= now.getTime();
}
