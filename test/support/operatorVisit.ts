/** An operator without a browser: logs in, asks for pages, sends forms, as each of the roles. */
import { HttpBuyer, type Page } from '../../scripts/httpBuyer.js';
import type { World } from './world.js';

export interface Answered {
  readonly status: number;
  readonly location: string | null;
  readonly html: string;
}

export class OperatorVisit {
  private constructor(
    readonly visitor: HttpBuyer,
    private readonly apiUrl: string,
    /** Of every form of this session. */
    readonly csrf: string,
  ) {}

  /** @param login whom the provider offers, or somebody who was added (console.ts) */
  static async of(world: World, login: string, isOffered = true): Promise<OperatorVisit> {
    const visitor = new HttpBuyer();
    const page = await visitor.open(`${world.surety.apiUrl}/console`);
    const home = isOffered
      ? await visitor.press(page, login)
      : await visitor.press(page, 'Войти', undefined, { login });
    const csrf = /name="csrf" value="([^"]+)"/.exec(home.html)?.[1];
    if (csrf === undefined) throw new Error(`${login} is not in: ${home.url} ${home.html.slice(0, 1_000)}`);
    return new OperatorVisit(visitor, world.surety.apiUrl, csrf);
  }

  open(path: string): Promise<Page> {
    return this.visitor.open(this.apiUrl + path);
  }

  get cookie(): string {
    return this.visitor.cookiesOf(this.apiUrl);
  }

  /** As it is answered, no redirect followed. */
  async ask(method: string, path: string, fields: Readonly<Record<string, string>> = {}): Promise<Answered> {
    const response = await fetch(this.apiUrl + path, {
      method,
      redirect: 'manual',
      headers: { cookie: this.cookie, ...(method === 'POST' ? { origin: new URL(this.apiUrl).origin } : {}) },
      ...(method === 'POST' ? { body: new URLSearchParams(fields) } : {}),
    });
    return { status: response.status, location: response.headers.get('location'), html: await response.text() };
  }
}
