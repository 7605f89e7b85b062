/** Buyers' sessions: rows in Postgres under the hash of a random id that only the cookie knows; a new one at each login. */
import { createHash, createHmac, randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { CookieOptions } from 'express';
import { DataSource, MoreThan } from 'typeorm';
import { SessionEntity, type PendingLogin } from '../../database/entities/session.js';
import { withPartner } from '../../database/withPartner.js';
import { isSameSecret } from '../auth/sameSecret.js';

const loggedInForMs = 60 * 60_000;
const mostTakenAlong = 10;
const loginWithinMs = 15 * 60_000;

export interface Session {
  readonly idHash: Buffer;
  readonly partnerId: string;
  readonly memberId: string | null;
  readonly csrfSecret: string;
}

/** `__Host-`: this host alone, over TLS alone (browsers count localhost as such). */
export const cookieName = (slug: string): string => `__Host-surety-${slug}`;
/** The cookie of one login under way, found again by its state. */
export const loginCookieName = (slug: string, state: string): string =>
  `${cookieName(slug)}-login-${state.slice(0, 16)}`;
export const cookieOptions: CookieOptions = { httpOnly: true, secure: true, sameSite: 'lax', path: '/' };
export const loginCookieOptions: CookieOptions = { ...cookieOptions, maxAge: loginWithinMs };

const hashOf = (id: string): Buffer => createHash('sha256').update(id).digest();

/** Ties a form to the session that it was rendered for. */
export const csrfTokenOf = (session: Session): string =>
  createHmac('sha256', session.csrfSecret).update('form').digest('base64url');

export const isCsrfToken = (session: Session, token: unknown): boolean => isSameSecret(token, csrfTokenOf(session));

@Injectable()
export class Sessions {
  constructor(private readonly dataSource: DataSource) {}

  async find(partnerId: string, id: unknown): Promise<Session | null> {
    const row = await this.#row(partnerId, id);
    if (row === null || row.login !== null) return null;
    return { idHash: row.idHash, partnerId, memberId: row.memberId, csrfSecret: row.csrfSecret };
  }

  /** A session for somebody who is not logged in yet. @returns it, and its cookie's value */
  begin(partnerId: string): Promise<{ id: string; session: Session }> {
    return this.#create(partnerId, null, null, loginWithinMs);
  }

  /** Remembers what a login that begins is checked against. Each has a cookie of its own, so that tabs don't disturb each other. */
  async beginLogin(partnerId: string, login: PendingLogin): Promise<string> {
    return (await this.#create(partnerId, null, login, loginWithinMs)).id;
  }

  /** The login that this browser began under this state; it can be taken once. */
  async takeLogin(partnerId: string, id: unknown, state: unknown): Promise<PendingLogin | null> {
    const row = await this.#row(partnerId, id);
    if (row === null || row.login === null || !isSameSecret(state, row.login.state)) return null;
    const ended = await this.#delete(partnerId, row.idHash);
    return ended ? row.login : null;
  }

  /** A new session for who has logged in; the one before it is dead. @returns its cookie's value */
  async logIn(partnerId: string, before: Session | null, memberId: string): Promise<string> {
    if (before !== null) await this.end(before);
    return (await this.#create(partnerId, memberId, null, loggedInForMs)).id;
  }

  async end(session: Session): Promise<void> {
    await this.#delete(session.partnerId, session.idHash);
  }

  #row(partnerId: string, id: unknown): Promise<SessionEntity | null> {
    if (typeof id !== 'string' || id.length === 0 || id.length > 100) return Promise.resolve(null);
    return withPartner(this.dataSource, partnerId, (manager) =>
      manager
        .getRepository(SessionEntity)
        .findOneBy({ idHash: hashOf(id), partnerId, expiresAt: MoreThan(new Date()) }),
    );
  }

  async #delete(partnerId: string, idHash: Buffer): Promise<boolean> {
    const { affected } = await withPartner(this.dataSource, partnerId, (manager) =>
      manager.getRepository(SessionEntity).delete({ idHash, partnerId }),
    );
    return affected === 1;
  }

  async #create(partnerId: string, memberId: string | null, login: PendingLogin | null, forMs: number) {
    const id = randomBytes(32).toString('base64url');
    const session = { idHash: hashOf(id), partnerId, memberId, csrfSecret: randomBytes(32).toString('base64url') };
    await withPartner(this.dataSource, partnerId, async (manager) => {
      await manager
        .getRepository(SessionEntity)
        .insert({ ...session, login: login as never, expiresAt: new Date(Date.now() + forMs) });
      // Each new one takes a few that are over along, so that they never pile up.
      await manager.query(
        `DELETE FROM surety.session WHERE id_hash IN (SELECT id_hash FROM surety.session WHERE expires_at < now() LIMIT ${mostTakenAlong})`,
      );
    });
    return { id, session };
  }
}
