import type { ComponentChildren, VNode } from 'preact';
import { renderToString } from 'preact-render-to-string';

function Document({ title, children }: { title: string; children: ComponentChildren }): VNode {
  return (
    <html lang="ru">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>{title}</title>
        <link rel="icon" href="data:," />
        <link rel="stylesheet" href="/simulator.css" />
      </head>
      <body>
        <header class="top">
          <a href="/shop">
            Инвойсбокс <span>симулятор</span>
          </a>
        </header>
        {children}
        <footer class="bottom">Учебный двойник Инвойсбокса: настоящих денег здесь нет.</footer>
      </body>
    </html>
  );
}

export function renderPage(title: string, content: VNode): string {
  return `<!doctype html>${renderToString(<Document title={title}>{content}</Document>)}`;
}
