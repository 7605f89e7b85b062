/**
 * Each request gets its id, is timed, and leaves one line in the log. By its route, never by its address: that may hold a
 * member's name, and its query links of the buyer's.
 */
import { randomUUID } from 'node:crypto';
import type { NextFunction, Request, Response } from 'express';
import type { HttpMetrics } from '../metrics/httpMetrics.js';
import type { Log } from '../log.js';

/** The status of an answer that nobody waited for, as proxies write it. */
const clientGone = 499;
const outsideRoutes = ['/pay-assets/', '/console-assets/', '/docs'] as const;
const paymentPath = /\/payments\/([0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})(?:[/?]|$)/i;

/** What its line in the log is found by. */
export const requestIdOf = (request: Request & { id?: string }): string => request.id ?? '';

export function followRequests(metrics: HttpMetrics, log: Log) {
  return (request: Request & { id?: string }, response: Response, next: NextFunction): void => {
    const id = randomUUID();
    request.id = id;
    const beganMs = performance.now();
    // As it came: routers rewrite it on the way.
    const { method, url } = request;
    response.once('close', () => {
      const seconds = (performance.now() - beganMs) / 1_000;
      const status = response.writableFinished ? response.statusCode : clientGone;
      const route = routeOf(request, url);
      metrics.answered({ method, route, status, seconds });
      if (url.startsWith('/health')) return;
      const location = response.getHeader('location');
      const paymentId = paymentPath.exec(typeof location === 'string' ? location : url)?.[1];
      log[status >= 500 ? 'error' : 'info'](
        { requestId: id, method, route, status, ms: Math.round(seconds * 1_000), paymentId },
        'answered',
      );
    });
    next();
  };
}

function routeOf(request: Request, url: string): string {
  const { path } = (request.route ?? {}) as { path?: unknown };
  if (typeof path === 'string') return path;
  const outside = outsideRoutes.find((prefix) => url.startsWith(prefix));
  return outside === undefined ? 'unmatched' : `${outside.replace(/\/$/, '')}/*`;
}
