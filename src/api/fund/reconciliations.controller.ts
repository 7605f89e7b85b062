/** `/v1/reconciliations`: runs that compare our books with Invoicebox. A Schedule starts one some times a day. */
import { Body, Get, Param, Post, Query, Res } from '@nestjs/common';
import type { Response } from 'express';
import { v7 as uuidv7 } from 'uuid';
import { z } from 'zod';
import {
  reconciliationStates,
  reconciliationWishes,
  Reconciliations,
  type Reconciliation,
} from '../../ledger/reconciliations.js';
import { send } from '../answer.js';
import { CallerOf, type Caller } from '../auth/apiKeys.js';
import { Cursors, pageOf, pageQuery } from '../cursors.js';
import { ApiController, Endpoint, IdempotencyKey } from '../endpoint.js';
import { Idempotency } from '../idempotency.js';
import { Problem } from '../problem.js';
import { utc, utcOrNull } from '../utc.js';
import { anyUuid, instant, moment } from '../validate.js';
import { ReconciliationStarts } from './reconciliationStarts.js';

const runSchema = z
  .object({
    id: z.uuid(),
    state: z.enum(reconciliationStates),
    wantedBy: z.enum(reconciliationWishes),
    failure: z.string().nullable().meta({ description: 'What it could not do, a code; the rest it did' }),
    result: z.record(z.string(), z.int().nullable()).meta({
      description: [
        'matchedLines, openedDifferences, closedDifferences; linesInFlight, paymentsInFlight: of payments under way, no differences;',
        'entriesNotCovered: of ours, later than any statement; readInvoices; openDifferences: all that are open. New numbers may come',
      ].join(' '),
    }),
    createdAt: instant,
    startedAt: instant.nullable(),
    finishedAt: instant.nullable(),
  })
  .meta({ id: 'Reconciliation' });

const runBody = z
  .strictObject({
    readSince: moment.nullable().default(null).meta({
      description:
        'Invoices of payments that ended since then are read again, however lately they were; null: those that are due',
    }),
  })
  .meta({ id: 'Reconcile' });
const listQuery = z.strictObject(pageQuery);
const idPosition = z.object({ id: z.uuid() });

@ApiController('v1/reconciliations', 'Fund')
export class ReconciliationsController {
  constructor(
    private readonly reconciliations: Reconciliations,
    private readonly starts: ReconciliationStarts,
    private readonly idempotency: Idempotency,
    private readonly cursors: Cursors,
  ) {}

  @Post()
  @Endpoint({
    scope: 'fund:write',
    summary: 'Reconcile now',
    description: 'One that waits already does it; one runs at a time.',
    idempotent: true,
    body: 'json',
    answers: { 202: runSchema, 200: runSchema },
  })
  async run(
    @CallerOf() { partnerId, keyId }: Caller,
    @IdempotencyKey() key: string,
    @Body({ schema: runBody }) body: z.infer<typeof runBody>,
    @Res({ passthrough: true }) response: Response,
  ) {
    const request = { partnerId, actorId: keyId, route: 'POST /v1/reconciliations', key, body, subjectId: uuidv7() };
    const readSince = body.readSince === null ? null : Date.parse(body.readSince);
    const actor = { kind: 'api_key', id: keyId } as const;
    const tellNow = async (id: string) => {
      const told = await this.#tell(partnerId, id);
      const isOver = told.state === 'finished' || told.state === 'failed';
      return { status: isOver ? 200 : 202, body: told, headers: { Location: `/v1/reconciliations/${id}` } };
    };
    const answer = await this.idempotency.once(
      request,
      async (id) => {
        const wish = { id, by: 'request', readSince, actor, at: Date.now() } as const;
        const { reconciliationId } = await this.reconciliations.want(partnerId, wish);
        await this.starts.wake(partnerId);
        return { ...(await tellNow(reconciliationId)), status: 202, subjectId: reconciliationId };
      },
      tellNow,
    );
    return send(response, answer);
  }

  @Get()
  @Endpoint({
    scope: 'fund:read',
    summary: 'List runs, newest first',
    answers: { 200: pageOf(runSchema, 'ReconciliationPage') },
  })
  async list(
    @CallerOf() { partnerId }: Caller,
    @Query({ schema: listQuery }) { after, limit }: z.infer<typeof listQuery>,
  ) {
    const key = { partnerId, list: 'reconciliations' };
    const before = after === undefined ? null : this.cursors.open(key, after, idPosition).id;
    const read = (await this.reconciliations.list(partnerId, before, limit + 1)).map(inUtc);
    return this.cursors.page(key, limit, read, ({ id }) => ({ id }));
  }

  @Get(':id')
  @Endpoint({
    scope: 'fund:read',
    summary: 'Read a run',
    answers: { 200: runSchema },
    problems: ['not_found'],
  })
  read(@CallerOf() { partnerId }: Caller, @Param('id', { schema: anyUuid }) id: string) {
    return this.#tell(partnerId, id);
  }

  async #tell(partnerId: string, id: string): Promise<Reconciliation> {
    const told = await this.reconciliations.get(partnerId, id);
    if (told === null) throw new Problem('not_found');
    return inUtc(told);
  }
}

const inUtc = (told: Reconciliation): Reconciliation => ({
  ...told,
  createdAt: utc(told.createdAt),
  startedAt: utcOrNull(told.startedAt),
  finishedAt: utcOrNull(told.finishedAt),
});
