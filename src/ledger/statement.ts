/**
 * What an accountant takes out of the books: the fund over a month, entry by entry, and the points that members had at the
 * end of a day. A method a SQL function, as in ledger.ts. Months and days are those of the programme's zone.
 */
import type pg from 'pg';
import { z } from 'zod';
import { call } from './call.js';

const whole = z.number().refine(Number.isSafeInteger, 'is not a safe integer');
const instant = z.string();

const beginning = z.object({ timeZone: z.string(), from: instant, before: instant, openingMinor: whole });
export type StatementBeginning = z.infer<typeof beginning>;

const entry = z.object({
  id: z.uuid(),
  at: instant,
  localTime: z.string(),
  kind: z.string(),
  amountMinor: whole,
  vatAmountMinor: whole.nullable(),
  invoiceNumber: z.string().nullable(),
  transactionId: z.string().nullable(),
  reference: z.string().nullable(),
  paymentId: z.uuid().nullable(),
});
export type StatementEntry = z.infer<typeof entry>;

const outstanding = z.object({ before: instant, points: whole });

/** No transfer has it: the place before the first of a moment. */
const nil = '00000000-0000-0000-0000-000000000000';

export class Statement {
  constructor(private readonly pool: pg.Pool) {}

  /** @param month `YYYY-MM`. @returns null: there is no fund of this currency */
  begin(partnerId: string, currency: string, month: string): Promise<StatementBeginning | null> {
    return call(this.pool, beginning.nullable(), 'fund_statement_begin', [partnerId, currency, `${month}-01`]);
  }

  /** By their time, from after the given entry; null: from the beginning. */
  page(
    partnerId: string,
    currency: string,
    { from, before }: StatementBeginning,
    after: StatementEntry | null,
    limit: number,
  ): Promise<StatementEntry[]> {
    const place = after === null ? [from, nil] : [after.at, after.id];
    return call(this.pool, z.array(entry), 'fund_statement_page', [partnerId, currency, before, ...place, limit]);
  }

  /** @param day `YYYY-MM-DD` */
  outstanding(partnerId: string, day: string) {
    return call(this.pool, outstanding, 'points_outstanding', [partnerId, day]);
  }
}
