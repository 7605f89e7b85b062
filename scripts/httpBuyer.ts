/** A buyer without a browser: follows links and redirects, keeps cookies by host, sends the forms that a page offers. */

export interface Page {
  readonly url: string;
  readonly status: number;
  readonly html: string;
}

interface Form {
  readonly action: string;
  readonly method: string;
  readonly fields: ReadonlyMap<string, string>;
  readonly buttons: readonly { readonly name: string; readonly value: string; readonly text: string }[];
}

const mostRedirects = 15;

export class HttpBuyer {
  readonly #cookies = new Map<string, Map<string, string>>();

  /** A GET, following redirects as a browser does. */
  async open(url: string): Promise<Page> {
    return this.#request(url, null);
  }

  /** What the browser would send there. */
  cookiesOf(url: string): string {
    return [...this.#jarOf(new URL(url).host)].map(([name, value]) => `${name}=${value}`).join('; ');
  }

  /** Presses a button of the page; a redirect to an address with `stopBefore` in it is not followed. The first form that has one with this text, name or value. */
  async press(
    page: Page,
    button: string,
    stopBefore?: string,
    typed: Readonly<Record<string, string>> = {},
  ): Promise<Page> {
    for (const form of formsOf(page.html)) {
      const pressed = form.buttons.find(
        ({ name, value, text }) => text.includes(button) || name === button || value === button,
      );
      if (pressed === undefined) continue;
      const fields = new URLSearchParams({ ...Object.fromEntries(form.fields), ...typed });
      if (pressed.name !== '') fields.set(pressed.name, pressed.value);
      const target = new URL(form.action, page.url);
      if (form.method === 'post') return this.#request(target.href, fields, stopBefore);
      target.search = fields.toString();
      return this.#request(target.href, null);
    }
    throw new Error(
      `The page ${page.url} (${page.status}) has no button "${button}":\n${textOf(page.html).slice(0, 500)}`,
    );
  }

  async #request(first: string, form: URLSearchParams | null, stopBefore?: string): Promise<Page> {
    let url = first;
    let body = form;
    for (let redirects = 0; redirects < mostRedirects; redirects++) {
      const { host, origin } = new URL(url);
      const jar = this.#jarOf(host);
      const response = await fetch(url, {
        redirect: 'manual',
        headers: {
          cookie: this.cookiesOf(url),
          ...(body === null ? {} : { origin }),
        },
        ...(body === null ? {} : { method: 'POST', body }),
      });
      for (const line of response.headers.getSetCookie()) keep(jar, line);
      const location = response.headers.get('location');
      const html = await response.text();
      if (location === null || response.status < 300 || response.status >= 400)
        return { url, status: response.status, html };
      url = new URL(location, url).href;
      if (stopBefore !== undefined && url.includes(stopBefore)) return { url, status: response.status, html };
      body = null;
    }
    throw new Error(`More than ${mostRedirects} redirects from ${first}`);
  }

  #jarOf(host: string): Map<string, string> {
    const jar = this.#cookies.get(host) ?? new Map<string, string>();
    this.#cookies.set(host, jar);
    return jar;
  }
}

function keep(jar: Map<string, string>, line: string): void {
  const [pair = '', ...attributes] = line.split(';');
  const at = pair.indexOf('=');
  const [name, value] = [pair.slice(0, at).trim(), pair.slice(at + 1).trim()];
  const gone = attributes.some((attribute) => /^\s*(max-age=0|expires=thu, 01 jan 1970)/i.test(attribute));
  if (gone || value === '') jar.delete(name);
  else jar.set(name, value);
}

function formsOf(html: string): Form[] {
  return [...html.matchAll(/<form\b([^>]*)>([\s\S]*?)<\/form>/gi)].map(([, attributes = '', inside = '']) => ({
    action: attributeOf(attributes, 'action'),
    method: attributeOf(attributes, 'method').toLowerCase(),
    fields: new Map(
      [...inside.matchAll(/<input\b([^>]*)>/gi)].map(([, input = '']) => [
        attributeOf(input, 'name'),
        attributeOf(input, 'value'),
      ]),
    ),
    buttons: [...inside.matchAll(/<button\b([^>]*)>([\s\S]*?)<\/button>/gi)].map(([, button = '', text = '']) => ({
      name: attributeOf(button, 'name'),
      value: attributeOf(button, 'value'),
      text: textOf(text),
    })),
  }));
}

function attributeOf(attributes: string, name: string): string {
  return decode(new RegExp(`\\b${name}="([^"]*)"`, 'i').exec(attributes)?.[1] ?? '');
}

const decode = (text: string): string =>
  text
    .replaceAll('&quot;', '"')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&');

/** The page's words, without its marks. */
const textOf = (html: string): string =>
  decode(
    html
      .replace(/<[^>]*>/g, ' ')
      .replace(/\s+/g, ' ')
      .trim(),
  );
