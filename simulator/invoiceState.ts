import type { Invoice } from './books.js';
import { isExpired } from './confirmInvoice.js';
import type { InvoiceStatus } from './events.js';

/** What people are told: the stored status, and "expired", which Invoicebox has no status for. */
export type InvoiceState = InvoiceStatus | 'expired';

export function invoiceState(invoice: Invoice, now: Date): InvoiceState {
  return invoice.status === 'pending' && isExpired(invoice, now) ? 'expired' : invoice.status;
}
