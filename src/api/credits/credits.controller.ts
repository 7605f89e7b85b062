/** `/v1/credits`: points given to a member, once by the partner's reference, and taken back. */
import { Body, Get, Param, Post, Res } from '@nestjs/common';
import type { Response } from 'express';
import { v7 as uuidv7 } from 'uuid';
import { z } from 'zod';
import { Points } from '../../ledger/points.js';
import { send } from '../answer.js';
import { CallerOf, type Caller } from '../auth/apiKeys.js';
import { ApiController, Endpoint, IdempotencyKey } from '../endpoint.js';
import { Idempotency } from '../idempotency.js';
import { Problem } from '../problem.js';
import { utc } from '../utc.js';
import { anyUuid, day, externalId, instant, invalidField, points, reference } from '../validate.js';

const creditBody = z
  .strictObject({
    memberId: anyUuid.optional(),
    memberExternalId: externalId.optional().meta({ description: 'Instead of memberId; a new one makes a new member' }),
    points,
    expiresOn: day.nullable().default(null).meta({
      description: 'The last day on which they can be spent, in the programme’s zone; null: they do not expire',
    }),
    reference: reference.meta({ description: 'Your own name for this credit: it is booked once by it, for ever' }),
  })
  .refine(({ memberId, memberExternalId }) => (memberId === undefined) !== (memberExternalId === undefined), {
    path: ['memberId'],
    message: 'give either memberId or memberExternalId',
  })
  .meta({ id: 'MakeCredit', oneOf: [{ required: ['memberId'] }, { required: ['memberExternalId'] }] });

const reverseBody = z
  .strictObject({
    points: points.nullable().default(null).meta({ description: 'null: the whole credit' }),
    reference: reference.meta({ description: 'Your own name for this reversal: it is booked once by it' }),
  })
  .meta({ id: 'ReverseCredit' });

const creditSchema = z
  .object({
    id: z.uuid(),
    memberId: z.uuid(),
    points: z.int(),
    remaining: z.int().meta({ description: 'What of it is neither spent, held, expired nor reversed' }),
    reversed: z.int(),
    expiresOn: day.nullable(),
    reference: z.string(),
    creditedAt: instant,
  })
  .meta({ id: 'Credit' });

const reversalSchema = z
  .object({ id: z.uuid(), points: z.int(), reference: z.string(), credit: creditSchema })
  .meta({ id: 'Reversal' });

@ApiController('v1/credits', 'Points')
export class CreditsController {
  constructor(
    private readonly points: Points,
    private readonly idempotency: Idempotency,
  ) {}

  @Post()
  @Endpoint({
    scope: 'points:write',
    summary: 'Credit points to a member',
    description: 'Once by its reference: the same again answers the credit that is there (200).',
    idempotent: true,
    body: 'json',
    answers: { 201: creditSchema, 200: creditSchema },
    problems: ['not_found', 'reference_conflict', 'conflict'],
  })
  async make(
    @CallerOf() caller: Caller,
    @IdempotencyKey() key: string,
    @Body({ schema: creditBody }) body: z.infer<typeof creditBody>,
    @Res({ passthrough: true }) response: Response,
  ) {
    const { partnerId, keyId } = caller;
    const request = { partnerId, actorId: keyId, route: 'POST /v1/credits', key, body, subjectId: uuidv7() };
    const answer = await this.idempotency.once(request, async () => {
      const { memberId, memberExternalId, expiresOn, reference: name } = body;
      const actor = { kind: 'api_key', id: keyId } as const;
      const wish = { partnerId, points: body.points, expiresOn, reference: name, actor, at: Date.now() };
      const credited = await (memberId === undefined
        ? this.points.creditNamed({ ...wish, memberExternalId: memberExternalId ?? noMember() })
        : this.points.credit({ ...wish, memberId }));
      switch (credited.outcome) {
        case 'credited':
        case 'already_credited': {
          const { creditId } = credited;
          return {
            status: credited.outcome === 'credited' ? 201 : 200,
            body: await this.#tell(partnerId, creditId),
            headers: { Location: `/v1/credits/${creditId}` },
            subjectId: creditId,
          };
        }
        case 'conflict':
          throw new Problem('reference_conflict', 'Nothing was credited.', { creditId: credited.creditId });
        case 'erased':
          throw new Problem('conflict', 'The member was erased; nothing was credited.', { refusal: 'member_erased' });
        case 'already_over':
          throw invalidField('expiresOn', 'must be today or later in the programme’s zone', 'a day that is over');
        case 'not_found':
          throw new Problem('not_found', 'There is no such member.');
      }
    });
    return send(response, answer);
  }

  @Get(':id')
  @Endpoint({
    scope: 'points:read',
    summary: 'Read a credit and what is left of it',
    answers: { 200: creditSchema },
    problems: ['not_found'],
  })
  read(@CallerOf() { partnerId }: Caller, @Param('id', { schema: anyUuid }) id: string) {
    return this.#tell(partnerId, id);
  }

  @Post(':id/reverse')
  @Endpoint({
    scope: 'points:write',
    summary: 'Take a credit back, whole or in part',
    description: 'Only what is left of it: what is spent, held or expired stays as it is.',
    idempotent: true,
    body: 'json',
    answers: { 201: reversalSchema, 200: reversalSchema },
    problems: ['not_found', 'reference_conflict', 'insufficient_points'],
  })
  async reverse(
    @CallerOf() caller: Caller,
    @Param('id', { schema: anyUuid }) creditId: string,
    @IdempotencyKey() key: string,
    @Body({ schema: reverseBody }) body: z.infer<typeof reverseBody>,
    @Res({ passthrough: true }) response: Response,
  ) {
    const { partnerId, keyId } = caller;
    const route = `POST /v1/credits/${creditId}/reverse`;
    const request = { partnerId, actorId: keyId, route, key, body, subjectId: uuidv7() };
    const answer = await this.idempotency.once(request, async (subjectId) => {
      const actor = { kind: 'api_key', id: keyId } as const;
      const reversed = await this.points.reverse({ partnerId, creditId, ...body, actor, at: Date.now() });
      switch (reversed.outcome) {
        case 'reversed':
        case 'already_reversed': {
          const { reversalId: id, points: taken } = reversed;
          const credit = await this.#tell(partnerId, creditId);
          const told = { id, points: taken, reference: body.reference, credit };
          return { status: reversed.outcome === 'reversed' ? 201 : 200, body: told, subjectId };
        }
        case 'insufficient':
          throw new Problem('insufficient_points', 'Nothing was taken back.', { remaining: reversed.remaining });
        case 'conflict':
          throw new Problem('reference_conflict', 'Nothing was taken back.');
        case 'not_found':
          throw new Problem('not_found');
      }
    });
    return send(response, answer);
  }

  async #tell(partnerId: string, creditId: string): Promise<z.infer<typeof creditSchema>> {
    const credit = await this.points.readCredit(partnerId, creditId);
    if (credit === null) throw new Problem('not_found');
    return { ...credit, creditedAt: utc(credit.creditedAt) };
  }
}

/** The body's schema wants one of the two. */
function noMember(): never {
  throw new Error('A credit without a member has passed validation');
}
