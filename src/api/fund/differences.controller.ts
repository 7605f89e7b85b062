/** `/v1/fund/differences`: where our books of the fund and Invoicebox disagree. */
import { Body, Get, Param, Post, Query, Res } from '@nestjs/common';
import type { Response } from 'express';
import { z } from 'zod';
import { differenceKinds, differenceStates, Reconciliations, type Difference } from '../../ledger/reconciliations.js';
import { send } from '../answer.js';
import { CallerOf, type Caller } from '../auth/apiKeys.js';
import { Cursors, pageOf, pageQuery } from '../cursors.js';
import { ApiController, Endpoint, IdempotencyKey } from '../endpoint.js';
import { Idempotency } from '../idempotency.js';
import { Problem } from '../problem.js';
import { utc, utcOrNull } from '../utc.js';
import { anyUuid, instant, invalidField, words } from '../validate.js';

const differenceSchema = z
  .object({
    id: z.uuid(),
    kind: z.enum(differenceKinds).meta({
      description: [
        'ours_only: we booked what no statement tells; theirs_only: a statement tells what we did not book; amount: they say different sums;',
        'state: one says paid, the other does not; duplicate: a second line of what has one already; ambiguous: more of our entries than lines fit',
      ].join(' '),
    }),
    state: z.enum(differenceStates),
    currency: z.string(),
    amountMinor: z
      .int()
      .meta({ description: 'Of the fund, below zero where money left it; of kind amount: theirs less ours' }),
    paymentId: z.uuid().nullable(),
    entryId: z.uuid().nullable().meta({ description: 'Of our books' }),
    line: z
      .object({
        statementId: z.uuid(),
        line: z.int(),
        day: z.string(),
        at: instant.nullable(),
        transactionId: z.string().nullable(),
        operationId: z.string().nullable(),
        invoiceNumber: z.string().nullable(),
        amountMinor: z.int(),
        currency: z.string(),
      })
      .nullable()
      .meta({ description: 'Of a statement: what it says' }),
    detail: z.looseObject({}).meta({ description: 'What was compared, in codes and numbers' }),
    firstSeenAt: instant,
    lastSeenAt: instant,
    closedAt: instant.nullable().meta({ description: 'When a run found it no longer' }),
    reopened: z.int().meta({ description: 'How often it was found again after it had ended' }),
    reason: z.string().nullable(),
    approvalId: z.uuid().nullable(),
    explainedBy: z.object({ kind: z.string(), id: z.string() }).nullable(),
    explainedAt: instant.nullable(),
  })
  .meta({ id: 'FundDifference' });

const listQuery = z.strictObject({
  ...pageQuery,
  state: z.enum(differenceStates).optional(),
  kind: z.enum(differenceKinds).optional(),
});
const explainBody = z
  .strictObject({
    reason: words(2_000).min(1),
    approvalId: anyUuid.nullable().default(null).meta({
      description: 'Of what was approved and booked to set it right: then it is corrected, otherwise explained',
    }),
  })
  .meta({ id: 'ExplainDifference' });
const idPosition = z.object({ id: z.uuid() });

@ApiController('v1/fund/differences', 'Fund')
export class DifferencesController {
  constructor(
    private readonly reconciliations: Reconciliations,
    private readonly idempotency: Idempotency,
    private readonly cursors: Cursors,
  ) {}

  @Get()
  @Endpoint({
    scope: 'fund:read',
    summary: 'List differences, newest first',
    answers: { 200: pageOf(differenceSchema, 'FundDifferencePage') },
  })
  async list(@CallerOf() { partnerId }: Caller, @Query({ schema: listQuery }) query: z.infer<typeof listQuery>) {
    const { after, limit } = query;
    const only = { state: query.state ?? null, kind: query.kind ?? null };
    const key = { partnerId, list: 'fund-differences', filters: only };
    const before = after === undefined ? null : this.cursors.open(key, after, idPosition).id;
    const read = await this.reconciliations.differences(partnerId, only, before, limit + 1);
    return this.cursors.page(key, limit, read.map(inUtc), ({ id }) => ({ id }));
  }

  @Get(':id')
  @Endpoint({
    scope: 'fund:read',
    summary: 'Read a difference',
    answers: { 200: differenceSchema },
    problems: ['not_found'],
  })
  read(@CallerOf() { partnerId }: Caller, @Param('id', { schema: anyUuid }) id: string) {
    return this.#tell(partnerId, id);
  }

  @Post(':id/explain')
  @Endpoint({
    scope: 'fund:write',
    summary: 'Say why a difference is there',
    description: 'It moves no money. It stays explained as long as it is found with the same sum.',
    idempotent: true,
    body: 'json',
    answers: { 200: differenceSchema },
    problems: ['not_found', 'conflict'],
  })
  async explain(
    @CallerOf() { partnerId, keyId }: Caller,
    @Param('id', { schema: anyUuid }) id: string,
    @IdempotencyKey() key: string,
    @Body({ schema: explainBody }) body: z.infer<typeof explainBody>,
    @Res({ passthrough: true }) response: Response,
  ) {
    const route = `POST /v1/fund/differences/${id}/explain`;
    const request = { partnerId, actorId: keyId, route, key, body, subjectId: id };
    const answer = await this.idempotency.once(request, async () => {
      const actor = { kind: 'api_key', id: keyId } as const;
      const { outcome } = await this.reconciliations.explain(partnerId, id, { ...body, actor, at: Date.now() });
      switch (outcome) {
        case 'not_found':
          throw new Problem('not_found');
        case 'closed':
          throw new Problem('conflict', 'A later run found it no longer.', { refusal: 'difference_is_closed' });
        case 'no_approval':
          throw invalidField('approvalId', 'is of nothing that was approved and booked in the fund', 'an id');
        case 'explained':
          return { subjectId: id, status: 200, body: await this.#tell(partnerId, id) };
      }
    });
    return send(response, answer);
  }

  async #tell(partnerId: string, id: string): Promise<Difference> {
    const told = await this.reconciliations.difference(partnerId, id);
    if (told === null) throw new Problem('not_found');
    return inUtc(told);
  }
}

const inUtc = (told: Difference): Difference => ({
  ...told,
  line: told.line === null ? null : { ...told.line, at: utcOrNull(told.line.at) },
  firstSeenAt: utc(told.firstSeenAt),
  lastSeenAt: utc(told.lastSeenAt),
  closedAt: utcOrNull(told.closedAt),
  explainedAt: utcOrNull(told.explainedAt),
});
