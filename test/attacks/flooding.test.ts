/**
 * Floods, against a running API: whoever is slow, many, large or deep takes what he was given and no more, and others are served
 * meanwhile. Nothing is judged by the clock: what has to come is waited for, while what must not hold it up is still there.
 */
import { randomUUID } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { freePort, untilReady } from '../../scripts/stack.js';
import { AddressRate } from '../../src/api/addressRate.js';
import { entryLink } from '../support/browser.js';
import { everything } from '../support/everything.js';
import { operations } from '../support/operations.js';
import { problemOf, send, sendBytes } from '../support/rawHttp.js';
import { eventually, World } from '../support/world.js';

let world: World;
let before: Record<string, string>;
beforeAll(async () => {
  world = await World.open({ environment: { SURETY_KEY_REQUESTS_PER_SECOND: '10000' } });
  before = await books();
});
afterAll(async () => {
  expect(await books()).toEqual(before);
  await world.close();
});

/** All but the logins that are begun. */
const books = async () => ({ ...(await everything(world.surety.admin)), session: 'any' });
const own = (): Record<string, string> => ({ authorization: `Bearer ${world.keys.loyalty}` });
async function served(): Promise<void> {
  expect((await send(world.surety.apiUrl, 'GET', '/v1/fund', own())).status).toBe(200);
}

function connected(): Socket {
  const { hostname, port } = new URL(world.surety.apiUrl);
  return connect(Number(port), hostname).on('error', () => undefined);
}

/** Says what there is of a request, and then no more. @returns what comes back until the connection ends */
function begin(bytes: string): { socket: Socket; answered: Promise<string> } {
  const socket = connected();
  socket.write(bytes);
  return { socket, answered: text(socket) };
}

const head = (line: string, headers: Record<string, string>): string =>
  `${line} HTTP/1.1\r\nHost: x\r\n${Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('')}\r\n`;

describe('slow clients', () => {
  const many = 200;

  it('many who say nothing, a header at a time, or nothing after a request: others are served, and each is cut off', async () => {
    const silent = Array.from({ length: many }, () => begin(''));
    const dripping = Array.from({ length: many }, () => begin('GET /v1/fund HTTP/1.1\r\nHost: x\r\n'));
    const idle = Array.from({ length: 500 }, () => begin(head('GET /v1/nothing', {})));
    const drip = setInterval(() => {
      for (const { socket } of dripping) if (socket.writable) socket.write(`X-${Math.random()}: 1\r\n`);
    }, 500);
    await served();
    const ended = (all: readonly { answered: Promise<string> }[]) => Promise.all(all.map(({ answered }) => answered));
    const [nothing, headers, requests] = await Promise.all([ended(silent), ended(dripping), ended(idle)]);
    clearInterval(drip);
    expect(nothing.every((answer) => answer === '' || answer.startsWith('HTTP/1.1 408 '))).toBe(true);
    expect(headers.every((answer) => answer.startsWith('HTTP/1.1 408 '))).toBe(true);
    expect(requests.every((answer) => answer.startsWith('HTTP/1.1 404 '))).toBe(true);
    await served();
  });

  it('nobody’s body is waited for: each operation that has one refuses it by its head alone, and ends the connection', async () => {
    const bodied = operations.filter(({ body, streams }) => body !== null || streams.length > 0);
    const answers = await Promise.all(
      bodied.map(async ({ label }) => {
        const { answered } = begin(
          head(label.replaceAll(/\{[^}]+\}/g, randomUUID()), {
            'Content-Type': 'application/json',
            'Content-Length': '5000000',
            Authorization: 'Bearer sk_test_nobody',
          }),
        );
        // One answer, and no second one of lateness after it.
        return [label, (await answered).match(/HTTP\/1\.1 \d+/g)];
      }),
    );
    expect(answers.length).toBeGreaterThan(25);
    expect(answers).toEqual(bodied.map(({ label }) => [label, ['HTTP/1.1 401']]));
  });

  it('a file of nobody is not waited for either, in the console and at the codec', async () => {
    const boundary = 'multipart/form-data; boundary=x';
    const first = '--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\ndate';
    const [file, codec] = await Promise.all([
      begin(
        head('POST /console/reconciliation/statements', { 'Content-Type': boundary, 'Content-Length': '9999999' }) +
          first,
      ).answered,
      begin(
        head('POST /codec/decode', {
          Origin: new URL(world.temporal.uiUrl).origin,
          'Content-Type': 'application/json',
          'Content-Length': '2000000',
        }),
      ).answered,
    ]);
    expect(file).toMatch(/^HTTP\/1\.1 401 /);
    expect(codec).toMatch(/^HTTP\/1\.1 401 /);
  });
});

describe('many requests', () => {
  it('a thousand in one go on one connection: each is answered, in its order, and others meanwhile', async () => {
    const count = 1_000;
    const socket = connected();
    const answered = text(socket);
    for (let n = 0; n < count; n++) {
      const last: Record<string, string> = n === count - 1 ? { Connection: 'close' } : {};
      socket.write(head(`GET ${n % 2 === 0 ? '/v1/fund' : '/v1/nothing'}`, last));
    }
    await served();
    const statuses = (await answered).match(/HTTP\/1\.1 \d+/g) ?? [];
    expect(statuses.length).toBe(count);
    expect(statuses.every((status, n) => status === `HTTP/1.1 ${n % 2 === 0 ? 401 : 404}`)).toBe(true);
  });

  it('whether it is ready is looked up once for all who ask meanwhile', async () => {
    const looks = async () => {
      const { rows } = await world.surety.admin.query<{ scans: string }>(
        "SELECT coalesce(seq_scan, 0) + coalesce(idx_scan, 0) AS scans FROM pg_stat_user_tables WHERE relname = 'surety_migration'",
      );
      return Number(rows[0]?.scans ?? 0);
    };
    const begun = await looks();
    const asked = Array.from({ length: 500 }, () => send(world.surety.apiUrl, 'GET', '/health/ready', {}));
    expect((await Promise.all(asked)).every(({ status }) => status === 200)).toBe(true);
    // Postgres counts a while later: another look, and all before it are counted.
    await eventually(
      async () =>
        (await send(world.surety.apiUrl, 'GET', '/health/ready', {})).status === 200 && (await looks()) > begun,
      () => 'no look is counted',
    );
    expect(await looks()).toBeLessThan(begun + 100);
  });

  it('of pages that are open to everybody: an address is told when to come again, others and members are served', async () => {
    const port = await freePort();
    const api = world.surety.launchApi(port, { SURETY_ADDRESS_REQUESTS_PER_SECOND: '1' });
    const url = `http://127.0.0.1:${port}`;
    await untilReady(`${url}/health/live`, api);
    const link = new URL(entryLink(world, randomUUID()));
    const entry = link.pathname + link.search;
    const ask = (path: string, address: string) =>
      send(url, 'GET', path, { 'x-forwarded-for': `203.0.113.99, ${address}` });
    const begun = async () =>
      (await world.surety.admin.query('SELECT FROM surety.session WHERE login IS NOT NULL')).rowCount ?? 0;
    const before = await begun();
    // Ten in ten seconds; however slow this is, that is twenty at most.
    const all = await Promise.all(Array.from({ length: 40 }, () => ask(entry, '198.51.100.7')));
    const [letIn, refused] = [303, 429].map((wanted) => all.filter(({ status }) => status === wanted));
    expect((letIn?.length ?? 0) + (refused?.length ?? 0)).toBe(40);
    expect(refused?.length).toBeGreaterThanOrEqual(20);
    for (const { type, headers, text: page } of refused ?? []) {
      expect([type, /data-view="(\w+)"/.exec(page)?.[1]]).toEqual(['text/html', 'too_often']);
      expect(Number(headers['retry-after'])).toBeGreaterThanOrEqual(1);
    }
    // A login that is refused has written nothing.
    expect(await begun()).toBe(before + (letIn?.length ?? 0));
    for (const path of ['/pay/kafeteriy/login', '/pay/kafeteriy/login/callback?state=x', '/console/login']) {
      const answers = await Promise.all(Array.from({ length: 40 }, () => ask(path, '198.51.100.7')));
      expect([path, answers.filter(({ status }) => status === 429).length >= 20]).toEqual([path, true]);
    }
    expect((await ask(entry, '198.51.100.8')).status).toBe(303);
    expect((await send(url, 'GET', '/v1/fund', { ...own(), 'x-forwarded-for': '198.51.100.7' })).status).toBe(200);
    await api.stop(2_000);
  });

  it('counts an address as one however it is written, and the whole network of a subscriber of IPv6', () => {
    const same = ['::ffff:198.51.100.7', '198.51.100.7', '0:0:0:0:0:ffff:c633:6407'];
    const network = ['2001:db8:1:2::1', '2001:db8:1:2:ffff::2', '2001:0DB8:0001:0002::3'];
    for (const addresses of [same, network]) {
      const rate = new AddressRate(1);
      for (let n = 0; n < 10; n++) expect(rate.take(addresses[n % addresses.length] ?? '', 0)).toBeNull();
      expect(addresses.map((address) => rate.take(address, 4_000))).toEqual([6_000, 6_000, 6_000]);
      expect(rate.take('2001:db8:1:3::1', 4_000)).toBeNull();
      expect(rate.take(addresses[0] ?? '', 10_000)).toBeNull();
    }
  });
});

describe('large requests', () => {
  it.each([
    ['one header of 17 kB', { Cookie: 'x'.repeat(17_000) }],
    ['2,000 headers', Object.fromEntries(Array.from({ length: 2_000 }, (_, n) => [`X-${n}`, '1234567890']))],
    ['a cookie of 3,000 names', { Cookie: Array.from({ length: 3_000 }, (_, n) => `c${n}=1`).join('; ') }],
  ])('%s: 431', async (_, headers) => {
    expect(await sendBytes(world.surety.apiUrl, head('GET /console', headers))).toMatch(/^HTTP\/1\.1 431 /);
  });

  it.each([
    ['GET', '/v1/payments'],
    ['GET', '/v1/fund/acts'],
    ['GET', '/pay/kafeteriy'],
    ['GET', '/pay/kafeteriy/login/callback'],
    ['GET', '/console/login'],
    ['GET', '/console/login/callback'],
  ])('%s %s with one parameter 2,000 times, or 2,000 of them: no 5xx', async (method, path) => {
    const names = [
      'state=AWAITING',
      'state[]=x',
      'state[a]=x',
      'invoiceId=1',
      'lang=ru',
      '__proto__=1',
      'a[__proto__]=1',
    ];
    for (const name of names) {
      const query = Array.from({ length: 800 }, () => name).join('&');
      expect((await send(world.surety.apiUrl, method, `${path}?${query}`, own())).status).toBeLessThan(500);
    }
    const different = Array.from({ length: 2_000 }, (_, n) => `p${n}=`).join('&');
    const answer = await send(world.surety.apiUrl, method, `${path}?${different}`, own());
    expect(answer.status).toBeLessThan(500);
    // Its own address, once at most.
    expect(answer.text.length).toBeLessThan(32_768);
  });

  it('a list of 100,000 wrong ids, 60,000 levels, 10,000 keys: a short answer that names a few', async () => {
    const writing = () => ({ ...own(), 'content-type': 'application/json', 'idempotency-key': randomUUID() });
    const wrong = (path: string, body: string) => send(world.surety.apiUrl, 'POST', path, writing(), body);
    const answers = await Promise.all([
      wrong('/v1/payment-batches', JSON.stringify({ invoiceIds: Array.from({ length: 100_000 }, (_, n) => `x${n}`) })),
      wrong('/v1/payment-batches', `{"invoiceIds":${'['.repeat(1_000_000)}${']'.repeat(1_000_000)}}`),
      wrong('/v1/payment-batches', `{${Array.from({ length: 200_000 }, (_, n) => `"k${n}":1`).join(',')}}`),
      wrong('/v1/members', `{"metadata":${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}}`),
      wrong('/v1/members', `{${Array.from({ length: 6_000 }, (_, n) => `"k${n}":1`).join(',')}}`),
    ]);
    for (const answer of answers) {
      expect(problemOf(answer).status).toBe(422);
      expect(answer.text.length).toBeLessThan(16_384);
    }
    await served();
  });

  it('a form of 1,000 fields: refused as no form of ours', async () => {
    const body = Array.from({ length: 1_000 }, (_, n) => `f${n}=1`).join('&');
    for (const path of ['/pay/kafeteriy/token', '/console/logout']) {
      const headers = { 'content-type': 'application/x-www-form-urlencoded' };
      expect((await send(world.surety.apiUrl, 'POST', path, headers, body)).status).toBeLessThan(500);
    }
  });
});

describe('expensive lists', () => {
  it('no list is read from an offset, and none gives more than a page', async () => {
    for (const { label, path, parameters } of operations.filter(({ method }) => method === 'GET')) {
      const names = parameters.filter((parameter) => parameter.in === 'query').map(({ name }) => name);
      expect([label, names.filter((name) => /offset|skip|page|sort|order/i.test(name))]).toEqual([label, []]);
      if (!names.includes('limit')) continue;
      const address = path.replaceAll(/\{[^}]+\}/g, randomUUID());
      const tooMany = await send(world.surety.apiUrl, 'GET', `${address}?limit=100000`, own());
      expect([label, tooMany.status]).toEqual([label, 422]);
    }
  });

  it('a query that takes too long is given up by the database, not waited for', async () => {
    // What any statement of the API has, whoever asks for it.
    const { rows } = await world.surety.admin.query<{ application_name: string; count: string }>(
      `SELECT application_name, count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND usename = 'surety_api' GROUP BY 1`,
    );
    expect(rows.length).toBeGreaterThan(0);
    const client = await world.surety.admin.connect();
    await client.query('BEGIN');
    // Whoever lists keys now waits for this lock.
    await client.query('LOCK TABLE surety.api_key IN ACCESS EXCLUSIVE MODE');
    const waiting = send(world.surety.apiUrl, 'GET', '/v1/fund', own());
    const answer = await waiting;
    expect([answer.status, answer.type]).toEqual([503, 'application/problem+json']);
    await client.query('ROLLBACK');
    client.release();
    await eventually(
      async () => (await send(world.surety.apiUrl, 'GET', '/v1/fund', own())).status === 200,
      () => 'nobody is served any more',
    );
  });
});
