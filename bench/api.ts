/** The routes that partners call most, each under load by autocannon: what a call takes, and how many a second one API answers. */
import { randomUUID } from 'node:crypto';
import { fire, type Fired } from './cannon.js';
import { describeMachine, type Report } from './harness.js';
import { apiEnvironment, memberAt, Shop, startedUntil, type ShownPayment } from './shop.js';
import { startedSurety } from './startedSurety.js';

const readers = 10;
const readSeconds = 6;
const listLength = 50;
const buyers = 8;
const opened = 160;
/** autocannon builds a few requests that it never sends. */
const invoicesToSpare = 4 * buyers;
const filledFor = { ms: 8_000, atOnce: 16 } as const;

export async function benchApi(): Promise<Report> {
  const ends: (() => Promise<unknown>)[] = [];
  try {
    const { surety, databaseUrl } = await startedSurety(ends, { unlimited: true });
    const shop = await Shop.open(surety, ends);
    await startedUntil(ends, surety.startApi(undefined, apiEnvironment));
    await startedUntil(ends, surety.startWorker());
    // Paid meanwhile: something to list, and everything has been done once.
    const { paid } = await shop.payFor(filledFor.ms, filledFor.atOnce);
    const memberId = await surety.points.openMember(shop.partnerId, memberAt(0));
    const machine = await describeMachine(databaseUrl);
    const headers = { authorization: `Bearer ${shop.apiKey}` };
    const read = (path: string) =>
      fire({ url: surety.apiUrl + path, headers, connections: readers, duration: readSeconds });
    const routes: (Fired & { readonly name: string })[] = [
      { name: 'GET /v1/payments/{id}', ...(await read(`/v1/payments/${paid[0]?.id ?? ''}`)) },
      { name: `GET /v1/payments, ${listLength} of them`, ...(await read(`/v1/payments?limit=${listLength}`)) },
      { name: 'GET /v1/members/{id}/balance', ...(await read(`/v1/members/${memberId}/balance`)) },
    ];
    const invoices: string[] = [];
    while (invoices.length < opened + invoicesToSpare) invoices.push(await shop.invoice());
    const write = { headers: { ...headers, 'content-type': 'application/json' }, connections: buyers, amount: opened };
    const prices: ShownPayment[] = [];
    const opening = await fire({
      ...{ ...write, url: surety.apiUrl },
      requests: [
        {
          ...{ method: 'POST', path: '/v1/payments' },
          setupRequest: (request) => ({
            ...request,
            headers: { ...write.headers, 'idempotency-key': randomUUID() },
            body: JSON.stringify({ scheme: 'loyalty', invoiceId: invoices.pop() }),
          }),
          onResponse: (_status, body) => {
            const payment = JSON.parse(body) as ShownPayment;
            if (payment.state === 'awaiting_confirmation') prices.push(payment);
          },
        },
      ],
    });
    routes.push({ name: 'POST /v1/payments (open: read at Invoicebox, priced)', ...opening });
    const toConfirm = Math.min(prices.length, opened) - invoicesToSpare;
    let asked = 0;
    const confirming = await fire({
      ...{ ...write, url: surety.apiUrl, amount: toConfirm },
      requests: [
        {
          method: 'POST',
          setupRequest: (request) => {
            const price = prices.pop();
            if (price === undefined) throw new Error('More was confirmed than opened');
            const { amountMinor, currency } = price.invoice;
            return {
              ...request,
              path: `/v1/payments/${price.id}/confirm`,
              headers: { ...write.headers, 'idempotency-key': randomUUID() },
              body: JSON.stringify({
                memberExternalId: memberAt(asked++),
                seen: { amountMinor, currency, points: price.points },
              }),
            };
          },
        },
      ],
    });
    routes.push({ name: 'POST /v1/payments/{id}/confirm (held, confirmed, paid)', ...confirming });
    return {
      title: 'The API under load',
      rows: routes.map(({ name, p50Ms, p99Ms, perSecond, requests }) => [
        name,
        `p50 ${p50Ms} ms, p99 ${p99Ms} ms; ${perSecond} a second (${requests})`,
      ]),
      notes: [
        `By autocannon, without a pause: reads from ${readers} connections for ${readSeconds} s each, ${opened} opened and ${toConfirm} confirmed from ${buyers}. All answered 2xx.`,
        'One API, one worker, Postgres, Temporal and the twin share the machine with the load. A confirm is answered when it is paid.',
      ],
      figures: { bench: 'api', routes, listed: Math.min(listLength, paid.length), machine },
    };
  } finally {
    for (const end of ends.toReversed()) await end();
  }
}
