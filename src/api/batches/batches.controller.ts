/** `/v1/payment-batches`: an organisation's invoices by the thousand. Kept in Postgres, driven by a workflow. */
import { Body, Get, Param, Post, Query, Res } from '@nestjs/common';
import type { Response } from 'express';
import { v7 as uuidv7 } from 'uuid';
import { z } from 'zod';
import { Batches, itemStates } from '../../ledger/batches.js';
import { send, type ApiAnswer } from '../answer.js';
import { CallerOf, type Caller } from '../auth/apiKeys.js';
import { Cursors, pageOf, pageQuery } from '../cursors.js';
import { ApiController, Endpoint, IdempotencyKey } from '../endpoint.js';
import { Idempotency, type Worked } from '../idempotency.js';
import { Problem } from '../problem.js';
import { anyUuid, invalidField } from '../validate.js';
import { batchBody, batchJson, batchSchema, itemJson, itemSchema } from './batchJson.js';
import { BatchStarts } from './batchStarts.js';

const listQuery = z.strictObject(pageQuery);
const itemsQuery = z.strictObject({ ...pageQuery, state: z.enum(itemStates).optional() });
const idPosition = z.object({ id: z.uuid() });
const itemPosition = z.object({ n: z.int() });
type Verb = 'pause' | 'resume' | 'cancel';

@ApiController('v1/payment-batches', 'Payments')
export class BatchesController {
  constructor(
    private readonly batches: Batches,
    private readonly starts: BatchStarts,
    private readonly idempotency: Idempotency,
    private readonly cursors: Cursors,
  ) {}

  @Post()
  @Endpoint({
    scope: 'payments:write',
    summary: 'Pay an organisation’s invoices by the thousand',
    description: [
      'All pending invoices that match a filter, `{}` for every one, or up to 100,000 that are named; each once. The body may have 5 MB.',
      'It pays as fast as Invoicebox’s quota lets it, behind buyers. It pauses itself where the rest would only be declined: without money in the fund, with refused credentials.',
    ].join('\n'),
    idempotent: true,
    body: 'json',
    answers: { 202: batchSchema, 200: batchSchema },
  })
  async make(
    @CallerOf() caller: Caller,
    @IdempotencyKey() key: string,
    @Body({ schema: batchBody }) body: z.infer<typeof batchBody>,
    @Res({ passthrough: true }) response: Response,
  ) {
    const { partnerId, keyId, settings } = caller;
    if (settings.organisation === null) {
      throw invalidField('(whole)', 'the partner is not set up to pay as an organisation', 'a batch');
    }
    const wanted = body.invoiceIds === undefined ? { filter: filterOf(body) } : { invoiceIds: body.invoiceIds };
    const request = {
      ...{ partnerId, actorId: keyId, route: 'POST /v1/payment-batches', key, body, subjectId: uuidv7() },
    };
    const answer = await this.idempotency.once(
      request,
      async (batchId) => {
        await this.batches.open({ partnerId, batchId }, wanted, { kind: 'api_key', id: keyId }, Date.now());
        await this.starts.poke({ partnerId, batchId });
        return this.#worked(caller, batchId);
      },
      (batchId) => this.#worked(caller, batchId),
    );
    return send(response, answer);
  }

  @Get()
  @Endpoint({
    scope: 'payments:read',
    summary: 'List batches, newest first',
    answers: { 200: pageOf(batchSchema, 'PaymentBatchPage') },
  })
  async list(
    @CallerOf() { partnerId, settings }: Caller,
    @Query({ schema: listQuery }) { after, limit }: z.infer<typeof listQuery>,
  ) {
    const key = { partnerId, list: 'payment-batches' };
    const before = after === undefined ? null : this.cursors.open(key, after, idPosition).id;
    const read = await this.batches.list(partnerId, before, limit + 1);
    const { data, next } = this.cursors.page(key, limit, read, ({ id }) => ({ id }));
    return { data: data.map((batch) => batchJson(batch, settings)), next };
  }

  @Get(':id')
  @Endpoint({
    scope: 'payments:read',
    summary: 'Read how far a batch is',
    answers: { 200: batchSchema },
    problems: ['not_found'],
  })
  async read(@CallerOf() caller: Caller, @Param('id', { schema: anyUuid }) id: string) {
    return (await this.#worked(caller, id)).body;
  }

  @Get(':id/items')
  @Endpoint({
    scope: 'payments:read',
    summary: 'List the invoices of a batch, in the order in which they were found',
    answers: { 200: pageOf(itemSchema, 'BatchInvoicePage') },
    problems: ['not_found'],
  })
  async items(
    @CallerOf() caller: Caller,
    @Param('id', { schema: anyUuid }) id: string,
    @Query({ schema: itemsQuery }) { after, limit, state }: z.infer<typeof itemsQuery>,
  ) {
    const { partnerId } = caller;
    await this.#worked(caller, id);
    const key = { partnerId, list: 'batch-items', filters: { id, state } };
    const from = after === undefined ? 0 : this.cursors.open(key, after, itemPosition).n;
    const read = await this.batches.items({ partnerId, batchId: id }, state ?? null, from, limit + 1);
    const { data, next } = this.cursors.page(key, limit, read, ({ n }) => ({ n }));
    return { data: data.map(itemJson), next };
  }

  @Post(':id/pause')
  @Endpoint({
    scope: 'payments:write',
    summary: 'Pause a batch',
    description: 'No more payments are started; those under way go on to their end.',
    idempotent: true,
    answers: { 200: batchSchema, 202: batchSchema },
    problems: ['not_found', 'conflict'],
  })
  async pause(
    @CallerOf() caller: Caller,
    @Param('id', { schema: anyUuid }) id: string,
    @IdempotencyKey() key: string,
    @Res({ passthrough: true }) response: Response,
  ) {
    return send(response, await this.#change(caller, 'pause', id, key));
  }

  @Post(':id/resume')
  @Endpoint({
    scope: 'payments:write',
    summary: 'Let a paused batch go on',
    idempotent: true,
    answers: { 200: batchSchema, 202: batchSchema },
    problems: ['not_found', 'conflict'],
  })
  async resume(
    @CallerOf() caller: Caller,
    @Param('id', { schema: anyUuid }) id: string,
    @IdempotencyKey() key: string,
    @Res({ passthrough: true }) response: Response,
  ) {
    return send(response, await this.#change(caller, 'resume', id, key));
  }

  @Post(':id/cancel')
  @Endpoint({
    scope: 'payments:write',
    summary: 'Cancel a batch',
    description: 'What waits is skipped for good; payments under way go on to their end, and then it is `cancelled`.',
    idempotent: true,
    answers: { 200: batchSchema, 202: batchSchema },
    problems: ['not_found', 'conflict'],
  })
  async cancel(
    @CallerOf() caller: Caller,
    @Param('id', { schema: anyUuid }) id: string,
    @IdempotencyKey() key: string,
    @Res({ passthrough: true }) response: Response,
  ) {
    return send(response, await this.#change(caller, 'cancel', id, key));
  }

  async #change(caller: Caller, verb: Verb, batchId: string, key: string): Promise<ApiAnswer> {
    const { partnerId, keyId } = caller;
    await this.#worked(caller, batchId);
    const route = `POST /v1/payment-batches/${batchId}/${verb}`;
    return this.idempotency.once(
      { partnerId, actorId: keyId, route, key, body: null, subjectId: batchId },
      async () => {
        const reason = verb === 'pause' ? 'by_partner' : null;
        const changed = await this.batches.change({ partnerId, batchId }, verb, reason, Date.now());
        switch (changed.outcome) {
          case 'not_found':
            throw new Problem('not_found');
          case 'conflict': {
            const { body } = await this.#worked(caller, batchId);
            throw new Problem('conflict', 'The true state of the batch is given.', {
              refusal: changed.state,
              batch: body,
            });
          }
          case 'changed':
          case 'unchanged':
            await this.starts.poke({ partnerId, batchId });
            return this.#worked(caller, batchId);
        }
      },
      () => this.#worked(caller, batchId),
    );
  }

  /** How it stands; 202 while that may change by itself. */
  async #worked({ partnerId, settings }: Caller, batchId: string): Promise<Worked> {
    const batch = await this.batches.get(partnerId, batchId);
    if (batch === null) throw new Problem('not_found');
    const isMoving = batch.state === 'running' || batch.state === 'cancelling';
    return {
      status: isMoving ? 202 : 200,
      body: batchJson(batch, settings),
      headers: { Location: `/v1/payment-batches/${batchId}` },
      subjectId: batchId,
    };
  }
}

/** As it is kept: what was left out is not there. */
function filterOf({ filter = { status: 'pending' } }: z.infer<typeof batchBody>) {
  const { amountUnderMinor, createdAfter, currency } = filter;
  return {
    ...(amountUnderMinor === undefined ? {} : { amountUnderMinor }),
    ...(createdAfter === undefined ? {} : { createdAfter }),
    ...(currency === undefined ? {} : { currency }),
  };
}
