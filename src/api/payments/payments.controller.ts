/** `/v1/payments`: validates, calls one thing, maps what came of it. */
import { Body, Get, Param, Post, Query, Res } from '@nestjs/common';
import type { Response } from 'express';
import { v7 as uuidv7 } from 'uuid';
import { z } from 'zod';
import type { PaymentEntity } from '../../database/entities/payment.js';
import { Points } from '../../ledger/points.js';
import { send, type ApiAnswer } from '../answer.js';
import { CallerOf, requireScope, type Caller } from '../auth/apiKeys.js';
import { Cursors, pageOf } from '../cursors.js';
import { ApiController, Endpoint, IdempotencyKey } from '../endpoint.js';
import { Idempotency, uuidOf } from '../idempotency.js';
import { Problem, unavailable } from '../problem.js';
import { anyUuid, invalidField } from '../validate.js';
import { cancelBody, confirmBody, confirmed, openBody, paymentsQuery, refuseBody } from './paymentBodies.js';
import { passportSchema, paymentJson, paymentSchema } from './paymentJson.js';
import { countsForMs, Payments } from './payments.js';
import { hasBegun, type SagaAnswer } from './sagas.js';
import { came, conflict, type Told, type Verb } from './told.js';

const position = z.object({ id: z.uuid() });

/** When to look whether a pause is over: it is a person's, and may last. */
const pausedRetryAfter = '60';

function refusedAsNotReady(reason: 'credentials' | 'fund_unavailable' | 'paused'): Problem {
  switch (reason) {
    case 'paused':
      return new Problem('payments_paused', 'Nothing was opened.', {}, { 'Retry-After': pausedRetryAfter });
    case 'credentials':
    case 'fund_unavailable':
      return new Problem('partner_not_ready', 'Nothing was opened.', { reason });
  }
}

@ApiController('v1/payments', 'Payments')
export class PaymentsController {
  constructor(
    private readonly payments: Payments,
    private readonly points: Points,
    private readonly idempotency: Idempotency,
    private readonly cursors: Cursors,
  ) {}

  @Post()
  @Endpoint({
    scope: 'payments:write',
    summary: 'Open a payment of an invoice',
    description:
      'An invoice has one live or paid payment: opening it again answers that one (200; 202 while its outcome is not known yet). A loyalty payment is answered with its price in points, ready for the buyer; an organisation’s is paid in the background (202).',
    idempotent: true,
    body: 'json',
    answers: { 201: paymentSchema, 200: paymentSchema, 202: paymentSchema },
    problems: ['not_found', 'partner_not_ready', 'payments_paused'],
  })
  async open(
    @CallerOf() caller: Caller,
    @IdempotencyKey() key: string,
    @Body({ schema: openBody }) body: z.infer<typeof openBody>,
    @Res({ passthrough: true }) response: Response,
  ) {
    if (caller.settings[body.scheme] === null) {
      throw invalidField('scheme', 'must be one that the partner is set up for', body.scheme);
    }
    const request = {
      partnerId: caller.partnerId,
      actorId: caller.keyId,
      route: 'POST /v1/payments',
      key,
      body,
      subjectId: uuidv7(),
    };
    const answer = await this.idempotency.once(
      request,
      async (paymentId) => {
        const opened = await this.payments.open({
          partnerId: caller.partnerId,
          settings: caller.settings,
          paymentId,
          scheme: body.scheme,
          invoiceId: body.invoiceId,
          memberId: null,
          memberExternalId: body.memberExternalId,
          openedBy: { kind: 'api_key', id: caller.keyId },
          links: body.links,
        });
        if (opened.kind === 'refused') throw refusedAsNotReady(opened.reason);
        const told = await this.#tell(caller.partnerId, opened.paymentId);
        if (told.state === 'opening' && !hasBegun(opened.saga)) {
          throw unavailable(
            'The payment was not started for certain. Repeat with the same Idempotency-Key; nothing is held.',
          );
        }
        if (told.reason === 'invoice_not_found') throw new Problem('not_found');
        // What moves is not frozen: a repetition tells where it stands by then.
        const status = told.answer.status === 202 ? 202 : opened.kind === 'opened' ? 201 : 200;
        return { ...told.answer, status, subjectId: opened.paymentId };
      },
      async (paymentId) => (await this.#tell(caller.partnerId, paymentId)).answer,
    );
    return send(response, answer);
  }

  @Get()
  @Endpoint({
    scope: 'payments:read',
    summary: 'List payments, newest first',
    answers: { 200: pageOf(paymentSchema, 'PaymentPage') },
  })
  async list(@CallerOf() caller: Caller, @Query({ schema: paymentsQuery }) query: z.infer<typeof paymentsQuery>) {
    const { after, limit, ...filters } = query;
    const key = { partnerId: caller.partnerId, list: 'payments', filters };
    const before = after === undefined ? null : this.cursors.open(key, after, position).id;
    const read = await this.payments.list(caller.partnerId, filters, before, limit + 1);
    const { data, next } = this.cursors.page(key, limit, read, ({ id }) => ({ id }));
    return { data: data.map(paymentJson), next };
  }

  @Get(':id')
  @Endpoint({
    scope: 'payments:read',
    summary: 'Read a payment',
    answers: { 200: paymentSchema },
    problems: ['not_found'],
  })
  async read(@CallerOf() caller: Caller, @Param('id', { schema: anyUuid }) paymentId: string) {
    return (await this.#tell(caller.partnerId, paymentId)).answer.body;
  }

  @Get(':id/passport')
  @Endpoint({
    scope: 'payments:read',
    summary: 'Read the passport of a payment',
    answers: { 200: passportSchema },
    problems: ['not_found'],
  })
  async passport(@CallerOf() caller: Caller, @Param('id', { schema: anyUuid }) paymentId: string) {
    const passport = await this.payments.passport(caller.partnerId, paymentId);
    if (passport === null) throw new Problem('not_found');
    return passport;
  }

  @Post(':id/confirm')
  @Endpoint({
    scope: ['payments:write', 'payments:approve'],
    summary: 'Confirm a payment for the buyer, or approve an organisation’s',
    description: [
      'Waits up to 8 s for the outcome; 202: it goes on, read the payment. An outcome that is not known is told as `unknown`, never as failed.',
      'A loyalty payment is confirmed with `payments:write`. An organisation’s that waits for approval is approved with `payments:approve`, by another key than the one that opened it, for the very version of the invoice that is named.',
    ].join('\n\n'),
    idempotent: true,
    body: 'json',
    answers: { 200: paymentSchema, 202: paymentSchema },
    problems: ['not_found', 'conflict'],
  })
  async confirm(
    @CallerOf() caller: Caller,
    @Param('id', { schema: anyUuid }) id: string,
    @IdempotencyKey() key: string,
    @Body({ schema: confirmBody }) body: z.infer<typeof confirmBody>,
    @Res({ passthrough: true }) response: Response,
  ) {
    const { scheme, openedBy } = await this.#read(caller.partnerId, id);
    requireScope(caller, scheme === 'organisation' ? 'payments:approve' : 'payments:write');
    const { memberExternalId, seen } = confirmed(scheme, body);
    const answer = await this.#act(caller, 'confirm', id, key, body, async (paymentId, wish) => {
      if (scheme === 'organisation' && openedBy.kind === 'api_key' && openedBy.id === caller.keyId) {
        throw conflict(await this.#tell(caller.partnerId, paymentId), 'own_approval');
      }
      const memberId =
        memberExternalId === null ? null : await this.points.openMember(caller.partnerId, memberExternalId);
      return this.payments.confirm(paymentId, `confirm:${wish.toString('hex')}`, {
        memberId,
        seen,
        actor: { kind: 'api_key', id: caller.keyId },
        confirmationId: uuidOf(wish),
        notAfter: Date.now() + countsForMs,
      });
    });
    return send(response, answer);
  }

  @Post(':id/refuse')
  @Endpoint({
    scope: 'payments:approve',
    summary: 'Refuse to approve an organisation’s payment',
    description:
      'Declines it with the reason given. Only while it waits for approval; otherwise 409 with the true state.',
    idempotent: true,
    body: 'json',
    answers: { 200: paymentSchema, 202: paymentSchema },
    problems: ['not_found', 'conflict'],
  })
  async refuse(
    @CallerOf() caller: Caller,
    @Param('id', { schema: anyUuid }) id: string,
    @IdempotencyKey() key: string,
    @Body({ schema: refuseBody }) body: z.infer<typeof refuseBody>,
    @Res({ passthrough: true }) response: Response,
  ) {
    const answer = await this.#act(caller, 'refuse', id, key, body, (paymentId, wish) =>
      this.payments.cancel(paymentId, `refuse:${wish.toString('hex')}`, {
        as: 'refused',
        actor: { kind: 'api_key', id: caller.keyId },
        reason: body.reason,
        notAfter: Date.now() + countsForMs,
      }),
    );
    return send(response, answer);
  }

  @Post(':id/cancel')
  @Endpoint({
    scope: 'payments:write',
    summary: 'Cancel a payment',
    description: 'Possible until Invoicebox has been asked to take the payment; then 409 with the true state.',
    idempotent: true,
    body: 'json',
    answers: { 200: paymentSchema, 202: paymentSchema },
    problems: ['not_found', 'conflict'],
  })
  async cancel(
    @CallerOf() caller: Caller,
    @Param('id', { schema: anyUuid }) id: string,
    @IdempotencyKey() key: string,
    @Body({ schema: cancelBody }) body: z.infer<typeof cancelBody>,
    @Res({ passthrough: true }) response: Response,
  ) {
    const answer = await this.#act(caller, 'cancel', id, key, body, (paymentId, wish) =>
      this.payments.cancel(paymentId, `cancel:${wish.toString('hex')}`, {
        actor: { kind: 'api_key', id: caller.keyId },
        reason: body.reason,
        notAfter: Date.now() + countsForMs,
      }),
    );
    return send(response, answer);
  }

  /** Says confirm, cancel or refuse to a payment's saga and tells how it stands then. */
  async #act(
    caller: Caller,
    verb: Verb,
    paymentId: string,
    key: string,
    body: unknown,
    say: (paymentId: string, wish: Buffer) => Promise<SagaAnswer>,
  ): Promise<ApiAnswer> {
    await this.#tell(caller.partnerId, paymentId);
    const request = {
      partnerId: caller.partnerId,
      actorId: caller.keyId,
      route: `POST /v1/payments/${paymentId}/${verb}`,
      key,
      body,
      subjectId: paymentId,
    };
    return this.idempotency.once(
      request,
      async (_, wish) => {
        const said = await say(paymentId, wish);
        const told = await this.#tell(caller.partnerId, paymentId);
        // The ledger knows whose confirmation counts, also where the workflow's answer was lost or it had ended by then.
        const counts = verb === 'confirm' && told.confirmationId === uuidOf(wish) && came(verb, told.state);
        if (counts) return { ...told.answer, subjectId: paymentId };
        switch (said.kind) {
          case 'answered':
            if (!came(verb, told.state)) throw conflict(told);
            return { ...told.answer, subjectId: paymentId };
          case 'accepted':
            return { ...told.answer, status: 202, subjectId: paymentId };
          case 'not_accepted':
            throw unavailable(
              `It is not known whether the ${verb} arrived; it can count for ${countsForMs / 1000} s. Repeat with the same Idempotency-Key: it cannot take effect twice.`,
            );
          case 'refused':
            if (said.refusal === 'busy')
              throw new Problem('too_many_requests', 'The payment stands as it did.', {}, { 'Retry-After': '1' });
            throw conflict(told, said.refusal);
          case 'over':
            throw conflict(told);
        }
      },
      async () => (await this.#tell(caller.partnerId, paymentId)).answer,
    );
  }

  async #read(partnerId: string, paymentId: string): Promise<PaymentEntity> {
    const payment = await this.payments.read(partnerId, paymentId);
    if (payment === null) throw new Problem('not_found');
    return payment;
  }

  async #tell(partnerId: string, paymentId: string): Promise<Told> {
    const payment = await this.#read(partnerId, paymentId);
    const body = paymentJson(payment);
    const moving =
      payment.state === 'opening' ||
      payment.state === 'settling' ||
      payment.state === 'unknown' ||
      payment.state === 'in_review';
    const status = moving ? 202 : 200;
    const headers = { Location: `/v1/payments/${paymentId}` };
    const { state, reason, confirmation } = payment;
    return {
      answer: { status, body, headers },
      state,
      reason,
      confirmationId: confirmation?.confirmationId ?? null,
      body,
    };
  }
}
