/** `/v1/api-keys`: made, replaced and revoked by a key that has every scope. A key is shown once. */
import { Body, Get, Param, Post, Query, Res } from '@nestjs/common';
import type { Response } from 'express';
import { v7 as uuidv7 } from 'uuid';
import { z } from 'zod';
import type { ApiKeyEntity } from '../../database/entities/apiKey.js';
import { send } from '../answer.js';
import { CallerOf, scopes, type Caller } from '../auth/apiKeys.js';
import { Cursors, pageOf, pageQuery } from '../cursors.js';
import { ApiController, Endpoint, IdempotencyKey } from '../endpoint.js';
import { Idempotency } from '../idempotency.js';
import { Problem } from '../problem.js';
import { anyUuid, instant, invalidField, moment, queryInteger, words } from '../validate.js';
import { Keys, mostKeys, type Made } from './keys.js';

const hourMs = 3_600_000;

const makeBody = z
  .strictObject({
    name: words(100).min(1),
    scopes: z.array(z.enum(scopes)).min(1).max(scopes.length),
    expiresAt: moment.nullable().default(null),
  })
  .meta({ id: 'MakeApiKey' });

const rotateBody = z
  .strictObject({
    overlapHours: z
      .int()
      .min(0)
      .max(30 * 24)
      .default(24)
      .meta({
        description:
          'How long the key that is replaced still works; ten minutes at least, since the answer may be lost. 0 is refused for the last key that has every scope',
      }),
  })
  .default({ overlapHours: 24 })
  .meta({ id: 'RotateApiKey' });

const listQuery = z.strictObject({
  ...pageQuery,
  limit: queryInteger(1, 200).default(100).meta({ description: 'At most so many keys' }),
});
const position = z.object({ id: z.uuid() });

const keySchema = z
  .object({
    id: z.uuid(),
    name: z.string(),
    prefix: z.string().meta({ description: 'How the key begins' }),
    scopes: z.array(z.string()),
    expiresAt: instant.nullable(),
    revokedAt: instant.nullable(),
    lastUsedAt: instant.nullable().meta({ description: 'To the minute' }),
    createdAt: instant,
  })
  .meta({ id: 'ApiKey' });

const madeSchema = keySchema
  .extend({ key: z.string().nullable().meta({ description: 'Shown this once; null in a replay' }) })
  .meta({ id: 'NewApiKey' });

@ApiController('v1/api-keys', 'API keys')
export class KeysController {
  constructor(
    private readonly keys: Keys,
    private readonly idempotency: Idempotency,
    private readonly cursors: Cursors,
  ) {}

  @Get()
  @Endpoint({
    scope: 'every',
    summary: 'List API keys, newest first',
    answers: { 200: pageOf(keySchema, 'ApiKeyList') },
  })
  async list(
    @CallerOf() { partnerId }: Caller,
    @Query({ schema: listQuery }) { after, limit }: z.infer<typeof listQuery>,
  ) {
    const key = { partnerId, list: 'api-keys' };
    const before = after === undefined ? null : this.cursors.open(key, after, position).id;
    const read = await this.keys.list(partnerId, before, limit + 1);
    const { data, next } = this.cursors.page(key, limit, read, ({ id }) => ({ id }));
    return { data: data.map(keyJson), next };
  }

  @Post()
  @Endpoint({
    scope: 'every',
    summary: 'Make an API key',
    description: `At most ${mostKeys} work at the same time.`,
    idempotent: true,
    body: 'json',
    answers: { 201: madeSchema },
    problems: ['conflict'],
  })
  async make(
    @CallerOf() caller: Caller,
    @IdempotencyKey() key: string,
    @Body({ schema: makeBody }) body: z.infer<typeof makeBody>,
    @Res({ passthrough: true }) response: Response,
  ) {
    const expiresAt = body.expiresAt === null ? null : new Date(body.expiresAt);
    if (expiresAt !== null && expiresAt.getTime() <= Date.now())
      throw invalidField('expiresAt', 'must be in the future', 'a time that is over');
    const { partnerId, keyId } = caller;
    const request = { partnerId, actorId: keyId, route: 'POST /v1/api-keys', key, body, subjectId: uuidv7() };
    const answer = await this.idempotency.once(request, async (id) => {
      const made = await this.keys.make(partnerId, { id, name: body.name, scopes: body.scopes, expiresAt });
      return madeAnswer(made, id);
    });
    return send(response, answer);
  }

  @Post(':id/rotate')
  @Endpoint({
    scope: 'every',
    summary: 'Replace an API key',
    description: 'Makes another key with the same scopes; the old one works on for the overlap.',
    idempotent: true,
    body: 'json',
    answers: { 201: madeSchema },
    problems: ['not_found', 'conflict'],
  })
  async rotate(
    @CallerOf() caller: Caller,
    @Param('id', { schema: anyUuid }) id: string,
    @IdempotencyKey() key: string,
    @Body({ schema: rotateBody }) body: z.infer<typeof rotateBody>,
    @Res({ passthrough: true }) response: Response,
  ) {
    const { partnerId, keyId } = caller;
    const route = `POST /v1/api-keys/${id}/rotate`;
    const request = { partnerId, actorId: keyId, route, key, body, subjectId: uuidv7() };
    const answer = await this.idempotency.once(request, async (newId) => {
      const rotated = await this.keys.rotate(partnerId, id, newId, body.overlapHours * hourMs);
      switch (rotated.kind) {
        case 'not_found':
          throw new Problem('not_found');
        case 'last_full_key':
          throw new Problem(
            'conflict',
            'It is the last key that can make others, and if this answer were lost nobody could: give an overlap of an hour or more, and revoke it when its successor works.',
            { refusal: 'last_full_key' },
          );
        case 'over':
          throw new Problem('conflict', 'The key has ended already; make a new one.', { refusal: 'key_is_over' });
        case 'too_many':
        case 'made':
          return madeAnswer(rotated, newId);
      }
    });
    return send(response, answer);
  }

  @Post(':id/revoke')
  @Endpoint({
    scope: 'every',
    summary: 'Revoke an API key at once',
    idempotent: true,
    answers: { 200: keySchema },
    problems: ['not_found', 'conflict'],
  })
  async revoke(
    @CallerOf() caller: Caller,
    @Param('id', { schema: anyUuid }) id: string,
    @IdempotencyKey() key: string,
    @Res({ passthrough: true }) response: Response,
  ) {
    const { partnerId, keyId } = caller;
    const route = `POST /v1/api-keys/${id}/revoke`;
    const request = { partnerId, actorId: keyId, route, key, body: null, subjectId: id };
    const answer = await this.idempotency.once(request, async () => {
      const revoked = await this.keys.revoke(partnerId, id);
      switch (revoked.kind) {
        case 'not_found':
          throw new Problem('not_found');
        case 'last_full_key':
          throw new Problem('conflict', 'It is the last key that can make others; make another one first.', {
            refusal: 'last_full_key',
          });
        case 'revoked':
          return { status: 200, body: keyJson(revoked.key), subjectId: id };
      }
    });
    return send(response, answer);
  }
}

function madeAnswer(made: Made, subjectId: string) {
  if (made.kind === 'too_many')
    throw new Problem('conflict', `There are ${mostKeys} keys or more that work; revoke one first.`, {
      refusal: 'too_many_keys',
    });
  const body = { ...keyJson(made.key), key: made.secret };
  // The database never sees the key itself.
  return { status: 201, body, frozen: { ...body, key: null }, subjectId };
}

function keyJson(key: ApiKeyEntity): z.infer<typeof keySchema> {
  return {
    id: key.id,
    name: key.name,
    prefix: key.prefix,
    scopes: key.scopes,
    expiresAt: key.expiresAt?.toISOString() ?? null,
    revokedAt: key.revokedAt?.toISOString() ?? null,
    lastUsedAt: key.lastUsedAt?.toISOString() ?? null,
    createdAt: key.createdAt.toISOString(),
  };
}
