import { setMaxListeners } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import express, { type ErrorRequestHandler } from 'express';
import { Books } from './books.js';
import type { SimulatorConfig } from './config.js';
import { Connections } from './connections.js';
import { controlRouter } from './control/router.js';
import { Faults } from './faults.js';
import { IdentityProvider } from './idp/provider.js';
import { idpRouter } from './idp/router.js';
import { Invoicebox } from './invoicebox.js';
import { forgetfulJournal, openJournal } from './journal.js';
import { orderRouter } from './order/router.js';
import { Pauses } from './pauses.js';
import { Quotas } from './quotas.js';
import { RequestLog } from './requestLog.js';
import { shopRouter } from './shop/router.js';
import type { Simulator } from './simulator.js';
import { v3Router } from './v3/router.js';

export interface RunningSimulator {
  /** Without a slash at the end. */
  readonly url: string;
  /** Calls under way are cut, as when the process dies; what was confirmed is in the journal. */
  close(): Promise<void>;
}

/** Reads the journal, takes the port, then builds what needs to know the address. */
export async function startSimulator(config: SimulatorConfig): Promise<RunningSimulator> {
  const books = new Books();
  const journal =
    config.journalPath === undefined
      ? forgetfulJournal
      : await openJournal(config.journalPath, (event) => {
          books.apply(event);
        });
  const invoicebox = new Invoicebox(books, journal);
  openShopAccount(invoicebox, config);

  const running: { app?: express.Express } = {};
  const server = createServer((request, response) => {
    if (running.app) running.app(request, response);
    else response.writeHead(503, { 'Retry-After': '1' }).end();
  });
  await listen(server, config);
  const { port } = server.address() as AddressInfo;
  const publicUrl = config.publicUrl ?? `http://127.0.0.1:${port}`;
  const closing = new AbortController();
  // Every call that waits listens: thousands are no leak.
  setMaxListeners(0, closing.signal);
  const simulator: Simulator = {
    config,
    publicUrl,
    invoicebox,
    faults: new Faults(),
    pauses: new Pauses(),
    connections: new Connections(),
    quotas: new Quotas(config.quotas),
    requests: new RequestLog(),
    idp: await IdentityProvider.start(publicUrl, config.idp),
    closing: closing.signal,
  };
  running.app = application(simulator);

  return {
    url: publicUrl,
    close: async () => {
      closing.abort();
      await new Promise<void>((resolve, reject) => {
        server.close((error) => {
          if (error) reject(error);
          else resolve();
        });
        server.closeAllConnections();
      });
      journal.close();
    },
  };
}

function application(simulator: Simulator): express.Express {
  const app = express();
  app.disable('x-powered-by');
  app.use('/v3', v3Router(simulator));
  app.use('/control', controlRouter(simulator));
  app.use('/idp', idpRouter(simulator.idp));
  app.use('/order', orderRouter(simulator));
  app.use('/shop', shopRouter(simulator));
  app.use('/assets', express.static(join(import.meta.dirname, 'pages/assets'), { maxAge: '1h' }));
  app.get('/', (_request, response) => {
    response.redirect('/shop');
  });
  app.use(apologise);
  return app;
}

const apologise: ErrorRequestHandler = (error: unknown, _request, response, next) => {
  console.error(error);
  if (response.headersSent) next(error);
  else response.status(500).type('text').send('Симулятор сломался: подробности в его выводе');
};

/** So that a simulator alone, without anybody to call /control, has an account to confirm from. */
function openShopAccount(invoicebox: Invoicebox, { shop }: SimulatorConfig): void {
  if (shop.token === undefined || invoicebox.books.account(shop.account)) return;
  invoicebox.applyAccount(shop.account, {
    name: 'Программа лояльности',
    token: shop.token,
    funds: [{ currency: 'RUB', sizeMinor: 100_000_000, overdraftMinor: 0 }],
    singleReadAsObject: false,
    repeatAnswers: 'success',
    pageParameters: 'both',
  });
}

function listen(server: Server, { host, port }: SimulatorConfig): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
