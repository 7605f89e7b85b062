/** Nothing of the console is reached but through here: who is it, may he, and is this form ours. */
import { createParamDecorator, Injectable, SetMetadata, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { Request, Response } from 'express';
import { Acts } from './acts.js';
import { ConsoleOptions } from './consoleOptions.js';
import { ConsoleStop } from './consoleStop.js';
import { hasRole, type Operator, type Role } from './operator.js';
import {
  isFormToken,
  OperatorSessions,
  sessionCookie,
  type ConsoleRequest,
  type OperatorSession,
} from './operatorSessions.js';

const roleKey = 'console role';
const freshKey = 'console fresh';

/** The role that a route needs; without it: viewer. */
export const NeedsRole = (role: Role) => SetMetadata(roleKey, role);
/** Money or points depend on it: whoever sends it has proven who he is a short while ago. */
export const NeedsFreshLogin = () => SetMetadata(freshKey, true);

export const Me = createParamDecorator(
  (_: unknown, context: ExecutionContext): Operator =>
    context.switchToHttp().getRequest<ConsoleRequest>().operatorSession.operator,
);

@Injectable()
export class ConsoleGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly sessions: OperatorSessions,
    private readonly options: ConsoleOptions,
    private readonly acts: Acts,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const http = context.switchToHttp();
    const request = http.getRequest<ConsoleRequest>();
    const cookies = request.cookies as Readonly<Record<string, unknown>>;
    const session = await this.sessions.find(cookies[sessionCookie]);
    const reads = request.method === 'GET' || request.method === 'HEAD';
    if (session === null) {
      if (!reads) throw new ConsoleStop('session_over');
      http.getResponse<Response>().redirect(303, `/console/login?goOn=${encodeURIComponent(request.originalUrl)}`);
      return false;
    }
    request.operatorSession = session;
    if (!reads && !this.#isOurForm(session, request)) {
      await this.acts.write(request, { action: 'console.form', outcome: 'refused', subject: pathOf(request) });
      throw new ConsoleStop('foreign_form');
    }
    const role = this.reflector.getAllAndOverride<Role | undefined>(roleKey, [
      context.getHandler(),
      context.getClass(),
    ]);
    if (!hasRole(session.operator, role ?? 'viewer')) {
      await this.acts.write(request, { action: 'console.role', outcome: 'refused', subject: pathOf(request) });
      throw new ConsoleStop('no_role');
    }
    const fresh = this.reflector.get<boolean | undefined>(freshKey, context.getHandler());
    if (fresh === true && !this.isFresh(session.operator)) throw new ConsoleStop('stale_login');
    return true;
  }

  isFresh({ authenticatedAt }: Operator): boolean {
    return Date.now() - authenticatedAt <= this.options.freshMs;
  }

  /** Rendered for this session, sent from our own page. */
  #isOurForm(session: OperatorSession, request: Request): boolean {
    const { origin, 'sec-fetch-site': site } = request.headers;
    // Our pages send no referrer, so browsers send the origin of their forms as "null"; then the fetch metadata tells.
    if (site !== undefined && site !== 'same-origin') return false;
    if (origin !== undefined && origin !== 'null' && origin !== this.options.origin) return false;
    const body: unknown = request.body;
    return typeof body === 'object' && body !== null && isFormToken(session, (body as { csrf?: unknown }).csrf);
  }
}

const pathOf = (request: Request): string => (request.originalUrl.split('?')[0] ?? '').slice(0, 200);
