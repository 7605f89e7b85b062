import express, { type Router } from 'express';
import { visibleStatus } from '../invoice.js';
import type { Simulation } from '../simulation.js';
import { NoOrderPage, OrderPage } from './orderPage.js';
import { renderPage } from './page.js';

/** Mounted at /order: Invoicebox's payment page, where the buyer is sent at the end. */
export function orderRouter(simulation: Simulation): Router {
  const router = express.Router();

  router.get('/:id', (req, res) => {
    const invoice = simulation.books.invoice(req.params.id);
    if (!invoice) {
      res.status(404).send(renderPage('Счёт не найден', NoOrderPage()));
      return;
    }
    const status = visibleStatus(invoice, new Date());
    const pointsUrl = simulation.pointsUrl(invoice.id);
    res.send(renderPage(`Счёт № ${invoice.number}`, OrderPage({ invoice, status, pointsUrl })));
  });

  router.post('/:id/card', (req, res) => {
    const invoice = simulation.books.invoice(req.params.id);
    if (!invoice) {
      res.status(404).send(renderPage('Счёт не найден', NoOrderPage()));
      return;
    }
    // Already paid or closed meanwhile: the page it comes back to says so.
    simulation.payElsewhere(invoice);
    res.redirect(303, `/order/${invoice.id}`);
  });

  return router;
}
