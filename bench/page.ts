/** The buyer's page: what goes over the wire for it, what the server takes for it, and what a crowd of buyers waits. */
import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { HttpBuyer, type Page } from '../scripts/httpBuyer.js';
import type { Surety } from '../scripts/surety.js';
import { fineQuantile, fire, rounded, type Fired } from './cannon.js';
import { describeMachine, type Report } from './harness.js';
import { apiEnvironment, Shop, startedUntil } from './shop.js';
import { startedSurety } from './startedSurety.js';

const warmUps = 50;
const looks = 300;
const crowd = 32;
const crowdSeconds = 8;
const patienceMs = 20_000;

interface Wire {
  readonly path: string;
  /** Status line, headers and body, as they came through the socket. */
  readonly bytes: number;
  readonly encoding: string;
  readonly body: string;
}

interface View extends Fired {
  readonly name: string;
  readonly serverP50Ms: number;
  readonly serverP99Ms: number;
  readonly htmlBytes: number;
}

export async function benchPage(): Promise<Report> {
  const ends: (() => Promise<unknown>)[] = [];
  try {
    const { surety, databaseUrl } = await startedSurety(ends, { unlimited: true });
    await Shop.open(surety, ends);
    await startedUntil(ends, surety.startApi(undefined, apiEnvironment));
    await startedUntil(ends, surety.startWorker());
    const buyer = new HttpBuyer();
    const ready = await enter(surety, buyer);
    const cookie = buyer.cookiesOf(ready.url);
    const machine = await describeMachine(databaseUrl);
    const html = await fetched(ready.url, cookie);
    const assets: Wire[] = [];
    for (const path of assetsOf(html.body)) assets.push(await fetched(new URL(path, ready.url).href, cookie));
    const views = [await viewed('ready', ready.url, cookie)];
    const paid = await pay(buyer, ready);
    views.push(await viewed('paid', paid.url, cookie), await viewed('status', `${addressOf(paid.url)}/status`, cookie));
    const sum = (all: readonly Wire[]) => all.reduce((total, { bytes }) => total + bytes, 0);
    const firstBytes = html.bytes + sum(assets);
    return {
      title: 'The buyer’s page',
      rows: [
        ['first visit, bytes with headers', String(firstBytes)],
        ['  the page', `${html.bytes} (${html.encoding})`],
        ...assets.map(({ path, bytes, encoding }) => [`  ${path}`, `${bytes} (${encoding})`] as const),
        ['again, the assets being kept for an hour', String(html.bytes)],
        ...views.flatMap(({ name, serverP50Ms, serverP99Ms, p50Ms, p99Ms, perSecond }) => [
          [`${name}, one at a time: p50, p99, ms`, `${serverP50Ms}, ${serverP99Ms}`] as const,
          [`${name}, ${crowd} at once: p50, p99, ms`, `${p50Ms}, ${p99Ms}; ${perSecond} a second`] as const,
        ]),
      ],
      notes: [
        'Bytes of status line, headers and body through the socket, asked for with Accept-Encoding: br, gzip.',
        `Each view ${looks} times on one connection, then ${crowdSeconds} s by autocannon from ${crowd} connections; one API, and the load shares the machine with it.`,
        'ready: the price, the balance and the form. paid: the end. status: what the waiting page’s script asks.',
      ],
      figures: {
        ...{
          bench: 'page',
          firstVisitBytes: firstBytes,
          againBytes: html.bytes,
          requestsOfFirstVisit: 1 + assets.length,
        },
        parts: [html, ...assets].map(({ path, bytes, encoding }) => ({ path, bytes, encoding })),
        views,
        machine,
      },
    };
  } finally {
    for (const end of ends.toReversed()) await end();
  }
}

/** From the demo shop to the page that names the price. */
async function enter(surety: Surety, buyer: HttpBuyer): Promise<Page> {
  const shop = await buyer.open(`${surety.twin.url}/shop`);
  const page = await buyer.press(await buyer.press(shop, 'Оплатить баллами'), 'anna');
  return untilView(buyer, page, 'ready');
}

async function pay(buyer: HttpBuyer, ready: Page): Promise<Page> {
  return untilView(buyer, await buyer.press(ready, 'Списать'), 'paid');
}

async function untilView(buyer: HttpBuyer, first: Page, view: string): Promise<Page> {
  const deadline = performance.now() + patienceMs;
  let page = first;
  while (!page.html.includes(`data-view="${view}"`)) {
    if (performance.now() > deadline) throw new Error(`Never "${view}": ${page.html.slice(0, 2_000)}`);
    page = await buyer.open(page.url);
  }
  return page;
}

/** Without what its query says of how one got there. */
const addressOf = (url: string): string => url.replace(/\?.*$/, '');

/** On a connection of its own, so that all that comes through it is this answer. */
async function fetched(url: string, cookie: string): Promise<Wire> {
  const asked = request(url, { agent: false, headers: { cookie, 'accept-encoding': 'br, gzip' } });
  asked.end();
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  const { socket } = response;
  const chunks: Buffer[] = [];
  response.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(response, 'end');
  const encoding = response.headers['content-encoding'] ?? 'not compressed';
  if (response.statusCode !== 200) throw new Error(`${url} is answered ${response.statusCode ?? 0}`);
  const body = encoding === 'not compressed' ? Buffer.concat(chunks).toString() : '';
  return { path: new URL(url).pathname, bytes: socket.bytesRead, encoding, body };
}

const assetsOf = (html: string): string[] =>
  [...html.matchAll(/<(?:link|script|img)\b[^>]*\b(?:href|src)="([^"]+)"/g)].map(([, path = '']) => path);

async function viewed(name: string, url: string, cookie: string): Promise<View> {
  const tookMs: number[] = [];
  let htmlBytes = 0;
  for (let look = -warmUps; look < looks; look++) {
    const began = performance.now();
    const response = await fetch(url, { headers: { cookie }, redirect: 'manual' });
    const html = await response.text();
    if (response.status !== 200) throw new Error(`${url} is answered ${response.status}`);
    htmlBytes = Buffer.byteLength(html);
    if (look >= 0) tookMs.push(performance.now() - began);
  }
  return {
    name,
    serverP50Ms: rounded(fineQuantile(tookMs, 0.5)),
    serverP99Ms: rounded(fineQuantile(tookMs, 0.99)),
    htmlBytes,
    ...(await fire({ url, headers: { cookie }, connections: crowd, duration: crowdSeconds })),
  };
}
