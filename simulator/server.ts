import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { SimulatorConfig } from './config.js';
import { createIdentityProvider } from './idp/provider.js';
import { createApp } from './app.js';
import { Simulation } from './simulation.js';

export interface RunningSimulator {
  url: string;
  close(): Promise<void>;
}

/** Binds first: the identity provider's issuer and every payment page need the true port. */
export async function startSimulator(config: SimulatorConfig): Promise<RunningSimulator> {
  const app = Promise.withResolvers<RequestListener>();
  const server = createServer((req: IncomingMessage, res: ServerResponse) => {
    void app.promise.then((listener) => {
      listener(req, res);
    });
  });
  const url = await listen(server, config);
  const simulation = new Simulation(config, url);
  app.resolve(createApp(simulation, await createIdentityProvider(config, url)));
  return {
    url,
    close: async () => {
      await new Promise<void>((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      });
      simulation.close();
    },
  };
}

async function listen(server: Server, { host, port }: SimulatorConfig): Promise<string> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
  const reachableHost = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
  return `http://${reachableHost}:${(server.address() as AddressInfo).port}`;
}
