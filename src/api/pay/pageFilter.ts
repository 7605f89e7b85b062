/** Whatever goes wrong under /pay is said by a page, in words for the buyer. */
import type { Request, Response } from 'express';
import { languageOf } from './format.js';
import { renderPage } from './page.js';
import { texts } from './texts.js';

export function sendTroublePage(request: Request, response: Response, status: number, testMode: boolean): void {
  const language = languageOf(request.query['lang'], undefined, request.get('accept-language'));
  const view = status === 404 ? 'not_found' : status < 500 ? 'bad_link' : 'trouble';
  const frame = {
    language,
    programme: null,
    support: '',
    testMode,
    otherLanguageUrl: '?lang=' + (language === 'ru' ? 'en' : 'ru'),
  };
  response
    .status(status)
    .set('Cache-Control', 'no-store')
    .type('html')
    .send(renderPage(frame, view, texts[language][view], null));
}
