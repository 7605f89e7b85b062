/**
 * The buyer's way (the seed's loyalty scheme, steps 1, 3 and 6): entry link → login → the payment's own page → back to
 * Invoicebox's. Every address of a payment shows the view of its true state; only POST changes anything.
 */
import { createHash } from 'node:crypto';
import { Body, Controller, Get, Inject, Logger, Param, Post, Query, Req, Res } from '@nestjs/common';
import type { Request, Response } from 'express';
import { v7 as uuidv7 } from 'uuid';
import { z } from 'zod';
import type { PaymentEntity } from '../../database/entities/payment.js';
import { Ledger } from '../../ledger/ledger.js';
import { uuidOf, wishHash } from '../idempotency.js';
import { countsForMs, Payments } from '../payments/payments.js';
import type { SagaAnswer } from '../payments/sagas.js';
import { formatClock, languageOf, type Language } from './format.js';
import { safeLink } from './links.js';
import { Logins } from './logins.js';
import { renderPage, type Heading } from './page.js';
import { PayOptions } from './payOptions.js';
import { ConfirmForm, PaymentView, statusText, type PaymentPage } from './paymentView.js';
import { Programmes, type Programme } from './programmes.js';
import { cookieName, cookieOptions, csrfTokenOf, isCsrfToken, Sessions, type Session } from './sessions.js';
import { fill, texts } from './texts.js';
import { viewOf } from './viewOf.js';

const invoiceId = /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i;
const confirmForm = z.object({
  idempotencyId: z.uuid(),
  amountMinor: z
    .string()
    .regex(/^\d{1,15}$/)
    .transform(Number),
  currency: z.string().regex(/^[A-Z]{3}$/),
  points: z
    .string()
    .regex(/^\d{1,15}$/)
    .transform(Number),
});
const cancelForm = z.object({ idempotencyId: z.uuid() });

/** A visit: which programme, which language, whose session. */
interface Visit {
  readonly programme: Programme;
  readonly language: Language;
  readonly session: Session | null;
  readonly request: Request;
  readonly response: Response;
}

type Member = Visit & { readonly session: Session & { readonly memberId: string } };
type Query = Readonly<Record<string, unknown>>;

@Controller('pay/:slug')
export class PayController {
  readonly #log = new Logger('pay');

  constructor(
    private readonly programmes: Programmes,
    private readonly sessions: Sessions,
    private readonly logins: Logins,
    private readonly payments: Payments,
    private readonly ledger: Ledger,
    @Inject(PayOptions) private readonly options: PayOptions,
  ) {}

  /** The entry: Invoicebox sends the buyer here with the invoice's id. Without a login it reads and shows nothing. */
  @Get()
  async enter(@Param('slug') slug: string, @Query() query: Query, @Req() request: Request, @Res() response: Response) {
    const visit = await this.#visit(slug, query, request, response);
    if (visit === null) return;
    const names = visit.programme.loyalty.parameters;
    const invoice = query[names.invoiceId];
    if (typeof invoice !== 'string' || !invoiceId.test(invoice)) {
      this.#show(visit, 422, 'bad_link', texts[visit.language].bad_link, null);
      return;
    }
    if (!isMember(visit)) return this.#sendToLogin(visit, request.originalUrl);
    const wish = {
      partnerId: visit.programme.partnerId,
      settings: visit.programme.settings,
      paymentId: uuidv7(),
      scheme: 'loyalty',
      invoiceId: invoice,
      memberId: null,
      openedBy: { kind: 'member', id: visit.session.memberId },
      links: {
        successUrl: this.#linkFrom(visit, query[names.successUrl]),
        failUrl: this.#linkFrom(visit, query[names.failUrl]),
        cancelUrl: this.#linkFrom(visit, query[names.cancelUrl]),
      },
    } as const;
    const opened = await this.payments.open(wish);
    if (opened.kind === 'refused') {
      this.#show(visit, 503, 'not_ready', texts[visit.language].not_ready, null);
      return;
    }
    response.redirect(303, `${this.#path(visit, opened.paymentId)}?lang=${visit.language}`);
  }

  @Get('login/callback')
  async loggedIn(
    @Param('slug') slug: string,
    @Query() query: Query,
    @Req() request: Request,
    @Res() response: Response,
  ) {
    const visit = await this.#visit(slug, query, request, response);
    if (visit === null) return;
    const login = visit.session?.pendingLogins.find((pending) => pending.state === query['state']);
    if (visit.session === null || login === undefined) {
      this.#show(visit, 400, 'login_failed', texts[visit.language].login_failed, null);
      return;
    }
    const result = await this.logins.finish(visit.programme, login, request.originalUrl.split('?')[1] ?? '');
    switch (result.kind) {
      case 'failed':
        this.#log.warn({ event: 'login_failed', partner_id: visit.programme.partnerId, detail: result.detail });
        this.#show(
          visit,
          400,
          'login_failed',
          texts[visit.language].login_failed,
          <LinkButton href={login.goOn} text={texts[visit.language].logIn} />,
        );
        return;
      case 'member': {
        const memberId = await this.payments.openMember(visit.programme.partnerId, result.externalId);
        const id = await this.sessions.logIn(visit.session, memberId, login);
        response.cookie(cookieName(slug), id, cookieOptions);
        response.redirect(303, login.goOn);
      }
    }
  }

  @Get('payments/:id')
  async payment(
    @Param('slug') slug: string,
    @Param('id') id: string,
    @Query() query: Query,
    @Req() request: Request,
    @Res() response: Response,
  ) {
    const found = await this.#findPayment(slug, id, query, request, response);
    if (found !== null) await this.#showPayment(found.visit, found.payment);
  }

  /** What the waiting page's script asks. */
  @Get('payments/:id/status')
  async status(
    @Param('slug') slug: string,
    @Param('id') id: string,
    @Query() query: Query,
    @Req() request: Request,
    @Res() response: Response,
  ) {
    const found = await this.#findPayment(slug, id, query, request, response);
    if (found === null) return;
    const { visit, payment } = found;
    const { timeZone } = visit.programme.settings;
    const view = viewOf(payment, visit.session.memberId, await this.#available(visit));
    response
      .set('Cache-Control', 'no-store')
      .json({ view, text: statusText(payment.nextProbeAt, visit.language, timeZone) });
  }

  @Post('payments/:id/confirm')
  async confirm(
    @Param('slug') slug: string,
    @Param('id') id: string,
    @Query() query: Query,
    @Body() body: unknown,
    @Req() request: Request,
    @Res() response: Response,
  ) {
    const found = await this.#findPayment(slug, id, query, request, response);
    if (found === null) return;
    const { visit, payment } = found;
    const form = confirmForm.safeParse(body);
    if (!form.success || !this.#isOurForm(visit, body)) {
      this.#showStaleForm(visit, payment);
      return;
    }
    const { idempotencyId, ...seen } = form.data;
    const wish = this.#wish(visit, payment, 'confirm', idempotencyId);
    const notAfter = Date.now() + countsForMs;
    const said = await this.payments.confirm(payment.id, `confirm:${wish.toString('hex')}`, {
      memberId: visit.session.memberId,
      seen,
      actor: { kind: 'member', id: visit.session.memberId },
      confirmationId: uuidOf(wish),
      notAfter,
    });
    await this.#goOn(visit, payment, said, notAfter, idempotencyId);
  }

  @Post('payments/:id/cancel')
  async cancel(
    @Param('slug') slug: string,
    @Param('id') id: string,
    @Query() query: Query,
    @Body() body: unknown,
    @Req() request: Request,
    @Res() response: Response,
  ) {
    const found = await this.#findPayment(slug, id, query, request, response);
    if (found === null) return;
    const { visit, payment } = found;
    const form = cancelForm.safeParse(body);
    if (!form.success || !this.#isOurForm(visit, body)) {
      this.#showStaleForm(visit, payment);
      return;
    }
    const wish = this.#wish(visit, payment, 'cancel', form.data.idempotencyId);
    const notAfter = Date.now() + countsForMs;
    const said = await this.payments.cancel(payment.id, `cancel:${wish.toString('hex')}`, {
      actor: { kind: 'member', id: visit.session.memberId },
      reason: 'cancelled_by_buyer',
      notAfter,
    });
    await this.#goOn(visit, payment, said, notAfter, form.data.idempotencyId);
  }

  /** After a POST: to the payment's own page, or the truth about a message of which it is not known whether it arrived. */
  async #goOn(
    visit: Member,
    payment: PaymentEntity,
    said: SagaAnswer,
    notAfter: number,
    idempotencyId: string,
  ): Promise<void> {
    switch (said.kind) {
      case 'answered':
      case 'accepted':
      case 'refused':
      case 'over':
        visit.response.redirect(303, `${this.#path(visit, payment.id)}?lang=${visit.language}`);
        return;
      case 'not_accepted': {
        const { language, programme } = visit;
        const until = formatClock(new Date(notAfter), language, programme.settings.timeZone);
        const { title, lead } = texts[language].not_known;
        const page = await this.#pageOf(visit, payment, idempotencyId);
        visit.response.set('Retry-After', '5');
        this.#show(visit, 503, 'not_known', { title, lead: fill(lead, { until }) }, <ConfirmForm {...page} again />);
      }
    }
  }

  async #visit(slug: string, query: Query, request: Request, response: Response): Promise<Visit | null> {
    const programme = await this.programmes.find(slug);
    const language = languageOf(query['lang'], programme?.loyalty.language, request.get('accept-language'));
    if (programme === null) {
      this.#render({ language, request, response, programme }, 404, 'not_found', texts[language].not_found, null);
      return null;
    }
    const cookies = request.cookies as Readonly<Record<string, unknown>>;
    const session = await this.sessions.find(programme.partnerId, cookies[cookieName(slug)]);
    return { programme, language, session, request, response };
  }

  /** The payment at this address, if this member may see it; otherwise the page that says what to do was sent. */
  async #findPayment(slug: string, id: string, query: Query, request: Request, response: Response) {
    const visit = await this.#visit(slug, query, request, response);
    if (visit === null) return null;
    if (!isMember(visit)) {
      const { session_lost: heading, logIn } = texts[visit.language];
      const href = `/pay/${slug}/login?payment=${encodeURIComponent(id)}&lang=${visit.language}`;
      this.#show(
        visit,
        401,
        'session_lost',
        heading,
        invoiceId.test(id) ? <LinkButton href={href} text={logIn} /> : null,
      );
      return null;
    }
    const payment = invoiceId.test(id) ? await this.payments.read(visit.programme.partnerId, id.toLowerCase()) : null;
    if (payment === null || payment.scheme !== 'loyalty') {
      this.#show(visit, 404, 'not_found', texts[visit.language].not_found, null);
      return null;
    }
    return { visit, payment };
  }

  /** Logs in again to see a payment. */
  @Get('login')
  async login(@Param('slug') slug: string, @Query() query: Query, @Req() request: Request, @Res() response: Response) {
    const visit = await this.#visit(slug, query, request, response);
    if (visit === null) return;
    const payment = query['payment'];
    if (typeof payment !== 'string' || !invoiceId.test(payment)) {
      this.#show(visit, 404, 'not_found', texts[visit.language].not_found, null);
      return;
    }
    return this.#sendToLogin(visit, `${this.#path(visit, payment)}?lang=${visit.language}`);
  }

  async #sendToLogin(visit: Visit, goOn: string): Promise<void> {
    const { url, login } = await this.logins.begin(visit.programme, goOn);
    const id = await this.sessions.beginLogin(visit.programme.partnerId, visit.session, login);
    if (id !== null) visit.response.cookie(cookieName(visit.programme.slug), id, cookieOptions);
    visit.response.redirect(303, url.href);
  }

  async #showPayment(visit: Member, payment: PaymentEntity): Promise<void> {
    const page = await this.#pageOf(visit, payment, uuidv7());
    this.#show(visit, 200, page.view, texts[visit.language][page.view], <PaymentView {...page} />);
  }

  #showStaleForm(visit: Member, payment: PaymentEntity): void {
    const { stale_form: heading, startAgain } = texts[visit.language];
    const href = `${this.#path(visit, payment.id)}?lang=${visit.language}`;
    this.#show(visit, 403, 'stale_form', heading, <LinkButton href={href} text={startAgain} />);
  }

  async #pageOf(visit: Member, payment: PaymentEntity, idempotencyId: string): Promise<PaymentPage> {
    const available = await this.#available(visit);
    return {
      view: viewOf(payment, visit.session.memberId, available),
      payment,
      language: visit.language,
      timeZone: visit.programme.settings.timeZone,
      available,
      path: this.#path(visit, payment.id),
      csrfToken: csrfTokenOf(visit.session),
      idempotencyId,
      links: {
        invoice: this.#checkedLink(visit, payment.paymentUrl),
        success: this.#checkedLink(visit, payment.successUrl),
        fail: this.#checkedLink(visit, payment.failUrl),
        cancel: this.#checkedLink(visit, payment.cancelUrl),
      },
    };
  }

  async #available(visit: Member): Promise<number> {
    return (await this.ledger.memberBalance(visit.programme.partnerId, visit.session.memberId, Date.now())).available;
  }

  #show(visit: Visit, status: number, view: string, heading: Heading, content: preact.ComponentChildren): void {
    this.#render(visit, status, view, heading, content);
  }

  #render(
    { programme, language, request, response }: Omit<Visit, 'programme' | 'session'> & { programme: Programme | null },
    status: number,
    view: string,
    heading: Heading,
    content: preact.ComponentChildren,
  ): void {
    const other = new URL(request.originalUrl, 'http://page');
    other.searchParams.set('lang', language === 'ru' ? 'en' : 'ru');
    const frame = {
      language,
      programme: programme?.name ?? null,
      support: programme?.loyalty.support ?? '',
      testMode: this.options.testMode,
      otherLanguageUrl: request.method === 'GET' ? other.pathname + other.search : '',
    };
    response
      .status(status)
      .set('Cache-Control', 'no-store')
      .type('html')
      .send(renderPage(frame, view, heading, content));
  }

  #isOurForm(visit: Member, body: unknown): boolean {
    const { origin, 'sec-fetch-site': site } = visit.request.headers;
    // Our pages send no referrer, so browsers send the origin of their forms as "null"; then the fetch metadata tells.
    if (site !== undefined && site !== 'same-origin') return false;
    if (origin !== undefined && origin !== 'null' && origin !== this.options.origin) return false;
    return isCsrfToken(visit.session, (body as { csrf?: unknown }).csrf);
  }

  #wish(visit: Member, payment: PaymentEntity, verb: string, key: string): Buffer {
    return wishHash({ actorId: visit.session.memberId, route: `pay/${payment.id}/${verb}`, key });
  }

  #linkFrom(visit: Visit, text: unknown): string | undefined {
    return typeof text === 'string' ? (this.#checkedLink(visit, text) ?? undefined) : undefined;
  }

  #checkedLink(visit: Visit, text: string | null): string | null {
    const link = safeLink(text, visit.programme.loyalty.linkHosts, this.options.testMode);
    if (link === null && text !== null) {
      const digest = createHash('sha256').update(text).digest('hex').slice(0, 12);
      this.#log.warn({ event: 'link_not_shown', partner_id: visit.programme.partnerId, link_sha256: digest });
    }
    return link;
  }

  #path(visit: Visit, paymentId: string): string {
    return `/pay/${visit.programme.slug}/payments/${paymentId.toLowerCase()}`;
  }
}

function isMember(visit: Visit): visit is Member {
  return visit.session !== null && visit.session.memberId !== null;
}

function LinkButton({ href, text }: { href: string; text: string }) {
  return (
    <p>
      <a class="primary" href={href}>
        {text}
      </a>
    </p>
  );
}
