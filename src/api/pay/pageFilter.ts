/** Whatever goes wrong under /pay is said by a page, in words for the buyer. */
import type { Request, Response } from 'express';
import { languageOf } from './format.js';
import { renderPage } from './page.js';
import { texts } from './texts.js';
import { LinkButton } from './visits.js';

export const isPage = (path: string): boolean => /^\/pay(\/|$)/i.test(path);

export function sendTroublePage(request: Request, response: Response, status: number, testMode: boolean): void {
  const language = languageOf(request.query['lang'], undefined, request.get('accept-language'));
  const view = viewOf(request.method, status);
  // The page of which this was a form.
  const address = request.path.replace(/\/(confirm|cancel|token|logout)$/, '');
  const frame = {
    language,
    programme: null,
    support: '',
    testMode,
    otherLanguageUrl: `${address}?lang=${language === 'ru' ? 'en' : 'ru'}`,
  };
  const content =
    view === 'sent_unknown' ? LinkButton({ href: `${address}?lang=${language}`, text: texts[language].check }) : null;
  const html = renderPage(frame, view, texts[language][view], content);
  response.status(status).set('Cache-Control', 'no-store').type('html').send(html);
}

function viewOf(
  method: string,
  status: number,
): 'not_found' | 'too_often' | 'bad_request' | 'trouble' | 'sent_unknown' {
  if (status === 404) return 'not_found';
  if (status === 429) return 'too_often';
  if (status < 500) return 'bad_request';
  return method === 'GET' || method === 'HEAD' ? 'trouble' : 'sent_unknown';
}
