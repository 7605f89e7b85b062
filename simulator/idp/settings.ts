import type { AdapterFactory, Configuration, KoaContextWithOIDC } from 'oidc-provider';
import type { SimulatorConfig } from '../config.js';
import { accountOf } from './accounts.js';
import type { Operators } from './operators.js';
import { errorPage, loggedOutPage, logoutPage } from './pages.js';
import type { SigningKey } from './signingKeys.js';

const SCOPES = 'openid profile email phone';
const HOUR_S = 3_600;

/** The operators' console. */
export const consoleClientId = 'surety-console';

interface ProviderSettings {
  readonly idp: SimulatorConfig['idp'];
  readonly storage: AdapterFactory;
  readonly keys: readonly SigningKey[];
  readonly cookieKeys: readonly string[];
  readonly operators: Operators;
}

/** Authorization code with PKCE for two confidential clients, without consent; every page is ours. */
export function providerSettings({ idp, storage, keys, cookieKeys, operators }: ProviderSettings): Configuration {
  return {
    adapter: storage,
    // The library notes algorithms in the keys it is given: it gets copies.
    jwks: { keys: structuredClone(keys) },
    cookies: { keys: [...cookieKeys] },
    clients: [
      {
        client_id: 'surety',
        client_secret: idp.clientSecret,
        // One of the two may be registered, both are accepted.
        token_endpoint_auth_method: 'client_secret_basic',
        grant_types: ['authorization_code'],
        response_types: ['code'],
        redirect_uris: [...idp.redirectUris],
        post_logout_redirect_uris: idp.redirectUris.map(loggedOutUri),
      },
      {
        client_id: consoleClientId,
        client_secret: idp.clientSecret,
        token_endpoint_auth_method: 'client_secret_basic',
        grant_types: ['authorization_code'],
        response_types: ['code'],
        redirect_uris: [idp.consoleRedirectUri],
        post_logout_redirect_uris: [loggedOutUri(idp.consoleRedirectUri)],
      },
    ],
    scopes: ['openid', 'profile', 'email', 'phone'],
    claims: {
      openid: ['sub'],
      profile: ['name', 'roles', 'partners'],
      email: ['email', 'email_verified'],
      phone: ['phone_number', 'phone_number_verified'],
    },
    // The claims also come in the id_token: one call less for the client.
    conformIdTokenClaims: false,
    pkce: { required: () => true },
    responseTypes: ['code'],
    // An id_token by the shifted clock is still good as a hint at logout.
    clockTolerance: 60,
    ttl: {
      AccessToken: HOUR_S,
      AuthorizationCode: 60,
      IdToken: HOUR_S,
      Interaction: HOUR_S,
      Session: 24 * HOUR_S,
      Grant: 24 * HOUR_S,
    },
    findAccount: (_context, sub) => accountOf(sub, operators),
    loadExistingGrant: grantEverything,
    interactions: { url: (_context, interaction) => `/idp/interaction/${interaction.uid}` },
    features: {
      devInteractions: { enabled: false },
      rpInitiatedLogout: {
        enabled: true,
        logoutSource: (context, form) => {
          context.body = logoutPage(form);
        },
        postLogoutSuccessSource: (context) => {
          context.body = loggedOutPage();
        },
      },
    },
    renderError: (context, { error, error_description }) => {
      context.type = 'html';
      context.body = errorPage(error, error_description ?? '');
    },
  };
}

/** The programme's own site: nobody is asked whether it may know its member's name. */
async function grantEverything(context: KoaContextWithOIDC) {
  const { client, session, provider } = context.oidc;
  if (!client || !session?.accountId) return undefined;
  const grantId = session.grantIdFor(client.clientId);
  const known = grantId === undefined ? undefined : await provider.Grant.find(grantId);
  if (known) return known;
  const grant = new provider.Grant({ clientId: client.clientId, accountId: session.accountId });
  grant.addOIDCScope(SCOPES);
  await grant.save();
  return grant;
}

/** A partner's callback and its page after logout stand side by side. */
function loggedOutUri(redirectUri: string): string {
  return redirectUri.replace(/\/login\/callback$/, '/logged-out');
}
