/** Small HTTP servers between a client and Surety, or in its place. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

interface Heard {
  readonly idempotencyKey: string | undefined;
  readonly body: string;
  readonly atMs: number;
}

export interface Listening {
  readonly url: string;
  readonly requests: readonly Heard[];
  /** When the first request has come. */
  readonly asked: Promise<void>;
  close(): Promise<void>;
}

type Answer = (request: IncomingMessage, body: string, response: ServerResponse, nth: number) => void | Promise<void>;

async function listen(answer: Answer): Promise<Listening> {
  const requests: Heard[] = [];
  let noteAsked: () => void = () => undefined;
  const asked = new Promise<void>((resolve) => (noteAsked = resolve));
  const server = createServer((request, response) => {
    void (async () => {
      const body = await text(request);
      const key = request.headers['idempotency-key'];
      requests.push({ idempotencyKey: typeof key === 'string' ? key : undefined, body, atMs: performance.now() });
      noteAsked();
      await answer(request, body, response, requests.length);
    })();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    asked,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Passes everything on, and cuts the connection of the first so many requests when Surety has answered. */
export const cuttingProxy = (target: string, cuts: number): Promise<Listening> =>
  listen(async (request, body, response, nth) => {
    const answered = await fetch(target + (request.url ?? ''), {
      method: request.method ?? 'GET',
      headers: {
        authorization: request.headers.authorization ?? '',
        'content-type': request.headers['content-type'] ?? '',
        'idempotency-key': String(request.headers['idempotency-key']),
      },
      body,
    });
    const answer = await answered.text();
    if (nth <= cuts) request.socket.destroy();
    else response.writeHead(answered.status, { 'content-type': 'application/json' }).end(answer);
  });

/** Answers by the script, a line a request, the last one for ever. */
export const scriptedServer = (
  script: readonly { status: number; headers?: Record<string, string>; body?: unknown }[],
): Promise<Listening> =>
  listen((_request, _body, response, nth) => {
    const { status, headers = {}, body = {} } = script[Math.min(nth, script.length) - 1] ?? { status: 500 };
    response.writeHead(status, headers).end(typeof body === 'string' ? body : JSON.stringify(body));
  });

/** Answers nobody before it may speak. */
export async function silentServer(): Promise<Listening & { speak(): void }> {
  let speak: () => void = () => undefined;
  const mayAnswer = new Promise<void>((resolve) => (speak = resolve));
  const server = await listen(async (_request, _body, response) => {
    await mayAnswer;
    response.writeHead(200).end(JSON.stringify({ id: 'x' }));
  });
  return { ...server, speak };
}
