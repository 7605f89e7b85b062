/** Real servers for the client's tests: one that answers over HTTP, one that does what it likes with the bytes. */
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import net from 'node:net';
import type { AddressInfo } from 'node:net';
import { InvoiceboxClient, type InvoiceboxAccount, type InvoiceboxTimeouts } from '../../src/invoicebox/client.js';

export const invoiceId = '01771534-1a57-f184-dee3-ebeb91dded76';
export const operationId = '117a58b0-7dc9-424c-8f07-b8a865e8bcc7';
export const transactionId = '8c0e116d-31a5-4210-b62e-6b6917851f69';
export const token = '29078-API:secret-token-that-nobody-may-see';

export const invoiceData = {
  id: invoiceId,
  number: '123-123212',
  createdAt: '2023-12-22T00:00:00+00:00',
  expirationDate: '2023-12-25T03:00:00+03:00',
  description: 'Оплата номера в отеле',
  amount: 19658.45,
  vatAmount: 156.56,
  currencyId: 'RUB',
  customer: { type: 'private', name: 'Peter', phone: '79001112233', email: 'peter@domain.com', vatNumber: '' },
  status: 'pending',
  paymentUrl: `https://pay.invoicebox.ru/order/${invoiceId}`,
};

export interface SeenRequest {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Reply {
  readonly status?: number;
  readonly headers?: Record<string, string | string[]>;
  /** Sent as JSON, a string as it is. */
  readonly body?: unknown;
}

const timeouts: InvoiceboxTimeouts = { connectMs: 5_000, readMs: 10_000, confirmMs: 10_000 };

export interface Party {
  readonly client: InvoiceboxClient;
  readonly account: InvoiceboxAccount;
}

export function party(
  port: number,
  changed: Partial<InvoiceboxTimeouts> = {},
  baseUrl = `http://127.0.0.1:${port}`,
): Party {
  const client = new InvoiceboxClient({ timeouts: { ...timeouts, ...changed }, userAgent: 'Surety/0 (test 0)' });
  return { client, account: { baseUrl, prefix: '/v3', token } };
}

/** A client and an HTTP server that gives every request the same answer; `handle` may answer in its own way. */
export async function withHttp(
  reply: Reply | ((response: ServerResponse, seen: readonly SeenRequest[]) => void),
  use: (party: Party & { seen: SeenRequest[]; sockets: Set<net.Socket> }) => Promise<void>,
  changed: Partial<InvoiceboxTimeouts> = {},
): Promise<void> {
  const seen: SeenRequest[] = [];
  const sockets = new Set<net.Socket>();
  const server = createServer((request, response) => {
    sockets.add(request.socket);
    let body = '';
    request.setEncoding('utf8');
    request.on('data', (chunk: string) => (body += chunk));
    request.on('end', () => {
      seen.push({ method: request.method, url: request.url, headers: request.headers, body });
      if (typeof reply === 'function') {
        reply(response, seen);
        return;
      }
      response.writeHead(reply.status ?? 200, reply.headers);
      response.end(
        reply.body === undefined || typeof reply.body === 'string' || reply.body instanceof Buffer
          ? reply.body
          : JSON.stringify(reply.body),
      );
    });
  });
  const port = await listening(server);
  const { client, account } = party(port, changed);
  try {
    await use({ client, account, seen, sockets });
  } finally {
    server.closeAllConnections();
    await Promise.all([client.close(), closed(server)]);
  }
}

/** A client and a server of raw bytes; `onData` gets what arrived on a connection so far. */
export async function withTcp(
  onConnection: (socket: net.Socket) => void,
  use: (party: Party & { port: number }) => Promise<void>,
  changed: Partial<InvoiceboxTimeouts> = {},
): Promise<void> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    onConnection(socket);
  });
  const port = await listening(server);
  const { client, account } = party(port, changed);
  try {
    await use({ client, account, port });
  } finally {
    for (const socket of sockets) socket.destroy();
    await Promise.all([client.close(), closed(server)]);
  }
}

/** Answers each request with these bytes, then ends the connection. */
export const answeringBytes = (bytes: string) => (socket: net.Socket) => {
  socket.once('data', () => {
    socket.end(bytes);
  });
};

/** A port where nobody listens. */
export async function deadPort(): Promise<number> {
  const server = net.createServer();
  const port = await listening(server);
  await closed(server);
  return port;
}

async function listening(server: net.Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

async function closed(server: net.Server): Promise<void> {
  await new Promise((resolve) => server.close(resolve));
}
