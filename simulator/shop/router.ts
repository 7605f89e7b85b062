import express, { Router } from 'express';
import { invoiceState } from '../invoiceState.js';
import { sendPage } from '../pages/send.js';
import type { Simulator } from '../simulator.js';
import { suretyEntry } from '../suretyEntry.js';
import { goodOf } from './goods.js';
import { isReturnResult, returnPage, shopPage } from './page.js';
import { unhappyCaseOf } from './unhappyCases.js';

const buyer = { type: 'private', name: 'Анна Соколова', phone: '79001112233', email: 'anna@example.com' } as const;

/** A merchant whose buyers pay with points. Mounted at /shop. */
export function shopRouter(simulator: Simulator): Router {
  const { config, invoicebox, faults } = simulator;
  const router = Router();

  router.get('/', (_request, response) => {
    sendPage(response, 200, shopPage());
  });

  // An order: the invoice is created and the buyer goes to the programme's page with its id.
  router.post('/orders', express.urlencoded({ extended: false, limit: '16kb' }), (request, response) => {
    const form = request.body as { good?: unknown; case?: unknown };
    const unhappy = unhappyCaseOf(form.case);
    const good = goodOf(unhappy?.good ?? form.good);
    if (!good) {
      response.redirect(303, '/shop');
      return;
    }
    const payableForMs = unhappy?.payableForMs;
    const invoice = invoicebox.createInvoice({
      accountId: config.shop.account,
      amountMinor: good.priceMinor,
      description: good.title,
      customer: buyer,
      ...(payableForMs !== undefined && {
        expiresAt: new Date(invoicebox.now().getTime() + payableForMs).toISOString(),
      }),
    });
    if (unhappy?.fault) faults.arrange(unhappy.fault(invoice));
    response.redirect(303, suretyEntry(simulator, invoice.id));
  });

  router.get('/return', (request, response) => {
    const { result, invoiceId } = request.query;
    const invoice = typeof invoiceId === 'string' ? invoicebox.books.invoice(invoiceId.toLowerCase()) : undefined;
    const page = returnPage({
      result: isReturnResult(result) ? result : 'fail',
      order: invoice && { invoice, state: invoiceState(invoice, invoicebox.now()) },
    });
    sendPage(response, 200, page);
  });

  return router;
}
