/** What a list of payments is filtered by, as its address says it. */
import { z } from 'zod';
import { paymentStates, type PaymentState } from '../../../domain/payment.js';
import { day } from '../../validate.js';
import { uuidPlace } from '../paging.js';

export const paymentFilters = z.object({
  state: z.enum(paymentStates as [PaymentState, ...PaymentState[]]).optional(),
  scheme: z.enum(['loyalty', 'organisation']).optional(),
  reason: z
    .string()
    .regex(/^[a-z0-9_]{1,64}$/, 'must be a code: a-z, 0-9 and _')
    .optional(),
  /** Days on which they were opened, in the console's zone; the last one too. */
  from: day.optional(),
  to: day.optional(),
  /** A member's id: ours, which says nothing of him. */
  member: z.uuid().optional(),
  invoice: z.uuid().optional(),
  sort: z.enum(['newest', 'oldest']).optional(),
  ...uuidPlace,
});

export type PaymentFilters = z.infer<typeof paymentFilters>;
