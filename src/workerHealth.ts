/** What a worker answers on its own port: health for orchestrators, figures for Prometheus. */
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { Registry } from 'prom-client';
import type { WorkerConfig } from './config.js';
import type { Readiness } from './health.js';
import type { Log } from './log.js';
import { answerScrape } from './metrics/scrape.js';

/** @param ready read anew for each question; what it tells besides is shown */
export function serveHealth(
  { WORKER_HEALTH_PORT: port, HOST: host }: WorkerConfig,
  registry: Registry,
  log: Log,
  ready: () => Promise<Readiness>,
): Server {
  const answer = async (url: string, response: ServerResponse): Promise<void> => {
    if (url === '/metrics') return answerScrape(registry, response);
    const [status, body] = await healthAt(url, ready);
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  };
  return createServer((request, response) => {
    const url = request.url ?? '';
    answer(url, response).catch((error: unknown) => {
      log.error({ error, url }, 'not answered');
      response.writeHead(500).end();
    });
  }).listen(port, host);
}

async function healthAt(url: string, ready: () => Promise<Readiness>): Promise<[number, unknown]> {
  if (url === '/health/live') return [200, { live: true }];
  if (url !== '/health/ready') return [404, {}];
  const readiness = await ready();
  return [readiness.ready ? 200 : 503, readiness];
}
