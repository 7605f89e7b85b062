import express, { type ErrorRequestHandler, type RequestHandler, type Response, Router } from 'express';
import { z } from 'zod';
import { availableMinor, type Account, type Books, type Invoice } from '../books.js';
import { connectionChanges } from '../connections.js';
import { accountId, invoiceId } from '../events.js';
import { faultBody, faultTarget } from '../faults.js';
import { Refused } from '../invoicebox.js';
import { quotaChanges } from '../quotas.js';
import type { Simulator } from '../simulator.js';
import { statementCsv } from '../statement.js';
import { paymentUrl } from '../v3/invoiceResponse.js';
import {
  accountBody,
  clockBody,
  depositBody,
  invoiceBody,
  invoiceChanges,
  invoiceSeriesBody,
  operatorBody,
  reversalBody,
  statementQuery,
} from './bodies.js';

const MAX_BODY = '1mb';

/** The strings that tests and the demo pull. Open to this machine alone, without a login. */
export function controlRouter(simulator: Simulator): Router {
  const { invoicebox, faults, pauses, connections, quotas, requests, idp, publicUrl } = simulator;
  const { books } = invoicebox;
  const router = Router();
  const shown = (invoice: Invoice) => ({ ...invoice, paymentUrl: paymentUrl(invoice.id, publicUrl) });

  router.use(loopbackOnly, express.json({ limit: MAX_BODY }));

  router.put('/accounts/:id', (request, response) => {
    const id = accountId.parse(request.params.id);
    response.json(accountJson(invoicebox.applyAccount(id, accountBody.parse(request.body))));
  });
  router.get('/books', (_request, response) => {
    response.json({ accounts: books.accounts.map(accountJson) });
  });

  // Money that the partner transfers; `PUT /accounts/:id` sets a size without an entry in the statement.
  router.post('/accounts/:id/deposits', (request, response) => {
    const { currency, amountMinor, billNumber } = depositBody.parse(request.body);
    response.status(201).json(invoicebox.deposit(request.params.id, currency, amountMinor, billNumber));
  });
  // The cabinet's statement: draws, refunds to the fund, deposits. ?currency=RUB&from=…&until=…&zone=Europe/Moscow
  router.get('/accounts/:id/statement', (request, response) => {
    const account = books.account(request.params.id);
    if (account) response.type('text/csv').send(statementCsv(books, account, statementQuery.parse(request.query)));
    else fail(response, 404, `There is no account ${request.params.id}`);
  });

  router.post('/invoices', (request, response) => {
    const body = invoiceBody.parse(request.body);
    assureAccount(books, body.accountId);
    response.status(201).json(shown(invoicebox.createInvoice(body)));
  });
  router.post('/invoice-series', (request, response) => {
    const { count, everyMs, terms } = invoiceSeriesBody.parse(request.body);
    assureAccount(books, terms.accountId);
    const firstMs = terms.createdAt === undefined ? Date.now() : Date.parse(terms.createdAt);
    for (let n = 0; n < count; n += 1) {
      invoicebox.createInvoice({ ...terms, createdAt: new Date(firstMs + n * everyMs).toISOString() });
    }
    response.status(201).json({ count });
  });
  router.get('/invoices/:id', (request, response) => {
    const invoice = books.invoice(invoiceId.parse(request.params.id));
    if (invoice) response.json(shown(invoice));
    else fail(response, 404, `There is no invoice ${request.params.id}`);
  });
  router.patch('/invoices/:id', (request, response) => {
    const id = invoiceId.parse(request.params.id);
    response.json(shown(invoicebox.editInvoice(id, invoiceChanges.parse(request.body))));
  });
  router.post('/invoices/:id/cancel', (request, response) => {
    response.json(shown(invoicebox.cancelInvoice(invoiceId.parse(request.params.id))));
  });
  router.post('/invoices/:id/pay', (request, response) => {
    response.json(shown(invoicebox.payElsewhere(invoiceId.parse(request.params.id))));
  });
  // The merchant gives money back of a paid invoice, whole or in parts, to the fund that paid or otherwise; nobody is told.
  router.post('/invoices/:id/reverse', (request, response) => {
    const id = invoiceId.parse(request.params.id);
    response.status(201).json(invoicebox.reverseInvoice(id, reversalBody.parse(request.body)));
  });

  router.get('/requests', (request, response) => {
    const { invoiceId: wanted } = z.object({ invoiceId: invoiceId.optional() }).parse(request.query);
    response.json(requests.list(wanted));
  });

  router.post('/faults', (request, response) => {
    const fault = faultBody.parse(request.body);
    if (faults.arrange(fault)) response.status(201).json(fault);
    else fail(response, 409, 'Too many faults are waiting: DELETE /control/faults clears them');
  });
  router.get('/faults', (_request, response) => {
    response.json(faults.list());
  });
  router.delete('/faults', (_request, response) => {
    faults.clear();
    response.json(faults.list());
  });

  router.post('/resume', (request, response) => {
    response.json({ resumed: pauses.resume(faultTarget.parse(request.body)) });
  });
  router.put('/server', (request, response) => {
    response.json(connections.change(connectionChanges.parse(request.body)));
  });
  // Settings, and of each account and address: requests, tooManyRequests, worstWindow. DELETE counts anew.
  router.get('/quotas', (_request, response) => {
    response.json({ settings: quotas.settings, ...quotas.usage() });
  });
  router.put('/quotas', (request, response) => {
    response.json(quotas.change(quotaChanges.parse(request.body)));
  });
  router.delete('/quotas', (_request, response) => {
    quotas.clear();
    response.json({ settings: quotas.settings, ...quotas.usage() });
  });

  router.post('/idp/rotate-keys', async (_request, response) => {
    response.json({ kid: await idp.rotateKeys() });
  });
  router.put('/idp/operators', (request, response) => {
    idp.operators.put(operatorBody.parse(request.body));
    response.json({});
  });
  router.post('/idp/clock', (request, response) => {
    const { offsetSeconds } = clockBody.parse(request.body);
    idp.setClockOffset(offsetSeconds);
    response.json({ offsetSeconds });
  });

  router.use((_request, response) => {
    fail(response, 404, 'The control API has no such call');
  });
  router.use(explain);
  return router;
}

function assureAccount(books: Books, id: string | undefined): void {
  if (id !== undefined && !books.account(id)) {
    throw new Refused(`There is no account ${id}: PUT /control/accounts/${id} first`);
  }
}

function accountJson(account: Account): unknown {
  return {
    id: account.id,
    name: account.name,
    singleReadAsObject: account.singleReadAsObject,
    repeatAnswers: account.repeatAnswers,
    funds: [...account.funds.values()].map((fund) => ({ ...fund, availableMinor: availableMinor(fund) })),
    confirmations: account.confirmations,
    deposits: account.deposits,
    reversals: account.reversals,
  };
}

const LOOPBACK = /^(?:::ffff:)?127\.|^::1$/;

const loopbackOnly: RequestHandler = (request, response, next) => {
  if (LOOPBACK.test(request.socket.remoteAddress ?? '')) next();
  else fail(response, 403, 'The control API answers this machine alone');
};

const explain: ErrorRequestHandler = (error: unknown, _request, response, next) => {
  if (response.headersSent) next(error);
  else if (error instanceof z.ZodError) fail(response, 400, z.prettifyError(error));
  else if (error instanceof Refused) fail(response, 409, error.message);
  else if (isBodyError(error)) fail(response, error.status, error.message);
  else {
    console.error(error);
    fail(response, 500, 'The simulator broke: see its error output');
  }
};

/** What express.json raises: malformed JSON, a body too large. */
function isBodyError(error: unknown): error is Error & { status: number } {
  return error instanceof Error && 'status' in error && typeof error.status === 'number' && error.status < 500;
}

function fail(response: Response, status: number, message: string): void {
  response.status(status).json({ error: { message } });
}
