/** How Prometheus is answered. Never on a public port: what is counted is nobody's but the operator's. */
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { Registry } from 'prom-client';

export async function answerScrape(registry: Registry, response: ServerResponse): Promise<void> {
  const text = await registry.metrics();
  response.writeHead(200, { 'content-type': registry.contentType }).end(text);
}

/** A server of its own, for a process that has no private port. @param onFailure hears why a scrape was not answered */
export function serveMetrics(
  registry: Registry,
  { port, host }: { port: number; host: string },
  onFailure: (error: unknown) => void,
): Server {
  return createServer((request, response) => {
    if (request.url !== '/metrics') {
      response.writeHead(404).end();
      return;
    }
    answerScrape(registry, response).catch((error: unknown) => {
      onFailure(error);
      response.writeHead(500).end();
    });
  }).listen(port, host);
}
