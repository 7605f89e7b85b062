/** A way to the twin of some partners' own, which can be shut: their connections are refused, nobody else notices. */
import { once } from 'node:events';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { freePort } from '../../scripts/stack.js';

export class TwinGate {
  #server: Server | null = null;
  #shutBy = 0;
  readonly #sockets = new Set<Socket>();

  private constructor(
    readonly port: number,
    private readonly twinPort: number,
  ) {}

  static async open(twinPort: number): Promise<TwinGate> {
    const gate = new TwinGate(await freePort(), twinPort);
    await gate.#open();
    return gate;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Shut when this returns; opens again once nobody wants it shut any more. */
  async shutUntil(over: Promise<unknown>): Promise<void> {
    this.#shutBy += 1;
    void over.then(() => {
      this.#shutBy -= 1;
      return this.#shutBy === 0 ? this.#open() : undefined;
    });
    if (this.#server !== null) await this.close();
  }

  async close(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    for (const socket of this.#sockets) socket.destroy();
    if (server === null) return;
    server.close();
    await once(server, 'close');
  }

  async #open(): Promise<void> {
    const server = createServer((client) => {
      const twin = createConnection({ port: this.twinPort, host: '127.0.0.1' });
      for (const socket of [client, twin]) {
        this.#sockets.add(socket);
        socket.on('error', () => undefined);
        socket.once('close', () => {
          this.#sockets.delete(socket);
          client.destroy();
          twin.destroy();
        });
      }
      client.pipe(twin).pipe(client);
    });
    this.#server = server;
    server.listen(this.port, '127.0.0.1');
    await once(server, 'listening');
  }
}
