/** `/v1/webhook-endpoints/{id}/deliveries`: what was sent to an endpoint, and sending it again. */
import { Body, Get, Param, Post, Query, Res } from '@nestjs/common';
import type { Response } from 'express';
import { z } from 'zod';
import type { WebhookDelivery } from '../../ledger/webhookRows.js';
import { Webhooks } from '../../ledger/webhooks.js';
import { WebhookStarts } from '../../webhookStarts.js';
import { send } from '../answer.js';
import { CallerOf, type Caller } from '../auth/apiKeys.js';
import { Cursors, cursorText, pageOf, pageQuery } from '../cursors.js';
import { ApiController, Endpoint, IdempotencyKey } from '../endpoint.js';
import { Idempotency } from '../idempotency.js';
import { Problem } from '../problem.js';
import { utc, utcOrNull } from '../utc.js';
import { anyUuid, instant, invalidField, moment } from '../validate.js';

const mostReplayed = 10_000;

const states = ['pending', 'delivered', 'failed'] as const;
const listQuery = z.strictObject({ ...pageQuery, state: z.enum(states).optional() });
const position = z.object({ eventId: z.uuid() });
const replayPosition = position.extend({ at: z.string() });

const deliverySchema = z
  .object({
    eventId: z.uuid(),
    eventType: z.string(),
    state: z.enum(states),
    attempts: z.int().meta({ description: 'Since it was asked for last' }),
    lastStatus: z.int().nullable().meta({ description: 'What the endpoint answered last' }),
    lastProblem: z.string().nullable().meta({ description: 'What kept an answer from coming' }),
    lastAttemptAt: instant.nullable(),
    deliveredAt: instant.nullable(),
    askedAt: instant.meta({ description: 'When the event came about, or its last replay was asked for' }),
    nextAttemptAt: instant.nullable(),
  })
  .meta({ id: 'WebhookDelivery' });

const replayedSchema = z
  .object({ eventId: z.uuid(), state: z.literal('pending') })
  .meta({ id: 'ReplayedDelivery', description: 'On its way: same id and body, fresh time and signature' });

const rangeBody = z
  .strictObject({
    from: moment,
    to: moment.meta({ description: 'Exclusive' }),
    undeliveredOnly: z.boolean().default(false).meta({ description: 'Leaves out what was delivered' }),
    after: cursorText
      .regex(/^[\w.-]+$/, 'is no cursor')
      .optional()
      .meta({ description: 'The `next` of the answer before, with the rest as it was' }),
  })
  .meta({ id: 'ReplayRange' });
const rangeSchema = z
  .object({
    deliveries: z.int().meta({ description: 'How many are on their way by this' }),
    complete: z.boolean(),
    to: instant.meta({ description: 'Where not complete: up to when events are on their way by this' }),
    next: z.string().nullable().meta({ description: 'Where not complete: the `after` of the next request' }),
  })
  .meta({ id: 'ReplayedRange' });

@ApiController('v1/webhook-endpoints/:id', 'Webhooks')
export class DeliveriesController {
  constructor(
    private readonly webhooks: Webhooks,
    private readonly starts: WebhookStarts,
    private readonly cursors: Cursors,
    private readonly idempotency: Idempotency,
  ) {}

  @Get('deliveries')
  @Endpoint({
    scope: 'webhooks:write',
    summary: 'List deliveries to an endpoint, of the newest event first',
    answers: { 200: pageOf(deliverySchema, 'WebhookDeliveryPage') },
    problems: ['not_found'],
  })
  async list(
    @CallerOf() { partnerId }: Caller,
    @Param('id', { schema: anyUuid }) id: string,
    @Query({ schema: listQuery }) query: z.infer<typeof listQuery>,
  ) {
    const state = query.state ?? null;
    const list = { partnerId, list: `webhook-deliveries/${id}`, filters: { state } };
    const before = query.after === undefined ? null : this.cursors.open(list, query.after, position).eventId;
    const read = await this.webhooks.deliveries(partnerId, id, { state, before, limit: query.limit + 1 });
    if (read === null) throw new Problem('not_found');
    return this.cursors.page(list, query.limit, read.map(deliveryJson), ({ eventId }) => ({ eventId }));
  }

  @Post('deliveries/:eventId/replay')
  @Endpoint({
    scope: 'webhooks:write',
    summary: 'Send one event again, or now if it waits',
    description: 'Also one that this endpoint was never sent.',
    idempotent: true,
    answers: { 200: replayedSchema },
    problems: ['not_found', 'conflict'],
  })
  async replay(
    @CallerOf() caller: Caller,
    @Param('id', { schema: anyUuid }) id: string,
    @Param('eventId', { schema: anyUuid }) eventId: string,
    @IdempotencyKey() key: string,
    @Res({ passthrough: true }) response: Response,
  ) {
    const { partnerId, keyId } = caller;
    const route = `POST /v1/webhook-endpoints/${id}/deliveries/${eventId}/replay`;
    const request = { partnerId, actorId: keyId, route, key, body: null, subjectId: eventId };
    const answer = await this.idempotency.once(request, async () => {
      const { outcome } = await this.webhooks.replay(partnerId, id, eventId, Date.now());
      switch (outcome) {
        case 'not_found':
          throw new Problem('not_found');
        case 'disabled':
          throw disabled();
        case 'asked':
          return { status: 200, body: { eventId, state: 'pending' }, subjectId: eventId };
      }
    });
    return send(response, answer);
  }

  @Post('replay')
  @Endpoint({
    scope: 'webhooks:write',
    summary: 'Send the events of a span of time again',
    description: `Those that the endpoint listens to, oldest first, at most ${mostReplayed} a request: the answer’s \`next\` leads on. Also those that it was never sent, as while it was disabled.`,
    idempotent: true,
    body: 'json',
    answers: { 200: rangeSchema },
    problems: ['not_found', 'conflict'],
  })
  async replayRange(
    @CallerOf() caller: Caller,
    @Param('id', { schema: anyUuid }) id: string,
    @IdempotencyKey() key: string,
    @Body({ schema: rangeBody }) body: z.infer<typeof rangeBody>,
    @Res({ passthrough: true }) response: Response,
  ) {
    const [from, to] = [Date.parse(body.from), Date.parse(body.to)];
    const { partnerId, keyId } = caller;
    const filters = { from, to, undeliveredOnly: body.undeliveredOnly };
    const list = { partnerId, list: `webhook-replay/${id}`, filters };
    const after = body.after === undefined ? undefined : this.cursors.open(list, body.after, replayPosition);
    if (to <= from) throw invalidField('to', 'must be later than from', 'a time');
    const route = `POST /v1/webhook-endpoints/${id}/replay`;
    const request = { partnerId, actorId: keyId, route, key, body, subjectId: id };
    const answer = await this.idempotency.once(request, async () => {
      const span = { ...filters, most: mostReplayed, after };
      const asked = await this.webhooks.replayRange(partnerId, id, span, Date.now());
      switch (asked.outcome) {
        case 'not_found':
          throw new Problem('not_found');
        case 'disabled':
          throw disabled();
        case 'asked': {
          this.starts.lookNow();
          const { deliveries, complete, to: until } = asked;
          const next = asked.next === null ? null : this.cursors.seal(list, asked.next);
          return {
            status: 200,
            body: { deliveries, complete, to: utc(until), next },
            subjectId: id,
          };
        }
      }
    });
    return send(response, answer);
  }
}

const disabled = () =>
  new Problem('conflict', 'The endpoint is disabled; enable it first. Nothing was sent.', {
    refusal: 'endpoint_disabled',
  });

function deliveryJson(delivery: WebhookDelivery): z.infer<typeof deliverySchema> {
  return {
    ...delivery,
    lastAttemptAt: utcOrNull(delivery.lastAttemptAt),
    deliveredAt: utcOrNull(delivery.deliveredAt),
    askedAt: utc(delivery.askedAt),
    nextAttemptAt: utcOrNull(delivery.nextAttemptAt),
  };
}
