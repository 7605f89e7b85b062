import type { Invoice } from '../books.js';
import { jsonAmount } from '../money.js';

const VAT_PERCENT = 22n;

/** InvoiceResponse of the contract, section 2, with whatever the invoice overrides or leaves out. */
export function invoiceResponse(invoice: Invoice, publicUrl: string): Record<string, unknown> {
  const { amountMinor, currency } = invoice;
  const vatMinor = Number((BigInt(amountMinor) * VAT_PERCENT) / (100n + VAT_PERCENT));
  const response: Record<string, unknown> = {
    id: invoice.id,
    number: invoice.number,
    createdAt: atom(invoice.createdAt),
    expirationDate: atom(invoice.expiresAt),
    description: invoice.description,
    amount: jsonAmount(amountMinor, currency),
    vatAmount: jsonAmount(vatMinor, currency),
    currencyId: currency,
    customer: invoice.customer,
    status: invoice.status,
    paymentUrl: paymentUrl(invoice.id, publicUrl),
    ...invoice.raw,
  };
  return Object.fromEntries(Object.entries(response).filter(([name]) => !invoice.omit.includes(name)));
}

export function paymentUrl(invoiceId: string, publicUrl: string): string {
  return `${publicUrl}/order/${invoiceId}`;
}

/** `2023-12-22T00:00:00+00:00`: UTC, whole seconds. */
function atom(instant: string): string {
  return `${new Date(instant).toISOString().slice(0, 19)}+00:00`;
}
