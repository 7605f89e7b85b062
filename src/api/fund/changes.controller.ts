/**
 * `/v1/fund/deposits`, `/repayments`, `/corrections`: money of the fund that no payment moves. Each is asked for, and booked
 * when a second person agrees (`/v1/approvals`), or at once where the partner's settings waive that.
 */
import { Body, Post, Res } from '@nestjs/common';
import type { Response } from 'express';
import { v7 as uuidv7 } from 'uuid';
import { z } from 'zod';
import type { FundChange } from '../../domain/approval.js';
import { Approvals, type Approval } from '../../ledger/approvals.js';
import { Fund } from '../../ledger/fund.js';
import { send } from '../answer.js';
import { approvalJson, approvalSchema } from '../approvals/approvalJson.js';
import { CallerOf, type Caller } from '../auth/apiKeys.js';
import { ApiController, Endpoint, IdempotencyKey } from '../endpoint.js';
import { Idempotency, type Worked } from '../idempotency.js';
import { Problem } from '../problem.js';
import { currency, reference, words } from '../validate.js';

const most = 1e13;
const bill = reference.meta({ description: 'The bill’s number: it is booked once by it' });

const depositBody = z
  .strictObject({ currency, amountMinor: z.int().min(1).max(most), reference: bill, note: words(2_000).default('') })
  .meta({ id: 'DepositFund' });
const repaymentBody = depositBody.meta({ id: 'RepayFund' });
const correctionBody = z
  .strictObject({
    currency,
    amountMinor: z
      .int()
      .min(-most)
      .max(most)
      .refine((amount) => amount !== 0, 'must not be 0')
      .meta({ description: 'Below zero: the fund has less than our books say' }),
    reference: reference.meta({ description: 'Your own name for it: it is booked once by it' }),
    reason: words(2_000).min(1),
  })
  .meta({ id: 'CorrectFund' });

const changeSchema = z
  .object({
    currency: z.string(),
    amountMinor: z.int(),
    reference: z.string(),
    entryId: z.uuid().nullable().meta({ description: 'Of the entry in the books; null: not booked' }),
    approval: approvalSchema.nullable().meta({ description: 'null: the operator has booked it, who needs none' }),
  })
  .meta({ id: 'FundChange' });
type Change = z.infer<typeof changeSchema>;

const described = {
  description:
    'Answers 202 with what a second person has to approve; 201 where your settings waive that, and it is booked. Once by its reference: the same again answers what is there.',
  idempotent: true,
  body: 'json',
  answers: { 200: changeSchema, 201: changeSchema, 202: changeSchema },
  problems: ['not_found', 'reference_conflict'],
} as const;

@ApiController('v1/fund', 'Fund')
export class FundChangesController {
  constructor(
    private readonly fund: Fund,
    private readonly approvals: Approvals,
    private readonly idempotency: Idempotency,
  ) {}

  @Post('deposits')
  @Endpoint({ scope: 'fund:write', summary: 'Book money transferred to the fund', ...described })
  deposit(
    @CallerOf() caller: Caller,
    @IdempotencyKey() key: string,
    @Body({ schema: depositBody }) body: z.infer<typeof depositBody>,
    @Res({ passthrough: true }) response: Response,
  ) {
    return this.#ask(caller, 'deposit', key, { ...body, reason: body.note }, response);
  }

  @Post('repayments')
  @Endpoint({
    scope: 'fund:write',
    summary: 'Book a bill that repays what was drawn',
    ...described,
    description: `Of the contract’s older form, in which the fund is security. ${described.description}`,
  })
  repay(
    @CallerOf() caller: Caller,
    @IdempotencyKey() key: string,
    @Body({ schema: repaymentBody }) body: z.infer<typeof repaymentBody>,
    @Res({ passthrough: true }) response: Response,
  ) {
    return this.#ask(caller, 'repayment', key, { ...body, reason: body.note }, response);
  }

  @Post('corrections')
  @Endpoint({ scope: 'fund:write', summary: 'Set the fund’s mirror right', ...described })
  correct(
    @CallerOf() caller: Caller,
    @IdempotencyKey() key: string,
    @Body({ schema: correctionBody }) body: z.infer<typeof correctionBody>,
    @Res({ passthrough: true }) response: Response,
  ) {
    return this.#ask(caller, 'correction', key, body, response);
  }

  async #ask(
    { partnerId, keyId }: Caller,
    kind: FundChange,
    key: string,
    wish: { currency: string; amountMinor: number; reference: string; reason: string },
    response: Response,
  ) {
    const told = { currency: wish.currency, amountMinor: wish.amountMinor, reference: wish.reference };
    const route = `POST /v1/fund/${kind}s`;
    const request = { partnerId, actorId: keyId, route, key, body: wish, subjectId: uuidv7() };
    const answer = await this.idempotency.once(
      request,
      async (approvalId): Promise<Worked> => {
        const actor = { kind: 'api_key', id: keyId } as const;
        const asked = await this.fund.requestChange({ partnerId, approvalId, kind, ...wish, actor, at: Date.now() });
        switch (asked.outcome) {
          case 'requested':
          case 'already_requested':
          case 'performed': {
            const status = asked.outcome === 'performed' ? 201 : statusOf(asked.approval);
            return { ...changeOf(told, asked.approval), status, subjectId: asked.approval.id };
          }
          case 'already_booked': {
            const body: Change = { ...told, entryId: asked.transferId, approval: null };
            return { status: 200, body, subjectId: approvalId };
          }
          case 'conflict': {
            const before = asked.approval === null ? null : asked.approval.id;
            throw new Problem('reference_conflict', 'Nothing was asked for.', { approvalId: before });
          }
          case 'refused':
            throw new Problem('reference_conflict', 'The operator has booked it this moment; nothing was asked for.');
          case 'no_fund':
            throw new Problem('not_found', 'There is no fund of this currency.');
        }
      },
      async (approvalId) => {
        const found = await this.approvals.read(partnerId, approvalId, Date.now());
        if (found === null) throw new Problem('not_found');
        return { ...changeOf(told, found), status: statusOf(found) };
      },
    );
    return send(response, answer);
  }
}

const statusOf = ({ state }: Approval): number => (state === 'pending' ? 202 : 200);

function changeOf(told: Omit<Change, 'entryId' | 'approval'>, approval: Approval) {
  const entryId = approval.result?.['transferId'];
  const body: Change = {
    ...told,
    entryId: typeof entryId === 'string' ? entryId : null,
    approval: approvalJson(approval),
  };
  return { body, headers: { Location: `/v1/approvals/${approval.id}` } };
}
