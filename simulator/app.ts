import { readFileSync } from 'node:fs';
import express, { type Express } from 'express';
import { apiRouter } from './api/router.js';
import { controlRouter } from './control/router.js';
import type { IdentityProvider } from './idp/provider.js';
import { idpRouter } from './idp/router.js';
import { orderRouter } from './pages/orderRouter.js';
import { shopRouter } from './shop/router.js';
import type { Simulation } from './simulation.js';

const style = readFileSync(new URL('./style.css', import.meta.url), 'utf8');

export function createApp(simulation: Simulation, idp: IdentityProvider): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.use((_req, res, next) => {
    res.setHeader('Cache-Control', 'no-store');
    next();
  });
  app.use('/v3', apiRouter(simulation));
  app.use('/control', controlRouter(simulation, idp));
  app.use('/idp', idpRouter(idp));
  app.use('/order', orderRouter(simulation));
  app.use('/shop', shopRouter(simulation));
  app.get('/simulator.css', (_req, res) => {
    res.type('css').send(style);
  });
  app.get('/', (_req, res) => {
    res.redirect('/shop');
  });
  return app;
}
