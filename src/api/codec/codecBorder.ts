/**
 * Who may ask for histories to be decrypted from a browser: the Temporal UI's own pages, with an operator's cookie. A page
 * from elsewhere can't even try, and what does not say where it comes from is no browser's request from there.
 */
import { raw, type RequestHandler } from 'express';

export const codecPath = '/codec';

/** @param origin of the Temporal UI; null: there is none, and nothing here */
export function temporalUiAlone(origin: string | null): RequestHandler {
  return (request, response, next) => {
    response.vary('Origin').set('Cache-Control', 'no-store');
    if (origin === null || request.headers.origin !== origin) {
      response.status(origin === null ? 404 : 403).end();
      return;
    }
    response.set({ 'Access-Control-Allow-Origin': origin, 'Access-Control-Allow-Credentials': 'true' });
    if (request.method !== 'OPTIONS') {
      next();
      return;
    }
    response
      .set({
        'Access-Control-Allow-Methods': 'POST',
        'Access-Control-Allow-Headers': 'content-type, x-namespace',
        'Access-Control-Max-Age': '600',
      })
      .status(204)
      .end();
  };
}

/** A page of the UI's history has some hundred payloads, each of a few hundred bytes. */
export const readPayloads = raw({ limit: '2mb', type: 'application/json' });
