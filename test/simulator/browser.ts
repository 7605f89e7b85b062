interface Cookie {
  readonly value: string;
  readonly path: string;
}

/** A browser without script: follows redirects within one site, keeps cookies by path, submits forms. */
export class Browser {
  readonly #cookies = new Map<string, Cookie>();

  /** Stops at the first answer that is no redirect, or that leads outside `within`. */
  async open(url: string, within: string, form?: Readonly<Record<string, string>>): Promise<Visited> {
    let at = url;
    let body = form && new URLSearchParams(form);
    for (let hops = 0; hops < 10; hops += 1) {
      const cookie = this.#cookiesFor(new URL(at).pathname);
      const response = await fetch(at, {
        method: body ? 'POST' : 'GET',
        redirect: 'manual',
        headers: { cookie },
        ...(body && { body }),
      });
      for (const line of response.headers.getSetCookie()) this.#keep(line);
      const location = response.headers.get('location');
      if (location === null) return { url: at, status: response.status, html: await response.text() };
      at = new URL(location, at).href;
      body = undefined;
      if (!at.startsWith(within)) return { url: at, status: response.status, html: '' };
    }
    throw new Error(`Too many redirects, the last to ${at}`);
  }

  #cookiesFor(pathname: string): string {
    return [...this.#cookies]
      .filter(([, { path }]) => path === '/' || pathname === path || pathname.startsWith(`${path}/`))
      .map(([key, { value }]) => `${key.split(' ')[0] ?? ''}=${value}`)
      .join('; ');
  }

  #keep(line: string): void {
    const [pair = '', ...attributes] = line.split('; ');
    const split = pair.indexOf('=');
    const path = attributes.find((attribute) => attribute.startsWith('path='))?.slice(5) ?? '/';
    const key = `${pair.slice(0, split)} ${path}`;
    const value = pair.slice(split + 1);
    if (value === '') this.#cookies.delete(key);
    else this.#cookies.set(key, { value, path });
  }
}

export interface Visited {
  readonly url: string;
  readonly status: number;
  readonly html: string;
}
