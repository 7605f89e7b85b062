/** A visit to the page: which programme, which language, whose session; and how a page is shown to it. */
import { createHash } from 'node:crypto';
import { Injectable, Logger } from '@nestjs/common';
import type { Request, Response } from 'express';
import type { ComponentChildren } from 'preact';
import { languageOf, type Language } from './format.js';
import { safeLink } from './links.js';
import { renderPage, type Heading } from './page.js';
import { PayOptions } from './payOptions.js';
import { Programmes, type Programme } from './programmes.js';
import { cookieName, isCsrfToken, Sessions, type Session } from './sessions.js';
import { texts } from './texts.js';

export interface Visit {
  readonly programme: Programme;
  readonly language: Language;
  readonly session: Session | null;
  readonly request: Request;
  readonly response: Response;
}

export type MemberVisit = Visit & { readonly session: Session & { readonly memberId: string } };

export function isMember(visit: Visit): visit is MemberVisit {
  return visit.session !== null && visit.session.memberId !== null;
}

/** What stands on a page that says what went wrong or what to do. */
export interface Shown {
  readonly status: number;
  readonly view: string;
  readonly heading: Heading;
  readonly content?: ComponentChildren;
  /** Where the same page is found by GET, if this one came by POST. */
  readonly address?: string;
}

@Injectable()
export class Visits {
  readonly #log = new Logger('pay');

  constructor(
    private readonly programmes: Programmes,
    private readonly sessions: Sessions,
    private readonly options: PayOptions,
  ) {}

  /** @returns null where no such programme exists; the page that says so was sent */
  async begin(slug: string, request: Request, response: Response): Promise<Visit | null> {
    const programme = await this.programmes.find(slug);
    const own = programme?.loyalty.language ?? undefined;
    const language = languageOf(request.query['lang'], own, request.get('accept-language'));
    if (programme === null) {
      this.#send(null, language, request, response, {
        status: 404,
        view: 'not_found',
        heading: texts[language].not_found,
      });
      return null;
    }
    const cookies = request.cookies as Readonly<Record<string, unknown>>;
    const session = await this.sessions.find(programme.partnerId, cookies[cookieName(slug)]);
    return { programme, language, session, request, response };
  }

  show(visit: Visit, shown: Shown): void {
    this.#send(visit.programme, visit.language, visit.request, visit.response, shown);
  }

  /** Whether a form is ours: rendered for this session, sent from our own page. */
  isOurForm(visit: Visit, body: unknown): boolean {
    const { origin, 'sec-fetch-site': site } = visit.request.headers;
    // Our pages send no referrer, so browsers send the origin of their forms as "null"; then the fetch metadata tells.
    if (site !== undefined && site !== 'same-origin') return false;
    if (origin !== undefined && origin !== 'null' && origin !== this.options.origin) return false;
    if (visit.session === null || typeof body !== 'object' || body === null) return false;
    return isCsrfToken(visit.session, (body as { csrf?: unknown }).csrf);
  }

  /** A link that the buyer may be sent to, or null; a refused one is logged by its hash. */
  checkedLink(programme: Programme, text: string | null): string | null {
    const link = safeLink(text, programme.loyalty.linkHosts, this.options.testMode);
    if (link === null && text !== null) {
      const digest = createHash('sha256').update(text).digest('hex').slice(0, 12);
      this.#log.warn({ event: 'link_not_shown', partner_id: programme.partnerId, link_sha256: digest });
    }
    return link;
  }

  #send(programme: Programme | null, language: Language, request: Request, response: Response, shown: Shown): void {
    const here = shown.address ?? request.originalUrl;
    const other = new URL(URL.canParse(here, 'http://page') ? here : request.path, 'http://page');
    other.searchParams.set('lang', language === 'ru' ? 'en' : 'ru');
    const frame = {
      language,
      programme:
        programme === null
          ? null
          : { slug: programme.slug, name: programme.name, hasLogo: programme.loyalty.branding.logoPng !== null },
      support: programme?.loyalty.support ?? '',
      testMode: this.options.testMode,
      otherLanguageUrl: other.pathname + other.search,
    };
    if (programme !== null && programme.loyalty.frameAncestors.length > 0)
      allowFrames(response, programme.loyalty.frameAncestors);
    const html = renderPage(frame, shown.view, shown.heading, shown.content ?? null);
    response.status(shown.status).set('Cache-Control', 'no-store').type('html').send(html);
  }
}

function allowFrames(response: Response, ancestors: readonly string[]): void {
  const policy = String(response.getHeader('Content-Security-Policy'));
  const allowed = ancestors.map((ancestor) => new URL(ancestor).origin).join(' ');
  response.set('Content-Security-Policy', policy.replace("frame-ancestors 'none'", `frame-ancestors ${allowed}`));
  response.removeHeader('X-Frame-Options');
}

export function LinkButton({ href, text }: { href: string; text: string }) {
  return (
    <p>
      <a class="primary" href={href}>
        {text}
      </a>
    </p>
  );
}
