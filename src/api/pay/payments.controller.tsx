/**
 * The payment's own page (steps 3 and 6 of the seed): every address of a payment shows the view of its true state;
 * only POST changes anything, and what it comes to is shown by the page that it leads to.
 */
import { Body, Controller, Get, Param, Post, Req, Res } from '@nestjs/common';
import type { Request, Response } from 'express';
import { v7 as uuidv7 } from 'uuid';
import { z } from 'zod';
import type { PaymentEntity } from '../../database/entities/payment.js';
import { Ledger } from '../../ledger/ledger.js';
import { uuidOf, wishHash } from '../idempotency.js';
import { countsForMs, Payments } from '../payments/payments.js';
import type { SagaAnswer } from '../payments/sagas.js';
import { formatClock } from './format.js';
import { CancelForm, ConfirmForm, PaymentView, statusText, type PaymentPage } from './paymentView.js';
import { PaymentList } from './paymentList.js';
import { csrfTokenOf } from './sessions.js';
import { fill, texts } from './texts.js';
import { viewOf, type ViewName } from './viewOf.js';
import { isMember, LinkButton, Visits, type MemberVisit } from './visits.js';

const anyId = /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i;
const count = z.string().regex(/^\d{1,15}$/).transform(Number); // prettier-ignore
const confirmForm = z.object({
  idempotencyId: z.uuid(),
  amountMinor: count,
  currency: z.string().regex(/^[A-Z]{3}$/),
  points: count,
});
const cancelForm = z.object({ idempotencyId: z.uuid() });

interface Found {
  readonly visit: MemberVisit;
  readonly payment: PaymentEntity;
}

@Controller('pay/:slug/payments')
export class PayController {
  constructor(
    private readonly visits: Visits,
    private readonly payments: Payments,
    private readonly ledger: Ledger,
  ) {}

  /** The buyer's own payments, so that one who comes back days later finds an unknown one. */
  @Get()
  async list(@Param('slug') slug: string, @Req() request: Request, @Res() response: Response) {
    const visit = await this.#beginMember(slug, null, request, response);
    if (visit === null) return;
    const payments = await this.payments.ofMember(visit.programme.partnerId, visit.session.memberId);
    const { language, programme } = visit;
    const content = (
      <PaymentList
        payments={payments}
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
    const found = await this.#find(slug, id, request, response);
    if (found === null) return;
    const { visit, payment } = found;
    const page = await this.#pageOf(visit, payment, uuidv7(), request.query['sent'] === '1');
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
    const found = await this.#find(slug, id, request, response);
    if (found === null) return;
    const { visit, payment } = found;
    const sent = request.query['sent'] === '1';
    const view = shownView(payment, visit.session.memberId, await this.#available(visit), sent);
    const text = statusText(view, payment.nextProbeAt, visit.language, visit.programme.settings.timeZone);
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
    const found = await this.#find(slug, id, request, response);
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
    const found = await this.#find(slug, id, request, response);
    if (found === null) return;
    const form = confirmForm.safeParse(body);
    if (!form.success || !this.visits.isOurForm(found.visit, body)) {
      this.#showStaleForm(found);
      return;
    }
    const { idempotencyId, ...seen } = form.data;
    const { memberId } = found.visit.session;
    const wish = wishOf(found, 'confirm', idempotencyId);
    const notAfter = Date.now() + countsForMs;
    const said = await this.payments.confirm(found.payment.id, `confirm:${wish.toString('hex')}`, {
      memberId,
      seen,
      actor: { kind: 'member', id: memberId },
      confirmationId: uuidOf(wish),
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
    const found = await this.#find(slug, id, request, response);
    if (found === null) return;
    if (!mayCancel(found.payment, found.visit.session.memberId)) {
      response.redirect(303, addressOf(found));
      return;
    }
    const form = cancelForm.safeParse(body);
    if (!form.success || !this.visits.isOurForm(found.visit, body)) {
      this.#showStaleForm(found);
      return;
    }
    const wish = wishOf(found, 'cancel', form.data.idempotencyId);
    const notAfter = Date.now() + countsForMs;
    const said = await this.payments.cancel(found.payment.id, `cancel:${wish.toString('hex')}`, {
      actor: { kind: 'member', id: found.visit.session.memberId },
      reason: 'cancelled_by_buyer',
      notAfter,
    });
    await this.#goOn(found, 'cancel', said, notAfter, form.data.idempotencyId);
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
      case 'over': {
        response.redirect(303, address);
        return;
      }
      case 'accepted': {
        response.redirect(303, verb === 'confirm' ? `${address}&sent=1` : address);
        return;
      }
      case 'refused':
        if (said.refusal !== 'too_many_tries' && said.refusal !== 'busy') {
          response.redirect(303, address);
          return;
        }
        {
          this.visits.show(visit, {
            status: 429,
            view: said.refusal,
            heading: texts[language][said.refusal],
            content: check,
            address,
          });
          return;
        }
      case 'not_accepted': {
        const until = formatClock(new Date(notAfter), language, programme.settings.timeZone);
        const { title, lead } = texts[language][verb === 'confirm' ? 'not_known' : 'cancel_not_known'];
        const page = await this.#pageOf(visit, payment, idempotencyId, false);
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

  /** A visit of somebody logged in; others are told to log in. */
  async #beginMember(
    slug: string,
    id: string | null,
    request: Request,
    response: Response,
  ): Promise<MemberVisit | null> {
    const visit = await this.visits.begin(slug, request, response);
    if (visit === null) return null;
    if (isMember(visit)) return visit;
    const { session_lost: heading, logIn } = texts[visit.language];
    const query = id !== null && anyId.test(id) ? `payment=${id}&` : '';
    const content = <LinkButton href={`/pay/${slug}/login?${query}lang=${visit.language}`} text={logIn} />;
    const address = `/pay/${slug}/payments${id !== null && anyId.test(id) ? `/${id}` : ''}`;
    this.visits.show(visit, { status: 401, view: 'session_lost', heading, content, address });
    return null;
  }

  /** The payment at this address; otherwise the page that says what to do was sent. */
  async #find(slug: string, id: string, request: Request, response: Response): Promise<Found | null> {
    const visit = await this.#beginMember(slug, id, request, response);
    if (visit === null) return null;
    const payment = anyId.test(id) ? await this.payments.read(visit.programme.partnerId, id.toLowerCase()) : null;
    if (payment === null || payment.scheme !== 'loyalty') {
      const { not_found: heading, myPayments } = texts[visit.language];
      const address = `/pay/${slug}/payments`;
      const content = <LinkButton href={`${address}?lang=${visit.language}`} text={myPayments} />;
      this.visits.show(visit, { status: 404, view: 'not_found', heading, content, address });
      return null;
    }
    return { visit, payment };
  }

  #showStaleForm(found: Found): void {
    const { stale_form: heading, startAgain } = texts[found.visit.language];
    const address = addressOf(found);
    const content = <LinkButton href={address} text={startAgain} />;
    this.visits.show(found.visit, { status: 403, view: 'stale_form', heading, content, address });
  }

  async #pageOf(
    visit: MemberVisit,
    payment: PaymentEntity,
    idempotencyId: string,
    sent: boolean,
  ): Promise<PaymentPage> {
    const available = await this.#available(visit);
    const { programme, session, language } = visit;
    const checked = (link: string | null) => this.visits.checkedLink(programme, link);
    return {
      view: shownView(payment, session.memberId, available, sent),
      sent,
      payment,
      language,
      timeZone: programme.settings.timeZone,
      available,
      path: `/pay/${programme.slug}/payments/${payment.id}`,
      listPath: `/pay/${programme.slug}/payments`,
      csrfToken: csrfTokenOf(session),
      idempotencyId,
      mayCancel: mayCancel(payment, session.memberId),
      links: {
        invoice: checked(payment.paymentUrl),
        success: checked(payment.successUrl),
        fail: checked(payment.failUrl),
        cancel: checked(payment.cancelUrl),
      },
    };
  }

  async #available(visit: MemberVisit): Promise<number> {
    const { partnerId } = visit.programme;
    return (await this.ledger.memberBalance(partnerId, visit.session.memberId, Date.now())).available;
  }
}

/** A confirmation that was accepted, but not acted on yet, is under way although the row still waits. */
function shownView(payment: PaymentEntity, memberId: string, available: number, sent: boolean): ViewName {
  const view = viewOf(payment, memberId, available);
  return sent && view === 'ready' ? 'processing' : view;
}

/** Who is bound to pay it, or else opened it; a payment that the partner opened is anybody's who was given it. */
function mayCancel({ memberId, openedBy }: PaymentEntity, me: string): boolean {
  if (memberId !== null) return memberId === me;
  return openedBy.kind !== 'member' || openedBy.id === me;
}

const addressOf = ({ visit, payment }: Found): string =>
  `/pay/${visit.programme.slug}/payments/${payment.id}?lang=${visit.language}`;

const wishOf = ({ visit, payment }: Found, verb: string, key: string): Buffer =>
  wishHash({ actorId: visit.session.memberId, route: `pay/${payment.id}/${verb}`, key });
