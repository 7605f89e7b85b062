/**
 * What operators do with a payment. Each action asks the payment's own workflow, which reads the invoice for it and does
 * what the rules and the ledger allow; before and after it stands a line in the audit log.
 */
import { Body, Controller, Param, Post, Req, Res, UseGuards } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { Client } from '@temporalio/client';
import type { Request, Response } from 'express';
import { z } from 'zod';
import { Recovery } from '../../../ledger/recovery.js';
import { probeNow, type Probed } from '../../payments/probes.js';
import { resolveReview, type Resolved } from '../../payments/resolutions.js';
import { Acts } from '../acts.js';
import { ConsoleGuard, Me, NeedsFreshLogin, NeedsRole } from '../consoleGuard.js';
import { ConsoleStop } from '../consoleStop.js';
import { Desk } from '../desk.js';
import { evidence, formOf, idOf, versionField } from '../forms.js';
import { actorOf, type Operator } from '../operator.js';
import { money, plain } from '../values.js';
import { canConfirmAgain, canProbe, canRetry, probeReasons, resolveReasons } from './paymentActionForms.js';
import { readPayment, type ShownPayment } from './paymentReads.js';
import { refusalWords } from './paymentWords.js';

const askedForm = z.object({ version: versionField, ...evidence(probeReasons) });
const resolveForm = z
  .object({
    version: versionField,
    resolution: z.uuid(),
    outcome: z.enum(['paid', 'paid_elsewhere', 'not_paid'], 'has to be chosen'),
    transaction: z
      .string()
      .transform((text) => text.trim())
      .pipe(z.string().regex(/^[!-~]{0,36}$/, 'is none of Invoicebox’s')),
    ...evidence(resolveReasons),
  })
  .refine(({ outcome, transaction }) => (outcome === 'paid') === (transaction !== ''), {
    path: ['transaction'],
    message: 'belongs to “paid by us”, and only to it',
  });

interface Sent {
  readonly operator: Operator;
  readonly id: string;
  readonly body: unknown;
  readonly request: Request;
  readonly response: Response;
}

const pageOf = (id: string, done?: string): string =>
  done === undefined ? `/console/payments/${id}` : `/console/payments/${id}?done=${done}`;

@ApiExcludeController()
@Controller('console/payments')
@UseGuards(ConsoleGuard)
export class PaymentActionsController {
  constructor(
    private readonly desk: Desk,
    private readonly acts: Acts,
    private readonly client: Client,
    private readonly recovery: Recovery,
  ) {}

  /** Safe on any page, however old: so it asks for no evidence and no version. */
  @Post(':id/probe')
  @NeedsRole('operator')
  async probe(@Me() operator: Operator, @Param('id') id: string, @Req() request: Request, @Res() response: Response) {
    const payment = await this.#read(operator, request, idOf(id));
    if (!canProbe(payment)) throw this.#tooLate(payment);
    await this.#write(request, payment, 'payment.probe', 'asked', shown(payment));
    await this.#probeAnd(request, response, payment, 'payment.probe', false);
  }

  @Post(':id/retry')
  @NeedsRole('operator')
  @NeedsFreshLogin()
  async retry(
    @Me() operator: Operator,
    @Param('id') id: string,
    @Body() body: unknown,
    @Req() request: Request,
    @Res() response: Response,
  ) {
    await this.#askAgain({ operator, id, body, request, response }, 'payment.retry', canRetry, false);
  }

  @Post(':id/confirm-again')
  @NeedsRole('operator')
  @NeedsFreshLogin()
  async confirmAgain(
    @Me() operator: Operator,
    @Param('id') id: string,
    @Body() body: unknown,
    @Req() request: Request,
    @Res() response: Response,
  ) {
    await this.#askAgain({ operator, id, body, request, response }, 'payment.confirm_again', canConfirmAgain, true);
  }

  @Post(':id/resolve')
  @NeedsRole('operator')
  @NeedsFreshLogin()
  async resolve(
    @Me() operator: Operator,
    @Param('id') id: string,
    @Body() body: unknown,
    @Req() request: Request,
    @Res() response: Response,
  ) {
    const { version, resolution, transaction, ...given } = formOf(resolveForm, body);
    const payment = await this.#readVersion(operator, request, id, version, 'payment.resolve');
    if (payment.state !== 'in_review') throw this.#tooLate(payment);
    const transactionId = transaction === '' ? null : transaction;
    const asked = { ...given, transactionId, resolution, ...shown(payment) };
    await this.#write(request, payment, 'payment.resolve', 'asked', asked);
    const resolved = await resolveReview(this.client, this.recovery, {
      partnerId: payment.partnerId,
      paymentId: payment.id,
      resolutionId: resolution,
      transactionId,
      ...given,
      actor: actorOf(operator),
    });
    const read = 'read' in resolved ? resolved.read : null;
    await this.#write(request, payment, 'payment.resolve', outcomeOf(resolved), { resolution, read });
    switch (resolved.kind) {
      case 'resolved':
        response.redirect(303, pageOf(payment.id, `resolved_${given.outcome}`));
        return;
      case 'refused':
        throw new ConsoleStop(
          'invalid',
          `It was refused: ${refusalWords(resolved.why)}. ${readWords(read)}`,
          pageOf(payment.id),
        );
      case 'not_in_review':
      case 'not_found':
        throw this.#tooLate(payment);
      case 'unanswered':
        response.redirect(303, pageOf(payment.id, 'unanswered'));
    }
  }

  /** With evidence, on a page that shows the payment as it is. */
  async #askAgain(
    { operator, id, body, request, response }: Sent,
    action: string,
    may: (payment: ShownPayment) => boolean,
    confirm: boolean,
  ): Promise<void> {
    const { version, ...given } = formOf(askedForm, body);
    const payment = await this.#readVersion(operator, request, id, version, action);
    if (!may(payment)) throw this.#tooLate(payment);
    await this.#write(request, payment, action, 'asked', { ...given, ...shown(payment) });
    await this.#probeAnd(request, response, payment, action, confirm);
  }

  async #probeAnd(
    request: Request,
    response: Response,
    payment: ShownPayment,
    action: string,
    confirm: boolean,
  ): Promise<void> {
    const probed = await probeNow(this.client, payment.id, confirm);
    const { kind, ...detail } = probed;
    await this.#write(request, payment, action, kind === 'refused' ? `refused: ${probed.refusal}` : kind, detail);
    switch (probed.kind) {
      case 'probed':
        response.redirect(303, pageOf(payment.id, doneOf(probed)));
        return;
      case 'unanswered':
        response.redirect(303, pageOf(payment.id, 'unanswered'));
        return;
      case 'over':
        throw this.#tooLate(payment);
      case 'refused':
        throw new ConsoleStop('invalid', `It was refused: ${refusalWords(probed.refusal)}.`, pageOf(payment.id));
    }
  }

  async #read(operator: Operator, request: Request, id: string): Promise<ShownPayment> {
    const payment = await this.desk.reads.for(operator, (reads) => readPayment(reads, id));
    return payment ?? this.desk.notSeen(request, 'payment', id);
  }

  async #readVersion(
    operator: Operator,
    request: Request,
    id: string,
    version: number,
    action: string,
  ): Promise<ShownPayment> {
    const payment = await this.#read(operator, request, idOf(id));
    if (payment.version === version) return payment;
    await this.#write(request, payment, action, 'refused: stale page', { version, now: payment.version });
    throw this.#tooLate(payment);
  }

  #tooLate({ id, state }: ShownPayment): ConsoleStop {
    return new ConsoleStop('stale_page', `It is ${state.replaceAll('_', ' ')} now.`, pageOf(id));
  }

  #write(
    request: Request,
    { id, partnerId }: ShownPayment,
    action: string,
    outcome: string,
    detail: Readonly<Record<string, unknown>>,
  ): Promise<number> {
    return this.acts.write(request, { action, outcome, subject: id, subjectKind: 'payment', partnerId, detail });
  }
}

/** What he saw when he decided. */
function shown({ state, reason, version, invoiceStatus, readAt, hold }: ShownPayment) {
  return { shown: { state, reason, version, invoiceStatus, readAt, hold } };
}

function doneOf({ read, confirm, nextProbeAt }: Probed & { kind: 'probed' }): string {
  if (confirm === 'sent') return 'confirm_sent';
  if (nextProbeAt === null) return 'probe_ended';
  if (read === null) return 'probe_unreadable';
  switch (confirm) {
    case 'waits':
      return 'confirm_waits';
    case 'not_allowed':
      return 'confirm_not_allowed';
    case 'not_asked':
      return 'probed';
  }
}

function outcomeOf(resolved: Resolved): string {
  switch (resolved.kind) {
    case 'resolved':
      return `done: ${resolved.state}`;
    case 'refused':
      return `refused: ${resolved.why}`;
    case 'not_in_review':
      return 'refused: not in review';
    case 'not_found':
      return 'refused: not found';
    case 'unanswered':
      return 'not answered';
  }
}

function readWords(read: { status: string; amountMinor: number | null; currency: string } | null): string {
  if (read === null) return 'What the invoice says is not known.';
  const sum = read.amountMinor === null ? '' : `, ${money(read.amountMinor, plain(read.currency, 3))}`;
  return `The invoice, read just now, says: ${plain(read.status, 40)}${sum}.`;
}
