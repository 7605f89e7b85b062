/** The frame of every page of the console. */
import type { ComponentChildren } from 'preact';
import { renderToString } from 'preact-render-to-string';
import type { Operator } from './operator.js';

/** What the navigation offers, in its order. */
const views = [
  { path: '/console', title: 'Overview' },
  { path: '/console/review', title: 'Review' },
  { path: '/console/payments', title: 'Payments' },
  { path: '/console/fund', title: 'Fund' },
  { path: '/console/reconciliation', title: 'Reconciliation' },
  { path: '/console/members', title: 'Members' },
  { path: '/console/webhooks', title: 'Webhooks' },
  { path: '/console/approvals', title: 'Approvals' },
  { path: '/console/audit', title: 'Audit' },
] as const;

export interface Frame {
  /** Of the view, for tests and styles: `overview`, `payment`, … */
  readonly view: string;
  readonly title: string;
  /** The address of this page's view in the navigation. */
  readonly path: (typeof views)[number]['path'];
  readonly operator: Operator;
  readonly csrf: string;
  readonly testMode: boolean;
  /** The page is fetched again while it is open, and what has changed is put in its place. */
  readonly live?: boolean;
  /** What has just been done, in words. */
  readonly done?: string | null;
}

export function renderConsole(frame: Frame, content: ComponentChildren): string {
  const { view, title, path, operator, csrf, testMode } = frame;
  return document(
    title,
    <>
      <a class="skip" href="#content">
        Skip to content
      </a>
      {testMode && (
        <aside class="test-mode" aria-label="Mode">
          Test mode
        </aside>
      )}
      <header>
        <a class="home" href="/console">
          Surety
        </a>
        <nav aria-label="Views">
          <ul>
            {views.map((one) => (
              <li key={one.path}>
                <a href={one.path} aria-current={one.path === path ? 'page' : undefined}>
                  {one.title}
                </a>
              </li>
            ))}
          </ul>
        </nav>
        <form method="post" action="/console/logout" class="me">
          <input type="hidden" name="csrf" value={csrf} />
          <span>
            <bdi>{operator.name}</bdi> <small>{operator.roles.join(', ')}</small>
          </span>
          <button class="quiet">Log out</button>
        </form>
      </header>
      <main id="content" data-view={view} data-live={frame.live === true ? '' : undefined}>
        <h1>{title}</h1>
        {frame.done != null && (
          <p class="done" role="status" tabIndex={-1} data-focus>
            {frame.done}
          </p>
        )}
        {content}
      </main>
    </>,
  );
}

export interface Message {
  readonly title: string;
  readonly lead: string;
  readonly detail?: string | undefined;
  readonly link?: { readonly href: string; readonly text: string };
  readonly second?: { readonly href: string; readonly text: string };
}

/** A page without navigation: before somebody is logged in, and where something went wrong. */
export function renderBare({ title, lead, detail, link, second }: Message): string {
  return document(
    title,
    <main id="content" class="bare" data-view="message">
      <h1>{title}</h1>
      <p role="alert">{lead}</p>
      {detail !== undefined && <p class="detail">{detail}</p>}
      <p class="ways">
        {link !== undefined && (
          <a class="button" href={link.href}>
            {link.text}
          </a>
        )}
        {second !== undefined && <a href={second.href}>{second.text}</a>}
      </p>
    </main>,
  );
}

function document(title: string, body: ComponentChildren): string {
  const page = (
    <html lang="en">
      <head>
        <meta charSet="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="robots" content="noindex" />
        <meta name="color-scheme" content="light dark" />
        <title>{`${title} · Surety`}</title>
        <link rel="stylesheet" href="/console-assets/console.css" />
        <link rel="icon" href="/pay-assets/icon.svg" />
        <script src="/console-assets/console.js" defer />
      </head>
      <body>{body}</body>
    </html>
  );
  return `<!doctype html>${renderToString(page)}`;
}
