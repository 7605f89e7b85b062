/** Operators' sessions: rows in Postgres under the hash of a random id that only the cookie knows; a new one at each login. */
import { createHash, createHmac, randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { CookieOptions, Request } from 'express';
import { DataSource, LessThan, MoreThan } from 'typeorm';
import { OperatorSessionEntity } from '../../database/entities/operatorSession.js';
import type { PendingLogin } from '../../database/entities/session.js';
import { isSameSecret } from '../auth/sameSecret.js';
import { ConsoleOptions } from './consoleOptions.js';
import { roles, type Operator } from './operator.js';

const loginWithinMs = 15 * 60_000;
/** Being seen is noted at most so often: not each request writes. */
const notedEveryMs = 30_000;

export interface OperatorSession {
  readonly idHash: Buffer;
  readonly csrfSecret: string;
  readonly operator: Operator;
}

/** A request of somebody logged in. */
export interface ConsoleRequest extends Request {
  operatorSession: OperatorSession;
}

/** `__Host-`: this host alone, over TLS alone (browsers count localhost as such). */
export const sessionCookie = '__Host-surety-console';
/** The cookie of one login under way, found again by its state: tabs don't disturb each other. */
export const loginCookie = (state: string): string => `${sessionCookie}-login-${state.slice(0, 16)}`;
/** Lax: a link from a chat or the Temporal UI opens the page; a form from elsewhere carries nothing. */
export const cookieOptions: CookieOptions = { httpOnly: true, secure: true, sameSite: 'lax', path: '/' };
export const loginCookieOptions: CookieOptions = { ...cookieOptions, maxAge: loginWithinMs };

const hashOf = (id: string): Buffer => createHash('sha256').update(id).digest();

/** Ties a form to the session that it was rendered for. */
export const formTokenOf = ({ csrfSecret }: OperatorSession): string =>
  createHmac('sha256', csrfSecret).update('console-form').digest('base64url');

export const isFormToken = (session: OperatorSession, token: unknown): boolean =>
  isSameSecret(token, formTokenOf(session));

@Injectable()
export class OperatorSessions {
  constructor(
    private readonly dataSource: DataSource,
    private readonly options: ConsoleOptions,
  ) {}

  /** @returns null where there is none, or it was idle or has lasted too long */
  async find(id: unknown): Promise<OperatorSession | null> {
    const row = await this.#row(id);
    const now = Date.now();
    if (row?.operator == null || row.name === null || row.authenticatedAt === null) return null;
    if (row.seenAt.getTime() + this.options.idleMs <= now) return null;
    if (row.seenAt.getTime() + Math.min(notedEveryMs, this.options.idleMs / 4) <= now) {
      await this.#sessions.update({ idHash: row.idHash }, { seenAt: new Date(now) });
    }
    return {
      idHash: row.idHash,
      csrfSecret: row.csrfSecret,
      operator: {
        id: row.operator,
        name: row.name,
        roles: roles.filter((role) => row.roles.includes(role)),
        partners: row.partners.includes('*') ? '*' : row.partners,
        authenticatedAt: row.authenticatedAt.getTime(),
      },
    };
  }

  /** Remembers what a login that begins is checked against. @returns its cookie's value */
  async beginLogin(login: PendingLogin): Promise<string> {
    return this.#create({ login }, loginWithinMs);
  }

  /** The login that this browser began under this state; it can be taken once. */
  async takeLogin(id: unknown, state: unknown): Promise<PendingLogin | null> {
    const row = await this.#row(id);
    if (row === null || row.login === null || !isSameSecret(state, row.login.state)) return null;
    const { affected } = await this.#sessions.delete({ idHash: row.idHash });
    return affected === 1 ? row.login : null;
  }

  /** A new session for who has logged in; the one before it is dead. @returns its cookie's value */
  async logIn(before: unknown, operator: Operator): Promise<string> {
    const row = await this.#row(before);
    if (row !== null) await this.#sessions.delete({ idHash: row.idHash });
    const { id, name, partners, authenticatedAt } = operator;
    return this.#create(
      {
        operator: id,
        name,
        roles: [...operator.roles],
        partners: partners === '*' ? ['*'] : [...partners],
        authenticatedAt: new Date(authenticatedAt),
      },
      this.options.sessionMs,
    );
  }

  async end(session: OperatorSession): Promise<void> {
    await this.#sessions.delete({ idHash: session.idHash });
  }

  get #sessions() {
    return this.dataSource.getRepository(OperatorSessionEntity);
  }

  async #row(id: unknown): Promise<OperatorSessionEntity | null> {
    if (typeof id !== 'string' || id.length === 0 || id.length > 100) return null;
    return this.#sessions.findOneBy({ idHash: hashOf(id), expiresAt: MoreThan(new Date()) });
  }

  async #create(of: Partial<OperatorSessionEntity>, forMs: number): Promise<string> {
    const id = randomBytes(32).toString('base64url');
    const now = Date.now();
    // Those that are over go with each new one, so that they never pile up.
    await this.#sessions.delete({ expiresAt: LessThan(new Date(now)) });
    await this.#sessions.insert({
      ...of,
      login: (of.login ?? null) as never,
      idHash: hashOf(id),
      csrfSecret: randomBytes(32).toString('base64url'),
      seenAt: new Date(now),
      expiresAt: new Date(now + forMs),
    });
    return id;
  }
}
