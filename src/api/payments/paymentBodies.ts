/** What a partner says to /v1/payments. */
import { z } from 'zod';
import { pageQuery } from '../cursors.js';
import { anyUuid, externalId, moment, queryList } from '../validate.js';
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
    memberExternalId: externalId,
    seen: z
      .strictObject({
        amountMinor: z.int().min(1).max(1e13),
        currency: z.string().regex(/^[A-Z]{3}$/),
        points: z.int().min(0),
      })
      .meta({
        description: 'What the buyer saw and agrees to; if the invoice says another sum by now, nothing is taken',
      }),
  })
  .meta({ id: 'ConfirmPayment' });

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
