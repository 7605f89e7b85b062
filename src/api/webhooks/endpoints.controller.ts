/** `/v1/webhook-endpoints`: where a partner wants to be told, and the secrets that sign it. A secret is shown once. */
import { Body, Delete, Get, Param, Patch, Post, Res } from '@nestjs/common';
import type { Response } from 'express';
import { v7 as uuidv7 } from 'uuid';
import { z } from 'zod';
import { KeyRing } from '../../keyring.js';
import type { WebhookEndpoint } from '../../ledger/webhookRows.js';
import { Webhooks } from '../../ledger/webhooks.js';
import { AddressGuard } from '../../webhooks/address.js';
import { whatIsWrongWith } from '../../webhooks/endpointUrl.js';
import { newWebhookSecret, webhookSecretPurpose } from '../../webhooks/signature.js';
import { send } from '../answer.js';
import { CallerOf, type Caller } from '../auth/apiKeys.js';
import { ApiController, Endpoint, IdempotencyKey } from '../endpoint.js';
import { listenableTypes } from '../events/eventSchemas.js';
import { Idempotency } from '../idempotency.js';
import { PayOptions } from '../pay/payOptions.js';
import { Problem } from '../problem.js';
import { utc, utcOrNull } from '../utc.js';
import { anyUuid, instant, invalidField, kindOf, words } from '../validate.js';

const mostEndpoints = 20;
/** How long the secret before signs beside the new one. */
const overlapMs = 24 * 3_600_000;

const url = z.string().min(1).max(2_000).meta({
  description: 'https, with a public address; it is checked again at every delivery. Redirects are not followed',
});
const eventTypes = z
  .array(z.enum(listenableTypes))
  .min(1)
  .max(listenableTypes.length)
  .nullable()
  .meta({ description: 'null: all, also those that come later' });

const makeBody = z
  .strictObject({ url, eventTypes: eventTypes.default(null), description: words(200).default('') })
  .meta({ id: 'MakeWebhookEndpoint' });
const changeBody = z
  .strictObject({
    url: url.optional(),
    eventTypes: eventTypes.optional(),
    description: words(200).optional(),
    state: z.enum(['enabled', 'disabled']).optional().meta({ description: 'Disabled: nothing more is sent to it' }),
  })
  .meta({ id: 'ChangeWebhookEndpoint', description: 'What is absent stays' });

const endpointSchema = z
  .object({
    id: z.uuid(),
    url: z.string(),
    description: z.string(),
    eventTypes: z.array(z.string()).nullable(),
    state: z.enum(['enabled', 'disabled']),
    disabledReason: z.enum(['by_partner', 'failing', 'gone']).nullable(),
    failingSince: instant.nullable().meta({ description: 'No delivery has succeeded since, although some were tried' }),
    previousSecretUntil: instant.nullable().meta({ description: 'Until when the secret before signs too' }),
    createdAt: instant,
  })
  .meta({ id: 'WebhookEndpoint' });
const shownSchema = endpointSchema
  .extend({ secret: z.string().nullable().meta({ description: '`whsec_…`, shown this once; null in a replay' }) })
  .meta({ id: 'NewWebhookEndpoint' });
const testSchema = z.object({ eventId: z.uuid() }).meta({ id: 'WebhookTest' });

@ApiController('v1/webhook-endpoints', 'Webhooks')
export class EndpointsController {
  constructor(
    private readonly webhooks: Webhooks,
    private readonly idempotency: Idempotency,
    private readonly keyRing: KeyRing,
    private readonly guard: AddressGuard,
    private readonly options: PayOptions,
  ) {}

  @Post()
  @Endpoint({
    scope: 'webhooks:write',
    summary: 'Register an endpoint',
    idempotent: true,
    body: 'json',
    answers: { 201: shownSchema },
    problems: ['conflict'],
  })
  async make(
    @CallerOf() caller: Caller,
    @IdempotencyKey() key: string,
    @Body({ schema: makeBody }) body: z.infer<typeof makeBody>,
    @Res({ passthrough: true }) response: Response,
  ) {
    const { partnerId, keyId } = caller;
    const request = { partnerId, actorId: keyId, route: 'POST /v1/webhook-endpoints', key, body, subjectId: uuidv7() };
    const answer = await this.idempotency.once(request, async (endpointId) => {
      await this.#checkUrl(body.url);
      const { secret, secretSealed } = this.#newSecret(endpointId);
      const wish = { partnerId, endpointId, ...body, secretSealed, mostEndpoints, at: Date.now() };
      const made = await this.webhooks.createEndpoint(wish);
      switch (made.outcome) {
        case 'too_many':
          throw new Problem('conflict', `There are ${mostEndpoints} endpoints already; delete one first.`, {
            refusal: 'too_many_endpoints',
          });
        case 'already_created':
          // The answer was lost, and with it a secret that nobody has seen: this one takes its place.
          return this.#rotated(await this.#rotate(partnerId, endpointId, endpointId, secretSealed, Date.now()), secret);
        case 'created':
          return this.#rotated(made.endpoint, secret);
      }
    });
    return send(response, answer);
  }

  @Get()
  @Endpoint({
    scope: 'webhooks:write',
    summary: 'List endpoints, oldest first',
    answers: { 200: z.object({ data: z.array(endpointSchema) }).meta({ id: 'WebhookEndpointList' }) },
  })
  async list(@CallerOf() { partnerId }: Caller) {
    return { data: (await this.webhooks.endpoints(partnerId, Date.now())).map(endpointJson) };
  }

  @Get(':id')
  @Endpoint({
    scope: 'webhooks:write',
    summary: 'Read an endpoint',
    answers: { 200: endpointSchema },
    problems: ['not_found'],
  })
  async read(@CallerOf() { partnerId }: Caller, @Param('id', { schema: anyUuid }) id: string) {
    const endpoint = await this.webhooks.endpoint(partnerId, id, Date.now());
    if (endpoint === null) throw new Problem('not_found');
    return endpointJson(endpoint);
  }

  @Patch(':id')
  @Endpoint({
    scope: 'webhooks:write',
    summary: 'Change, disable or enable an endpoint',
    description: 'Enabled again, it is sent what comes from now on; what it has missed can be replayed.',
    body: 'json',
    answers: { 200: endpointSchema },
    problems: ['not_found'],
  })
  async change(
    @CallerOf() { partnerId }: Caller,
    @Param('id', { schema: anyUuid }) id: string,
    @Body({ schema: changeBody }) body: z.infer<typeof changeBody>,
  ) {
    if (body.url !== undefined) await this.#checkUrl(body.url);
    const changed = await this.webhooks.changeEndpoint(partnerId, id, body, Date.now());
    switch (changed.outcome) {
      case 'not_found':
        throw new Problem('not_found');
      case 'changed':
        return endpointJson(changed.endpoint);
    }
  }

  @Post(':id/rotate-secret')
  @Endpoint({
    scope: 'webhooks:write',
    summary: 'Replace the secret',
    description: 'For 24 hours every delivery carries two signatures, of the new secret and of the one before.',
    idempotent: true,
    answers: { 201: shownSchema },
    problems: ['not_found'],
  })
  async rotateSecret(
    @CallerOf() caller: Caller,
    @Param('id', { schema: anyUuid }) id: string,
    @IdempotencyKey() key: string,
    @Res({ passthrough: true }) response: Response,
  ) {
    const { partnerId, keyId } = caller;
    const route = `POST /v1/webhook-endpoints/${id}/rotate-secret`;
    const request = { partnerId, actorId: keyId, route, key, body: null, subjectId: uuidv7() };
    const answer = await this.idempotency.once(request, async (rotationId) => {
      const { secret, secretSealed } = this.#newSecret(id);
      const endpoint = await this.#rotate(partnerId, id, rotationId, secretSealed, Date.now() + overlapMs);
      return { ...this.#rotated(endpoint, secret), subjectId: rotationId };
    });
    return send(response, answer);
  }

  @Delete(':id')
  @Endpoint({
    scope: 'webhooks:write',
    summary: 'Delete an endpoint with the record of its deliveries',
    answers: { 204: null },
    problems: ['not_found'],
  })
  async delete(@CallerOf() { partnerId }: Caller, @Param('id', { schema: anyUuid }) id: string): Promise<void> {
    const { outcome } = await this.webhooks.deleteEndpoint(partnerId, id);
    if (outcome === 'not_found') throw new Problem('not_found');
  }

  @Post(':id/test')
  @Endpoint({
    scope: 'webhooks:write',
    summary: 'Send a test event to this endpoint alone',
    description: 'Its type is `test`; it goes the way of every other event, retries included.',
    idempotent: true,
    answers: { 200: testSchema },
    problems: ['not_found', 'conflict'],
  })
  async test(
    @CallerOf() caller: Caller,
    @Param('id', { schema: anyUuid }) id: string,
    @IdempotencyKey() key: string,
    @Res({ passthrough: true }) response: Response,
  ) {
    const { partnerId, keyId } = caller;
    const route = `POST /v1/webhook-endpoints/${id}/test`;
    const request = { partnerId, actorId: keyId, route, key, body: null, subjectId: uuidv7() };
    const answer = await this.idempotency.once(request, async (eventId) => {
      const asked = await this.webhooks.sendTest(partnerId, id, eventId, Date.now());
      switch (asked.outcome) {
        case 'not_found':
          throw new Problem('not_found');
        case 'disabled':
          throw new Problem('conflict', 'The endpoint is disabled; nothing was sent.', {
            refusal: 'endpoint_disabled',
          });
        case 'asked':
          return { status: 200, body: { eventId }, subjectId: eventId };
      }
    });
    return send(response, answer);
  }

  async #checkUrl(text: string): Promise<void> {
    const wrong = await whatIsWrongWith(text, this.guard, this.options.testMode);
    if (wrong === null) return;
    const refusal = invalidField('url', wrong.problem, kindOf(text));
    // A name server's bad moment is not remembered with the key.
    throw wrong.mayPass ? refusal.thatMayPass() : refusal;
  }

  #newSecret(endpointId: string): { secret: string; secretSealed: string } {
    const secret = newWebhookSecret();
    return { secret, secretSealed: this.keyRing.seal(secret, webhookSecretPurpose(endpointId)) };
  }

  async #rotate(
    partnerId: string,
    endpointId: string,
    rotationId: string,
    secretSealed: string,
    previousUntil: number,
  ): Promise<WebhookEndpoint> {
    const wish = { partnerId, endpointId, rotationId, secretSealed, previousUntil, at: Date.now() };
    const rotated = await this.webhooks.rotateSecret(wish);
    switch (rotated.outcome) {
      case 'not_found':
        throw new Problem('not_found');
      case 'rotated':
        return rotated.endpoint;
    }
  }

  #rotated(endpoint: WebhookEndpoint, secret: string) {
    const body = { ...endpointJson(endpoint), secret };
    // The database never sees the secret itself.
    return { status: 201, body, frozen: { ...body, secret: null }, subjectId: endpoint.id };
  }
}

function endpointJson(endpoint: WebhookEndpoint): z.infer<typeof endpointSchema> {
  return {
    ...endpoint,
    failingSince: utcOrNull(endpoint.failingSince),
    previousSecretUntil: utcOrNull(endpoint.previousSecretUntil),
    createdAt: utc(endpoint.createdAt),
  };
}
