/** Endpoints of the worst kind, on sockets: one gives a byte a second and never a status line, one streams without end. */
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';

export interface SlowEndpoint {
  readonly url: string;
  /** Requests that it got. */
  readonly requests: () => number;
  close(): Promise<void>;
}

export const dripping = (): Promise<SlowEndpoint> =>
  open((socket) => {
    const line = 'HTTP/1.1 200 OK\r\n';
    let at = 0;
    const timer = setInterval(() => {
      // Never the end of it.
      socket.write(line[at++] ?? '');
      if (at >= line.length - 2) at = line.length - 3;
    }, 1_000);
    socket.on('close', () => {
      clearInterval(timer);
    });
  });

export const streaming = (): Promise<SlowEndpoint> =>
  open((socket) => {
    socket.write('HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\n');
    const chunk = Buffer.alloc(65_536, 'x');
    const more = () => {
      while (!socket.destroyed && socket.write(chunk)) continue;
    };
    socket.on('drain', more);
    more();
  });

async function open(answer: (socket: Socket) => void): Promise<SlowEndpoint> {
  let requests = 0;
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
    socket.once('data', () => {
      requests += 1;
      socket.resume();
      answer(socket);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    requests: () => requests,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
