/** A page for each code of an error: what it means, and what to do. `type` of a problem leads here. */
import { Controller, Get, Header, Param } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { ComponentChildren } from 'preact';
import { renderToString } from 'preact-render-to-string';
import { Problem, problems, type ProblemCode } from '../problem.js';

const codes = Object.keys(problems) as ProblemCode[];
const isCode = (text: string): text is ProblemCode => (codes as string[]).includes(text);

@ApiExcludeController()
@Controller('docs/problems')
export class ProblemsController {
  @Get()
  @Header('Content-Type', 'text/html; charset=utf-8')
  list(): string {
    return render(
      'Errors of the API',
      <ul>
        {codes.map((code) => (
          <li key={code}>
            <a href={`/docs/problems/${code}`}>
              <code>{code}</code>
            </a>{' '}
            · {problems[code].status} · {problems[code].title}
          </li>
        ))}
      </ul>,
    );
  }

  @Get(':code')
  @Header('Content-Type', 'text/html; charset=utf-8')
  read(@Param('code') code: string): string {
    if (!isCode(code)) throw new Problem('not_found');
    const { status, title, remedy } = problems[code];
    return render(
      title,
      <>
        <p>
          <code>{code}</code>, HTTP status {status}
        </p>
        <p>
          <strong>What to do:</strong> {withCode(remedy)}
        </p>
        <p>
          The <code>detail</code> of an answer says what was left untouched; <code>requestId</code> finds it in the
          logs.
        </p>
        <p>
          <a href="/docs/problems">All errors</a>
        </p>
      </>,
    );
  }
}

/** Text with `code` in it. */
const withCode = (text: string): ComponentChildren =>
  text.split('`').map((part, index) => (index % 2 === 0 ? part : <code key={index}>{part}</code>));

function render(title: string, content: ComponentChildren): string {
  const page = (
    <html lang="en">
      <head>
        <meta charSet="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>{`${title} · Surety`}</title>
        <link rel="stylesheet" href="/pay-assets/pay.css" />
        <link rel="icon" href="data:," />
      </head>
      <body>
        <header>
          <span class="programme">Surety</span>
          <a href="/docs">The API</a>
        </header>
        <main>
          <h1>{title}</h1>
          {content}
        </main>
      </body>
    </html>
  );
  return `<!doctype html>${renderToString(page)}`;
}
