/** What a partner says to /v1/payments. */
import { z } from 'zod';
import { pageQuery } from '../cursors.js';
import type { Scheme, Seen } from '../../domain/payment.js';
import { anyUuid, externalId, invalidField, moment, queryList } from '../validate.js';
import { stateSchema } from './paymentJson.js';

const link = z.url({ protocol: /^https?$/ }).max(2_000);

export const openBody = z
  .strictObject({
    scheme: z.enum(['loyalty', 'organisation']),
    invoiceId: anyUuid,
    memberExternalId: externalId
      .optional()
      .meta({ description: 'The one buyer who may confirm; absent: whoever confirms first' }),
    links: z
      .strictObject({ successUrl: link.optional(), failUrl: link.optional(), cancelUrl: link.optional() })
      .default({})
      .meta({ description: 'Where the buyer’s page leads back to; hosts of the programme’s list alone' }),
  })
  .meta({ id: 'OpenPayment' });

export const confirmBody = z
  .strictObject({
    memberExternalId: externalId
      .optional()
      .meta({ description: 'The buyer; of a loyalty payment, where it is required' }),
    seen: z
      .strictObject({
        amountMinor: z.int().min(1).max(1e13),
        currency: z.string().regex(/^[A-Z]{3}$/),
        points: z.int().min(0).optional().meta({ description: 'Of a loyalty payment, where it is required' }),
        version: z
          .int()
          .min(1)
          .max(1e9)
          .optional()
          .meta({ description: '`invoice.version` of an organisation’s payment, where it is required' }),
      })
      .meta({
        description:
          'What the buyer or approver saw and agrees to; if the invoice says another by now, nothing is taken',
      }),
  })
  .meta({ id: 'ConfirmPayment' });

/** What is confirmed, with the fields that its scheme needs. */
export function confirmed(
  scheme: Scheme,
  { memberExternalId, seen: { amountMinor, currency, points, version } }: z.infer<typeof confirmBody>,
): { readonly memberExternalId: string | null; readonly seen: Seen } {
  if (scheme === 'organisation') {
    if (memberExternalId !== undefined) throw invalidField('memberExternalId', 'is of loyalty payments alone', 'text');
    if ((points ?? 0) !== 0) throw invalidField('seen.points', 'must be 0 or absent: no points pay this', 'a number');
    if (version === undefined)
      throw invalidField('seen.version', 'must say which version of the invoice is approved', 'nothing');
    return { memberExternalId: null, seen: { amountMinor, currency, points: 0, version } };
  }
  if (memberExternalId === undefined) throw invalidField('memberExternalId', 'must name the buyer', 'nothing');
  if (points === undefined) throw invalidField('seen.points', 'must be what the buyer saw', 'nothing');
  if (version !== undefined) throw invalidField('seen.version', 'is of organisations’ payments alone', 'a number');
  return { memberExternalId, seen: { amountMinor, currency, points } };
}

export const cancelBody = z
  .strictObject({
    reason: z
      .string()
      .regex(/^[a-z0-9_]{1,64}$/, 'must be 1 to 64 of a-z, 0-9 and _')
      .default('cancelled_by_partner')
      .meta({ description: 'A code of your own; not prose, which may name people' }),
  })
  .default({ reason: 'cancelled_by_partner' })
  .meta({ id: 'CancelPayment' });

export const refuseBody = z
  .strictObject({
    reason: z
      .string()
      .regex(/^[a-z0-9_]{1,64}$/, 'must be 1 to 64 of a-z, 0-9 and _')
      .default('refused_by_approver')
      .meta({ description: 'A code of your own; not prose, which may name people' }),
  })
  .default({ reason: 'refused_by_approver' })
  .meta({ id: 'RefusePayment' });

export const paymentsQuery = z.strictObject({
  ...pageQuery,
  state: queryList(stateSchema, 10).optional(),
  scheme: z.enum(['loyalty', 'organisation']).optional(),
  invoiceId: anyUuid.optional(),
  memberId: anyUuid.optional(),
  openedFrom: moment.optional(),
  openedBefore: moment.optional(),
});

export type PaymentFilters = Omit<z.infer<typeof paymentsQuery>, 'after' | 'limit'>;
