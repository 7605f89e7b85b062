import { Router } from 'express';
import { invoiceState } from '../invoiceState.js';
import { sendPage } from '../pages/send.js';
import type { Simulator } from '../simulator.js';
import { shopReturn, suretyEntry } from '../suretyEntry.js';
import { noOrderPage, orderPage } from './page.js';

/** Invoicebox's payment page: where `paymentUrl` leads. Mounted at /order. */
export function orderRouter(simulator: Simulator): Router {
  const { invoicebox, publicUrl } = simulator;
  const router = Router();

  router.get('/:id', (request, response) => {
    const invoice = invoicebox.books.invoice(request.params.id.toLowerCase());
    if (!invoice) {
      sendPage(response, 404, noOrderPage());
      return;
    }
    const state = invoiceState(invoice, invoicebox.now());
    const result = state === 'paid' ? 'success' : 'fail';
    const page = orderPage({
      invoice,
      state,
      pointsUrl: suretyEntry(simulator, invoice.id),
      shopUrl: shopReturn(publicUrl, result, invoice.id),
    });
    sendPage(response, 200, page);
  });

  router.post('/:id/pay', (request, response) => {
    const id = request.params.id.toLowerCase();
    const invoice = invoicebox.books.invoice(id);
    // Too late or unknown: the page says what is true.
    if (invoice && invoiceState(invoice, invoicebox.now()) === 'pending') invoicebox.payElsewhere(id);
    response.redirect(303, `/order/${encodeURIComponent(id)}`);
  });

  return router;
}
