/** `/v1/fund/statement`: a month of the fund for the accountant, streamed in pages as the exports are. */
import { Get, Query, Res } from '@nestjs/common';
import type { Response } from 'express';
import { z } from 'zod';
import { fractionDigits } from '../../domain/money.js';
import { Statement } from '../../ledger/statement.js';
import { CallerOf, type Caller } from '../auth/apiKeys.js';
import { ApiController, Endpoint } from '../endpoint.js';
import { Problem } from '../problem.js';
import { currency, instant, invalidField } from '../validate.js';
import { beginStatement, csvOf, jsonOf, sendStatement, statementMonth } from './statementStream.js';

const types = { csv: 'text/csv', json: 'application/json' } as const;

const statementQuery = z.strictObject({
  month: statementMonth.meta({ description: 'In the programme’s zone' }),
  currency,
  format: z.enum(['csv', 'json']).default('csv'),
  language: z.enum(['ru', 'en']).default('ru').meta({ description: 'Of the words in a CSV' }),
});

const statementSchema = z.object({
  month: z.string(),
  currency: z.string(),
  timeZone: z.string(),
  from: instant,
  before: instant,
  openingMinor: z.int(),
  entries: z.array(
    z.object({
      id: z.uuid(),
      at: instant,
      localTime: z.string().meta({ description: 'In the programme’s zone' }),
      kind: z.string().meta({ description: 'deposit, repayment, correction, draw, return_fund; more may come' }),
      amountMinor: z.int().meta({ description: 'As the balance moved' }),
      vatAmountMinor: z.int().nullable().meta({ description: 'Of the invoice that was paid' }),
      invoiceNumber: z.string().nullable(),
      transactionId: z.string().nullable(),
      reference: z.string().nullable().meta({ description: 'A bill’s number, a refund’s reference' }),
      paymentId: z.uuid().nullable(),
      balanceMinor: z.int().meta({ description: 'After it' }),
    }),
  ),
  incomingMinor: z.int(),
  outgoingMinor: z.int(),
  closingMinor: z.int(),
});

@ApiController('v1/fund/statement', 'Fund')
export class StatementController {
  constructor(private readonly statement: Statement) {}

  @Get()
  @Endpoint({
    scope: 'fund:read',
    summary: 'Read a month of the fund, entry by entry',
    description:
      'Opening balance, each entry with the balance after it, turnovers, closing balance. What is reserved moves nothing here. The CSV is for Excel: `;`, decimal comma, byte order mark; text that could be a formula begins with an apostrophe.',
    answers: { 200: { media: Object.values(types), description: 'The statement', json: statementSchema } },
    problems: ['not_found'],
  })
  async read(
    @CallerOf() { partnerId }: Caller,
    @Query({ schema: statementQuery }) query: z.infer<typeof statementQuery>,
    @Res() response: Response,
  ) {
    const { format, ...of } = query;
    if (fractionDigits(of.currency) === null) {
      throw invalidField('currency', 'is a currency whose minor units are not known', 'three letters');
    }
    // The first page before the headers: what fails at once is answered as a problem.
    const begun = await beginStatement(this.statement, partnerId, of);
    if (begun === null) throw new Problem('not_found', 'There is no fund of this currency.');
    const text = format === 'csv' ? csvOf(begun) : jsonOf(begun);
    await sendStatement(response, text, types[format], `fund-${of.currency}-${of.month}.${format}`);
  }
}
