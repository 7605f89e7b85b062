/** Login at the programme's own OpenID Connect provider: code flow with PKCE, state and nonce. */
import { Injectable } from '@nestjs/common';
import * as oidc from 'openid-client';
import type { PendingLogin } from '../../database/entities/session.js';
import type { Programme } from './programmes.js';

/** A provider's description is fetched again after this. */
const describedForMs = 10 * 60_000;
const mostProviders = 1_000;
/** Clocks of two machines differ; more than this is an error of theirs. */
const clockToleranceSeconds = 10;
const answerWithinSeconds = 5;

export type BegunLogin =
  | { readonly kind: 'begun'; readonly url: URL; readonly login: PendingLogin }
  | { readonly kind: 'failed'; readonly detail: string };

export type LoginResult =
  { readonly kind: 'member'; readonly externalId: string } | { readonly kind: 'failed'; readonly detail: string };

@Injectable()
export class Logins {
  readonly #providers = new Map<string, { configuration: Promise<oidc.Configuration>; untilMs: number }>();

  constructor(
    private readonly baseUrl: string,
    private readonly testMode: boolean,
  ) {}

  /** @returns the provider's address to send the buyer to, and what its answer is checked against */
  async begin(programme: Programme, goOn: string): Promise<BegunLogin> {
    const configuration = await this.#reach(programme);
    if (configuration === null) return { kind: 'failed', detail: 'provider_unreachable' };
    const login = {
      state: oidc.randomState(),
      nonce: oidc.randomNonce(),
      codeVerifier: oidc.randomPKCECodeVerifier(),
      goOn,
    };
    const url = oidc.buildAuthorizationUrl(configuration, {
      redirect_uri: this.#redirectUri(programme),
      scope: 'openid',
      state: login.state,
      nonce: login.nonce,
      code_challenge: await oidc.calculatePKCECodeChallenge(login.codeVerifier),
      code_challenge_method: 'S256',
    });
    return { kind: 'begun', url, login };
  }

  /** Checks the provider's answer. @param query of the callback, as it came, with its question mark */
  async finish(programme: Programme, login: PendingLogin, query: string): Promise<LoginResult> {
    const configuration = await this.#reach(programme);
    if (configuration === null) return { kind: 'failed', detail: 'provider_unreachable' };
    try {
      const answer = new URL(`${this.#redirectUri(programme)}${query}`);
      const tokens = await oidc.authorizationCodeGrant(configuration, answer, {
        pkceCodeVerifier: login.codeVerifier,
        expectedState: login.state,
        expectedNonce: login.nonce,
        idTokenExpected: true,
      });
      const claim = tokens.claims()?.[programme.loyalty.login.externalIdClaim];
      const externalId = typeof claim === 'string' ? claim.normalize('NFC').trim() : '';
      if (externalId === '' || externalId.length > 200 || /\p{C}/u.test(externalId)) {
        return { kind: 'failed', detail: 'the provider names no usable member' };
      }
      return { kind: 'member', externalId };
    } catch (error) {
      // The library's codes say what was wrong; its messages may quote the provider.
      return { kind: 'failed', detail: error instanceof Error && 'code' in error ? String(error.code) : 'unknown' };
    }
  }

  /** From the configured address alone: a forged Host header changes nothing. */
  #redirectUri(programme: Programme): string {
    return `${this.baseUrl}/pay/${programme.slug}/login/callback`;
  }

  /** @returns null where the provider gives no usable description of itself; it is asked again next time */
  async #reach(programme: Programme): Promise<oidc.Configuration | null> {
    try {
      return await this.#provider(programme);
    } catch {
      return null;
    }
  }

  async #provider(programme: Programme): Promise<oidc.Configuration> {
    const { issuer, clientId } = programme.loyalty.login;
    const key = JSON.stringify([issuer, clientId, programme.loginSecret]);
    const known = this.#providers.get(key);
    if (known !== undefined && known.untilMs > performance.now()) return known.configuration;
    const url = new URL(issuer);
    const execute =
      this.testMode && ['127.0.0.1', 'localhost'].includes(url.hostname) ? [oidc.allowInsecureRequests] : [];
    const configuration = oidc.discovery(
      url,
      clientId,
      { [oidc.clockTolerance]: clockToleranceSeconds },
      programme.loginSecret === null ? oidc.None() : oidc.ClientSecretPost(programme.loginSecret),
      { execute, timeout: answerWithinSeconds },
    );
    if (this.#providers.size >= mostProviders) this.#providers.clear();
    this.#providers.set(key, { configuration, untilMs: performance.now() + describedForMs });
    try {
      return await configuration;
    } catch (error) {
      this.#providers.delete(key);
      throw error;
    }
  }
}
