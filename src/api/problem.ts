/** Errors of the API: RFC 9457 problem+json with a code and the request's id. Each says what was left untouched. */
import { Catch, HttpException, Logger, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { Request, Response } from 'express';
import { databaseTroubleOf } from '../database/trouble.js';
import { isConsole, sendConsoleStop } from './console/consoleFilter.js';
import { isPage, sendTroublePage } from './pay/pageFilter.js';

/** Of each code: what happened, in general, and what to do. Told at /docs/problems/<code>. */
export const problems = {
  malformed_json: {
    status: 400,
    title: 'The body is not JSON',
    remedy: 'Send one JSON value in UTF-8, made by a JSON library.',
  },
  malformed_request: {
    status: 400,
    title: 'The request cannot be read',
    remedy: 'Check the address, its percent-encoding and the headers that describe the body.',
  },
  idempotency_key_required: {
    status: 400,
    title: 'The header Idempotency-Key is required',
    remedy: 'Send 1 to 255 visible characters of your own, new for each wish and the same for each repetition of it.',
  },
  unauthorized: {
    status: 401,
    title: 'The API key is missing or not valid',
    remedy: 'Send `Authorization: Bearer <key>` with a key that is neither revoked nor expired.',
  },
  forbidden: {
    status: 403,
    title: 'The API key lacks a scope',
    remedy: 'Use a key that has the scope named in the detail.',
  },
  not_found: {
    status: 404,
    title: 'Not found',
    remedy: 'There is nothing with this id for your key. Ids of other partners are answered the same.',
  },
  conflict: {
    status: 409,
    title: 'The present state does not allow this',
    remedy: 'The answer tells the true state; decide by it. Repeating the same request changes nothing.',
  },
  reference_conflict: {
    status: 409,
    title: 'This reference stands for something else',
    remedy: 'A reference is booked once. Use the one of your own record, and another for another record.',
  },
  insufficient_points: {
    status: 409,
    title: 'Less is left of the credit than is to be taken back',
    remedy: 'The answer tells what is left. What is spent, held or expired cannot be reversed.',
  },
  more_than_paid: {
    status: 409,
    title: 'More would be returned than was paid',
    remedy: '`leftMinor` tells what of the payment is neither returned nor asked to be.',
  },
  cursor_outdated: {
    status: 409,
    title: 'This cursor is from before a restore of the database',
    remedy: 'Read the feed from its beginning, and leave out events whose id you know.',
  },
  idempotency_in_flight: {
    status: 409,
    title: 'A request with this Idempotency-Key is being worked on',
    remedy: 'Ask again in a moment with the same key.',
  },
  partner_not_ready: {
    status: 409,
    title: 'The partner cannot pay at the moment',
    remedy: 'The reason tells why: Invoicebox refuses the credentials, or the fund is doubted. Speak to the operator.',
  },
  body_too_large: {
    status: 413,
    title: 'The body is too large',
    remedy: 'Requests have at most 64 kB, a batch of payments 5 MB; many credits at once go through an import.',
  },
  unsupported_media_type: {
    status: 415,
    title: 'The body is of a type that is not read here',
    remedy: 'Send `Content-Type: application/json` in UTF-8, or the type that the endpoint names.',
  },
  request_timeout: {
    status: 408,
    title: 'The request did not arrive in time',
    remedy: 'Send headers within 15 s and the body within 30 s; repeat with the same Idempotency-Key.',
  },
  headers_too_large: {
    status: 431,
    title: 'The headers are too large',
    remedy: 'All headers and the address together have at most 16 kB; an Idempotency-Key has at most 255 characters.',
  },
  invalid_request: {
    status: 422,
    title: 'The request is not valid',
    remedy: '`fields` names each field, the rule that it breaks and the kind of what was given.',
  },
  idempotency_other_body: {
    status: 422,
    title: 'This Idempotency-Key was used with another request',
    remedy: 'Use a new key for a new request; to repeat, send the very same body.',
  },
  statement_refused: {
    status: 422,
    title: 'The statement cannot be read',
    remedy:
      '`lines` names rows by number, with the problem and the mapped column. Mend the mapping or the file, and send it whole.',
  },
  too_many_requests: {
    status: 429,
    title: 'Too many requests at once',
    remedy: 'Wait as long as Retry-After says, then repeat with the same Idempotency-Key.',
  },
  internal: {
    status: 500,
    title: 'Something unexpected happened',
    remedy: 'Repeating with the same Idempotency-Key is safe. Tell the operator the requestId.',
  },
  payments_paused: {
    status: 503,
    title: 'New payments are paused by the operator',
    remedy:
      'Nothing was opened. Payments that are under way go on. Repeat with the same Idempotency-Key after Retry-After, or let the buyer pay otherwise.',
  },
  unavailable: {
    status: 503,
    title: 'Not available at the moment',
    remedy: 'Repeat with the same Idempotency-Key after Retry-After.',
  },
} as const;

export type ProblemCode = keyof typeof problems;

export interface ProblemBody {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: ProblemCode;
  readonly detail?: string;
  readonly [extension: string]: unknown;
}

const finalCodes: readonly ProblemCode[] = ['not_found', 'invalid_request', 'reference_conflict'];

export class Problem extends Error {
  readonly status: number;

  constructor(
    readonly code: ProblemCode,
    readonly detail?: string,
    readonly extensions: Readonly<Record<string, unknown>> = {},
    readonly headers: Readonly<Record<string, string>> = {},
    /** Whether the same request would get this answer for ever. */
    readonly isFinal: boolean = finalCodes.includes(code),
  ) {
    super(detail ?? problems[code].title);
    this.status = problems[code].status;
  }

  /** The same, said of what may be otherwise when it is asked again. */
  thatMayPass(): Problem {
    return new Problem(this.code, this.detail, this.extensions, this.headers, false);
  }

  body(): ProblemBody {
    const { status, title } = problems[this.code];
    return {
      type: `/docs/problems/${this.code}`,
      title,
      status,
      code: this.code,
      ...(this.detail === undefined ? {} : { detail: this.detail }),
      ...this.extensions,
    };
  }
}

export const unavailable = (detail: string, extensions: Readonly<Record<string, unknown>> = {}): Problem =>
  new Problem('unavailable', detail, extensions, { 'Retry-After': '2' });

const internal = (): Problem =>
  new Problem('internal', 'It is logged under the request id. Repeating with the same Idempotency-Key is safe.');

/** @param mayHaveActed whether the request came so far that it could change something */
function problemOf(error: unknown, mayHaveActed: boolean): Problem {
  if (error instanceof Problem) return error;
  const trouble = databaseTroubleOf(error);
  switch (trouble) {
    case 'away':
      return unavailable(
        mayHaveActed
          ? 'The database is not reachable. It is not known whether this took effect: repeat it, with the same Idempotency-Key where it had one.'
          : 'The database is not reachable; nothing was changed by this request.',
      );
    case 'rolled_back':
      return unavailable(
        'The database is too busy and has given this up. Repeat it, with the same Idempotency-Key where it had one: it cannot take effect twice.',
      );
    case null:
      break;
  }
  const httpStatus = error instanceof HttpException ? error.getStatus() : refusedStatus(error);
  switch (httpStatus) {
    case 400:
      return new Problem('malformed_request', 'Nothing was changed.');
    case 404:
      return new Problem('not_found');
    case 413:
      return new Problem('body_too_large', 'Nothing was read of it.');
    case 415:
      return new Problem('unsupported_media_type');
    case null:
      return internal();
    default:
      return httpStatus >= 400 && httpStatus < 500
        ? new Problem('malformed_request', 'Nothing was changed.')
        : internal();
  }
}

/** Of what the body parser refuses, and Express where an address cannot be decoded. */
function refusedStatus(error: unknown): number | null {
  if (error instanceof URIError) return 400;
  if (typeof error !== 'object' || error === null || !('status' in error) || !('type' in error)) return null;
  return typeof error.status === 'number' ? error.status : null;
}

@Catch()
export class ProblemFilter implements ExceptionFilter {
  readonly #log = new Logger(ProblemFilter.name);

  constructor(private readonly testMode: boolean) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const request = host.switchToHttp().getRequest<Request & { id?: string; caller?: unknown }>();
    const response = host.switchToHttp().getResponse<Response>();
    // Whoever is not known yet (apiKeys.ts) has called nothing; and reading changes nothing.
    if (isConsole(request.path) && !response.headersSent) {
      sendConsoleStop(error, request, response);
      return;
    }
    const problem = problemOf(error, request.caller !== undefined && request.method !== 'GET');
    if (problem.code === 'internal') this.#log.error({ requestId: request.id, error });
    if (response.headersSent) {
      response.end();
      return;
    }
    if (isPage(request.path)) {
      response.set(problem.headers);
      sendTroublePage(request, response, problem.status, this.testMode);
      return;
    }
    const requestId = request.id;
    response
      .status(problem.status)
      .set(problem.headers)
      .type('application/problem+json')
      .send(JSON.stringify({ ...problem.body(), requestId }));
  }
}
