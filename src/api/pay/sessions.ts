/** Buyers' sessions: rows in Postgres under the hash of a random id that only the cookie knows; a new one at each login. */
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { CookieOptions } from 'express';
import { DataSource, MoreThan } from 'typeorm';
import { SessionEntity, type PendingLogin } from '../../database/entities/session.js';
import { withPartner } from '../../database/withPartner.js';

const loggedInForMs = 60 * 60_000;
const loginWithinMs = 15 * 60_000;
/** Logins under way in one browser at once, in several tabs. */
const mostPendingLogins = 5;

export interface Session {
  readonly idHash: Buffer;
  readonly partnerId: string;
  readonly memberId: string | null;
  readonly pendingLogins: readonly PendingLogin[];
  readonly csrfSecret: string;
}

/** `__Host-`: this host alone, over TLS alone (browsers count localhost as such). */
export const cookieName = (slug: string): string => `__Host-surety-${slug}`;
export const cookieOptions: CookieOptions = { httpOnly: true, secure: true, sameSite: 'lax', path: '/' };

const hashOf = (id: string): Buffer => createHash('sha256').update(id).digest();

/** Ties a form to the session that it was rendered for. */
export const csrfTokenOf = (session: Session): string =>
  createHmac('sha256', session.csrfSecret).update('form').digest('base64url');

export function isCsrfToken(session: Session, token: unknown): boolean {
  if (typeof token !== 'string') return false;
  const [given, right] = [Buffer.from(token), Buffer.from(csrfTokenOf(session))];
  return given.length === right.length && timingSafeEqual(given, right);
}

@Injectable()
export class Sessions {
  constructor(private readonly dataSource: DataSource) {}

  async find(partnerId: string, id: unknown): Promise<Session | null> {
    if (typeof id !== 'string' || id.length === 0 || id.length > 100) return null;
    const row = await withPartner(this.dataSource, partnerId, (manager) =>
      manager
        .getRepository(SessionEntity)
        .findOneBy({ idHash: hashOf(id), partnerId, expiresAt: MoreThan(new Date()) }),
    );
    if (row === null) return null;
    return {
      idHash: row.idHash,
      partnerId,
      memberId: row.memberId,
      pendingLogins: row.login ?? [],
      csrfSecret: row.csrfSecret,
    };
  }

  /** A session for somebody who is not logged in yet. @returns it, and the new cookie's value */
  begin(partnerId: string): Promise<{ id: string; session: Session }> {
    return this.#create(partnerId, null, [], loginWithinMs);
  }

  /** What a login that begins now is checked against when it comes back; several tabs may log in at once. */
  async rememberLogin(session: Session, login: PendingLogin): Promise<void> {
    const { idHash, partnerId } = session;
    // Appended by Postgres, not by us: two tabs that begin at once both find theirs.
    await withPartner(this.dataSource, partnerId, (manager) =>
      manager.query(
        `UPDATE surety.session SET login = jsonb_path_query_array(coalesce(login, '[]') || $3::jsonb, $4::jsonpath)
         WHERE id_hash = $1 AND partner_id = $2`,
        [idHash, partnerId, JSON.stringify([login]), `$[last - ${mostPendingLogins - 1} to last]`],
      ),
    );
  }

  /** The login came true: the old session dies, a new one takes over, with the logins of other tabs. @returns its cookie's value */
  async logIn(session: Session, memberId: string, done: PendingLogin | null): Promise<string> {
    await this.end(session);
    const others = session.pendingLogins.filter((login) => login.state !== done?.state);
    return (await this.#create(session.partnerId, memberId, others, loggedInForMs)).id;
  }

  async end(session: Session): Promise<void> {
    await withPartner(this.dataSource, session.partnerId, (manager) =>
      manager.getRepository(SessionEntity).delete({ idHash: session.idHash, partnerId: session.partnerId }),
    );
  }

  async #create(partnerId: string, memberId: string | null, login: PendingLogin[], forMs: number) {
    const id = randomBytes(32).toString('base64url');
    const session = { idHash: hashOf(id), partnerId, memberId, csrfSecret: randomBytes(32).toString('base64url') };
    await withPartner(this.dataSource, partnerId, (manager) =>
      manager
        .getRepository(SessionEntity)
        .insert({ ...session, login: login as never, expiresAt: new Date(Date.now() + forMs) }),
    );
    return { id, session: { ...session, pendingLogins: login } };
  }
}
