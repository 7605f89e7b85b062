/**
 * The payment's own page (steps 3 and 6 of the seed): every address of a payment shows the view of its true state;
 * only POST changes anything, and what it comes to is shown by the page that it leads to.
 */
import { Body, Controller, Get, Param, Post, Req, Res } from '@nestjs/common';
import type { Request, Response } from 'express';
import { v7 as uuidv7 } from 'uuid';
import { z } from 'zod';
import { Points } from '../../ledger/points.js';
import { defaultSoonDays } from '../../partnerSettings.js';
import { uuidOf, wishHash } from '../idempotency.js';
import { countsForMs, Payments } from '../payments/payments.js';
import type { SagaAnswer } from '../payments/sagas.js';
import { formatClock } from './format.js';
import { CancelForm, ConfirmForm } from './forms.js';
import { addressOf, mayCancel, PaymentGuard, type Found } from './paymentGuard.js';
import { PaymentList } from './paymentList.js';
import { PaymentView, statusText } from './paymentView.js';
import { csrfTokenOf } from './sessions.js';
import { fill, texts } from './texts.js';
import { LinkButton, Visits } from './visits.js';

const count = z.string().regex(/^\d{1,15}$/).transform(Number); // prettier-ignore
const confirmForm = z.object({
  idempotencyId: z.uuid(),
  amountMinor: count,
  currency: z.string().regex(/^[A-Z]{3}$/),
  points: count,
});
const cancelForm = z.object({ idempotencyId: z.uuid() });

@Controller('pay/:slug/payments')
export class PayController {
  constructor(
    private readonly visits: Visits,
    private readonly payments: Payments,
    private readonly guard: PaymentGuard,
    private readonly points: Points,
  ) {}

  /** The buyer's own payments, so that one who comes back days later finds an unknown one. */
  @Get()
  async list(@Param('slug') slug: string, @Req() request: Request, @Res() response: Response) {
    const visit = await this.guard.beginMember(slug, null, request, response);
    if (visit === null) return;
    const { language, programme } = visit;
    const { memberId } = visit.session;
    const [payments, member] = await Promise.all([
      this.payments.ofMember(programme.partnerId, memberId),
      this.points.readMember(
        programme.partnerId,
        memberId,
        programme.loyalty.expiringSoonDays ?? defaultSoonDays,
        Date.now(),
      ),
    ]);
    const content = (
      <PaymentList
        payments={payments}
        available={member?.balance.available ?? 0}
        expiringSoon={member?.expiringSoon ?? []}
        language={language}
        timeZone={programme.settings.timeZone}
        slug={slug}
        csrfToken={csrfTokenOf(visit.session)}
      />
    );
    this.visits.show(visit, { status: 200, view: 'payments', heading: texts[language].payments, content });
  }

  @Get(':id')
  async show(@Param('slug') slug: string, @Param('id') id: string, @Req() request: Request, @Res() response: Response) {
    const found = await this.guard.find(slug, id, request, response);
    if (found === null) return;
    const { visit, payment } = found;
    const page = await this.guard.pageOf(visit, payment, uuidv7(), request.query['sent'] === '1');
    const heading = texts[visit.language][page.view];
    this.visits.show(visit, { status: 200, view: page.view, heading, content: <PaymentView {...page} /> });
  }

  /** What the waiting page's script asks. */
  @Get(':id/status')
  async status(
    @Param('slug') slug: string,
    @Param('id') id: string,
    @Req() request: Request,
    @Res() response: Response,
  ) {
    const found = await this.guard.find(slug, id, request, response);
    if (found === null) return;
    const { visit, payment } = found;
    const { timeZone } = visit.programme.settings;
    const view = await this.guard.viewOf(found, request.query['sent'] === '1');
    const text = statusText(view, payment.nextProbeAt, visit.language, timeZone);
    response.set('Cache-Control', 'no-store').json({ view, text });
  }

  /** The address of a form, opened by hand, by Back or by reload: the payment's page. */
  @Get([':id/confirm', ':id/cancel'])
  async formAddress(
    @Param('slug') slug: string,
    @Param('id') id: string,
    @Req() request: Request,
    @Res() response: Response,
  ) {
    const found = await this.guard.find(slug, id, request, response);
    if (found !== null) response.redirect(303, addressOf(found));
  }

  @Post(':id/confirm')
  async confirm(
    @Param('slug') slug: string,
    @Param('id') id: string,
    @Body() body: unknown,
    @Req() request: Request,
    @Res() response: Response,
  ) {
    const taken = await this.#take(confirmForm, slug, id, body, request, response);
    if (taken === null) return;
    const { found, form } = taken;
    const { idempotencyId, ...seen } = form;
    const { memberId } = found.visit.session;
    const wish = wishOf(found, 'confirm', idempotencyId);
    const notAfter = Date.now() + countsForMs;
    const said = await this.payments.confirm(found.payment.id, `confirm:${wish.toString('hex')}`, {
      memberId,
      seen,
      actor: { kind: 'member', id: memberId },
      confirmationId: uuidOf(wish),
      askedAt: Date.now(),
      notAfter,
    });
    await this.#goOn(found, 'confirm', said, notAfter, idempotencyId);
  }

  @Post(':id/cancel')
  async cancel(
    @Param('slug') slug: string,
    @Param('id') id: string,
    @Body() body: unknown,
    @Req() request: Request,
    @Res() response: Response,
  ) {
    const taken = await this.#take(cancelForm, slug, id, body, request, response);
    if (taken === null) return;
    const { found, form } = taken;
    if (!mayCancel(found.payment, found.visit.session.memberId)) {
      response.redirect(303, addressOf(found));
      return;
    }
    const wish = wishOf(found, 'cancel', form.idempotencyId);
    const notAfter = Date.now() + countsForMs;
    const said = await this.payments.cancel(found.payment.id, `cancel:${wish.toString('hex')}`, {
      actor: { kind: 'member', id: found.visit.session.memberId },
      reason: 'cancelled_by_buyer',
      notAfter,
    });
    await this.#goOn(found, 'cancel', said, notAfter, form.idempotencyId);
  }

  /** A form of ours with what it has to carry; otherwise the page that says what to do was sent, and nothing was done. */
  async #take<Form>(
    schema: z.ZodType<Form>,
    slug: string,
    id: string,
    body: unknown,
    request: Request,
    response: Response,
  ): Promise<{ found: Found; form: Form } | null> {
    const found = await this.guard.find(slug, id, request, response);
    if (found === null) return null;
    const form = schema.safeParse(body);
    if (form.success && this.visits.isOurForm(found.visit, body)) return { found, form: form.data };
    this.guard.showStaleForm(found);
    return null;
  }

  /** After a POST: to the payment's own page, or to what has to be said of a message that did not count, or may have. */
  async #goOn(
    found: Found,
    verb: 'confirm' | 'cancel',
    said: SagaAnswer,
    notAfter: number,
    idempotencyId: string,
  ): Promise<void> {
    const { visit } = found;
    const { language, programme, response } = visit;
    const payment = (await this.payments.read(programme.partnerId, found.payment.id)) ?? found.payment;
    const address = addressOf(found);
    const check = <LinkButton href={address} text={texts[language].check} />;
    const waits = payment.state === 'awaiting_confirmation' || payment.state === 'opening';
    if (!waits) {
      response.redirect(303, address);
      return;
    }
    switch (said.kind) {
      case 'answered':
      case 'over':
        response.redirect(303, address);
        return;
      case 'accepted':
        response.redirect(303, verb === 'confirm' ? `${address}&sent=1` : address);
        return;
      case 'refused': {
        const { refusal } = said;
        if (refusal === 'too_many_tries' || refusal === 'busy') {
          const heading = texts[language][refusal];
          this.visits.show(visit, { status: 429, view: refusal, heading, content: check, address });
        } else {
          response.redirect(303, address);
        }
        return;
      }
      case 'not_accepted': {
        const until = formatClock(new Date(notAfter), language, programme.settings.timeZone);
        const { title, lead } = texts[language][verb === 'confirm' ? 'not_known' : 'cancel_not_known'];
        const page = await this.guard.pageOf(visit, payment, idempotencyId, false);
        response.set('Retry-After', '5');
        this.visits.show(visit, {
          status: 503,
          view: verb === 'confirm' ? 'not_known' : 'cancel_not_known',
          heading: { title, lead: fill(lead, { until }) },
          content: (
            <>
              {verb === 'confirm' ? <ConfirmForm {...page} again /> : <CancelForm {...page} />}
              {check}
            </>
          ),
          address,
        });
      }
    }
  }
}

const wishOf = ({ visit, payment }: Found, verb: string, key: string): Buffer =>
  wishHash({ actorId: visit.session.memberId, route: `pay/${payment.id}/${verb}`, key });
