/**
 * The one guard of a payment's addresses: finds the payment for somebody logged in, or sends the page that says what to
 * do; and knows what the page of its true state is made of.
 */
import { Injectable } from '@nestjs/common';
import type { Request, Response } from 'express';
import type { PaymentEntity } from '../../database/entities/payment.js';
import { Points } from '../../ledger/points.js';
import { Payments } from '../payments/payments.js';
import type { PaymentPage } from './paymentPage.js';
import { csrfTokenOf } from './sessions.js';
import { texts } from './texts.js';
import { viewOf, type ViewName } from './viewOf.js';
import { isMember, LinkButton, Visits, type MemberVisit } from './visits.js';

const anyId = /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i;

export interface Found {
  readonly visit: MemberVisit;
  readonly payment: PaymentEntity;
}

@Injectable()
export class PaymentGuard {
  constructor(
    private readonly visits: Visits,
    private readonly payments: Payments,
    private readonly points: Points,
  ) {}

  /** A visit of somebody logged in; others are told to log in. */
  async beginMember(
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
  async find(slug: string, id: string, request: Request, response: Response): Promise<Found | null> {
    const visit = await this.beginMember(slug, id, request, response);
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

  showStaleForm(found: Found): void {
    const { stale_form: heading, startAgain } = texts[found.visit.language];
    const address = addressOf(found);
    const content = <LinkButton href={address} text={startAgain} />;
    this.visits.show(found.visit, { status: 403, view: 'stale_form', heading, content, address });
  }

  async pageOf(visit: MemberVisit, payment: PaymentEntity, idempotencyId: string, sent: boolean): Promise<PaymentPage> {
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
    return (await this.points.balance(partnerId, visit.session.memberId, Date.now())).available;
  }

  /** The view of a payment's true state, for this member. */
  async viewOf({ visit, payment }: Found, sent: boolean): Promise<ViewName> {
    return shownView(payment, visit.session.memberId, await this.#available(visit), sent);
  }
}

/** A confirmation that was accepted, but not acted on yet, is under way although the row still waits. */
function shownView(payment: PaymentEntity, memberId: string, available: number, sent: boolean): ViewName {
  const view = viewOf(payment, memberId, available);
  return sent && view === 'ready' ? 'processing' : view;
}

/** Who is bound to pay it, or else opened it; a payment that the partner opened is anybody's who was given it. */
export function mayCancel({ memberId, openedBy }: PaymentEntity, me: string): boolean {
  if (memberId !== null) return memberId === me;
  return openedBy.kind !== 'member' || openedBy.id === me;
}

export const addressOf = ({ visit, payment }: Found): string =>
  `/pay/${visit.programme.slug}/payments/${payment.id}?lang=${visit.language}`;
