/** `/v1/members`: buyers and their points. Addressed by our id alone: an externalId may be a phone. */
import { Body, Get, Param, Post, Query, Res } from '@nestjs/common';
import type { Response } from 'express';
import { v7 as uuidv7 } from 'uuid';
import { z } from 'zod';
import { Points } from '../../ledger/points.js';
import { defaultSoonDays } from '../../partnerSettings.js';
import { send } from '../answer.js';
import { CallerOf, type Caller } from '../auth/apiKeys.js';
import { Cursors, pageOf, pageQuery } from '../cursors.js';
import { ApiController, Endpoint, IdempotencyKey } from '../endpoint.js';
import { Idempotency } from '../idempotency.js';
import { Problem } from '../problem.js';
import { anyUuid, day, externalId, moment, words } from '../validate.js';
import { balanceSchema, entrySchema, lotSchema, memberJson, memberSchema, withUtc } from './memberJson.js';

const mostNotes = 20;

const putBody = z
  .strictObject({
    externalId,
    metadata: z
      .record(z.string().regex(/^[a-zA-Z0-9_-]{1,40}$/, 'must be 1 to 40 of a-z, A-Z, 0-9, _ and -'), words(500))
      .refine((notes) => Object.keys(notes).length <= mostNotes, `must have at most ${mostNotes} entries`)
      .optional()
      .meta({ description: 'Your own notes, replaced as a whole; absent: left as they are' }),
  })
  .meta({ id: 'PutMember' });

const lookupBody = z.strictObject({ externalId }).meta({ id: 'LookupMember' });
const atQuery = z.strictObject({
  at: z
    .union([day, moment])
    .optional()
    .meta({ description: 'A moment, or a day: its end in the programme’s zone. Absent: now' }),
});
const listQuery = z.strictObject(pageQuery);
const position = z.object({ id: z.uuid() });

@ApiController('v1/members', 'Members')
export class MembersController {
  constructor(
    private readonly points: Points,
    private readonly idempotency: Idempotency,
    private readonly cursors: Cursors,
  ) {}

  @Post()
  @Endpoint({
    scope: 'points:write',
    summary: 'Create a member, or change his notes',
    description: 'A login or a credit creates him too: this is for notes, and to know his id beforehand.',
    idempotent: true,
    body: 'json',
    answers: { 201: memberSchema, 200: memberSchema },
  })
  async put(
    @CallerOf() caller: Caller,
    @IdempotencyKey() key: string,
    @Body({ schema: putBody }) body: z.infer<typeof putBody>,
    @Res({ passthrough: true }) response: Response,
  ) {
    const { partnerId, keyId } = caller;
    const request = { partnerId, actorId: keyId, route: 'POST /v1/members', key, body, subjectId: uuidv7() };
    const answer = await this.idempotency.once(request, async () => {
      const { outcome, memberId } = await this.points.putMember(partnerId, body.externalId, body.metadata ?? null);
      // His id is the subject: an erasure takes this remembered answer, which names him, along.
      return {
        status: outcome === 'created' ? 201 : 200,
        body: await this.#tell(caller, memberId),
        headers: { Location: `/v1/members/${memberId}` },
        subjectId: memberId,
      };
    });
    return send(response, answer);
  }

  @Post('lookup')
  @Endpoint({
    scope: 'points:read',
    summary: 'Find a member by his externalId',
    description: 'A POST, so that the externalId stands in no address and no log.',
    body: 'json',
    answers: { 200: memberSchema },
    problems: ['not_found'],
  })
  async lookup(@CallerOf() caller: Caller, @Body({ schema: lookupBody }) body: z.infer<typeof lookupBody>) {
    const memberId = await this.points.findMember(caller.partnerId, body.externalId);
    if (memberId === null) throw new Problem('not_found');
    return this.#tell(caller, memberId);
  }

  @Get(':id')
  @Endpoint({
    scope: 'points:read',
    summary: 'Read a member and what he can spend now',
    answers: { 200: memberSchema },
    problems: ['not_found'],
  })
  read(@CallerOf() caller: Caller, @Param('id', { schema: anyUuid }) id: string) {
    return this.#tell(caller, id);
  }

  @Get(':id/balance')
  @Endpoint({
    scope: 'points:read',
    summary: 'Read a member’s balance, now or as the books had it',
    answers: { 200: balanceSchema },
    problems: ['not_found'],
  })
  async balance(
    @CallerOf() { partnerId }: Caller,
    @Param('id', { schema: anyUuid }) id: string,
    @Query({ schema: atQuery }) { at }: z.infer<typeof atQuery>,
  ) {
    const isDay = at !== undefined && day.safeParse(at).success;
    const balance = isDay
      ? await this.points.balanceOn(partnerId, id, at)
      : await this.points.balanceAt(partnerId, id, at === undefined ? Date.now() : Date.parse(at));
    if (balance === null) throw new Problem('not_found');
    return balance;
  }

  @Get(':id/entries')
  @Endpoint({
    scope: 'points:read',
    summary: 'List a member’s entries, newest first',
    answers: { 200: pageOf(entrySchema, 'EntryPage') },
    problems: ['not_found'],
  })
  async entries(
    @CallerOf() caller: Caller,
    @Param('id', { schema: anyUuid }) id: string,
    @Query({ schema: listQuery }) query: z.infer<typeof listQuery>,
  ) {
    return this.#page(caller, `members/${id}/entries`, id, query, (before, limit) =>
      this.points.entries(caller.partnerId, id, before, limit),
    );
  }

  @Get(':id/lots')
  @Endpoint({
    scope: 'points:read',
    summary: 'List a member’s lots that have points left or held, oldest first',
    answers: { 200: pageOf(lotSchema, 'LotPage') },
    problems: ['not_found'],
  })
  async lots(
    @CallerOf() caller: Caller,
    @Param('id', { schema: anyUuid }) id: string,
    @Query({ schema: listQuery }) query: z.infer<typeof listQuery>,
  ) {
    return this.#page(caller, `members/${id}/lots`, id, query, (after, limit) =>
      this.points.lots(caller.partnerId, id, after, limit),
    );
  }

  @Post(':id/erase')
  @Endpoint({
    scope: 'points:write',
    summary: 'Erase who a member is',
    description:
      'His externalId, notes, sessions and tokens go for ever; his entries, points and payments stay under his id. The same externalId later is a new member.',
    idempotent: true,
    answers: { 200: memberSchema },
    problems: ['not_found', 'conflict'],
  })
  async erase(
    @CallerOf() caller: Caller,
    @Param('id', { schema: anyUuid }) id: string,
    @IdempotencyKey() key: string,
    @Res({ passthrough: true }) response: Response,
  ) {
    const { partnerId, keyId } = caller;
    const route = `POST /v1/members/${id}/erase`;
    const request = { partnerId, actorId: keyId, route, key, body: null, subjectId: uuidv7() };
    const answer = await this.idempotency.once(request, async (subjectId) => {
      const { outcome } = await this.points.eraseMember(partnerId, id, Date.now());
      switch (outcome) {
        case 'not_found':
          throw new Problem('not_found');
        case 'conflict':
          throw new Problem('conflict', 'A payment holds points of his; when it has ended, erase again.', {
            refusal: 'points_are_held',
          });
        case 'erased':
        case 'already_erased':
          return { status: 200, body: await this.#tell(caller, id), subjectId };
      }
    });
    return send(response, answer);
  }

  async #tell({ partnerId, settings }: Caller, memberId: string) {
    const soonDays = settings.loyalty?.expiringSoonDays ?? defaultSoonDays;
    const member = await this.points.readMember(partnerId, memberId, soonDays, Date.now());
    if (member === null) throw new Problem('not_found');
    return memberJson(member);
  }

  async #page<Row extends { readonly id: string; readonly at: string }>(
    caller: Caller,
    list: string,
    memberId: string,
    { after, limit }: z.infer<typeof listQuery>,
    readRows: (cursor: string | null, limit: number) => Promise<Row[]>,
  ) {
    const key = { partnerId: caller.partnerId, list };
    const rows = await readRows(after === undefined ? null : this.cursors.open(key, after, position).id, limit + 1);
    if (rows.length === 0) await this.#tell(caller, memberId);
    return this.cursors.page(key, limit, rows.map(withUtc), ({ id }) => ({ id }));
  }
}
