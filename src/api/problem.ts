/** Errors of the API: RFC 9457 problem+json with a code and the request's id. Each says what was left untouched. */
import { Catch, HttpException, Logger, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { Request, Response } from 'express';
import { QueryRunnerAlreadyReleasedError, QueryRunnerProviderAlreadyReleasedError } from 'typeorm';
import { isPage, sendTroublePage } from './pay/pageFilter.js';

const problems = {
  malformed_json: { status: 400, title: 'The body is not JSON' },
  idempotency_key_required: { status: 400, title: 'The header Idempotency-Key is required' },
  unauthorized: { status: 401, title: 'The API key is missing or not valid' },
  forbidden: { status: 403, title: 'The API key lacks a scope' },
  not_found: { status: 404, title: 'Not found' },
  conflict: { status: 409, title: 'The state of the payment does not allow this' },
  idempotency_in_flight: { status: 409, title: 'A request with this Idempotency-Key is being worked on' },
  partner_not_ready: { status: 409, title: 'The partner cannot pay at the moment' },
  body_too_large: { status: 413, title: 'The body is too large' },
  unsupported_media_type: { status: 415, title: 'The body must be application/json' },
  invalid_request: { status: 422, title: 'The request is not valid' },
  idempotency_other_body: { status: 422, title: 'This Idempotency-Key was used with another request' },
  too_many_requests: { status: 429, title: 'Too many requests at once' },
  internal: { status: 500, title: 'Something unexpected happened' },
  unavailable: { status: 503, title: 'Not available at the moment' },
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

const finalCodes: readonly ProblemCode[] = ['not_found', 'invalid_request'];

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

  body(): ProblemBody {
    const { status, title } = problems[this.code];
    return {
      type: `https://surety.dev/problems/${this.code}`,
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

/** Postgres could not be reached, or is not taking work: its class 08 and 57, and what the sockets and the pool say. */
function isDatabaseDown(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code } = error as Error & { code?: unknown };
  if (typeof code === 'string' && /^(08|57P|53|ECONN|EPIPE|ENOTFOUND|ETIMEDOUT)/.test(code)) return true;
  // TypeORM, whose connection was ended between two statements of a transaction.
  if (error instanceof QueryRunnerAlreadyReleasedError || error instanceof QueryRunnerProviderAlreadyReleasedError)
    return true;
  return /Connection terminated|timeout exceeded when trying to connect|Driver not Connected|not queryable/i.test(
    error.message,
  );
}

function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (isDatabaseDown(error)) return unavailable('The database is not reachable; nothing was changed by this request.');
  const httpStatus = error instanceof HttpException ? error.getStatus() : bodyParserStatus(error);
  switch (httpStatus) {
    case 400:
      return new Problem('malformed_json');
    case 404:
      return new Problem('not_found');
    case 413:
      return new Problem('body_too_large', 'Nothing was read of it.');
    case 415:
      return new Problem('unsupported_media_type');
    case null:
    default:
      return new Problem(
        'internal',
        'It is logged under the request id. Repeating with the same Idempotency-Key is safe.',
      );
  }
}

function bodyParserStatus(error: unknown): number | null {
  if (typeof error !== 'object' || error === null || !('status' in error) || !('type' in error)) return null;
  return typeof error.status === 'number' ? error.status : null;
}

@Catch()
export class ProblemFilter implements ExceptionFilter {
  readonly #log = new Logger(ProblemFilter.name);

  constructor(private readonly testMode: boolean) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const request = host.switchToHttp().getRequest<Request & { id?: string }>();
    const response = host.switchToHttp().getResponse<Response>();
    const problem = problemOf(error);
    if (problem.code === 'internal')
      this.#log.error(error instanceof Error ? (error.stack ?? error.message) : 'unknown error');
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
