import express, { type Router } from 'express';
import { renderPage } from '../pages/page.js';
import { buyerByLogin } from './buyers.js';
import { LoginErrorPage, LoginPage } from './loginPages.js';
import type { IdentityProvider } from './provider.js';

/** Mounted at /idp: our login page, and the provider behind everything else. */
export function idpRouter(idp: IdentityProvider): Router {
  const router = express.Router();

  router.get('/interaction/:uid', async (req, res) => {
    const { uid, prompt } = await idp.current().interactionDetails(req, res);
    if (prompt.name === 'login') {
      res.send(renderPage('Вход', LoginPage({ action: `/idp/interaction/${uid}/login` })));
      return;
    }
    await idp.current().interactionFinished(req, res, { consent: {} }, { mergeWithLastSubmission: true });
  });

  router.post('/interaction/:uid/login', express.urlencoded({ extended: false, limit: '4kb' }), async (req, res) => {
    const { login } = (req.body ?? {}) as { login?: unknown };
    const buyer = buyerByLogin(login);
    if (!buyer) {
      res.status(400).send(renderPage('Вход', LoginErrorPage({ code: 'unknown_buyer' })));
      return;
    }
    await idp.current().interactionFinished(req, res, { login: { accountId: buyer.login } });
  });

  router.use(
    '/interaction',
    (error: unknown, _req: express.Request, res: express.Response, next: express.NextFunction) => {
      if (res.headersSent) {
        next(error);
        return;
      }
      const code = error instanceof Error ? error.message : 'unknown';
      res.status(400).send(renderPage('Войти не получилось', LoginErrorPage({ code })));
    },
  );

  router.use((req, res) => {
    idp.handle(req, res);
  });
  return router;
}
