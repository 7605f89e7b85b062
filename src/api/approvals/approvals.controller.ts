/** `/v1/approvals`: what waits for a second person. Who approves must be another than who asked; either may reject. */
import { Body, Get, Param, Post, Query, Res } from '@nestjs/common';
import type { Response } from 'express';
import { z } from 'zod';
import { approvalStates } from '../../domain/approval.js';
import { Approvals, type Approval } from '../../ledger/approvals.js';
import { send } from '../answer.js';
import { CallerOf, type Caller } from '../auth/apiKeys.js';
import { Cursors, pageOf, pageQuery } from '../cursors.js';
import { ApiController, Endpoint, IdempotencyKey } from '../endpoint.js';
import { Idempotency } from '../idempotency.js';
import { ReturnStarts } from '../payments/returnStarts.js';
import { Problem } from '../problem.js';
import { anyUuid, words } from '../validate.js';
import { approvalJson, approvalSchema } from './approvalJson.js';

const approvalsQuery = z.strictObject({ ...pageQuery, state: z.enum(approvalStates).optional() });
const position = z.object({ id: z.uuid() });

const decisionBody = z
  .strictObject({
    version: z.int().min(1).max(2_147_483_647).meta({ description: 'The one that you have read' }),
    reason: words(2_000).min(1),
  })
  .meta({ id: 'DecideApproval' });

type Decision = 'approve' | 'reject';

@ApiController('v1/approvals', 'Approvals')
export class ApprovalsController {
  constructor(
    private readonly approvals: Approvals,
    private readonly returnStarts: ReturnStarts,
    private readonly cursors: Cursors,
    private readonly idempotency: Idempotency,
  ) {}

  @Get()
  @Endpoint({
    scope: 'fund:read',
    summary: 'List what waits, or waited, for a second person, newest first',
    answers: { 200: pageOf(approvalSchema, 'ApprovalPage') },
  })
  async list(
    @CallerOf() { partnerId }: Caller,
    @Query({ schema: approvalsQuery }) query: z.infer<typeof approvalsQuery>,
  ) {
    const { after, limit, state = null } = query;
    const key = { partnerId, list: 'approvals', filters: { state } };
    const before = after === undefined ? null : this.cursors.open(key, after, position).id;
    const read = await this.approvals.list(partnerId, { state, before, limit: limit + 1 }, Date.now());
    return this.cursors.page(key, limit, read.map(approvalJson), ({ id }) => ({ id }));
  }

  @Get(':id')
  @Endpoint({
    scope: 'fund:read',
    summary: 'Read an approval',
    answers: { 200: approvalSchema },
    problems: ['not_found'],
  })
  async read(@CallerOf() { partnerId }: Caller, @Param('id', { schema: anyUuid }) id: string) {
    const found = await this.approvals.read(partnerId, id, Date.now());
    if (found === null) throw new Problem('not_found');
    return approvalJson(found);
  }

  @Post(':id/approve')
  @Endpoint({
    scope: 'fund:approve',
    summary: 'Approve, which does what was asked for',
    description:
      'In one step: it is approved and done, or neither; a return is booked within moments after. Not by the key that asked.',
    idempotent: true,
    body: 'json',
    answers: { 200: approvalSchema },
    problems: ['not_found', 'conflict'],
  })
  approve(
    @CallerOf() caller: Caller,
    @Param('id', { schema: anyUuid }) id: string,
    @IdempotencyKey() key: string,
    @Body({ schema: decisionBody }) body: z.infer<typeof decisionBody>,
    @Res({ passthrough: true }) response: Response,
  ) {
    return this.#decide(caller, id, 'approve', key, body, response);
  }

  @Post(':id/reject')
  @Endpoint({
    scope: 'fund:approve',
    summary: 'Reject; nothing is done',
    description: 'Also by the key that asked, which takes its wish back.',
    idempotent: true,
    body: 'json',
    answers: { 200: approvalSchema },
    problems: ['not_found', 'conflict'],
  })
  reject(
    @CallerOf() caller: Caller,
    @Param('id', { schema: anyUuid }) id: string,
    @IdempotencyKey() key: string,
    @Body({ schema: decisionBody }) body: z.infer<typeof decisionBody>,
    @Res({ passthrough: true }) response: Response,
  ) {
    return this.#decide(caller, id, 'reject', key, body, response);
  }

  async #decide(
    { partnerId, keyId }: Caller,
    approvalId: string,
    decision: Decision,
    key: string,
    body: z.infer<typeof decisionBody>,
    response: Response,
  ) {
    const route = `POST /v1/approvals/${approvalId}/${decision}`;
    const request = { partnerId, actorId: keyId, route, key, body, subjectId: approvalId };
    const answer = await this.idempotency.once(request, async () => {
      const actor = { kind: 'api_key', id: keyId } as const;
      const decided = await this.approvals.decide({ partnerId, approvalId, decision, actor, ...body, at: Date.now() });
      switch (decided.outcome) {
        case 'decided':
          return this.#done(partnerId, decided.approval);
        case 'not_found':
          throw new Problem('not_found');
        case 'already_decided':
          // His own word, whose answer was lost on the way.
          if (saidSo(decided.approval, decision, keyId)) return this.#done(partnerId, decided.approval);
          throw refused(decided.outcome, decided.approval);
        case 'expired':
        case 'stale':
        case 'own_request':
          throw refused(decided.outcome, decided.approval);
        case 'refused': {
          const { state, version } = decided.approval;
          const detail = 'As things stand it cannot be done; nothing was changed, and it stays open.';
          throw new Problem('conflict', detail, { refusal: decided.why, state, version });
        }
      }
    });
    return send(response, answer);
  }

  #done(partnerId: string, approval: Approval) {
    const { action, subject: returnId, state } = approval;
    // A return is granted by now, and booked by its saga; the rest is done.
    if (action === 'payment.return' && state === 'approved') this.returnStarts.start({ partnerId, returnId });
    return { status: 200, body: approvalJson(approval), subjectId: approval.id };
  }
}

function saidSo({ state, decidedBy }: Approval, decision: Decision, keyId: string): boolean {
  const isSo = state === (decision === 'approve' ? 'approved' : 'rejected');
  return isSo && decidedBy?.kind === 'api_key' && decidedBy.id === keyId;
}

function refused(outcome: keyof typeof said, { state, version }: Approval): Problem {
  return new Problem('conflict', said[outcome], { refusal: outcome, state, version });
}

const said = {
  already_decided: 'It was decided before; nothing was changed.',
  expired: 'Nobody decided within a day; ask for it again.',
  stale: 'Another version is asked for than the one you have read; nothing was changed.',
  own_request: 'Another key than the one that asked must approve; nothing was changed.',
} as const;
