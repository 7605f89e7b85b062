/** A member as the partner's API tells him. Points are whole numbers, days dates of the programme's zone. */
import { z } from 'zod';
import type { Member } from '../../ledger/points.js';
import { utc, utcOrNull } from '../utc.js';
import { day, instant } from '../validate.js';

const whole = z.int();

export const balanceSchema = z
  .object({
    available: whole.meta({ description: 'What can be spent' }),
    held: whole.meta({ description: 'What payments under way hold' }),
  })
  .meta({ id: 'Balance' });

export const memberSchema = z
  .object({
    id: z.uuid().meta({ description: 'Ours; addresses are made of it, because an externalId may be personal' }),
    externalId: z.string().nullable().meta({ description: 'null: erased' }),
    metadata: z.record(z.string(), z.string()),
    balance: balanceSchema,
    expiringSoon: z
      .array(z.object({ expiresOn: day, points: whole }))
      .meta({ description: 'By their last day, within the programme’s expiringSoonDays' }),
    createdAt: instant,
    erasedAt: instant.nullable(),
  })
  .meta({ id: 'Member' });

export const entrySchema = z
  .object({
    id: z.uuid(),
    kind: z
      .string()
      .meta({ description: 'credit, hold, capture, release, return_points, expiry, reversal; more may come' }),
    points: whole.meta({ description: 'How the available balance moved' }),
    reference: z.string(),
    paymentId: z.uuid().nullable(),
    creditId: z.uuid().nullable().meta({ description: 'Of a reversal' }),
    at: instant,
  })
  .meta({ id: 'Entry' });

export const lotSchema = z
  .object({
    id: z.uuid(),
    creditId: z.uuid().nullable().meta({ description: 'null: points that were held past their last day' }),
    granted: whole,
    remaining: whole,
    held: whole,
    expiresOn: day.nullable().meta({ description: 'The last day on which they can be spent' }),
    reference: z.string(),
    at: instant,
  })
  .meta({ id: 'Lot' });

export function memberJson(member: Member): z.infer<typeof memberSchema> {
  return {
    ...member,
    createdAt: utc(member.createdAt),
    erasedAt: utcOrNull(member.erasedAt),
  };
}

export const withUtc = <Row extends { readonly at: string }>(row: Row): Row => ({ ...row, at: utc(row.at) });
