/** @surety/client against the real API: how a partner's code reads, and what it does when the network fails. */
import { randomUUID } from 'node:crypto';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  createClient,
  isProblem,
  SuretyProblem,
  SuretyUnreachable,
  typedEvent,
  type SuretyClient,
} from '../../packages/client/src/index.js';
import { eventually, World } from '../support/world.js';
import { cuttingProxy, scriptedServer, silentServer, type Listening } from './servers.js';

let world: World;
let shop: SuretyClient;
let office: SuretyClient;
const listening: Listening[] = [];
beforeAll(async () => {
  world = await World.open();
  const baseUrl = world.surety.apiUrl;
  shop = createClient({ baseUrl, apiKey: world.keys.loyalty });
  office = createClient({ baseUrl, apiKey: world.keys.organisation });
});
afterAll(async () => {
  await Promise.all(listening.map((server) => server.close()));
  await world.assertBooksAgree();
  await world.close();
});

/** What a call throws. */
async function thrownBy(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => new Error('It has not failed'),
    (error: unknown) => error,
  );
}

async function problemOf(call: Promise<unknown>): Promise<SuretyProblem> {
  const thrown = await thrownBy(call);
  if (!isProblem(thrown)) throw new Error('It is no problem of Surety’s', { cause: thrown });
  return thrown;
}

async function openForAnna(surety = shop) {
  const invoice = await world.invoice();
  const payment = await surety.post('/v1/payments', { body: { scheme: 'loyalty', invoiceId: invoice.id } });
  const { amountMinor, currency } = payment.invoice;
  const seen = { amountMinor: amountMinor ?? 0, currency: currency ?? '', points: payment.points ?? 0 };
  return { payment, call: { path: { id: payment.id }, body: { memberExternalId: 'anna', seen } } };
}

describe('a payment', () => {
  it('is opened, confirmed and paid in two calls', async () => {
    const { payment, call } = await openForAnna();
    expect([payment.state, payment.points]).toEqual(['awaiting_confirmation', 12_346]);
    const paid = await shop.post('/v1/payments/{id}/confirm', call);
    expect(paid).toMatchObject({ id: payment.id, state: 'paid' });
    expect(await shop.get('/v1/payments/{id}/passport', { path: { id: payment.id } })).toMatchObject({
      pointsCaptured: 12_346,
      transactionId: paid.transactionId,
    });
  });

  it('of an organisation is paid in the background', async () => {
    const invoiceId = (await world.invoice()).id;
    const { id } = await office.post('/v1/payments', { body: { scheme: 'organisation', invoiceId } });
    await eventually(
      async () => (await office.get('/v1/payments/{id}', { path: { id } })).state === 'paid',
      () => 'it is never paid',
    );
    const { data } = await office.get('/v1/fund');
    expect(data).toMatchObject([{ currency: 'RUB', drawnMinor: 12_345_67 }]);
  });

  it('is told in the feed, typed', async () => {
    const { payment, call } = await openForAnna();
    await shop.post('/v1/payments/{id}/confirm', call);
    // The feed waits for whatever is written beside it, so that it is read in order; an answer may come before its event.
    await eventually(
      async () => {
        const { data } = await shop.get('/v1/events', { query: { type: 'payment.paid', limit: 200 } });
        const paid = data.map(typedEvent).filter((event) => event.type === 'payment.paid');
        return paid.some((event) => event.data.paymentId === payment.id);
      },
      () => 'it is never told',
    );
  });

  it('is found in the list, whose pages are read one after the other', async () => {
    const opened = [await openForAnna(), await openForAnna(), await openForAnna()].map(({ payment }) => payment.id);
    const listed: string[] = [];
    for await (const { id } of shop.each('/v1/payments', { query: { limit: 1, state: ['awaiting_confirmation'] } })) {
      listed.push(id);
    }
    expect(listed.slice(0, 3)).toEqual(opened.reverse());
  });
});

describe('points', () => {
  it('are credited, told, exported and taken back', async () => {
    const externalId = `мария-${randomUUID()}`;
    const member = await shop.post('/v1/members', { body: { externalId, metadata: { tier: 'gold' } } });
    const credit = await shop.post('/v1/credits', {
      body: { memberId: member.id, points: 500, reference: randomUUID() },
    });
    expect(await shop.post('/v1/members/lookup', { body: { externalId } })).toMatchObject({
      id: member.id,
      metadata: { tier: 'gold' },
      balance: { available: 500, held: 0 },
    });
    const path = { id: credit.id };
    await shop.post('/v1/credits/{id}/reverse', { path, body: { points: 200, reference: randomUUID() } });
    const tooMuch = await problemOf(
      shop.post('/v1/credits/{id}/reverse', { path, body: { points: 301, reference: randomUUID() } }),
    );
    expect([tooMuch.code, tooMuch.body['remaining']]).toEqual(['insufficient_points', 300]);
    const csv = await text(await shop.stream('/v1/exports/members', { query: { format: 'csv' } }));
    expect(csv).toContain(`${member.id},${externalId},300,0`);
    const moves: number[] = [];
    for await (const { points } of shop.each('/v1/members/{id}/entries', { path: { id: member.id } }))
      moves.push(points);
    expect(moves).toEqual([-200, 500]);
  });

  it('are credited by the file', async () => {
    const externalId = `файл-${randomUUID()}`;
    const body = `memberExternalId,points,reference\n${externalId},70,${randomUUID()}\n`;
    const { id } = await shop.post('/v1/credits/imports', { body: new Blob([body]), contentType: 'text/csv' });
    await eventually(
      async () => (await shop.get('/v1/credits/imports/{id}', { path: { id } })).finishedAt !== null,
      () => 'the import has never finished',
    );
    const member = await shop.post('/v1/members/lookup', { body: { externalId } });
    expect(member.balance.available).toBe(70);
  });

  it('have settings of their own', async () => {
    const changed = await shop.patch('/v1/programme', { body: { expiringSoonDays: 14 } });
    expect(changed.expiringSoonDays).toBe(14);
  });
});

it('the fund’s mark is set, and how statements are written', async () => {
  const { data } = await office.put('/v1/fund/low-water', { body: { currency: 'RUB', lowWaterMinor: 1_000 } });
  expect(data).toMatchObject([{ currency: 'RUB', lowWaterMinor: 1_000, isLow: false }]);
  const columns = { date: 'Дата', amount: 'Сумма' };
  await office.put('/v1/fund/statement-mapping', { body: { columns, direction: 'sign', currency: 'RUB' } });
  expect(await office.get('/v1/fund/statement-mapping')).toMatchObject({ columns, direction: 'sign' });
});

it('a key is made, used and revoked', async () => {
  const made = await shop.post('/v1/api-keys', { body: { name: 'reports', scopes: ['points:read'] } });
  const reports = createClient({ baseUrl: world.surety.apiUrl, apiKey: made.key ?? '' });
  expect((await reports.get('/v1/programme')).slug).toBe('kafeteriy');
  expect((await problemOf(reports.get('/v1/fund'))).code).toBe('forbidden');
  await shop.post('/v1/api-keys/{id}/revoke', { path: { id: made.id } });
  expect(await problemOf(reports.get('/v1/programme'))).toMatchObject({ code: 'unauthorized', status: 401 });
});

describe('an error', () => {
  it('names the fields that are wrong, and the request', async () => {
    const problem = await problemOf(
      shop.post('/v1/credits', { body: { memberId: randomUUID(), points: 0.5, reference: 'two words' } }),
    );
    expect(problem).toMatchObject({ code: 'invalid_request', status: 422, refusal: null, payment: null });
    expect(problem.fields.map(({ field }) => field)).toContain('points');
    expect(problem.requestId).toMatch(/^[0-9a-f-]{36}$/);
    expect(problem.message).toContain('invalid_request');
  });

  it('carries the true state of a payment', async () => {
    const { call } = await openForAnna();
    const body = { ...call.body, memberExternalId: 'boris' };
    const problem = await problemOf(shop.post('/v1/payments/{id}/confirm', { ...call, body }));
    expect(isProblem(problem, 'conflict')).toBe(true);
    expect(problem.payment).toMatchObject({ state: 'awaiting_confirmation', reason: 'insufficient_points' });
  });

  it('that is none of Surety’s is told as such, without a retry', async () => {
    const server = await scriptedServer([{ status: 418, body: '<h1>teapot</h1>' }]);
    listening.push(server);
    const problem = await problemOf(createClient({ baseUrl: server.url, apiKey: 'sk_test_x' }).get('/v1/fund'));
    expect([problem.code, problem.status, server.requests.length]).toEqual(['no_problem', 418, 1]);
  });
});

describe('when the network fails', () => {
  it('a confirm whose answer was cut is sent again with the same key, and charges once', async () => {
    const proxy = await cuttingProxy(world.surety.apiUrl, 2);
    listening.push(proxy);
    const { payment, call } = await openForAnna();
    const before = await world.balance('anna');
    const farShop = createClient({ baseUrl: proxy.url, apiKey: world.keys.loyalty });
    const paid = await farShop.post('/v1/payments/{id}/confirm', call);
    expect(paid).toMatchObject({ id: payment.id, state: 'paid' });
    expect(proxy.requests).toHaveLength(3);
    expect(new Set(proxy.requests.map(({ idempotencyKey }) => idempotencyKey)).size).toBe(1);
    expect((await world.balance('anna')).available).toBe(before.available - 12_346);
  });

  it('it gives up after so many attempts, and says with which key to repeat', async () => {
    const proxy = await cuttingProxy(world.surety.apiUrl, Infinity);
    listening.push(proxy);
    const { call } = await openForAnna();
    const farShop = createClient({ baseUrl: proxy.url, apiKey: world.keys.loyalty, attempts: 2 });
    const thrown = await thrownBy(farShop.post('/v1/payments/{id}/confirm', call));
    if (!(thrown instanceof SuretyUnreachable)) throw new Error('It did not say so', { cause: thrown });
    expect([thrown.attempts, proxy.requests.length]).toEqual([2, 2]);
    const idempotencyKey = thrown.idempotencyKey ?? '';
    expect(await shop.post('/v1/payments/{id}/confirm', { ...call, idempotencyKey })).toMatchObject({ state: 'paid' });
  });

  it('it waits as long as Retry-After says, and sends the same body', async () => {
    const server = await scriptedServer([
      { status: 429, headers: { 'retry-after': '1' } },
      { status: 503 },
      { status: 409, body: { code: 'idempotency_in_flight' } },
      { status: 200, body: { id: 'x' } },
    ]);
    listening.push(server);
    const surety = createClient({ baseUrl: server.url, apiKey: 'sk_test_x' });
    const idempotencyKey = 'mine';
    await surety.post('/v1/payments/{id}/cancel', { path: { id: randomUUID() }, body: {}, idempotencyKey });
    expect(server.requests.map((request) => [request.idempotencyKey, request.body])).toEqual(
      Array.from({ length: 4 }, () => ['mine', '{}']),
    );
    const [first, second] = server.requests;
    expect((second?.atMs ?? 0) - (first?.atMs ?? 0)).toBeGreaterThanOrEqual(990);
  });

  it('it does not wait past its time, and not where nobody says how long', async () => {
    const server = await scriptedServer([{ status: 429, headers: { 'retry-after': '600' } }, { status: 429 }]);
    listening.push(server);
    const surety = createClient({ baseUrl: server.url, apiKey: 'sk_test_x' });
    const long = await problemOf(surety.get('/v1/fund'));
    expect([long.status, long.retryAfterMs]).toEqual([429, 600_000]);
    expect((await problemOf(surety.get('/v1/fund'))).retryAfterMs).toBeNull();
    expect(server.requests).toHaveLength(2);
  });

  it('a file is given the time that it needs, a call no more than its own', async () => {
    const server = await silentServer();
    listening.push(server);
    const surety = createClient({ baseUrl: server.url, apiKey: 'sk_test_x', attempts: 1, timeoutMs: 50 });
    const upload = surety.post('/v1/credits/imports', { body: new Blob(['a']), contentType: 'text/csv' });
    await server.asked;
    for (const call of [
      surety.get('/v1/fund'),
      surety.get('/v1/programme', { timeoutMs: 20 }),
      surety.post('/v1/credits/imports', { body: 'a', contentType: 'text/csv', timeoutMs: 20 }),
    ]) {
      expect(await thrownBy(call)).toBeInstanceOf(SuretyUnreachable);
    }
    // Begun before them all, it is still at work.
    server.speak();
    expect(await upload).toEqual({ id: 'x' });
  });

  it('it stops when it is told to', async () => {
    const server = await scriptedServer([{ status: 503, headers: { 'retry-after': '20' } }]);
    listening.push(server);
    const stop = new AbortController();
    const call = createClient({ baseUrl: server.url, apiKey: 'sk_test_x' }).get('/v1/fund', { signal: stop.signal });
    await server.asked;
    stop.abort(new Error('enough'));
    expect(await thrownBy(call)).toEqual(new Error('enough'));
  });
});
