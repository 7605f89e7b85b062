/** `/v1/payments/{id}/returns`: money of a paid payment that has come back to the buyer, whole or in parts. */
import { Body, Get, Param, Post, Query, Res } from '@nestjs/common';
import type { Response } from 'express';
import { z } from 'zod';
import { maxAmountMinor } from '../../domain/money.js';
import { Returns, returnStates, type PaymentReturn } from '../../ledger/returns.js';
import { send, type ApiAnswer } from '../answer.js';
import { CallerOf, type Caller } from '../auth/apiKeys.js';
import { Cursors, pageOf, pageQuery } from '../cursors.js';
import { ApiController, Endpoint, IdempotencyKey } from '../endpoint.js';
import { Idempotency } from '../idempotency.js';
import { Problem } from '../problem.js';
import { utcOrNull } from '../utc.js';
import { anyUuid, instant, reference, words } from '../validate.js';
import { paymentJson } from './paymentJson.js';
import { Payments } from './payments.js';
import { ReturnStarts } from './returnStarts.js';

const returnBody = z
  .strictObject({
    amountMinor: z.int().min(1).max(maxAmountMinor).meta({ description: 'What came back of the payment’s sum' }),
    fundRestored: z
      .boolean()
      .meta({ description: 'Whether Invoicebox has put it back into the fund; else to the buyer alone' }),
    reference: reference.meta({ description: 'Of the refund: it is returned once by it' }),
    reason: words(500).min(1).meta({ description: 'For those who approve it; not told to the buyer' }),
  })
  .meta({ id: 'ReturnPayment' });

const who = z.object({ kind: z.string(), id: z.string() });
const returnSchema = z
  .object({
    id: z.uuid(),
    paymentId: z.uuid(),
    state: z.enum(returnStates).meta({
      description:
        'proposed: found by reconciliation, ask for it by its reference; requested: a second person has to approve it; approved: it is being booked; returned; rejected',
    }),
    amountMinor: z.int(),
    currency: z.string(),
    points: z.int().nullable().meta({ description: 'What it gave back to the member; null until it is booked' }),
    fundRestored: z.boolean(),
    reference: z.string(),
    reason: z.string(),
    approvalId: z.uuid().nullable().meta({ description: 'Where it is decided, or was: /v1/approvals/{id}' }),
    requestedBy: who.nullable(),
    requestedAt: instant.nullable(),
    requestedUntil: instant.nullable().meta({ description: 'Not approved by then, it has to be asked for again' }),
    decidedBy: who.nullable(),
    decidedAt: instant.nullable(),
    invoiceStatus: z
      .string()
      .nullable()
      .meta({ description: 'What the invoice read before it was booked; null: not read' }),
    invoiceReadAt: instant.nullable(),
    returnedAt: instant.nullable(),
  })
  .meta({ id: 'PaymentReturn' });

const returnsQuery = z.strictObject(pageQuery);
const position = z.object({ id: z.uuid() });

@ApiController('v1/payments', 'Payments')
export class ReturnsController {
  constructor(
    private readonly returns: Returns,
    private readonly payments: Payments,
    private readonly starts: ReturnStarts,
    private readonly idempotency: Idempotency,
    private readonly cursors: Cursors,
  ) {}

  @Post(':id/returns')
  @Endpoint({
    scope: 'payments:write',
    summary: 'Return a paid payment, whole or in part',
    description:
      'Asks for it: points, and the fund where it was restored, are given back once a second person has approved it (`/v1/approvals`), or at once where your settings waive that. Once by the refund’s reference: the same again tells how it stands. Parts together give exactly the points that were taken.',
    idempotent: true,
    body: 'json',
    answers: { 202: returnSchema, 200: returnSchema },
    problems: ['not_found', 'conflict', 'reference_conflict', 'more_than_paid'],
  })
  async make(
    @CallerOf() { partnerId, keyId }: Caller,
    @Param('id', { schema: anyUuid }) paymentId: string,
    @IdempotencyKey() key: string,
    @Body({ schema: returnBody }) body: z.infer<typeof returnBody>,
    @Res({ passthrough: true }) response: Response,
  ) {
    const route = `POST /v1/payments/${paymentId}/returns`;
    const request = { partnerId, actorId: keyId, route, key, body, subjectId: paymentId };
    const answer = await this.idempotency.once(
      request,
      async () => {
        const actor = { kind: 'api_key', id: keyId } as const;
        const opened = await this.returns.request({ partnerId, paymentId, ...body, actor, at: Date.now() });
        switch (opened.outcome) {
          case 'opened':
          case 'existing': {
            const { returnId } = opened;
            if (opened.state === 'approved') this.starts.start({ partnerId, returnId });
            return { ...(await this.#tell({ partnerId, returnId }, paymentId)), subjectId: returnId };
          }
          case 'conflict':
            throw new Problem('reference_conflict', 'Nothing was asked for.', { returnId: opened.returnId });
          case 'too_much':
            throw new Problem('more_than_paid', 'Nothing was asked for.', { leftMinor: opened.leftMinor });
          case 'not_paid':
            throw await this.#notPaid(partnerId, paymentId);
          case 'not_found':
            throw new Problem('not_found');
        }
      },
      (returnId) => this.#tell({ partnerId, returnId }, paymentId),
    );
    return send(response, answer);
  }

  @Get(':id/returns')
  @Endpoint({
    scope: 'payments:read',
    summary: 'List the returns of a payment, oldest first',
    answers: { 200: pageOf(returnSchema, 'PaymentReturnPage') },
    problems: ['not_found'],
  })
  async list(
    @CallerOf() { partnerId }: Caller,
    @Param('id', { schema: anyUuid }) paymentId: string,
    @Query({ schema: returnsQuery }) { after, limit }: z.infer<typeof returnsQuery>,
  ) {
    if ((await this.payments.read(partnerId, paymentId)) === null) throw new Problem('not_found');
    const key = { partnerId, list: 'returns', filters: { paymentId } };
    const from = after === undefined ? null : this.cursors.open(key, after, position).id;
    const read = await this.returns.list(partnerId, paymentId, from, limit + 1);
    return this.cursors.page(key, limit, read.map(returnJson), ({ id }) => ({ id }));
  }

  async #tell(key: { partnerId: string; returnId: string }, paymentId: string): Promise<ApiAnswer> {
    const told = await this.returns.get(key, paymentId);
    if (told === null) throw new Problem('not_found');
    const isOver = told.state === 'returned' || told.state === 'rejected';
    const headers = { Location: `/v1/payments/${paymentId}/returns` };
    return { status: isOver ? 200 : 202, body: returnJson(told), headers };
  }

  async #notPaid(partnerId: string, paymentId: string): Promise<Problem> {
    const payment = await this.payments.read(partnerId, paymentId);
    if (payment === null) return new Problem('not_found');
    const told = { refusal: 'not_paid', payment: paymentJson(payment) };
    return new Problem('conflict', 'Only a paid payment can be returned. Its true state is given.', told);
  }
}

function returnJson(told: PaymentReturn): z.infer<typeof returnSchema> {
  return {
    id: told.id,
    paymentId: told.paymentId,
    state: told.state,
    amountMinor: told.amountMinor,
    currency: told.currency,
    points: told.points,
    fundRestored: told.fundRestored,
    reference: told.reference,
    reason: told.reason,
    approvalId: told.approvalId,
    requestedBy: told.requestedBy,
    requestedAt: utcOrNull(told.requestedAt),
    requestedUntil: utcOrNull(told.requestedUntil),
    decidedBy: told.decidedBy,
    decidedAt: utcOrNull(told.decidedAt),
    invoiceStatus: told.invoiceStatus,
    invoiceReadAt: utcOrNull(told.invoiceReadAt),
    returnedAt: utcOrNull(told.returnedAt),
  };
}
