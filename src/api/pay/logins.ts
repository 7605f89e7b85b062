/** Login at the programme's own OpenID Connect provider. */
import { Injectable } from '@nestjs/common';
import type { PendingLogin } from '../../database/entities/session.js';
import { OpenId, type BegunLogin, type Provider } from '../auth/openId.js';
import type { Programme } from './programmes.js';

export type LoginResult =
  { readonly kind: 'member'; readonly externalId: string } | { readonly kind: 'failed'; readonly detail: string };

@Injectable()
export class Logins {
  constructor(
    private readonly openId: OpenId,
    private readonly baseUrl: string,
  ) {}

  begin(programme: Programme, goOn: string): Promise<BegunLogin> {
    return this.openId.begin(this.#providerOf(programme), goOn);
  }

  /** Checks the provider's answer. @param query of the callback, as it came, with its question mark */
  async finish(programme: Programme, login: PendingLogin, query: string): Promise<LoginResult> {
    const finished = await this.openId.finish(this.#providerOf(programme), login, query);
    if (finished.kind === 'failed') return finished;
    const claim = finished.claims[programme.loyalty.login.externalIdClaim];
    const externalId = typeof claim === 'string' ? claim.normalize('NFC').trim() : '';
    if (externalId === '' || externalId.length > 200 || /\p{C}/u.test(externalId)) {
      return { kind: 'failed', detail: 'the provider names no usable member' };
    }
    return { kind: 'member', externalId };
  }

  /** From the configured address alone: a forged Host header changes nothing. */
  #providerOf({ slug, loyalty, loginSecret }: Programme): Provider {
    const { issuer, clientId } = loyalty.login;
    const redirectUri = `${this.baseUrl}/pay/${slug}/login/callback`;
    return { issuer, clientId, clientSecret: loginSecret, redirectUri, scope: 'openid' };
  }
}
