/** `/v1/points`: what all members have together. */
import { Get, Query } from '@nestjs/common';
import { z } from 'zod';
import { Statement } from '../../ledger/statement.js';
import { CallerOf, type Caller } from '../auth/apiKeys.js';
import { ApiController, Endpoint } from '../endpoint.js';
import { utc } from '../utc.js';
import { day, instant } from '../validate.js';

const outstandingQuery = z.strictObject({
  date: day
    .refine((text) => text < '9999', 'must be before the year 9999')
    .meta({ description: 'Its end counts, in the programme’s zone' }),
});

const outstandingSchema = z
  .object({
    date: day,
    before: instant.meta({ description: 'The moment in which that day ends' }),
    points: z.int().meta({ description: 'Of all members, what payments under way held included' }),
  })
  .meta({ id: 'OutstandingPoints' });

@ApiController('v1/points', 'Points')
export class OutstandingController {
  constructor(private readonly statement: Statement) {}

  @Get('outstanding')
  @Endpoint({
    scope: 'points:read',
    summary: 'Read the points outstanding at the end of a day',
    answers: { 200: outstandingSchema },
  })
  async read(
    @CallerOf() { partnerId }: Caller,
    @Query({ schema: outstandingQuery }) { date }: z.infer<typeof outstandingQuery>,
  ): Promise<z.infer<typeof outstandingSchema>> {
    const { before, points } = await this.statement.outstanding(partnerId, date);
    return { date, before: utc(before), points };
  }
}
