import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type Provider from 'oidc-provider';
import type { SimulatorConfig } from '../config.js';
import { Operators } from './operators.js';
import { providerSettings } from './settings.js';
import { newSigningKey, shiftIssuedAt, type SigningKey, withNewest } from './signingKeys.js';
import { memoryStorage } from './storage.js';

/** The demo's identity provider: of the programme's members, and of the console's operators. Its issuer is `<publicUrl>/idp`. */
export class IdentityProvider {
  readonly #issuer: string;
  readonly #idp: SimulatorConfig['idp'];
  readonly operators = new Operators();
  readonly #storage = memoryStorage();
  readonly #cookieKeys = [randomBytes(32).toString('base64url')];
  #keys: readonly SigningKey[] = [];
  #clockOffsetSeconds = 0;
  #current: { readonly provider: Provider; readonly handle: Handler } | undefined;

  private constructor(issuer: string, idp: SimulatorConfig['idp']) {
    this.#issuer = issuer;
    this.#idp = idp;
  }

  static async start(publicUrl: string, idp: SimulatorConfig['idp']): Promise<IdentityProvider> {
    const started = new IdentityProvider(`${publicUrl}/idp`, idp);
    await started.rotateKeys();
    return started;
  }

  get provider(): Provider {
    return this.#running.provider;
  }

  handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    return this.#running.handle(request, response);
  }

  /**
   * A new key signs from now on and is published next to the old ones; sessions and logins under way go on.
   * The library reads its keys once, so that a new provider takes over the old one's storage.
   * @returns the new key's id
   */
  async rotateKeys(): Promise<string> {
    const newest = await newSigningKey();
    this.#keys = withNewest(newest, this.#keys);
    const OidcProvider = await importQuietly();
    const provider = new OidcProvider(
      this.#issuer,
      providerSettings({
        idp: this.#idp,
        storage: this.#storage,
        keys: this.#keys,
        cookieKeys: this.#cookieKeys,
        operators: this.operators,
      }),
    );
    provider.use(async (context, next) => {
      await next();
      const body: unknown = context.body;
      if (this.#clockOffsetSeconds !== 0 && hasIdToken(body)) {
        context.body = { ...body, id_token: shiftIssuedAt(body.id_token, this.#clockOffsetSeconds, this.#keys) };
      }
    });
    this.#current = { provider, handle: provider.callback() };
    return newest.kid;
  }

  /** id_tokens issued from now on tell the time of a clock that is this much ahead, or behind when negative. */
  setClockOffset(offsetSeconds: number): void {
    this.#clockOffsetSeconds = offsetSeconds;
  }

  get #running() {
    if (!this.#current) throw new Error('The identity provider has not started');
    return this.#current;
  }
}

type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

function hasIdToken(body: unknown): body is { id_token: string } {
  return typeof body === 'object' && body !== null && 'id_token' in body && typeof body.id_token === 'string';
}

/** On Node 20 the library warns when it is loaded; it works there (tried), and our output is for our own lines. */
async function importQuietly(): Promise<typeof Provider> {
  const { warn } = console;
  console.warn = () => undefined;
  try {
    return (await import('oidc-provider')).default;
  } finally {
    console.warn = warn;
  }
}
