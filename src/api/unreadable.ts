/** What is refused before any endpoint is found: bytes that are no request, and addresses with an empty id. */
import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { RequestHandler } from 'express';
import { Problem, type ProblemCode } from './problem.js';

/**
 * For the server's `clientError`: Node itself has refused, in words of its own if it were not for this. It does not say
 * that nothing was changed: a request that came before on this connection may still be at work.
 */
export function answerUnreadable(error: Error & { code?: string }, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const problem = new Problem(codeOf(error.code));
  const body = JSON.stringify(problem.body());
  const head = [
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status] ?? ''}`,
    'Content-Type: application/problem+json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}

function codeOf(code: string | undefined): ProblemCode {
  if (code === 'HPE_HEADER_OVERFLOW') return 'headers_too_large';
  return code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 'request_timeout' : 'malformed_request';
}

/** `/v1/payments/` with the id left out is not the list: whoever meant one thing would be answered all. */
export const refuseEmptyIds: RequestHandler = (request, _response, next) => {
  if (request.path.length > 1 && request.path.endsWith('/')) throw new Problem('not_found');
  next();
};
