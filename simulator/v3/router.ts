import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import express, { type ErrorRequestHandler, type Request, type Response, Router } from 'express';
import { type FaultTarget, performUnderFault, type Reply } from '../faults.js';
import type { QuotaSettings } from '../quotas.js';
import type { LoggedRequest, Operation } from '../requestLog.js';
import type { Simulator } from '../simulator.js';
import { type Answer, refusal, tooManyRequests } from './answer.js';
import { accountOf, checkToken, confirmInvoice, idOf, listInvoices, readInvoice } from './calls.js';
import { sendGarbled } from './garbledBody.js';
import { InvoiceLists } from './listInvoices.js';

const MAX_BODY = '1mb';
/** How much of a partnerOperationId the log keeps: enough to see that it is too long. */
const MAX_LOGGED_ID = 64;

/** The Invoicebox API. Every call is logged and counted on arrival, meets its fault if one is arranged, and answers with X-Request-Id. */
export function v3Router(simulator: Simulator): Router {
  const { invoicebox, publicUrl, requests, faults, pauses, connections, quotas, closing } = simulator;
  const lists = new InvoiceLists(invoicebox.books, publicUrl);
  const router = Router();

  async function serve(
    request: Request,
    response: Response,
    operation: Operation,
    act: (requestId: string) => Answer,
  ): Promise<void> {
    const requestId = randomUUID();
    const invoiceId = operation === 'auth' || operation === 'list' ? null : idOf(request);
    const partnerOperationId = operation === 'confirm' ? loggedOperationId(request.body) : undefined;
    const entry = requests.open({
      operation,
      invoiceId,
      ...(operation === 'confirm' && { partnerOperationId }),
      at: invoicebox.now().toISOString(),
      requestId,
    });
    const waitMs = quotas.meet(
      accountOf(invoicebox.books, request),
      request.socket.remoteAddress ?? '',
      performance.now(),
    );
    if (waitMs !== undefined) {
      await finish(response, entry, {
        kind: 'answer',
        answer: tooManyRequests(retryAfterOf(quotas.settings.retryAfter, waitMs)),
      });
      return;
    }
    const fault = isFaultable(operation) && invoiceId !== null ? faults.take({ operation, invoiceId }) : undefined;
    const reply = await performUnderFault({
      fault,
      act: () => {
        const answer = act(requestId);
        entry.effect = answer.effect;
        return answer;
      },
      wait: (delayMs) => setTimeout(delayMs, undefined, { signal: closing }),
      pause: async (target) => {
        entry.paused = true;
        await pauses.stop(target);
        entry.paused = false;
      },
      partnerOperationId,
      invoicebox,
    });
    await finish(response, entry, reply);
  }

  router.use(connections.meet, express.json({ limit: MAX_BODY, type: () => true }));
  router.get('/security/api/auth/auth', (request, response) =>
    serve(request, response, 'auth', () => checkToken(invoicebox.books, request)),
  );
  router.get('/business/api/invoice', (request, response) =>
    serve(request, response, 'list', () => listInvoices(invoicebox.books, lists, request)),
  );
  router.get('/business/api/invoice/:id', (request, response) =>
    serve(request, response, 'read', () => readInvoice(invoicebox.books, request, publicUrl)),
  );
  router.post('/business/api/invoice/:id/confirm', (request, response) =>
    serve(request, response, 'confirm', (requestId) => confirmInvoice(invoicebox, request, requestId)),
  );
  router.use((_request, response) => {
    send(response, randomUUID(), refusal(404, 'not_found', 'Метод не найден'));
  });
  router.use(whenBroken(closing));
  return router;
}

function isFaultable(operation: Operation): operation is FaultTarget['operation'] {
  return operation === 'read' || operation === 'confirm';
}

function retryAfterOf(form: QuotaSettings['retryAfter'], waitMs: number): string | undefined {
  switch (form) {
    case 'none':
      return undefined;
    case 'seconds':
      return String(Math.ceil(waitMs / 1_000));
    case 'date':
      return new Date(Date.now() + waitMs + 1_000).toUTCString();
  }
}

async function finish(response: Response, entry: LoggedRequest, reply: Reply): Promise<void> {
  switch (reply.kind) {
    case 'answer':
      entry.effect = reply.answer.effect;
      entry.status = reply.answer.status;
      send(response, entry.requestId, reply.answer);
      return;
    case 'cut':
      entry.status = 'cut';
      response.socket?.destroy();
      return;
    case 'garbled':
      entry.status = 200;
      await sendGarbled(response.set(answerHeaders(entry.requestId)), reply.body);
      return;
  }
}

function send(response: Response, requestId: string, { status, headers, body }: Answer): void {
  response
    .status(status)
    .set({ ...answerHeaders(requestId), ...headers })
    .json(body);
}

function answerHeaders(requestId: string): Record<string, string> {
  return { 'X-Request-Id': requestId, 'Cache-Control': 'no-store' };
}

/** A body nobody can parse is the caller's mistake; anything else is ours. */
function whenBroken(closing: AbortSignal): ErrorRequestHandler {
  return (error: { status?: number }, _request, response, next) => {
    if (response.headersSent) {
      next(error);
      return;
    }
    if (closing.aborted) {
      response.socket?.destroy();
      return;
    }
    if (error.status === 413) send(response, randomUUID(), refusal(413, 'validation', 'Слишком большое тело запроса'));
    else if (error.status === 400) send(response, randomUUID(), refusal(422, 'validation', 'Тело запроса — не JSON'));
    else {
      console.error(error);
      send(response, randomUUID(), { status: 500, body: { error: { message: 'Ошибка симулятора' } }, effect: 'none' });
    }
  };
}

function loggedOperationId(body: unknown): string | undefined {
  if (typeof body !== 'object' || body === null || !('partnerOperationId' in body)) return undefined;
  const { partnerOperationId } = body;
  return typeof partnerOperationId === 'string' ? partnerOperationId.slice(0, MAX_LOGGED_ID) : undefined;
}
