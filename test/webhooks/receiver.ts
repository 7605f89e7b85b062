/** A partner's endpoint: a real HTTP server that keeps what it gets and answers as it is told. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';

export interface Received {
  readonly path: string;
  readonly id: string;
  readonly timestamp: number;
  readonly signatures: readonly string[];
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly event: ReceivedEvent;
  readonly atMs: number;
}

export interface ReceivedEvent {
  readonly id: string;
  readonly type: string;
  readonly timestamp: string;
  readonly sequence: number | null;
  readonly data: Readonly<Record<string, unknown>>;
}

export type Answer = (response: ServerResponse, received: Received) => void;

export const status =
  (code: number, headers: Record<string, string> = {}): Answer =>
  (response) => {
    response.writeHead(code, headers).end();
  };

/** A byte a second, and never a whole status line. */
export const drip: Answer = (response) => {
  const line = 'HTTP/1.1 200 OK\r\n';
  let at = 0;
  const timer = setInterval(() => {
    response.socket?.write(line.charAt(at++ % line.length) || 'x');
  }, 1_000);
  response.socket?.on('error', () => undefined);
  response.on('close', () => {
    clearInterval(timer);
  });
};

/** 200, and a body without end. */
export const stream: Answer = (response) => {
  response.writeHead(200, { 'content-type': 'text/plain' });
  const more = () => {
    while (!response.destroyed && response.write(Buffer.alloc(65_536, 'x'))) continue;
  };
  response.on('drain', more);
  more();
};

/** Takes the request, and says nothing. */
export const silence: Answer = () => undefined;

export class Receiver {
  readonly received: Received[] = [];
  answer: Answer = status(204);

  private constructor(
    private readonly server: Server,
    readonly url: string,
  ) {}

  static async open(answer: Answer = status(204)): Promise<Receiver> {
    const server = createServer((request, response) => {
      void receiver.#take(request, response);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const receiver = new Receiver(server, `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    receiver.answer = answer;
    return receiver;
  }

  of(eventId: string): Received[] {
    return this.received.filter(({ id }) => id === eventId);
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const header = (name: string) => String(request.headers[name] ?? '');
    const received: Received = {
      path: request.url ?? '',
      id: header('webhook-id'),
      timestamp: Number(header('webhook-timestamp')),
      signatures: header('webhook-signature').split(' '),
      headers: Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)])),
      body,
      event: JSON.parse(body.toString()) as ReceivedEvent,
      atMs: performance.now(),
    };
    this.received.push(received);
    this.answer(response, received);
  }
}

/** As a partner verifies with the public library: over the raw bytes. */
export function verifies({ body, headers }: Received, secret: string): boolean {
  try {
    new Webhook(secret).verify(body, { ...headers });
    return true;
  } catch {
    return false;
  }
}
