import { randomBytes } from 'node:crypto';

export const invoiceStatuses = ['pending', 'paid', 'canceled', 'partial'] as const;
export type InvoiceStatus = (typeof invoiceStatuses)[number];

export interface Customer {
  type?: 'legal' | 'private' | undefined;
  name?: string | undefined;
  phone?: string | undefined;
  email?: string | undefined;
  vatNumber?: string | undefined;
  taxRegistrationReasonCode?: string | undefined;
  registrationAddress?: string | undefined;
  countryId?: string | undefined;
}

export interface Invoice {
  id: string;
  number: string;
  description: string;
  amountMinor: number;
  currency: string;
  createdAt: string;
  expiresAt: string;
  /** null: the answer omits the status, which the contract allows; the invoice is payable. */
  status: InvoiceStatus | null;
  customer: Customer;
  /** Sent in place of the amount, as it is: for readers that must refuse it. */
  rawAmount?: unknown;
}

/** There is no status `expired` in the API: a page shows it, a reader looks at the date. */
export type VisibleStatus = InvoiceStatus | 'expired';

export function visibleStatus(invoice: Invoice, now: Date): VisibleStatus {
  const status = invoice.status ?? 'pending';
  return status === 'pending' && Date.parse(invoice.expiresAt) <= now.getTime() ? 'expired' : status;
}

const hexGroups = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

export function isInvoiceId(text: string): boolean {
  return hexGroups.test(text);
}

/** Looks like a UUID and is none (version f, variant d), as Invoicebox's are. */
export function newInvoiceId(): string {
  const hex = randomBytes(16).toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-f${hex.slice(13, 16)}-d${hex.slice(17, 20)}-${hex.slice(20)}`;
}
