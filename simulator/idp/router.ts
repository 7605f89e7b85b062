import express, { type Request, type Response, Router } from 'express';
import { sendPage } from '../pages/send.js';
import { buyerOf, offeredBuyers } from './buyers.js';
import { errorPage, loginPage, type Person } from './pages.js';
import type { IdentityProvider } from './provider.js';
import { consoleClientId } from './settings.js';

/** The login page, and everything else of OpenID Connect by the library. Mounted at /idp. */
export function idpRouter(idp: IdentityProvider): Router {
  const router = Router();

  router.get('/interaction/:uid', async (request, response) => {
    if (!(await isUnderWay(idp, request, response))) return;
    sendPage(response, 200, loginPage(request.originalUrl, await whoIsOffered(idp, request, response)));
  });

  router.post(
    '/interaction/:uid',
    // The library reads its own bodies: only this form is read here.
    express.urlencoded({ extended: false, limit: '16kb' }),
    async (request, response) => {
      if (!(await isUnderWay(idp, request, response))) return;
      const { login } = request.body as { login?: unknown };
      const typed = typeof login === 'string' ? login.trim().toLowerCase() : '';
      const buyer = buyerOf(typed);
      if (!buyer) {
        const people = await whoIsOffered(idp, request, response);
        sendPage(response, 422, loginPage(request.originalUrl, people, typed));
        return;
      }
      await idp.provider.interactionFinished(request, response, { login: { accountId: buyer.login } });
    },
  );

  router.use((request, response) => idp.handle(request, response));
  return router;
}

/** Members log in to pay, operators to the console. */
async function whoIsOffered(idp: IdentityProvider, request: Request, response: Response): Promise<readonly Person[]> {
  const { params } = await idp.provider.interactionDetails(request, response);
  return params['client_id'] === consoleClientId ? idp.operators.offered : offeredBuyers;
}

/** A login page left open for too long, or in a browser without its cookie, is told so. */
async function isUnderWay(idp: IdentityProvider, request: Request, response: Response): Promise<boolean> {
  try {
    await idp.provider.interactionDetails(request, response);
    return true;
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'SessionNotFound') throw error;
    sendPage(
      response,
      400,
      errorPage('session_not_found', 'Вход начат слишком давно. Вернитесь к оплате и войдите снова.'),
    );
    return false;
  }
}
