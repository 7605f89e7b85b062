import express, { type Router } from 'express';
import type { Customer } from '../invoice.js';
import { renderPage } from '../pages/page.js';
import type { Simulation } from '../simulation.js';
import { cases } from './cases.js';
import { goods } from './goods.js';
import { NothingHerePage, ReturnPage, ShopPage } from './shopPages.js';

const customer: Customer = {
  type: 'private',
  name: 'Пётр Ильин',
  phone: '79001112233',
  email: 'petr@example.com',
};

/** Mounted at /shop: the demo merchant whose invoices the buyers pay. */
export function shopRouter(simulation: Simulation): Router {
  const router = express.Router();
  const { books, config } = simulation;

  router.get('/', (_req, res) => {
    const account = books.account(config.shopAccount);
    const funds = account ? account.funds.map(({ currency }) => books.fund(account, currency)) : [];
    const page = ShopPage({ goods, cases, funds: funds.filter((fund) => fund !== undefined) });
    res.send(renderPage('Демо-магазин', page));
  });

  router.post('/goods/:id', (req, res, next) => {
    const good = goods.find(({ id }) => id === req.params.id);
    if (!good) {
      next();
      return;
    }
    const description = `${good.name}. ${good.about}`;
    const invoice = simulation.createInvoice({ amountMinor: good.priceMinor, currency: 'RUB', description, customer });
    res.redirect(303, simulation.pointsUrl(invoice.id));
  });

  router.post('/cases/:name', (req, res, next) => {
    const unhappy = cases.find(({ name }) => name === req.params.name);
    if (!unhappy) {
      next();
      return;
    }
    const { amountMinor, expiresInMs, title } = unhappy;
    const invoice = simulation.createInvoice({
      amountMinor,
      currency: 'RUB',
      description: `Проверка: ${title.toLowerCase()}`,
      customer,
      ...(expiresInMs === undefined ? {} : { expiresAt: new Date(Date.now() + expiresInMs) }),
    });
    unhappy.prepare?.(simulation, invoice);
    res.redirect(303, simulation.pointsUrl(invoice.id));
  });

  router.get('/return', (req, res) => {
    const { result, invoiceId } = req.query;
    const invoice = typeof invoiceId === 'string' ? books.invoice(invoiceId) : undefined;
    res.send(renderPage('Возврат в магазин', ReturnPage({ result, invoice })));
  });

  router.use((_req, res) => {
    res.status(404).send(renderPage('Страница не найдена', NothingHerePage()));
  });
  return router;
}
