/**
 * Invoicebox's bodies (contract, sections 1-3). Unknown fields and values are survived, and so is a missing optional:
 * what cannot be read becomes null, '' or 'unknown', and the domain decides what that allows.
 */
import { z } from 'zod';
import type { ConfirmAnswer, RefusalField } from '../domain/confirmAnswer.js';
import type { InvoiceStatus } from '../domain/invoice.js';
import { minorUnitsOf, type MinorUnits } from '../domain/money.js';
import type { InvoicePage } from './lists.js';
import { cleanText } from './texts.js';

interface InvoiceCustomer {
  readonly type?: string | undefined;
  readonly name?: string | undefined;
  readonly phone?: string | undefined;
  readonly email?: string | undefined;
  readonly vatNumber?: string | undefined;
}

export interface Invoice {
  /** Lower case. */
  readonly id: string;
  readonly number: string;
  readonly description: string;
  readonly amount: MinorUnits;
  readonly vatAmountMinor: number | null;
  /** ISO 4217; '' where it is not three capital letters. */
  readonly currency: string;
  readonly status: InvoiceStatus;
  /** The status in Invoicebox's own word. */
  readonly statusText: string;
  /** ISO 8601 in UTC. */
  readonly createdAt: string | null;
  readonly expiresAt: string | null;
  readonly paymentUrl: string | null;
  /** Personal data. */
  readonly customer: InvoiceCustomer;
}

export interface Refusal {
  readonly code: string;
  /** Invoicebox's words, which may hold personal data: for the ledger and the operator, never for a history or a log. */
  readonly message: string;
  readonly fields: readonly RefusalField[];
}

export type ConfirmBody = Extract<ConfirmAnswer, { kind: 'answer' }>['body'];

/** 8-4-4-4-12 hex; Invoicebox's ids are not RFC 4122 (contract, section 1). */
export const invoiceIdPattern = /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/;

const maxPaymentUrlLength = 1_000;
const maxIdLength = 100;
const maxCodeLength = 100;
const maxMessageLength = 500;
const maxFields = 20;

const text = (maxLength: number) =>
  z
    .string()
    .transform((value) => cleanText(value, maxLength))
    .catch('');

const optionalText = (maxLength: number) =>
  z
    .string()
    .transform((value) => cleanText(value, maxLength))
    .optional()
    .catch(undefined);

const decimal = z.union([z.number(), z.string()]).nullish().catch(null);

/** ATOM, in UTC where no offset is given; null where it is no time that Postgres could store. */
const time = z
  .string()
  .transform((value) => {
    const match = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d(?:\.\d{1,9})?)(Z|[+-]\d\d:?\d\d)?$/.exec(value.trim());
    if (match === null) return null;
    const [, day = '', clock = '', offset = 'Z'] = match;
    const at = new Date(`${day}T${clock}${offset.replace(/^([+-]\d\d)(\d\d)$/, '$1:$2')}`);
    // JavaScript reads the 30th of February as the 2nd of March.
    if (Number.isNaN(at.getTime()) || new Date(`${day}T00:00:00Z`).toISOString().slice(0, 10) !== day) return null;
    return at.getTime() >= 0 && at.getUTCFullYear() <= 9_999 ? at.toISOString() : null;
  })
  .catch(null);

/** The link that the buyer is sent to at the end: only what a browser opens as a page. */
const paymentUrl = z
  .string()
  .max(maxPaymentUrlLength)
  .regex(/^https?:\/\/[^\s\p{Cc}]+$/iu)
  .refine((value) => URL.canParse(value) && value.isWellFormed())
  .nullable()
  .catch(null);

const customer = z.object({
  type: optionalText(50),
  name: optionalText(500),
  phone: optionalText(100),
  email: optionalText(320),
  vatNumber: optionalText(50),
});

const invoice = z.object({
  id: z.string().transform((id) => id.toLowerCase()),
  number: text(50),
  description: text(1_000),
  amount: decimal,
  vatAmount: decimal,
  currencyId: z
    .string()
    .regex(/^[A-Z]{3}$/)
    .catch(''),
  status: text(50),
  createdAt: time,
  expirationDate: time,
  paymentUrl,
  // An empty object may arrive as an empty array.
  customer: customer.catch({}),
});

/** A list of one or the invoice itself (contract, section 2). */
const invoiceAnswer = z.object({
  data: z.union([z.array(z.unknown()), z.unknown().transform((single) => [single])]),
});

/** The invoice asked for, or why the body is no answer to that. */
export function readInvoiceBody(body: unknown, invoiceId: string): Invoice | string {
  const answer = invoiceAnswer.safeParse(body);
  if (!answer.success) return 'malformed';
  const { data } = answer.data;
  if (data.length === 0) return 'no_invoice';
  if (data.length > 1) return 'several_invoices';
  const read = invoiceOf(data[0]);
  return read === null ? 'malformed' : read.id === invoiceId ? read : 'another_invoice';
}

function invoiceOf(element: unknown): Invoice | null {
  const read = invoice.safeParse(element);
  if (!read.success) return null;
  const { amount, vatAmount, currencyId, status, expirationDate, ...same } = read.data;
  const vat = minorUnitsOf(vatAmount ?? '', currencyId);
  return {
    ...same,
    amount: minorUnitsOf(amount ?? '', currencyId),
    vatAmountMinor: vat.ok ? vat.amountMinor : null,
    currency: currencyId,
    status: statusOf(status),
    statusText: status,
    expiresAt: expirationDate,
  };
}

const count = z.int().min(0).nullable().catch(null);

const listAnswer = z.object({
  data: z.array(z.unknown()),
  metaData: z.object({ totalCount: count }).catch({ totalCount: null }),
});

const elementId = z
  .object({ id: z.string().transform((id) => cleanText(id, maxIdLength)) })
  .transform(({ id }) => id)
  .nullable()
  .catch(null);

/** A page of a list, or why the body is none. What cannot be read of it is told beside what can. */
export function readListBody(body: unknown): InvoicePage | string {
  const answer = listAnswer.safeParse(body);
  if (!answer.success) return 'malformed';
  const invoices: Invoice[] = [];
  const unreadable: InvoicePage['unreadable'][number][] = [];
  for (const [index, element] of answer.data.data.entries()) {
    const read = invoiceOf(element);
    const why = read === null ? 'malformed' : invoiceIdPattern.test(read.id) ? null : 'malformed_id';
    if (read !== null && why === null) invoices.push(read);
    else unreadable.push({ index, id: elementId.parse(element), why: why ?? 'malformed' });
  }
  return { invoices, unreadable, totalCount: answer.data.metaData.totalCount };
}

function statusOf(status: string): InvoiceStatus {
  switch (status) {
    case 'pending':
    case 'paid':
    case 'canceled':
    case 'partial':
      return status;
    case 'cancelled':
      return 'canceled';
    default:
      return 'unknown';
  }
}

const code = z
  .string()
  .min(1)
  .transform((value) => cleanText(value, maxCodeLength));

const fields = z
  .array(z.object({ name: text(maxCodeLength), code: text(maxCodeLength), message: text(maxMessageLength) }))
  .transform((all) => all.slice(0, maxFields))
  .catch([]);

const refusal = z.object({ code, message: text(maxMessageLength), fields });

/** `{"error": {…}}`: the contract's shape of a failure. */
const errorBody = z.object({ error: refusal }).transform(({ error }): Refusal => error);

/** The shape of a failure as it occurs at HTTP 400 and above: a code at the top level is accepted too. */
const failureBody = z.union([errorBody, refusal]);

/** null where the body is not of the contract's shape: then it did not come from Invoicebox, or says nothing certain. */
export function readRefusalBody(body: unknown): Refusal | null {
  return failureBody.safeParse(body).data ?? null;
}

const refusingResults = ['alreadyPaid', 'notEnoughMoney', 'limitReached', 'wrongCode', 'error'] as const;

const refusingResult = z
  .object({
    data: z.object({
      result: z.enum(refusingResults),
      resultData: z
        .object({ message: z.object({ message: text(maxMessageLength) }) })
        .optional()
        .catch(undefined),
    }),
  })
  .transform(({ data }): Refusal => ({
    code: data.result,
    message: data.resultData?.message.message ?? '',
    fields: [],
  }));

const refusingStatus = z.object({ status: z.literal('error'), ...refusal.shape });

/** A refusal inside a 2xx, in every form that was seen (contract, section 3). A bare code proves nothing there. */
const refusalIn2xx = z.union([
  errorBody,
  refusingResult,
  refusingStatus,
  z.object({ data: refusingStatus }).transform(({ data }) => data),
]);

/** Documented as 36 characters. Kept storable and bounded: a payment that is made must not fail to be booked. */
const idOrNull = z
  .string()
  .min(1)
  .transform((id) => cleanText(id, maxIdLength))
  .nullable()
  .catch(null);

/** An error that cannot be read, without a code for instance. An empty one says nothing. */
const unreadableError = z.union([
  z.object({ error: z.union([z.string().min(1), z.looseObject({}).refine((error) => Object.keys(error).length > 0)]) }),
  z.object({ status: z.literal('error') }),
  z.object({ data: z.object({ status: z.literal('error') }) }),
]);

const confirmed = z.object({ data: z.object({ id: idOrNull, partnerOperationId: idOrNull }) });

/** What the body of a confirm's answer says; whether it is ours, and what follows, is the domain's to decide. */
export function readConfirmBody(body: unknown, httpStatus: number): ConfirmBody {
  if (httpStatus < 200 || httpStatus >= 300) {
    const refused = readRefusalBody(body);
    return refused === null ? { kind: 'other' } : { kind: 'refusal', ...refused };
  }
  const success = confirmed.safeParse(body).data?.data;
  const refused = refusalIn2xx.safeParse(body).data;
  if (refused !== undefined) {
    // A transaction beside a refusal: they cannot both be true, so neither is believed.
    if (typeof success?.id === 'string') return { kind: 'other' };
    return { kind: 'refusal', code: refused.code, message: refused.message, fields: refused.fields };
  }
  if (success === undefined || unreadableError.safeParse(body).success) return { kind: 'other' };
  return { kind: 'success', partnerOperationId: success.partnerOperationId, transactionId: success.id };
}

const tokenAnswer = z.object({ data: z.object({ userId: z.union([z.string(), z.number()]).nullable() }) });

/** The user of the token; null where Invoicebox knows none (contract, section 1); undefined where the body does not say. */
export function readTokenBody(body: unknown): string | null | undefined {
  const userId = tokenAnswer.safeParse(body).data?.data.userId;
  return typeof userId === 'number' ? String(userId) : userId;
}
