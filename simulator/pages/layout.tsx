import type { ComponentChildren } from 'preact';
import { renderToString } from 'preact-render-to-string';

interface Layout {
  readonly title: string;
  /** Whose page it is: the shop, the payment page, the programme. */
  readonly site: string;
  /** Its look, by a class of the style sheet. */
  readonly look: 'shop' | 'invoicebox' | 'programme';
  readonly status?: string | undefined;
  readonly children: ComponentChildren;
}

export function renderPage(layout: Layout): string {
  return `<!doctype html>${renderToString(<Page {...layout} />)}`;
}

function Page({ title, site, look, status, children }: Layout) {
  return (
    <html lang="ru">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="robots" content="noindex" />
        <title>{`${title} · ${site}`}</title>
        <link rel="icon" href="/assets/icon.svg" />
        <link rel="stylesheet" href="/assets/simulator.css" />
      </head>
      <body class={look}>
        <header class="bar">
          <span class="mark" aria-hidden="true" />
          <span class="site">{site}</span>
          <span class="demo">демонстрация</span>
        </header>
        <main data-status={status}>{children}</main>
      </body>
    </html>
  );
}
