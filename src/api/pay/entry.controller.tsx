/**
 * How a buyer comes in (the seed's loyalty scheme, step 1): the entry link, the programme's login or the partner's
 * one-time token, and how he leaves. An invoice id alone reads no invoice and shows no balance.
 */
import { Body, Controller, Get, Logger, Param, Post, Query, Req, Res, UseGuards } from '@nestjs/common';
import type { Request, Response } from 'express';
import { v7 as uuidv7 } from 'uuid';
import { AddressRateGuard } from '../addressRate.js';
import { LoginTokens } from '../auth/loginTokens.js';
import { Points } from '../../ledger/points.js';
import { Payments } from '../payments/payments.js';
import { hasBegun } from '../payments/sagas.js';
import { Logins } from './logins.js';
import { cookieName, cookieOptions, csrfTokenOf, loginCookieName, loginCookieOptions, Sessions } from './sessions.js';
import { texts } from './texts.js';
import { isMember, LinkButton, Visits, type Visit } from './visits.js';

const anyId = /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i;
/** An entry link with its return links; it is kept while the buyer logs in. */
const longestAddress = 6_000;
type QueryFields = Readonly<Record<string, unknown>>;

@Controller('pay/:slug')
@UseGuards(AddressRateGuard)
export class EntryController {
  readonly #log = new Logger('pay');

  constructor(
    private readonly visits: Visits,
    private readonly sessions: Sessions,
    private readonly logins: Logins,
    private readonly tokens: LoginTokens,
    private readonly payments: Payments,
    private readonly points: Points,
  ) {}

  /** Invoicebox sends the buyer here. Logged in, he is taken to the invoice's payment; opening it twice finds the same one. */
  @Get()
  async enter(
    @Param('slug') slug: string,
    @Query() query: QueryFields,
    @Req() request: Request,
    @Res() response: Response,
  ) {
    const visit = await this.visits.begin(slug, request, response);
    if (visit === null) return;
    const { language, programme } = visit;
    const names = programme.loyalty.parameters;
    const invoiceId = query[names.invoiceId];
    if (typeof invoiceId !== 'string' || !anyId.test(invoiceId)) {
      this.visits.show(visit, { status: 422, view: 'bad_link', heading: texts[language].bad_link });
      return;
    }
    if (typeof query['token'] === 'string') return this.#offerToken(visit, query['token']);
    const address = ownAddress(request);
    if (address.length > longestAddress) {
      this.visits.show(visit, {
        status: 414,
        view: 'bad_request',
        heading: texts[language].bad_request,
        address: `/pay/${slug}`,
      });
      return;
    }
    if (!isMember(visit)) return this.#sendToLogin(visit, address);
    const opened = await this.payments.open({
      partnerId: programme.partnerId,
      settings: programme.settings,
      paymentId: uuidv7(),
      scheme: 'loyalty',
      invoiceId,
      memberId: null,
      openedBy: { kind: 'member', id: visit.session.memberId },
      links: {
        successUrl: this.#linkFrom(visit, query[names.successUrl]),
        failUrl: this.#linkFrom(visit, query[names.failUrl]),
        cancelUrl: this.#linkFrom(visit, query[names.cancelUrl]),
      },
    });
    if (opened.kind === 'refused') {
      const content = this.#wayBack(visit, query[names.failUrl] ?? query[names.cancelUrl]);
      const view = opened.reason === 'paused' ? 'payments_paused' : 'not_ready';
      this.visits.show(visit, { status: 503, view, heading: texts[language][view], content });
      return;
    }
    if (!hasBegun(opened.saga)) {
      const state = (await this.payments.read(programme.partnerId, opened.paymentId))?.state;
      if (state === 'opening') {
        response.set('Retry-After', '5');
        this.visits.show(visit, { status: 503, view: 'trouble', heading: texts[language].trouble });
        return;
      }
    }
    response.redirect(303, `/pay/${slug}/payments/${opened.paymentId}?lang=${language}`);
  }

  /** Spends a partner's one-time token: only this POST does, so that previews and scanners of links can't. */
  @Post('token')
  async spendToken(
    @Param('slug') slug: string,
    @Body() body: unknown,
    @Req() request: Request,
    @Res() response: Response,
  ) {
    const visit = await this.visits.begin(slug, request, response);
    if (visit === null) return;
    const fields: QueryFields = typeof body === 'object' && body !== null ? (body as QueryFields) : {};
    const goOn = typeof fields['goOn'] === 'string' && isOwnAddress(slug, fields['goOn']) ? fields['goOn'] : null;
    if (visit.session === null || goOn === null || !this.visits.isOurForm(visit, body)) {
      this.#showStale(visit, goOn);
      return;
    }
    const memberId = await this.tokens.spend(visit.programme.partnerId, fields['token']);
    if (memberId === null) {
      this.#showLoginFailed(visit, goOn);
      return;
    }
    response.cookie(
      cookieName(slug),
      await this.sessions.logIn(visit.programme.partnerId, visit.session, memberId),
      cookieOptions,
    );
    response.redirect(303, goOn);
  }

  /** Logs in again to see a payment, or one's payments. */
  @Get('login')
  async login(
    @Param('slug') slug: string,
    @Query() query: QueryFields,
    @Req() request: Request,
    @Res() response: Response,
  ) {
    const visit = await this.visits.begin(slug, request, response);
    if (visit === null) return;
    const payment = query['payment'];
    const path = typeof payment === 'string' && anyId.test(payment) ? `/${payment.toLowerCase()}` : '';
    return this.#sendToLogin(visit, `/pay/${slug}/payments${path}?lang=${visit.language}`);
  }

  @Get('login/callback')
  async loggedIn(
    @Param('slug') slug: string,
    @Query() query: QueryFields,
    @Req() request: Request,
    @Res() response: Response,
  ) {
    const visit = await this.visits.begin(slug, request, response);
    if (visit === null) return;
    const state = typeof query['state'] === 'string' ? query['state'] : '';
    const cookies = request.cookies as Readonly<Record<string, unknown>>;
    const name = loginCookieName(slug, state);
    const login = await this.sessions.takeLogin(visit.programme.partnerId, cookies[name], state);
    if (login === null) {
      this.#showLoginFailed(visit, null);
      return;
    }
    response.clearCookie(name, cookieOptions);
    const result = await this.logins.finish(visit.programme, login, new URL(ownAddress(request), 'http://page').search);
    switch (result.kind) {
      case 'failed':
        this.#log.warn({ event: 'login_failed', partner_id: visit.programme.partnerId, detail: result.detail });
        {
          this.#showLoginFailed(visit, login.goOn);
          return;
        }
      case 'member': {
        const memberId = await this.points.openMember(visit.programme.partnerId, result.externalId);
        response.cookie(
          cookieName(slug),
          await this.sessions.logIn(visit.programme.partnerId, visit.session, memberId),
          cookieOptions,
        );
        response.redirect(303, login.goOn);
      }
    }
  }

  @Post('logout')
  async logOut(@Param('slug') slug: string, @Body() body: unknown, @Req() request: Request, @Res() response: Response) {
    const visit = await this.visits.begin(slug, request, response);
    if (visit === null) return;
    if (visit.session !== null) {
      if (!this.visits.isOurForm(visit, body)) {
        this.#showStale(visit, null);
        return;
      }
      await this.sessions.end(visit.session);
      response.clearCookie(cookieName(slug), cookieOptions);
    }
    response.redirect(303, `/pay/${slug}/logged-out?lang=${visit.language}`);
  }

  @Get('logged-out')
  async loggedOut(@Param('slug') slug: string, @Req() request: Request, @Res() response: Response) {
    const visit = await this.visits.begin(slug, request, response);
    if (visit === null) return;
    this.visits.show(visit, {
      status: 200,
      view: 'logged_out',
      heading: texts[visit.language].logged_out,
      content: <LinkButton href={`/pay/${slug}/login?lang=${visit.language}`} text={texts[visit.language].logIn} />,
    });
  }

  /** Asks for the one click that spends the token; from here on it is in no address any more. */
  async #offerToken(visit: Visit, token: string): Promise<void> {
    const { language, programme, response, request } = visit;
    const session = visit.session ?? (await this.#beginSession(visit));
    const address = new URL(ownAddress(request), 'http://page');
    address.searchParams.delete('token');
    const t = texts[language];
    const goOn = address.pathname + address.search;
    const content = (
      <form method="post" action={`/pay/${programme.slug}/token?lang=${language}`} data-working={t.working}>
        <input type="hidden" name="csrf" value={csrfTokenOf(session)} />
        <input type="hidden" name="token" value={token.slice(0, 200)} />
        <input type="hidden" name="goOn" value={goOn} />
        <button class="primary">{t.goOn}</button>
      </form>
    );
    response.set('Referrer-Policy', 'no-referrer');
    this.visits.show(visit, { status: 200, view: 'continue_as', heading: t.continue_as, content });
  }

  async #beginSession(visit: Visit) {
    const { id, session } = await this.sessions.begin(visit.programme.partnerId);
    visit.response.cookie(cookieName(visit.programme.slug), id, cookieOptions);
    return session;
  }

  async #sendToLogin(visit: Visit, goOn: string): Promise<void> {
    const begun = await this.logins.begin(visit.programme, goOn);
    if (begun.kind === 'failed') {
      this.#log.warn({
        event: 'login_provider_unreachable',
        partner_id: visit.programme.partnerId,
        detail: begun.detail,
      });
      this.#showLoginFailed(visit, goOn, 503);
      return;
    }
    const { slug, partnerId } = visit.programme;
    const id = await this.sessions.beginLogin(partnerId, begun.login);
    visit.response.cookie(loginCookieName(slug, begun.login.state), id, loginCookieOptions);
    visit.response.redirect(303, begun.url.href);
  }

  #showLoginFailed(visit: Visit, goOn: string | null, status = 400): void {
    const { login_failed: heading, logIn } = texts[visit.language];
    const href = goOn ?? `/pay/${visit.programme.slug}/login?lang=${visit.language}`;
    const content = <LinkButton href={href} text={logIn} />;
    this.visits.show(visit, { status, view: 'login_failed', heading, content, address: href });
  }

  #showStale(visit: Visit, goOn: string | null): void {
    const { stale_form: heading, startAgain } = texts[visit.language];
    const href = goOn ?? `/pay/${visit.programme.slug}/payments?lang=${visit.language}`;
    const content = <LinkButton href={href} text={startAgain} />;
    this.visits.show(visit, { status: 403, view: 'stale_form', heading, content, address: href });
  }

  #wayBack(visit: Visit, text: unknown) {
    const href = this.#linkFrom(visit, text);
    return href === undefined ? null : <LinkButton href={href} text={texts[visit.language].toShop} />;
  }

  /** A return link of the entry address. A doubled parameter is no text, and no link. */
  #linkFrom(visit: Visit, text: unknown): string | undefined {
    return typeof text === 'string' ? (this.visits.checkedLink(visit.programme, text) ?? undefined) : undefined;
  }
}

/** Path and query of this request, whatever form its request line had. */
function ownAddress(request: Request): string {
  if (!URL.canParse(request.originalUrl, 'http://page')) return request.path;
  const url = new URL(request.originalUrl, 'http://page');
  return url.pathname + url.search;
}

/** Whether a form may lead there: an entry address of this programme. */
export function isOwnAddress(slug: string, address: string): boolean {
  return address.startsWith(`/pay/${slug}?`) && !/[\\\s]/.test(address) && address.length <= longestAddress;
}
