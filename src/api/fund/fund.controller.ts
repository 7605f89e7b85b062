/** `/v1/fund`: our mirror of the guarantee fund. Amounts are integer minor units. */
import { Body, Get, Post, Put, Query, Res } from '@nestjs/common';
import type { Response } from 'express';
import { v7 as uuidv7 } from 'uuid';
import { z } from 'zod';
import { Fund, fundActKinds, type FundMirror } from '../../ledger/fund.js';
import { send } from '../answer.js';
import { CallerOf, type Caller } from '../auth/apiKeys.js';
import { Cursors, pageOf, pageQuery } from '../cursors.js';
import { ApiController, Endpoint, IdempotencyKey } from '../endpoint.js';
import { Idempotency } from '../idempotency.js';
import { Problem } from '../problem.js';
import { utc, utcOrNull } from '../utc.js';
import { currency, instant, words } from '../validate.js';

const seconds = z.int().nullable();
const fundSchema = z
  .object({
    currency: z.string(),
    sizeMinor: z.int().meta({ description: 'What was transferred to it, repayments and corrections included' }),
    repaidMinor: z.int().meta({ description: 'Of that: by bills that repay what was drawn' }),
    overdraftMinor: z.int(),
    guard: z
      .enum(['enforce', 'warn'])
      .meta({ description: 'enforce: what the fund cannot pay is declined before points are held' }),
    reservedMinor: z.int().meta({ description: 'For payments under way' }),
    drawnMinor: z.int().meta({ description: 'By paid payments' }),
    availableMinor: z.int().meta({ description: 'Without the overdraft; below zero where that is used' }),
    lowWaterMinor: z.int().nullable().meta({ description: 'Your mark; null: none' }),
    isLow: z.boolean().meta({ description: 'Whether `fund.low` was told and nothing has risen above the mark since' }),
    doubtedAt: instant.nullable().meta({
      description:
        'Since when Invoicebox’s word contradicts our books: new payments are refused until somebody has looked',
    }),
    runway: z
      .object({ over7DaysSeconds: seconds, over30DaysSeconds: seconds })
      .meta({ description: 'How long it lasts at the average of the last days’ draws; null: nothing was drawn' }),
  })
  .meta({ id: 'Fund' });
const fundListSchema = z.object({ data: z.array(fundSchema) }).meta({ id: 'FundList' });

const actSchema = z
  .object({
    id: z.uuid(),
    kind: z.enum(fundActKinds),
    detail: z.looseObject({}).meta({ description: 'What was changed, and why' }),
    by: z.object({ kind: z.string(), id: z.string() }),
    at: instant,
  })
  .meta({ id: 'FundAct' });
const actsQuery = z.strictObject(pageQuery);
const position = z.object({ id: z.uuid() });

const lowWaterBody = z
  .strictObject({
    currency,
    lowWaterMinor: z
      .int()
      .min(-1e13)
      .max(1e13)
      .nullable()
      .meta({ description: 'Compared with what is available without the overdraft; null: no mark' }),
  })
  .meta({ id: 'SetLowWater' });

const clearBody = z.strictObject({ reason: words(2_000).min(1) }).meta({ id: 'ClearFundDoubt' });

@ApiController('v1/fund', 'Fund')
export class FundController {
  constructor(
    private readonly fund: Fund,
    private readonly idempotency: Idempotency,
    private readonly cursors: Cursors,
  ) {}

  @Get()
  @Endpoint({
    scope: 'fund:read',
    summary: 'Read the fund’s mirror, by currency',
    answers: { 200: fundListSchema },
  })
  async read(@CallerOf() { partnerId }: Caller) {
    return { data: (await this.fund.read(partnerId, Date.now())).map(fundJson) };
  }

  @Get('acts')
  @Endpoint({
    scope: 'fund:read',
    summary: 'List what was done about the fund that moves no money, newest first',
    description: 'Who has set the mark, and who has said that a doubted fund may be trusted again.',
    answers: { 200: pageOf(actSchema, 'FundActPage') },
  })
  async acts(@CallerOf() { partnerId }: Caller, @Query({ schema: actsQuery }) query: z.infer<typeof actsQuery>) {
    const { after, limit } = query;
    const key = { partnerId, list: 'fund-acts', filters: {} };
    const before = after === undefined ? null : this.cursors.open(key, after, position).id;
    const read = await this.fund.acts(partnerId, before, limit + 1);
    return this.cursors.page(
      key,
      limit,
      read.map((act) => ({ ...act, at: utc(act.at) })),
      ({ id }) => ({ id }),
    );
  }

  /** A PUT says what the mark is to be: repeating it changes nothing, so it needs no Idempotency-Key. */
  @Put('low-water')
  @Endpoint({
    scope: 'fund:write',
    summary: 'Set the mark below which `fund.low` is told',
    description:
      'Where less is available already, it is told at once. Guard and overdraft are changed by the operator.',
    body: 'json',
    answers: { 200: fundListSchema },
    problems: ['not_found'],
  })
  async setLowWater(
    @CallerOf() { partnerId, keyId }: Caller,
    @Body({ schema: lowWaterBody }) body: z.infer<typeof lowWaterBody>,
  ) {
    const actor = { kind: 'api_key', id: keyId } as const;
    const { outcome } = await this.fund.setLowWater({ partnerId, ...body, actor, at: Date.now() });
    switch (outcome) {
      case 'set':
        return { data: (await this.fund.read(partnerId, Date.now())).map(fundJson) };
      case 'not_found':
        throw new Problem('not_found', 'There is no fund of this currency.');
    }
  }

  @Post('doubt/clear')
  @Endpoint({
    scope: 'fund:write',
    summary: 'Say that somebody has looked at a fund that is doubted',
    description: 'Payments may be opened again. Where nothing is doubted, nothing happens.',
    idempotent: true,
    body: 'json',
    answers: { 200: fundListSchema },
  })
  async clearDoubt(
    @CallerOf() { partnerId, keyId }: Caller,
    @IdempotencyKey() key: string,
    @Body({ schema: clearBody }) body: z.infer<typeof clearBody>,
    @Res({ passthrough: true }) response: Response,
  ) {
    const route = 'POST /v1/fund/doubt/clear';
    const request = { partnerId, actorId: keyId, route, key, body, subjectId: uuidv7() };
    const answer = await this.idempotency.once(request, async (subjectId) => {
      const actor = { kind: 'api_key', id: keyId } as const;
      await this.fund.clearDoubt({ partnerId, actor, reason: body.reason, at: Date.now() });
      return { status: 200, body: { data: (await this.fund.read(partnerId, Date.now())).map(fundJson) }, subjectId };
    });
    return send(response, answer);
  }
}

function fundJson(fund: FundMirror): z.infer<typeof fundSchema> {
  return { ...fund, doubtedAt: utcOrNull(fund.doubtedAt) };
}
