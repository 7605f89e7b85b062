/** What a read of an invoice allows us to do (contract, section 2: there is no status `expired`, the date decides). */
import type { DeclineReason } from './payment.js';

export type InvoiceStatus = 'pending' | 'paid' | 'canceled' | 'partial' | 'unknown';

export interface InvoiceFacts {
  readonly status: InvoiceStatus;
  /** Integer minor units; null where the amount could not be read exactly. */
  readonly amountMinor: number | null;
  readonly currency: string;
  /** Milliseconds since 1970; null where the date could not be read. */
  readonly expiresAtMs: number | null;
}

export type Payability =
  | { readonly kind: 'payable'; readonly amountMinor: number; readonly currency: string }
  | { readonly kind: 'expired' }
  | { readonly kind: 'unpayable'; readonly reason: DeclineReason };

/** Whether this invoice can be paid now, in whole, in one of the partner's currencies. */
export function payabilityOf(invoice: InvoiceFacts, currencies: readonly string[], nowMs: number): Payability {
  switch (invoice.status) {
    case 'paid':
      return { kind: 'unpayable', reason: 'paid_elsewhere' };
    case 'canceled':
      return { kind: 'unpayable', reason: 'invoice_canceled' };
    case 'partial':
      // Confirming a partial invoice is silent in the contract (section 3): refused.
      return { kind: 'unpayable', reason: 'invoice_partial' };
    case 'unknown':
      return { kind: 'unpayable', reason: 'invoice_status_unknown' };
    case 'pending':
      break;
  }
  if (invoice.expiresAtMs === null || invoice.expiresAtMs <= nowMs) return { kind: 'expired' };
  if (invoice.amountMinor === null || invoice.amountMinor <= 0) {
    return { kind: 'unpayable', reason: 'invoice_unpayable_amount' };
  }
  if (!currencies.includes(invoice.currency)) return { kind: 'unpayable', reason: 'currency_unsupported' };
  return { kind: 'payable', amountMinor: invoice.amountMinor, currency: invoice.currency };
}
