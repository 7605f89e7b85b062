/** `/v1/fund`: our mirror of the guarantee fund. Amounts are integer minor units. */
import { Get } from '@nestjs/common';
import { z } from 'zod';
import { Ledger } from '../../ledger/ledger.js';
import { CallerOf, type Caller } from '../auth/apiKeys.js';
import { ApiController, Endpoint } from '../endpoint.js';

const fundSchema = z
  .object({
    currency: z.string(),
    sizeMinor: z.int().meta({ description: 'What was transferred to it' }),
    overdraftMinor: z.int(),
    reservedMinor: z.int().meta({ description: 'For payments under way' }),
    drawnMinor: z.int().meta({ description: 'By paid payments' }),
    availableMinor: z.int().meta({ description: 'Without the overdraft; below zero where that is used' }),
  })
  .meta({ id: 'Fund' });

@ApiController('v1/fund', 'Fund')
export class FundController {
  constructor(private readonly ledger: Ledger) {}

  @Get()
  @Endpoint({
    scope: 'fund:read',
    summary: 'Read the fund’s mirror, by currency',
    answers: { 200: z.object({ data: z.array(fundSchema) }).meta({ id: 'FundList' }) },
  })
  async read(@CallerOf() { partnerId }: Caller) {
    return { data: await this.ledger.fundBalance(partnerId) };
  }
}
