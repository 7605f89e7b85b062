/** `/v1/fund/statements`: Invoicebox's statements of the fund's account, and how they are written. */
import { Body, Get, Param, Post, Put, Query, Req, Res } from '@nestjs/common';
import type { Request, Response } from 'express';
import { v7 as uuidv7 } from 'uuid';
import { z } from 'zod';
import { Reconciliations } from '../../ledger/reconciliations.js';
import { Statements, statementStates, type Statement } from '../../ledger/statements.js';
import { send } from '../answer.js';
import { CallerOf, type Caller } from '../auth/apiKeys.js';
import { Cursors, pageOf, pageQuery } from '../cursors.js';
import { ApiController, Endpoint, IdempotencyKey } from '../endpoint.js';
import { wishHash } from '../idempotency.js';
import { Problem } from '../problem.js';
import { refuseEncoded } from '../uploads.js';
import { utc, utcOrNull } from '../utc.js';
import { anyUuid, day, instant, invalidField } from '../validate.js';
import { ReconciliationStarts } from './reconciliationStarts.js';
import { mappingAnswer, mappingSchema } from './statementMapping.js';
import { StatementUploads } from './statementUploads.js';

const amount = z.int();
const statementSchema = z
  .object({
    id: z.uuid(),
    state: z.enum(statementStates).meta({
      description:
        'received: the file is here whole; taken: its movements are among the known; reconciled: compared with the books; rejected: hardly anything of it fits them, so it was taken back: look at the mapping',
    }),
    coversFrom: instant,
    coversTo: instant.meta({ description: 'Exclusive. What is later is under way, and no difference' }),
    currencies: z.array(z.string()),
    balances: z.array(
      z.object({
        currency: z.string(),
        openingMinor: amount.nullable().meta({ description: 'Null: the file states no balance' }),
        closingMinor: amount.nullable(),
        inMinor: amount,
        outMinor: amount,
      }),
    ),
    totalLines: z.int(),
    movements: z.int(),
    newMovements: z.int().meta({ description: 'Of those: that no statement before had' }),
    createdAt: instant,
    reconciledAt: instant.nullable(),
  })
  .meta({ id: 'InvoiceboxStatement' });

const postQuery = z.strictObject({
  from: day.optional().meta({ description: 'The first day that it covers, whole; absent: that of the first movement' }),
  to: day.optional().meta({
    description: 'The last day that it covers, whole where it is over; absent: that of the last movement',
  }),
});
const listQuery = z.strictObject(pageQuery);
const idPosition = z.object({ id: z.uuid() });

@ApiController('v1/fund', 'Fund')
export class StatementsController {
  constructor(
    private readonly statements: Statements,
    private readonly reconciliations: Reconciliations,
    private readonly uploads: StatementUploads,
    private readonly starts: ReconciliationStarts,
    private readonly cursors: Cursors,
  ) {}

  @Get('statement-mapping')
  @Endpoint({
    scope: 'fund:read',
    summary: 'Read how statements are written',
    answers: { 200: mappingAnswer },
    problems: ['not_found'],
  })
  async mapping(@CallerOf() { partnerId }: Caller) {
    const mapping = await this.statements.mapping(partnerId);
    if (mapping === null) throw new Problem('not_found', 'No mapping is set yet.');
    return mapping;
  }

  /** A PUT says what the mapping is to be: repeating it changes nothing, so it needs no Idempotency-Key. */
  @Put('statement-mapping')
  @Endpoint({
    scope: 'fund:write',
    summary: 'Say how statements are written',
    description: 'Of those that come from now on; each is read by the mapping that it came under.',
    body: 'json',
    answers: { 200: mappingAnswer },
  })
  async changeMapping(
    @CallerOf() { partnerId, keyId }: Caller,
    @Body({ schema: mappingSchema }) mapping: z.infer<typeof mappingSchema>,
  ) {
    await this.statements.putMapping(partnerId, mapping, { kind: 'api_key', id: keyId }, Date.now());
    return mapping;
  }

  @Post('statements')
  @Endpoint({
    scope: 'fund:write',
    summary: 'Upload a statement',
    description: [
      'CSV by the mapping, as Invoicebox’s cabinet gives it. It counts whole or not at all: rows that cannot be read are told by line, and nothing is kept.',
      'The same file again, and files that overlap, add nothing twice. Reconciliation with the books begins at once.',
    ].join('\n'),
    idempotent: true,
    body: {
      media: ['text/csv'],
      description: 'At most 256 MiB and 1,000,000 lines; in any encoding that the mapping knows',
    },
    answers: { 202: statementSchema, 200: statementSchema },
    problems: ['conflict', 'statement_refused'],
  })
  async upload(
    @CallerOf() { partnerId, keyId }: Caller,
    @IdempotencyKey() key: string,
    @Query({ schema: postQuery }) query: z.infer<typeof postQuery>,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ) {
    const period = { from: query.from ?? null, to: query.to ?? null };
    refuseEncoded(request);
    if (request.headers['content-type']?.split(';')[0]?.trim().toLowerCase() !== 'text/csv') {
      throw new Problem('unsupported_media_type', 'Send text/csv; nothing was read.');
    }
    if (period.from !== null && period.to !== null && period.from > period.to)
      throw invalidField('to', 'must not be before from', 'an earlier day');
    const mapping = await this.statements.mapping(partnerId);
    if (mapping === null) {
      throw new Problem('conflict', 'Say first how your statements are written: PUT /v1/fund/statement-mapping.', {
        refusal: 'no_statement_mapping',
      });
    }
    const actor = { kind: 'api_key', id: keyId } as const;
    const { statementId, replayed } = await this.uploads.receive(
      {
        partnerId,
        keyHash: wishHash({ actorId: keyId, route: 'POST /v1/fund/statements', key }),
        mapping,
        period,
        actor,
      },
      request,
    );
    const body = await this.#tell(partnerId, statementId);
    const isUnderWay = body.state === 'received' || body.state === 'taken';
    if (isUnderWay) {
      const wish = { id: uuidv7(), by: 'statement', readSince: null, actor, at: Date.now() } as const;
      await this.reconciliations.want(partnerId, wish);
      await this.starts.wake(partnerId);
    }
    return send(response, {
      status: isUnderWay ? 202 : 200,
      body,
      headers: {
        Location: `/v1/fund/statements/${statementId}`,
        ...(replayed ? { 'Idempotency-Replayed': 'true' } : {}),
      },
    });
  }

  @Get('statements')
  @Endpoint({
    scope: 'fund:read',
    summary: 'List statements, newest first',
    answers: { 200: pageOf(statementSchema, 'InvoiceboxStatementPage') },
  })
  async list(
    @CallerOf() { partnerId }: Caller,
    @Query({ schema: listQuery }) { after, limit }: z.infer<typeof listQuery>,
  ) {
    const key = { partnerId, list: 'statements' };
    const before = after === undefined ? null : this.cursors.open(key, after, idPosition).id;
    const read = (await this.statements.list(partnerId, before, limit + 1)).map(inUtc);
    return this.cursors.page(key, limit, read, ({ id }) => ({ id }));
  }

  @Get('statements/:id')
  @Endpoint({
    scope: 'fund:read',
    summary: 'Read how far a statement is',
    answers: { 200: statementSchema },
    problems: ['not_found'],
  })
  read(@CallerOf() { partnerId }: Caller, @Param('id', { schema: anyUuid }) id: string) {
    return this.#tell(partnerId, id);
  }

  async #tell(partnerId: string, statementId: string): Promise<Statement> {
    const told = await this.statements.get(partnerId, statementId);
    if (told === null) throw new Problem('not_found');
    return inUtc(told);
  }
}

const inUtc = (told: Statement): Statement => ({
  ...told,
  coversFrom: utc(told.coversFrom),
  coversTo: utc(told.coversTo),
  createdAt: utc(told.createdAt),
  reconciledAt: utcOrNull(told.reconciledAt),
});
