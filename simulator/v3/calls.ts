import type { Request } from 'express';
import { z } from 'zod';
import type { Account, Books } from '../books.js';
import { mayUse } from '../confirmInvoice.js';
import { invoiceIdPattern, operationId } from '../events.js';
import type { Invoicebox } from '../invoicebox.js';
import { type Answer, invoiceNotFound, malformedId, malformedOperationId, refusal, unauthorized } from './answer.js';
import { invoiceResponse } from './invoiceResponse.js';
import type { InvoiceLists } from './listInvoices.js';

// The calls of the API (contract, sections 1 to 3), each from a request to an answer.

const confirmBody = z.object({ partnerOperationId: operationId });
const BEARER = /^Bearer +(\S{1,512})$/i;

/** GET /v3/security/api/auth/auth: no token at all is a success without a user. */
export function checkToken(books: Books, request: Request): Answer {
  if (request.headers.authorization === undefined)
    return { status: 200, body: { data: { userId: null } }, effect: 'none' };
  const account = accountOf(books, request);
  return account ? { status: 200, body: { data: { userId: account.id } }, effect: 'none' } : unauthorized;
}

/** GET /v3/business/api/invoice/{id} */
export function readInvoice(books: Books, request: Request, publicUrl: string): Answer {
  const account = accountOf(books, request);
  if (!account) return unauthorized;
  const id = idOf(request);
  if (!invoiceIdPattern.test(id)) return malformedId;
  const invoice = books.invoice(id);
  if (!invoice || !mayUse(account, invoice)) return invoiceNotFound;
  const response = invoiceResponse(invoice, publicUrl);
  const body = account.singleReadAsObject
    ? { data: response }
    : { data: [response], metaData: { totalCount: 1, pageSize: 30, page: 1 }, extendedData: [] };
  return { status: 200, body, effect: 'none' };
}

/** GET /v3/business/api/invoice?… */
export function listInvoices(books: Books, lists: InvoiceLists, request: Request): Answer {
  const account = accountOf(books, request);
  if (!account) return unauthorized;
  // Express would read `amount[_gt]` its own way.
  const at = request.url.indexOf('?');
  return lists.answer(account, new URLSearchParams(at === -1 ? '' : request.url.slice(at)));
}

/** POST /v3/business/api/invoice/{id}/confirm */
export function confirmInvoice(invoicebox: Invoicebox, request: Request, requestId: string): Answer {
  const account = accountOf(invoicebox.books, request);
  if (!account) return unauthorized;
  const id = idOf(request);
  if (!invoiceIdPattern.test(id)) return malformedId;
  const body = confirmBody.safeParse(request.body);
  if (!body.success) return malformedOperationId;

  const result = invoicebox.confirm(account, id, body.data.partnerOperationId, requestId);
  switch (result.outcome) {
    case 'executed':
    case 'repeated': {
      const { partnerOperationId, transactionId } = result.confirmation;
      return { status: 200, body: { data: { partnerOperationId, id: transactionId } }, effect: result.outcome };
    }
    case 'unknown_invoice':
      return invoiceNotFound;
    case 'operation_used':
      return refusal(422, 'invalid_argument', 'Операция уже использована для другого счёта');
    case 'already_paid':
      return refusal(422, 'invoice_already_paid', 'Счёт уже оплачен');
    case 'wrong_status':
      return refusal(422, 'wrong_order_status', 'Счёт нельзя оплатить в его состоянии');
    case 'no_money':
      return refusal(422, 'notEnoughMoney', 'Недостаточно средств в гарантийном фонде');
  }
}

/** Invoicebox's ids are compared in lower case. */
export function idOf(request: Request): string {
  const { id } = request.params;
  return typeof id === 'string' ? id.toLowerCase() : '';
}

export function accountOf(books: Books, request: Request): Account | undefined {
  const token = BEARER.exec(request.headers.authorization ?? '')?.[1];
  return token === undefined ? undefined : books.accountByToken(token);
}
