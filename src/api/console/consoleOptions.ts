import type { ApiConfig } from '../../config.js';
import type { Provider } from '../auth/openId.js';

/** What the console is configured with (src/config.ts says what each is). */
export class ConsoleOptions {
  readonly provider: Provider;
  readonly origin: string;
  readonly claims: {
    readonly id: string;
    readonly name: string;
    readonly roles: string;
    readonly partners: string;
    readonly roleMap: ApiConfig['OPERATOR_ROLE_MAP'];
  };
  readonly idleMs: number;
  readonly sessionMs: number;
  readonly freshMs: number;
  readonly timeZone: string;
  readonly temporalUiUrl: string | null;
  readonly temporalNamespace: string;
  readonly testMode: boolean;

  /** @param baseUrl without a slash at its end */
  constructor(config: ApiConfig, issuer: string, baseUrl: string) {
    this.provider = {
      issuer,
      clientId: config.OPERATOR_OIDC_CLIENT_ID,
      clientSecret: config.OPERATOR_OIDC_CLIENT_SECRET ?? null,
      // From the configured address alone: a forged Host header changes nothing.
      redirectUri: `${baseUrl}/console/login/callback`,
      scope: config.OPERATOR_OIDC_SCOPE,
    };
    this.origin = new URL(baseUrl).origin;
    this.claims = {
      id: config.OPERATOR_ID_CLAIM,
      name: config.OPERATOR_NAME_CLAIM,
      roles: config.OPERATOR_ROLES_CLAIM,
      partners: config.OPERATOR_PARTNERS_CLAIM,
      roleMap: config.OPERATOR_ROLE_MAP,
    };
    this.idleMs = config.OPERATOR_IDLE_MS;
    this.sessionMs = config.OPERATOR_SESSION_MS;
    this.freshMs = config.OPERATOR_FRESH_MS;
    this.timeZone = config.CONSOLE_TIME_ZONE;
    this.temporalUiUrl = config.TEMPORAL_UI_URL ?? null;
    this.temporalNamespace = config.TEMPORAL_NAMESPACE;
    this.testMode = config.SURETY_TEST_MODE === '1';
  }
}
