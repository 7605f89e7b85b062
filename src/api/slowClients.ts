/**
 * Nobody holds a connection by being slow: headers, bodies and idle connections have their time, a body that nobody waits for
 * is not waited for, and only whoever was let in may take long over a file.
 */
import { createServer } from 'node:http';
import { ExpressAdapter } from '@nestjs/platform-express';
import type { RequestHandler } from 'express';
import { answerUnreadable } from './unreadable.js';

const headersWithinMs = 15_000;
const bodyWithinMs = 30_000;
const fileWithinMs = 30 * 60_000;
const idleWithinMs = 10_000;
/** Node looks for late ones at its own pace, half a minute by default: as long again as they have. */
const looksEveryMs = 1_000;
/** For what is on its way when the answer is sent, so that the sender hears it. */
const lingerMs = 2_000;

const filePaths = ['/v1/credits/imports', '/v1/fund/statements', '/console/reconciliation/statements'];

/** As Node says it of late headers. */
const lateBody = () => Object.assign(new Error('the body is late'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' });

export class PatientForAWhile extends ExpressAdapter {
  override initHttpServer(): void {
    const server = createServer(
      {
        headersTimeout: headersWithinMs,
        requestTimeout: fileWithinMs,
        keepAliveTimeout: idleWithinMs,
        connectionsCheckingInterval: looksEveryMs,
      },
      this.getInstance<Parameters<typeof createServer>[1]>(),
    );
    server.on('clientError', answerUnreadable);
    this.httpServer = server;
  }
}

/** A body is here within half a minute, except a file of somebody whom a guard has let in. */
export const boundBodies: RequestHandler = (request, response, next) => {
  const late = setTimeout(() => {
    // An answer may take longer: an export, for one.
    if (request.complete || isFileOfSomebody(request)) return;
    answerUnreadable(lateBody(), request.socket);
  }, bodyWithinMs);
  response.once('close', () => {
    clearTimeout(late);
  });
  response.once('finish', () => {
    // Whoever sends a file may read the answer only when all of it is sent.
    if (request.complete || isFileOfSomebody(request)) return;
    const { socket } = request;
    const end = setTimeout(() => socket.destroy(), lingerMs);
    const isHere = () => {
      clearTimeout(end);
    };
    request.once('end', isHere);
    socket.once('close', isHere);
  });
  next();
};

function isFileOfSomebody(request: Parameters<RequestHandler>[0]): boolean {
  const { caller, operatorSession } = request as { caller?: unknown; operatorSession?: unknown };
  const isKnown = caller !== undefined || operatorSession !== undefined;
  return isKnown && filePaths.some((path) => request.originalUrl.startsWith(path));
}
