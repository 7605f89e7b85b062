import { z } from 'zod';
import { type Currency, currencyExponents } from './money.js';

// What happens to the books, as lines of the journal. The schemas also read the journal back, so a damaged one is noticed.

/** The form of Invoicebox's ids (contract, section 1): like a UUID, without RFC 4122's version and variant. */
export const invoiceIdPattern = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/;

const invoiceStatuses = ['pending', 'paid', 'canceled', 'partial'] as const;
export type InvoiceStatus = (typeof invoiceStatuses)[number];

const currencies = Object.keys(currencyExponents) as [Currency, ...Currency[]];

export const currency = z.enum(currencies);
export const amountMinor = z.int().min(0);
const instant = z.iso.datetime({ offset: true });
export const invoiceId = z.string().toLowerCase().regex(invoiceIdPattern, 'an id is 8-4-4-4-12 hex digits');
export const accountId = z.string().min(1).max(64);
export const operationId = z.string().min(1).max(36);

const customer = z.strictObject({
  type: z.enum(['legal', 'private']).optional(),
  name: z.string().max(1_000).optional(),
  phone: z.string().max(100).optional(),
  email: z.string().max(500).optional(),
  vatNumber: z.string().max(100).optional(),
  taxRegistrationReasonCode: z.string().max(100).optional(),
  registrationAddress: z.string().max(1_000).optional(),
  countryId: z.string().max(10).optional(),
});

const fundFigures = z.strictObject({
  currency,
  sizeMinor: amountMinor,
  overdraftMinor: amountMinor.default(0),
});

export const accountFigures = z.strictObject({
  name: z.string().min(1).max(200),
  token: z.string().min(1).max(512),
  funds: z.array(fundFigures).max(currencies.length),
  /** A single read answers an object, not a one-element array (contract, section 2: both occur). */
  singleReadAsObject: z.boolean().default(false),
  /** What a repeat of a confirmed operation is told (contract, section 3: silent, so it is a setting). */
  repeatAnswers: z.enum(['success', 'already_paid']).default('success'),
  /** Which spelling of a list's page is understood (contract, section 2: both occur); the other one is ignored. */
  pageParameters: z.enum(['page', '_page', 'both']).default('both'),
  /** A quota of its own, in requests a window (contract, section 1: changeable per account). */
  quota: z.int().min(1).max(1_000_000).optional(),
});

/** Everything of an invoice that a merchant, or a test, may change. */
export const invoiceTerms = z.strictObject({
  amountMinor,
  currency,
  description: z.string().max(1_000),
  expiresAt: instant,
  status: z.enum(invoiceStatuses),
  /** Properties of the answer sent exactly as given, whatever the books say: for amounts and statuses nobody should send. */
  raw: z.record(z.string().max(100), z.json()),
  /** Properties left out of the answer. */
  omit: z.array(z.string().max(100)).max(20),
});

export const invoice = invoiceTerms.extend({
  id: invoiceId,
  number: z.string().min(1).max(50),
  /** Absent: every account may read and confirm it. */
  accountId: accountId.optional(),
  /** What a list may be filtered by; no answer shows them (contract, section 2). */
  merchantOrderId: z.string().max(100).optional(),
  merchantOrderIdVisible: z.string().max(100).optional(),
  createdAt: instant,
  customer,
});

const confirmation = z.strictObject({
  transactionId: z.uuid(),
  partnerOperationId: operationId,
  invoiceId,
  accountId,
  amountMinor,
  currency,
  at: instant,
  requestId: z.uuid(),
});

/** Money that a merchant gives back (contract, section 4). */
const reversal = z.strictObject({
  transactionId: z.uuid(),
  invoiceId,
  amountMinor: amountMinor.min(1),
  currency,
  /** The account whose fund has it back; null: it went to the payer in some other way. */
  restoredTo: accountId.nullable(),
  at: instant,
});

const deposit = z.strictObject({
  transactionId: z.uuid(),
  accountId,
  amountMinor: amountMinor.min(1),
  currency,
  billNumber: z.string().min(1).max(100).nullable(),
  at: instant,
});

export const bookEvent = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('account_applied'), accountId, figures: accountFigures }),
  z.strictObject({ type: z.literal('invoice_created'), invoice }),
  z.strictObject({ type: z.literal('invoice_edited'), invoiceId, changes: invoiceTerms.partial() }),
  z.strictObject({ type: z.literal('invoice_cancelled'), invoiceId }),
  z.strictObject({ type: z.literal('invoice_paid_elsewhere'), invoiceId }),
  z.strictObject({ type: z.literal('confirmed'), confirmation }),
  /** `status`: what the invoice reads from then on. */
  z.strictObject({ type: z.literal('invoice_reversed'), reversal, status: z.enum(['paid', 'canceled']) }),
  z.strictObject({ type: z.literal('fund_deposited'), deposit }),
]);

export type AccountFigures = z.infer<typeof accountFigures>;
export type InvoiceTerms = z.infer<typeof invoiceTerms>;
export type Confirmation = z.infer<typeof confirmation>;
export type Reversal = z.infer<typeof reversal>;
export type Deposit = z.infer<typeof deposit>;
export type BookEvent = z.infer<typeof bookEvent>;
export type NewInvoice = z.infer<typeof invoice>;
