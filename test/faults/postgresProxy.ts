/**
 * Stands between one process of Surety's and Postgres, and speaks just enough of the protocol to know each named
 * statement before Postgres does, and its answer before the process does. So a fault can strike exactly before an effect,
 * after it and before its acknowledgement, or right after that, with no hook in the product.
 */
import { once } from 'node:events';
import { createConnection, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** One call of a prepared statement; the ledger's are named after their functions. */
export interface Statement {
  /** The machine that sent it. */
  readonly from: string;
  readonly name: string;
  /** As sent; a NULL is empty. */
  readonly params: readonly Buffer[];
}

type BeforeVerdict = 'go_on' | 'drop' | { readonly sqlState: string };

/** What to do with one statement. Its connection waits for `act`; all others go on. */
export type Interception =
  | { readonly when: 'before'; readonly act: () => Promise<BeforeVerdict> }
  | { readonly when: 'after'; readonly act: () => Promise<'go_on' | 'cut'> }
  /** `hold` may keep the statement back until the moment is right for striking after it. */
  | { readonly when: 'past'; readonly hold: () => Promise<void>; readonly act: () => void };

export interface Watcher {
  sent(statement: Statement): Interception | null;
  answered(statement: Statement): void;
}

export class PostgresProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(
    readonly name: string,
    postgresPort: number,
    watcher: Watcher,
  ) {
    this.#server = createServer((client) => {
      const server = createConnection({ port: postgresPort, host: '127.0.0.1' });
      new Link(name, client, server, watcher);
      for (const socket of [client, server]) {
        this.#sockets.add(socket);
        socket.once('close', () => this.#sockets.delete(socket));
      }
    });
  }

  static async start(name: string, postgresPort: number, watcher: Watcher): Promise<PostgresProxy> {
    const proxy = new PostgresProxy(name, postgresPort, watcher);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}

/** An answer that is awaited: one for the start of the connection, then one for each Sync or Query. */
interface Awaited {
  readonly statement: Statement | null;
  readonly interception: Interception | null;
  readonly kept: Buffer[];
}

/** Messages of the client that belong to the batch which its next Sync ends. */
const batched = new Set(['P', 'B', 'D', 'E', 'C'].map((type) => type.charCodeAt(0)));
const [sync, query, readyForQuery] = ['S', 'Q', 'Z'].map((type) => type.charCodeAt(0));

class Link {
  readonly #awaited: Awaited[] = [{ statement: null, interception: null, kept: [] }];
  #batch: Buffer[] = [];
  // Each side's messages are handled one after the other, also while a fault keeps one back.
  #fromClient: Promise<void> = Promise.resolve();
  #fromServer: Promise<void> = Promise.resolve();

  constructor(
    private readonly name: string,
    private readonly client: Socket,
    private readonly server: Socket,
    private readonly watcher: Watcher,
  ) {
    const clientMessages = new Messages(true);
    const serverMessages = new Messages(false);
    client.setNoDelay(true).on('data', (chunk) => {
      for (const message of clientMessages.push(chunk)) {
        this.#fromClient = this.#fromClient.then(() => this.#fromTheClient(message));
      }
    });
    server.setNoDelay(true).on('data', (chunk) => {
      for (const message of serverMessages.push(chunk)) {
        this.#fromServer = this.#fromServer.then(() => this.#fromTheServer(message));
      }
    });
    for (const socket of [client, server]) {
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.#cut();
      });
    }
  }

  #cut(): void {
    this.client.destroy();
    this.server.destroy();
  }

  async #fromTheClient(message: Buffer): Promise<void> {
    const type = message[0] ?? 0;
    const isStart = type === 0;
    if (!isStart && batched.has(type)) {
      this.#batch.push(message);
      return;
    }
    if (isStart || (type !== sync && type !== query)) {
      this.server.write(message);
      return;
    }
    const batch = [...this.#batch, message];
    this.#batch = [];
    const statement = statementOf(this.name, batch);
    const interception = statement === null ? null : this.watcher.sent(statement);
    if (interception?.when === 'before') {
      const verdict = await interception.act();
      if (verdict === 'drop') return;
      if (verdict !== 'go_on') {
        this.client.write(errorAnswer(verdict.sqlState));
        return;
      }
    }
    if (interception?.when === 'past') await interception.hold();
    this.#awaited.push({ statement, interception, kept: [] });
    this.server.write(Buffer.concat(batch));
  }

  async #fromTheServer(message: Buffer): Promise<void> {
    const [head] = this.#awaited;
    if (head === undefined || message[0] !== readyForQuery) {
      if (head?.interception?.when === 'after') head.kept.push(message);
      else this.client.write(message);
      return;
    }
    this.#awaited.shift();
    const { statement, interception, kept } = head;
    if (interception?.when === 'after' && (await interception.act()) === 'cut') {
      this.#cut();
      return;
    }
    this.client.write(Buffer.concat([...kept, message]));
    if (statement !== null) this.watcher.answered(statement);
    if (interception?.when === 'past') interception.act();
  }
}

/** Cuts a stream into messages; the client's first one has no type byte, and a zero where it would be. */
class Messages {
  #rest = Buffer.alloc(0);

  constructor(private startsUntyped: boolean) {}

  push(chunk: Buffer): Buffer[] {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    const messages: Buffer[] = [];
    for (;;) {
      const lengthAt = this.startsUntyped ? 0 : 1;
      if (this.#rest.length < lengthAt + 4) return messages;
      const end = lengthAt + this.#rest.readUInt32BE(lengthAt);
      if (this.#rest.length < end) return messages;
      messages.push(this.#rest.subarray(0, end));
      this.#rest = this.#rest.subarray(end);
      this.startsUntyped = false;
    }
  }
}

/** Reads Bind: portal, statement, the parameters' formats, the parameters. */
function statementOf(from: string, batch: readonly Buffer[]): Statement | null {
  const bind = batch.find((message) => message[0] === 'B'.charCodeAt(0));
  if (bind === undefined) return null;
  const portalEnd = bind.indexOf(0, 5);
  const nameEnd = bind.indexOf(0, portalEnd + 1);
  const name = bind.toString('utf8', portalEnd + 1, nameEnd);
  if (name === '') return null;
  let at = nameEnd + 1;
  at += 2 + 2 * bind.readInt16BE(at);
  const count = bind.readInt16BE(at);
  at += 2;
  const params: Buffer[] = [];
  for (let index = 0; index < count; index++) {
    const length = bind.readInt32BE(at);
    at += 4;
    params.push(bind.subarray(at, at + Math.max(0, length)));
    at += Math.max(0, length);
  }
  return { from, name, params };
}

/** ErrorResponse and ReadyForQuery, as when the server refused the statement and stands idle again. */
function errorAnswer(sqlState: string): Buffer {
  const fields = Buffer.from(`SERROR\0VERROR\0C${sqlState}\0Minjected by the fault run\0\0`);
  const head = Buffer.alloc(5);
  head.write('E');
  head.writeInt32BE(fields.length + 4, 1);
  return Buffer.concat([head, fields, Buffer.from([readyForQuery ?? 0, 0, 0, 0, 5, 'I'.charCodeAt(0)])]);
}
