/** Whatever goes wrong under /console is said by a page, in words for the operator. */
import { HttpException, Logger } from '@nestjs/common';
import type { Request, Response } from 'express';
import { databaseTroubleOf } from '../../database/trouble.js';
import { ConsoleStop, stops } from './consoleStop.js';
import { renderBare } from './frame.js';

const log = new Logger('console');

export const isConsole = (path: string): boolean => /^\/console(\/|$)/i.test(path);

export function sendConsoleStop(error: unknown, request: Request, response: Response): void {
  const stop = stopOf(error);
  if (stop.kind === 'trouble') log.error(error instanceof Error ? (error.stack ?? error.message) : 'unknown error');
  const { status, title, lead } = stops[stop.kind];
  const here = request.method === 'GET' ? request.originalUrl : (request.get('referer') ?? '/console');
  const link =
    stop.kind === 'stale_login' || stop.kind === 'session_over'
      ? { href: `/console/login?again=1&goOn=${encodeURIComponent(stop.goOn ?? here)}`, text: 'Log in' }
      : { href: stop.goOn ?? '/console', text: stop.goOn === undefined ? 'To the overview' : 'Back' };
  const html = renderBare({ title, lead, detail: stop.detail, link });
  response.status(status).set('Cache-Control', 'no-store').type('html').send(html);
}

function stopOf(error: unknown): ConsoleStop {
  if (error instanceof ConsoleStop) return error;
  if (databaseTroubleOf(error) !== null)
    return new ConsoleStop('trouble', 'The database is busy or away; try again in a moment.');
  const status = error instanceof HttpException ? error.getStatus() : statusOf(error);
  if (status === 404) return new ConsoleStop('not_found');
  if (status === 429) return new ConsoleStop('too_often');
  return status !== null && status < 500
    ? new ConsoleStop('invalid', 'The request cannot be read.')
    : new ConsoleStop('trouble');
}

/** Of what the body parser refuses, and Express where an address cannot be decoded. */
function statusOf(error: unknown): number | null {
  if (error instanceof URIError) return 400;
  if (typeof error !== 'object' || error === null || !('status' in error)) return null;
  return typeof error.status === 'number' ? error.status : null;
}
