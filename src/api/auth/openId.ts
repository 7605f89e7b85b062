/** Login at an OpenID Connect provider: code flow with PKCE, state and nonce. Of buyers and of operators alike. */
import * as oidc from 'openid-client';
import type { PendingLogin } from '../../database/entities/session.js';

/** A provider's description is fetched again after this. */
const describedForMs = 10 * 60_000;
const mostProviders = 1_000;
/** Clocks of two machines differ; more than this is an error of theirs. */
const clockToleranceSeconds = 10;
const answerWithinSeconds = 5;

export interface Provider {
  readonly issuer: string;
  readonly clientId: string;
  /** NULL: a public client. */
  readonly clientSecret: string | null;
  readonly redirectUri: string;
  readonly scope: string;
}

export type BegunLogin =
  | { readonly kind: 'begun'; readonly url: URL; readonly login: PendingLogin }
  | { readonly kind: 'failed'; readonly detail: string };

export type FinishedLogin =
  | { readonly kind: 'claims'; readonly claims: Readonly<Record<string, unknown>> }
  | { readonly kind: 'failed'; readonly detail: string };

export class OpenId {
  readonly #providers = new Map<string, { configuration: Promise<oidc.Configuration>; untilMs: number }>();

  /** @param testMode whether a provider on a loopback host may be reached without TLS */
  constructor(private readonly testMode: boolean) {}

  /**
   * @param maxAgeSeconds how long ago the login at the provider may be; absent: as long as the provider likes
   * @returns the provider's address to send the browser to, and what its answer is checked against
   */
  async begin(provider: Provider, goOn: string, maxAgeSeconds?: number): Promise<BegunLogin> {
    const configuration = await this.#reach(provider);
    if (configuration === null) return { kind: 'failed', detail: 'provider_unreachable' };
    const login = {
      state: oidc.randomState(),
      nonce: oidc.randomNonce(),
      codeVerifier: oidc.randomPKCECodeVerifier(),
      goOn,
    };
    const url = oidc.buildAuthorizationUrl(configuration, {
      redirect_uri: provider.redirectUri,
      scope: provider.scope,
      state: login.state,
      nonce: login.nonce,
      code_challenge: await oidc.calculatePKCECodeChallenge(login.codeVerifier),
      code_challenge_method: 'S256',
      ...(maxAgeSeconds === undefined ? {} : { max_age: String(maxAgeSeconds) }),
    });
    return { kind: 'begun', url, login };
  }

  /**
   * Checks the provider's answer.
   * @param query of the callback, as it came, with its question mark
   * @param maxAgeSeconds refuses an older login at the provider; it then has to say when that was
   */
  async finish(provider: Provider, login: PendingLogin, query: string, maxAgeSeconds?: number): Promise<FinishedLogin> {
    const configuration = await this.#reach(provider);
    if (configuration === null) return { kind: 'failed', detail: 'provider_unreachable' };
    try {
      const answer = new URL(`${provider.redirectUri}${query}`);
      const tokens = await oidc.authorizationCodeGrant(configuration, answer, {
        pkceCodeVerifier: login.codeVerifier,
        expectedState: login.state,
        expectedNonce: login.nonce,
        idTokenExpected: true,
        ...(maxAgeSeconds === undefined ? {} : { maxAge: maxAgeSeconds }),
      });
      return { kind: 'claims', claims: tokens.claims() ?? {} };
    } catch (error) {
      // The library's codes say what was wrong; its messages may quote the provider.
      return { kind: 'failed', detail: error instanceof Error && 'code' in error ? String(error.code) : 'unknown' };
    }
  }

  /** Where a browser ends its session at the provider too; null where it offers no such thing. */
  async endSessionUrl(provider: Provider, backTo: string): Promise<URL | null> {
    const configuration = await this.#reach(provider);
    if (configuration?.serverMetadata().end_session_endpoint === undefined) return null;
    return oidc.buildEndSessionUrl(configuration, { post_logout_redirect_uri: backTo });
  }

  /** @returns null where the provider gives no usable description of itself; it is asked again next time */
  async #reach(provider: Provider): Promise<oidc.Configuration | null> {
    try {
      return await this.#configurationOf(provider);
    } catch {
      return null;
    }
  }

  async #configurationOf({ issuer, clientId, clientSecret }: Provider): Promise<oidc.Configuration> {
    const key = JSON.stringify([issuer, clientId, clientSecret]);
    const known = this.#providers.get(key);
    if (known !== undefined && known.untilMs > performance.now()) return known.configuration;
    const url = new URL(issuer);
    const execute =
      this.testMode && ['127.0.0.1', 'localhost'].includes(url.hostname) ? [oidc.allowInsecureRequests] : [];
    const configuration = oidc.discovery(
      url,
      clientId,
      { [oidc.clockTolerance]: clockToleranceSeconds },
      clientSecret === null ? oidc.None() : oidc.ClientSecretPost(clientSecret),
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
