/**
 * A partner's backend in one file: it listens for webhooks, opens a payment of an invoice, confirms it for a member, and
 * waits until Surety says that it is paid. Runs against `npm run demo`: `npm run example`.
 */
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
// In a project of your own: '@surety/client'.
import {
  createClient,
  isProblem,
  verifyWebhook,
  WebhookRefused,
  type WebhookEvent,
} from '../../packages/client/src/index.js';

/** A return is told of a payment that stays paid: it has no state of its own. */
type PaymentEvent = Exclude<Extract<WebhookEvent, { type: `payment.${string}` }>, { type: 'payment.returned' }>;
const isOfPayment = (event: WebhookEvent): event is PaymentEvent =>
  event.type.startsWith('payment.') && event.type !== 'payment.returned';

const patienceMs = 60_000;
const member = 'anna';

/** From the environment, or as the running demo has noted them. */
function readSettings() {
  const file = '.data/demo.json';
  const noted = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>) : {};
  const { SURETY_URL = noted['apiUrl'], SURETY_KEY = noted['loyaltyKey'], TWIN_URL = noted['twinUrl'] } = process.env;
  if (SURETY_URL === undefined || SURETY_KEY === undefined || TWIN_URL === undefined) {
    throw new Error('Start `npm run demo` first, or set SURETY_URL, SURETY_KEY and TWIN_URL');
  }
  return { apiUrl: SURETY_URL, apiKey: SURETY_KEY, twinUrl: TWIN_URL };
}

/** The partner's books: what is known of each payment, by its last event. */
class Orders {
  readonly #seen = new Set<string>();
  readonly #last = new Map<string, PaymentEvent>();
  readonly #waiting = new Map<string, (event: PaymentEvent) => void>();

  note(event: WebhookEvent): void {
    // The same event may come again; and an older one after a newer.
    if (this.#seen.has(event.id)) return;
    this.#seen.add(event.id);
    // Points, imports, and what comes in later releases: nothing to do for it here.
    if (!isOfPayment(event)) return;
    const { paymentId } = event.data;
    if ((this.#last.get(paymentId)?.sequence ?? 0) > (event.sequence ?? 0)) return;
    this.#last.set(paymentId, event);
    this.#waiting.get(paymentId)?.(event);
  }

  /** How a payment ends. Nothing is told to the buyer before: least of all "failed". */
  whenFinal(paymentId: string): Promise<PaymentEvent> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new Error(`No final event of payment ${paymentId} within ${patienceMs} ms`));
      }, patienceMs);
      const look = (event: PaymentEvent): void => {
        if (event.type === 'payment.awaiting_confirmation' || event.type === 'payment.in_review') return;
        clearTimeout(timer);
        resolve(event);
      };
      this.#waiting.set(paymentId, look);
      const known = this.#last.get(paymentId);
      if (known !== undefined) look(known);
    });
  }
}

/** `POST /surety`: what is signed is noted; what is not is refused. @param secrets filled in when they are known */
async function listen(secrets: readonly string[], orders: Orders): Promise<{ server: Server; url: string }> {
  const server = createServer((request, response) => {
    buffer(request)
      .then((rawBody) => {
        orders.note(verifyWebhook(rawBody, request.headers, secrets));
        response.writeHead(204).end();
      })
      .catch((error: unknown) => {
        // Anything but a 2xx: Surety sends it again later.
        response.writeHead(error instanceof WebhookRefused ? 400 : 500).end();
      });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/surety` };
}

/** In life a shop makes it at Invoicebox; here Invoicebox's twin does. @returns its id */
async function makeInvoice(twinUrl: string): Promise<string> {
  const response = await fetch(`${twinUrl}/control/invoices`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ amountMinor: 450_00, description: 'Кофе и булочка' }),
  });
  if (!response.ok) throw new Error(`The twin answered ${response.status}: ${await response.text()}`);
  return ((await response.json()) as { id: string }).id;
}

const { apiUrl, apiKey, twinUrl } = readSettings();
const surety = createClient({ baseUrl: apiUrl, apiKey });
const orders = new Orders();
const secrets: string[] = [];
const { server, url } = await listen(secrets, orders);
const endpoint = await surety.post('/v1/webhook-endpoints', { body: { url, description: 'examples/partner-backend' } });
if (endpoint.secret !== null) secrets.push(endpoint.secret);
console.log(`listening at ${url}`);
try {
  const invoiceId = await makeInvoice(twinUrl);
  let payment = await surety.post('/v1/payments', { body: { scheme: 'loyalty', invoiceId, memberExternalId: member } });
  // Its invoice is still being read, when Invoicebox is slow.
  while (payment.state === 'opening') {
    payment = await surety.get('/v1/payments/{id}', { path: { id: payment.id } });
    await pause(200);
  }
  const { amountMinor, currency } = payment.invoice;
  if (amountMinor === null || currency === null || payment.points === null) throw new Error(`It is ${payment.state}`);
  console.log(`opened ${payment.id}: ${amountMinor} ${currency} in minor units for ${payment.points} points`);

  // The buyer has seen exactly this, and said yes.
  const { state } = await surety.post('/v1/payments/{id}/confirm', {
    path: { id: payment.id },
    body: { memberExternalId: member, seen: { amountMinor, currency, points: payment.points } },
    // Of the order, and written down with it: after a crash the same confirm again, never a second one.
    idempotencyKey: `confirm-${payment.id}`,
  });
  console.log(`confirmed: ${state}`);

  const { type, data } = await orders.whenFinal(payment.id);
  console.log(`webhook ${type}, its signature is right: transaction ${data.transactionId ?? 'none'}`);
  if (type !== 'payment.paid') process.exitCode = 1;
} catch (error) {
  if (!isProblem(error, 'conflict') || error.payment === null) throw error;
  console.error(`${error.message} It is ${error.payment.state}: ${error.refusal ?? ''}`);
  process.exitCode = 1;
} finally {
  await surety.delete('/v1/webhook-endpoints/{id}', { path: { id: endpoint.id } });
  server.close();
}
