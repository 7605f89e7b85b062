import { z } from 'zod';
import { accountFigures, accountId, currency, invoice, invoiceTerms } from '../events.js';

// What the control API accepts.

/** Shorthand: the amount of the answer as is, a negative, a string, too many fraction digits. */
const rawAmount = z.json().optional();

export const accountBody = accountFigures;

const invoiceFields = invoice
  .omit({ createdAt: true })
  .partial()
  .extend({
    amountMinor: invoice.shape.amountMinor,
    currency: currency.default('RUB'),
    accountId: accountId.optional(),
    rawAmount,
  });

export const invoiceBody = invoiceFields.transform(withRawAmount);
export const invoiceChanges = invoiceTerms.partial().extend({ rawAmount }).transform(withRawAmount);

export const clockBody = z.strictObject({ offsetSeconds: z.int().min(-86_400).max(86_400) });

function withRawAmount<T extends { rawAmount?: unknown; raw?: Record<string, z.core.util.JSONType> | undefined }>({
  rawAmount: amount,
  ...fields
}: T) {
  return amount === undefined ? fields : { ...fields, raw: { ...fields.raw, amount: amount as z.core.util.JSONType } };
}
