/** How an operator comes in and leaves: OpenID Connect, roles and partners by its claims. */
import { Controller, Get, Logger, Post, Query, Req, Res, UseGuards } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { Request, Response } from 'express';
import { OperatorActs } from '../../ledger/operatorActs.js';
import { AddressRateGuard } from '../addressRate.js';
import { OpenId } from '../auth/openId.js';
import { requestIdOf } from '../requests.js';
import { Acts } from './acts.js';
import { ConsoleGuard } from './consoleGuard.js';
import { ConsoleOptions } from './consoleOptions.js';
import { renderBare } from './frame.js';
import { operatorOf } from './operator.js';
import {
  cookieOptions,
  loginCookie,
  loginCookieOptions,
  OperatorSessions,
  sessionCookie,
  type ConsoleRequest,
} from './operatorSessions.js';

type QueryFields = Readonly<Record<string, unknown>>;
const longestAddress = 2_000;
const home = '/console';

@ApiExcludeController()
@Controller('console')
@UseGuards(AddressRateGuard)
export class ConsoleLoginController {
  readonly #log = new Logger('console');

  constructor(
    private readonly openId: OpenId,
    private readonly sessions: OperatorSessions,
    private readonly options: ConsoleOptions,
    private readonly acts: Acts,
    private readonly operatorActs: OperatorActs,
  ) {}

  /** @param query.goOn a page of the console; `again=1`: whoever is logged in has to prove it once more */
  @Get('login')
  async login(@Query() query: QueryFields, @Res() response: Response) {
    const goOn = ownAddress(query['goOn']);
    const again = query['again'] === '1';
    const begun = await this.openId.begin(this.options.provider, again ? `again ${goOn}` : goOn, again ? 0 : undefined);
    if (begun.kind === 'failed') {
      this.#log.warn({ event: 'operator_login_failed', detail: begun.detail });
      this.#show(response, 503, {
        title: 'The login is not available',
        lead: 'The provider of your logins does not answer. Payments go on without the console.',
        link: { href: `/console/login?goOn=${encodeURIComponent(goOn)}`, text: 'Try again' },
      });
      return;
    }
    const id = await this.sessions.beginLogin(begun.login);
    response.cookie(loginCookie(begun.login.state), id, loginCookieOptions);
    response.redirect(303, begun.url.href);
  }

  @Get('login/callback')
  async loggedIn(@Query() query: QueryFields, @Req() request: Request, @Res() response: Response) {
    const state = typeof query['state'] === 'string' ? query['state'] : '';
    const cookies = request.cookies as Readonly<Record<string, unknown>>;
    const login = await this.sessions.takeLogin(cookies[loginCookie(state)], state);
    if (login === null) {
      this.#showFailed(response, home);
      return;
    }
    response.clearCookie(loginCookie(state), cookieOptions);
    const again = login.goOn.startsWith('again ');
    const goOn = ownAddress(again ? login.goOn.slice('again '.length) : login.goOn);
    // "Again" means now: a login of five minutes is as old as this answer may be on its way.
    const finished = await this.openId.finish(this.options.provider, login, queryOf(request), again ? 300 : undefined);
    if (finished.kind === 'failed') {
      this.#log.warn({ event: 'operator_login_failed', detail: finished.detail });
      this.#showFailed(response, goOn);
      return;
    }
    const claimed = operatorOf(finished.claims, this.options.claims, Date.now());
    switch (claimed.kind) {
      case 'unusable':
        this.#log.warn({ event: 'operator_login_failed', detail: claimed.detail });
        this.#showFailed(response, goOn);
        return;
      case 'nobody':
        await this.#note(request, { id: claimed.id, roles: [] }, 'refused');
        this.#show(response, 403, {
          title: 'You have no role here',
          lead: 'You are logged in at the provider, but it gives you no role or no partner of this console. Ask whoever keeps the roles.',
          link: { href: '/console/login?again=1', text: 'Log in as somebody else' },
        });
        return;
      case 'operator': {
        await this.#note(request, claimed.operator, 'done');
        const id = await this.sessions.logIn(cookies[sessionCookie], claimed.operator);
        response.cookie(sessionCookie, id, cookieOptions);
        response.redirect(303, goOn);
      }
    }
  }

  @Post('logout')
  @UseGuards(ConsoleGuard)
  async logOut(@Req() request: ConsoleRequest, @Res() response: Response) {
    await this.acts.write(request, { action: 'console.logout', outcome: 'done', subject: home });
    await this.sessions.end(request.operatorSession);
    response.clearCookie(sessionCookie, cookieOptions);
    response.redirect(303, '/console/logged-out');
  }

  @Get('logged-out')
  async loggedOut(@Res() response: Response) {
    const atProvider = await this.openId.endSessionUrl(
      this.options.provider,
      `${this.options.origin}/console/logged-out`,
    );
    this.#show(response, 200, {
      title: 'You are logged out',
      lead: 'Of the console. Your provider may still know you.',
      link: { href: home, text: 'Log in' },
      ...(atProvider === null ? {} : { second: { href: atProvider.href, text: 'Log out at the provider too' } }),
    });
  }

  async #note(request: Request, who: { id: string; roles: readonly string[] }, outcome: string): Promise<void> {
    await this.operatorActs.write({
      operator: who.id,
      roles: who.roles,
      partnerId: null,
      action: 'console.login',
      subjectKind: 'page',
      subject: home,
      outcome,
      detail: {},
      requestId: requestIdOf(request),
      at: Date.now(),
    });
  }

  #showFailed(response: Response, goOn: string): void {
    this.#show(response, 400, {
      title: 'The login did not work',
      lead: 'It took too long, or the provider’s answer was not the one that was waited for. Nothing was changed.',
      link: { href: `/console/login?goOn=${encodeURIComponent(goOn)}`, text: 'Log in' },
    });
  }

  #show(response: Response, status: number, message: Parameters<typeof renderBare>[0]): void {
    response.status(status).set('Cache-Control', 'no-store').type('html').send(renderBare(message));
  }
}

/** A page of the console itself, whatever else was asked for. */
export function ownAddress(address: unknown): string {
  if (typeof address !== 'string' || address.length > longestAddress) return home;
  const isOwn = /^\/console(?:[/?][^\\\s]*)?$/.test(address) && !address.startsWith('/console/log');
  return isOwn && new URL(address, 'http://page').pathname.startsWith(home) ? address : home;
}

function queryOf(request: Request): string {
  return URL.canParse(request.originalUrl, 'http://page') ? new URL(request.originalUrl, 'http://page').search : '';
}
