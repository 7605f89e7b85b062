import { z } from 'zod';
import { accountFigures, accountId, amountMinor, currency, invoice, invoiceTerms } from '../events.js';

// What the control API accepts.

/** Shorthand: the amount of the answer as is, a negative, a string, too many fraction digits. */
const rawAmount = z.json().optional();

export const accountBody = accountFigures;

const invoiceFields = invoice.partial().extend({
  amountMinor: invoice.shape.amountMinor,
  currency: currency.default('RUB'),
  accountId: accountId.optional(),
  rawAmount,
});

export const invoiceBody = invoiceFields.transform(withRawAmount);
/** So many of the same terms, a second apart from the first's `createdAt` on: for lists that nobody would fill one by one. */
export const invoiceSeriesBody = invoiceFields
  .omit({ id: true, number: true })
  .extend({ count: z.int().min(1).max(1_000_000), everyMs: z.int().min(0).max(86_400_000).default(0) })
  .transform(({ count, everyMs, ...fields }) => ({ count, everyMs, terms: withRawAmount(fields) }));
export const invoiceChanges = invoiceTerms.partial().extend({ rawAmount }).transform(withRawAmount);

export const reversalBody = z.strictObject({
  /** Absent: all that is left of the invoice. */
  amountMinor: amountMinor.min(1).optional(),
  restoreFund: z.boolean(),
  status: z.enum(['paid', 'canceled']),
});

export const depositBody = z.strictObject({
  currency: currency.default('RUB'),
  amountMinor: amountMinor.min(1),
  billNumber: z.string().min(1).max(100).nullable().default(null),
});

const instant = z.iso.datetime({ offset: true }).optional();
export const statementQuery = z.strictObject({
  currency: currency.default('RUB'),
  from: instant,
  until: instant,
  zone: z.string().max(100).default('Europe/Moscow'),
});

export const clockBody = z.strictObject({ offsetSeconds: z.int().min(-86_400).max(86_400) });

/** Somebody who may log in to the console. */
export const operatorBody = z.strictObject({
  login: z.string().regex(/^[a-z0-9][a-z0-9._-]{0,63}$/),
  name: z.string().min(1).max(200),
  about: z.string().max(200).default(''),
  roles: z.array(z.string().max(100)).max(20),
  partners: z.array(z.string().max(100)).max(1_000),
});

function withRawAmount<T extends { rawAmount?: unknown; raw?: Record<string, z.core.util.JSONType> | undefined }>({
  rawAmount: amount,
  ...fields
}: T) {
  return amount === undefined ? fields : { ...fields, raw: { ...fields.raw, amount: amount as z.core.util.JSONType } };
}
