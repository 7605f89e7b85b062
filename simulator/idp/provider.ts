import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type Provider from 'oidc-provider';
import type { Configuration, KoaContextWithOIDC } from 'oidc-provider';
import type { SimulatorConfig } from '../config.js';
import { renderPage } from '../pages/page.js';
import { buyerByLogin } from './buyers.js';
import { loadProvider } from './loadProvider.js';
import { LogoutPage, LoginErrorPage } from './loginPages.js';
import { MemoryStore } from './memoryStore.js';
import { newSigningKey, shiftIdToken, type SigningKey } from './signingKeys.js';

export interface IdentityProvider {
  handle(req: IncomingMessage, res: ServerResponse): void;
  /** The provider of this moment; sessions and logins in progress are the same in the next one. */
  current(): Provider;
  /** Signs with a new key from now on and answers its id; the last four old ones stay published. */
  rotateKeys(): Promise<string>;
  /** Shifts iat and exp of the id_tokens issued from now on. */
  setClockOffset(seconds: number): void;
}

const publishedKeys = 5;

export async function createIdentityProvider(config: SimulatorConfig, url: string): Promise<IdentityProvider> {
  const ProviderClass = await loadProvider();
  const store = new MemoryStore();
  const cookieKeys = [randomUUID()];
  let keys: [SigningKey, ...SigningKey[]] = [await newSigningKey()];
  let clockOffsetSeconds = 0;
  let provider = build();
  let handle = provider.callback();

  function build(): Provider {
    const built = new ProviderClass(`${url}/idp`, {
      ...configuration(config),
      adapter: store.adapter,
      cookies: { keys: cookieKeys },
      jwks: { keys: keys.map((key) => key.jwk) },
    });
    built.use(async (ctx, next) => {
      await next();
      shiftAnswer(ctx);
    });
    return built;
  }

  function shiftAnswer(ctx: { path: string; body: unknown }): void {
    if (clockOffsetSeconds === 0 || !isTokenAnswer(ctx.body)) return;
    ctx.body.id_token = shiftIdToken(ctx.body.id_token, clockOffsetSeconds, keys[0]);
  }

  return {
    handle: (req, res) => {
      void handle(req, res);
    },
    current: () => provider,
    rotateKeys: async () => {
      const key = await newSigningKey();
      keys = [key, ...keys.slice(0, publishedKeys - 1)];
      provider = build();
      handle = provider.callback();
      return key.kid;
    },
    setClockOffset: (seconds) => {
      clockOffsetSeconds = seconds;
    },
  };
}

function configuration(config: SimulatorConfig): Configuration {
  const partnerPages = `${config.suretyUrl}/pay/${config.suretyPartner}`;
  const hour = 3600;
  return {
    clients: [
      {
        client_id: 'surety',
        client_secret: config.idpClientSecret,
        redirect_uris: [`${partnerPages}/login/callback`],
        post_logout_redirect_uris: [`${partnerPages}/logged-out`],
      },
    ],
    claims: { openid: ['sub'], profile: ['name'], email: ['email'], phone: ['phone_number'] },
    conformIdTokenClaims: false,
    pkce: { required: () => true },
    interactions: { url: (_ctx, interaction) => `/idp/interaction/${interaction.uid}` },
    findAccount: (_ctx, sub) => {
      const buyer = buyerByLogin(sub);
      if (!buyer) return undefined;
      const claims = { sub: buyer.login, name: buyer.name, email: buyer.email, phone_number: buyer.phone };
      return { accountId: buyer.login, claims: () => claims };
    },
    loadExistingGrant: grantEverything,
    features: {
      devInteractions: { enabled: false },
      rpInitiatedLogout: {
        enabled: true,
        logoutSource: (ctx, form) => {
          ctx.body = renderPage('Выход', LogoutPage({ form }));
        },
      },
    },
    renderError: (ctx, out) => {
      ctx.type = 'html';
      ctx.body = renderPage(
        'Войти не получилось',
        LoginErrorPage({ code: out.error, description: out.error_description }),
      );
    },
    ttl: {
      AccessToken: hour,
      AuthorizationCode: 60,
      IdToken: hour,
      Interaction: hour,
      Session: 24 * hour,
      Grant: 24 * hour,
    },
  };
}

/** The buyer is not asked for consent: the programme's own login asks nobody whether the programme may see him. */
async function grantEverything(ctx: KoaContextWithOIDC): ReturnType<NonNullable<Configuration['loadExistingGrant']>> {
  const { client, session, provider } = ctx.oidc;
  if (!client || !session?.accountId) return undefined;
  const grantId = session.grantIdFor(client.clientId);
  const existing = grantId === undefined ? undefined : await provider.Grant.find(grantId);
  if (existing) return existing;
  const grant = new provider.Grant({ clientId: client.clientId, accountId: session.accountId });
  grant.addOIDCScope('openid profile email phone');
  await grant.save();
  return grant;
}

function isTokenAnswer(body: unknown): body is { id_token: string } {
  return typeof body === 'object' && body !== null && 'id_token' in body && typeof body.id_token === 'string';
}
