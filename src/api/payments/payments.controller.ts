/** `/v1/payments`: validates, calls one thing, maps what came of it. */
import { Body, Controller, Get, Headers, HttpCode, Param, Post, Res, UseGuards } from '@nestjs/common';
import type { Response } from 'express';
import { v7 as uuidv7 } from 'uuid';
import { z } from 'zod';
import { Points } from '../../ledger/points.js';
import { isFinal, type PaymentState } from '../../domain/payment.js';
import { ApiKeyGuard, CallerOf, RequiresScope, type Caller } from '../auth/apiKeys.js';
import { Idempotency, uuidOf, type ApiAnswer } from '../idempotency.js';
import { Problem, unavailable } from '../problem.js';
import { externalId, validate } from '../validate.js';
import { paymentJson } from './paymentJson.js';
import { countsForMs, Payments } from './payments.js';
import { hasBegun, type SagaAnswer } from './sagas.js';

const anyUuid = z.string().regex(/^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i, 'is not an id (8-4-4-4-12 hex)');
const link = z.url({ protocol: /^https?$/ }).max(2_000);
const amountMinor = z.int().min(1).max(1e13);
const points = z.int().min(0);
const currency = z.string().regex(/^[A-Z]{3}$/);

const openBody = z.strictObject({
  scheme: z.enum(['loyalty', 'organisation']),
  invoiceId: anyUuid,
  /** The one buyer who may confirm; absent: whoever holds first. */
  memberExternalId: externalId.optional(),
  links: z
    .strictObject({ successUrl: link.optional(), failUrl: link.optional(), cancelUrl: link.optional() })
    .default({}),
});
const confirmBody = z.strictObject({
  memberExternalId: externalId,
  /** What the buyer saw and agrees to. */
  seen: z.strictObject({ amountMinor, currency, points }),
});
const cancelBody = z.strictObject({
  /** A code of the partner's own; not prose, which may name people. */
  reason: z
    .string()
    .regex(/^[a-z0-9_]{1,64}$/, 'must be 1 to 64 of a-z, 0-9 and _')
    .default('cancelled_by_partner'),
});
const idempotencyKey = z.string().regex(/^[\x21-\x7e]{1,255}$/, 'must be 1 to 255 visible ASCII characters');

@Controller('v1/payments')
@UseGuards(ApiKeyGuard)
export class PaymentsController {
  constructor(
    private readonly payments: Payments,
    private readonly points: Points,
    private readonly idempotency: Idempotency,
  ) {}

  @Post()
  @RequiresScope('payments:write')
  async open(
    @CallerOf() caller: Caller,
    @Headers('idempotency-key') key: string | undefined,
    @Body() input: unknown,
    @Res({ passthrough: true }) response: Response,
  ) {
    const body = validate(openBody, input, 'The body');
    if (caller.settings[body.scheme] === null) {
      throw new Problem('invalid_request', 'Nothing was called.', {
        fields: [{ field: 'scheme', problem: 'the partner is not set up for this scheme' }],
      });
    }
    const request = {
      partnerId: caller.partnerId,
      actorId: caller.keyId,
      route: 'POST /v1/payments',
      key: keyOf(key),
      body,
      paymentId: uuidv7(),
    };
    const answer = await this.idempotency.once(
      request,
      async (paymentId) => {
        const memberId =
          body.memberExternalId === undefined
            ? null
            : await this.points.openMember(caller.partnerId, body.memberExternalId);
        const opened = await this.payments.open({
          partnerId: caller.partnerId,
          settings: caller.settings,
          paymentId,
          scheme: body.scheme,
          invoiceId: body.invoiceId,
          memberId,
          openedBy: { kind: 'api_key', id: caller.keyId },
          links: body.links,
        });
        if (opened.kind === 'refused') {
          throw new Problem('partner_not_ready', 'Nothing was opened.', { reason: opened.reason });
        }
        const told = await this.#tell(caller.partnerId, opened.paymentId);
        if (told.state === 'opening' && !hasBegun(opened.saga)) {
          throw unavailable(
            'The payment was not started for certain. Repeat with the same Idempotency-Key; nothing is held.',
          );
        }
        if (told.reason === 'invoice_not_found') throw new Problem('not_found');
        const finished = told.state === 'opening' ? 202 : opened.kind === 'opened' ? 201 : 200;
        return { ...told.answer, status: finished, paymentId: opened.paymentId };
      },
      async (paymentId) => (await this.#tell(caller.partnerId, paymentId)).answer,
    );
    return send(response, answer);
  }

  @Get(':id')
  @RequiresScope('payments:read')
  async read(@CallerOf() caller: Caller, @Param('id') id: string, @Res({ passthrough: true }) response: Response) {
    const paymentId = validate(anyUuid, id, 'The payment id').toLowerCase();
    const { answer } = await this.#tell(caller.partnerId, paymentId);
    return send(response, { ...answer, status: 200, headers: {} });
  }

  @Get(':id/passport')
  @RequiresScope('payments:read')
  async passport(@CallerOf() caller: Caller, @Param('id') id: string) {
    const paymentId = validate(anyUuid, id, 'The payment id').toLowerCase();
    const passport = await this.payments.passport(caller.partnerId, paymentId);
    if (passport === null) throw new Problem('not_found');
    return passport;
  }

  @Post(':id/confirm')
  @HttpCode(200)
  @RequiresScope('payments:write')
  async confirm(
    @CallerOf() caller: Caller,
    @Param('id') id: string,
    @Headers('idempotency-key') key: string | undefined,
    @Body() input: unknown,
    @Res({ passthrough: true }) response: Response,
  ) {
    const body = validate(confirmBody, input, 'The body');
    const answer = await this.#act(caller, 'confirm', id, key, body, async (paymentId, wish) => {
      const memberId = await this.points.openMember(caller.partnerId, body.memberExternalId);
      return this.payments.confirm(paymentId, `confirm:${wish.toString('hex')}`, {
        memberId,
        seen: body.seen,
        actor: { kind: 'api_key', id: caller.keyId },
        confirmationId: uuidOf(wish),
        notAfter: Date.now() + countsForMs,
      });
    });
    return send(response, answer);
  }

  @Post(':id/cancel')
  @HttpCode(200)
  @RequiresScope('payments:write')
  async cancel(
    @CallerOf() caller: Caller,
    @Param('id') id: string,
    @Headers('idempotency-key') key: string | undefined,
    @Body() input: unknown,
    @Res({ passthrough: true }) response: Response,
  ) {
    const body = validate(cancelBody, input ?? {}, 'The body');
    const answer = await this.#act(caller, 'cancel', id, key, body, (paymentId, wish) =>
      this.payments.cancel(paymentId, `cancel:${wish.toString('hex')}`, {
        actor: { kind: 'api_key', id: caller.keyId },
        reason: body.reason,
        notAfter: Date.now() + countsForMs,
      }),
    );
    return send(response, answer);
  }

  /** Says confirm or cancel to a payment's saga and tells how it stands then. */
  async #act(
    caller: Caller,
    verb: 'confirm' | 'cancel',
    id: string,
    key: string | undefined,
    body: unknown,
    say: (paymentId: string, wish: Buffer) => Promise<SagaAnswer>,
  ): Promise<ApiAnswer> {
    const paymentId = validate(anyUuid, id, 'The payment id').toLowerCase();
    await this.#tell(caller.partnerId, paymentId);
    const request = {
      partnerId: caller.partnerId,
      actorId: caller.keyId,
      route: `POST /v1/payments/${paymentId}/${verb}`,
      key: keyOf(key),
      body,
      paymentId,
    };
    return this.idempotency.once(
      request,
      async (_, wish) => {
        const said = await say(paymentId, wish);
        const told = await this.#tell(caller.partnerId, paymentId);
        // The ledger knows whose confirmation counts, also where the workflow's answer was lost or it had ended by then.
        const counts = verb === 'confirm' && told.confirmationId === uuidOf(wish) && came(verb, told.state);
        if (counts) return { ...told.answer, paymentId };
        switch (said.kind) {
          case 'answered':
            if (!came(verb, told.state)) throw conflict(told);
            return { ...told.answer, paymentId };
          case 'accepted':
            return { ...told.answer, status: 202, paymentId };
          case 'not_accepted':
            throw unavailable(
              `It is not known whether the ${verb} arrived; it can count for ${countsForMs / 1000} s. Repeat with the same Idempotency-Key: it cannot take effect twice.`,
            );
          case 'refused':
            if (said.refusal === 'busy')
              throw new Problem('too_many_requests', 'Nothing was changed.', {}, { 'Retry-After': '1' });
            throw conflict(told, said.refusal);
          case 'over':
            throw conflict(told);
        }
      },
      async () => (await this.#tell(caller.partnerId, paymentId)).answer,
    );
  }

  async #tell(partnerId: string, paymentId: string): Promise<Told> {
    const payment = await this.payments.read(partnerId, paymentId);
    if (payment === null) throw new Problem('not_found');
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

/** How a payment stands, as an answer and in parts. */
interface Told {
  readonly answer: ApiAnswer;
  readonly state: PaymentState;
  readonly reason: string | null;
  readonly confirmationId: string | null;
  readonly body: object;
}

function keyOf(key: string | undefined): string {
  if (key === undefined || key === '')
    throw new Problem('idempotency_key_required', 'Send 1 to 255 characters of your own, new for each wish.');
  return validate(idempotencyKey, key, 'Idempotency-Key');
}

/** Whether a payment now stands where the verb was to bring it. */
function came(verb: 'confirm' | 'cancel', state: PaymentState): boolean {
  if (verb === 'cancel') return state === 'cancelled';
  return state !== 'awaiting_confirmation' && (!isFinal(state) || state === 'paid');
}

function conflict(told: Told, refusal?: string): Problem {
  const extensions = { refusal: refusal ?? told.reason ?? told.state, payment: told.body };
  return new Problem('conflict', 'The true state of the payment is given.', extensions, {}, isFinal(told.state));
}

function send(response: Response, answer: ApiAnswer): object {
  response.status(answer.status).set(answer.headers ?? {});
  if (answer.status >= 400) response.type('application/problem+json');
  return answer.body;
}
