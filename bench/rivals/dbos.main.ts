/**
 * The saga on DBOS, as its documentation writes a checkout: a workflow of steps that tells the price by an event, waits for the
 * confirmation by `recv`, and tells its answer by an event; its HTTP handlers stand in the same process. All that DBOS knows
 * is in Postgres: the ledger's server, a database of its own.
 */
import { createServer, type IncomingMessage } from 'node:http';
import { json } from 'node:stream/consumers';
import { DBOS } from '@dbos-inc/dbos-sdk';
import type { Confirmation } from '../../src/domain/payment.js';
import { given, poolSize, stepsFromEnvironment, type Order } from './steps.js';

const patienceSeconds = 1_800;
const answerWithinSeconds = 60;
const steps = stepsFromEnvironment();
const again = { retriesAllowed: true, intervalSeconds: 1, maxAttempts: 10 };

const payment = DBOS.registerWorkflow(
  async (order: Order): Promise<void> => {
    const price = await DBOS.runStep(() => steps.readAndQuote(order), { name: 'readAndQuote', ...again });
    await DBOS.setEvent('price', price);
    const confirmation = await DBOS.recv<Confirmation>('confirmation', patienceSeconds);
    if (confirmation === null) throw new Error('Nobody has confirmed');
    await DBOS.runStep(() => steps.hold(order, confirmation), { name: 'hold', ...again });
    const pivot = await DBOS.runStep(() => steps.confirm(order), { name: 'confirm' });
    await DBOS.runStep(() => steps.capture(order, pivot), { name: 'capture', ...again });
    await DBOS.setEvent('answer', 'paid');
  },
  { name: 'payment' },
);

DBOS.setConfig({
  ...{ name: 'surety-rival', applicationVersion: '1', logLevel: 'error' },
  systemDatabaseUrl: given('DBOS_DATABASE_URL'),
  systemDatabasePoolSize: poolSize,
});
await DBOS.launch();

const routes: Readonly<Record<string, (body: unknown) => Promise<unknown>>> = {
  '/open': async (body) => {
    const order = body as Order;
    const { paymentId } = order.key;
    await DBOS.startWorkflow(payment, { workflowID: paymentId })(order);
    return DBOS.getEvent(paymentId, 'price', answerWithinSeconds);
  },
  '/confirm': async (body) => {
    const { paymentId, confirmation } = body as { paymentId: string; confirmation: Confirmation };
    await DBOS.send(paymentId, confirmation, 'confirmation', confirmation.confirmationId);
    return DBOS.getEvent(paymentId, 'answer', answerWithinSeconds);
  },
};

const answer = async (request: IncomingMessage): Promise<unknown> => {
  const route = routes[request.url ?? ''];
  if (route === undefined) throw new Error(`There is no ${request.url ?? ''}`);
  return route(await json(request));
};

createServer((request, response) => {
  answer(request).then(
    (body) => response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body)),
    (error: unknown) => response.writeHead(500).end(String(error)),
  );
}).listen(Number(given('PORT')), '127.0.0.1', () => process.stdout.write('ready\n'));
