/** The frame of every page that a buyer sees: one heading that names the task, and what stands under it. */
import type { ComponentChildren } from 'preact';
import { renderToString } from 'preact-render-to-string';
import type { Language } from './format.js';
import { texts } from './texts.js';

export interface Frame {
  readonly language: Language;
  /** The programme's name; absent where no programme is known. */
  readonly programme: { readonly slug: string; readonly name: string; readonly hasLogo: boolean } | null;
  readonly support: string;
  readonly testMode: boolean;
  /** The same page in the other language. */
  readonly otherLanguageUrl: string;
}

export interface Heading {
  readonly title: string;
  readonly lead: string;
}

export function renderPage(frame: Frame, view: string, heading: Heading, content: ComponentChildren): string {
  const t = texts[frame.language];
  const other: Language = frame.language === 'ru' ? 'en' : 'ru';
  const page = (
    <html lang={frame.language}>
      <head>
        <meta charSet="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="robots" content="noindex" />
        <title>{frame.programme === null ? heading.title : `${heading.title} · ${frame.programme.name}`}</title>
        <link rel="stylesheet" href="/pay-assets/pay.css" />
        {frame.programme !== null && <link rel="stylesheet" href={`/pay/${frame.programme.slug}/theme.css`} />}
        <link rel="icon" href="/pay-assets/icon.svg" />
        <script src="/pay-assets/pay.js" defer />
      </head>
      <body>
        <header>
          {frame.testMode && <p class="test-mode">{t.testMode}</p>}
          <span class="programme">
            {frame.programme?.hasLogo === true && (
              <img src={`/pay/${frame.programme.slug}/logo.png`} alt="" height="32" />
            )}
            {frame.programme?.name}
          </span>
          <a href={frame.otherLanguageUrl} hreflang={other} lang={other}>
            {texts[other].languageName}
          </a>
        </header>
        <main data-view={view}>
          <h1>{heading.title}</h1>
          <Lead text={heading.lead} view={view} />
          {content}
        </main>
        {frame.support !== '' && (
          <footer>
            {t.support}: {frame.support}
          </footer>
        )}
      </body>
    </html>
  );
  return `<!doctype html>${renderToString(page)}`;
}

/** What went wrong since the buyer's last step takes the focus, and is read out. */
const needsAttention: readonly string[] = [
  'amount_changed',
  'try_again',
  'insufficient_points',
  'fund_unavailable',
  'not_known',
  'cancel_not_known',
  'too_many_tries',
  'busy',
  'sent_unknown',
  'stale_form',
  'login_failed',
];

function Lead({ text, view }: { text: string; view: string }) {
  return needsAttention.includes(view) ? (
    <p class="lead attention" role="alert" tabIndex={-1} data-focus>
      {text}
    </p>
  ) : (
    <p class="lead">{text}</p>
  );
}
