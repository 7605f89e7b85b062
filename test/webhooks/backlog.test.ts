/** Endpoints with very much on its way: disabled, deleted, replayed, read and taken up without reading all of it. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { MockActivityEnvironment } from '@temporalio/testing';
import { Client, Connection } from '@temporalio/client';
import { createWebhookStartActivities } from '../../src/activities/webhooks.js';
import { Webhooks } from '../../src/ledger/webhooks.js';
import { Books } from '../support/books.js';
import { Endpoints } from './endpoints.js';

let books: Books;
let endpoints: Endpoints;
let client: Client;
beforeAll(async () => {
  books = await Books.open();
  endpoints = new Endpoints(books.admin, books.partnerId);
  client = new Client({ connection: Connection.lazy() });
});
afterAll(async () => {
  await client.connection.close();
  await books.close('made_up');
});

const hourMs = 3_600_000;
const many = 30_000;
/** What the planner itself looks at, ends of indexes with what is dead there, comes to some hundred pages; reading so many rows to more than this. */
const fewPages = 1_000;

/** Events as the books write them, but by the set. @returns their ids, in their order */
async function events(count: number, type = 'points.expired', atMs = Date.now()): Promise<string[]> {
  const { rows } = await books.admin.query<{ id: string }>(
    `INSERT INTO event (id, partner_id, type, body, at)
     SELECT uuidv7(), $1, $2, '{}', $4 FROM generate_series(1, $3) RETURNING id`,
    [books.partnerId, type, count, new Date(atMs)],
  );
  return rows.map(({ id }) => id).sort();
}

/** On their way to this endpoint, since an hour. */
async function deliveries(endpointId: string, ids: readonly string[], priority = 4): Promise<void> {
  await books.admin.query(
    `INSERT INTO webhook_delivery (event_id, endpoint_id, partner_id, due_at, disablings, priority)
     SELECT event, $1, $2, now() - interval '1 hour', (SELECT disablings FROM webhook_endpoint WHERE id = $1), $4
     FROM unnest($3::uuid[]) AS event`,
    [endpointId, books.partnerId, ids, priority],
  );
}

const register = async (types: string[] | null = []) => (await endpoints.register('https://example.org/', types)).id;
const disable = (id: string) =>
  endpoints.webhooks.changeEndpoint(books.partnerId, id, { state: 'disabled' }, Date.now());
const enable = (id: string) => endpoints.webhooks.changeEndpoint(books.partnerId, id, { state: 'enabled' }, Date.now());

async function states(endpointId: string): Promise<Record<string, number>> {
  const { rows } = await books.admin.query<{ state: string; count: string }>(
    'SELECT state, count(*) FROM webhook_delivery WHERE endpoint_id = $1 GROUP BY state',
    [endpointId],
  );
  return Object.fromEntries(rows.map(({ state, count }) => [state, Number(count)]));
}

/** As the Schedule does, with nothing to start. */
const runSchedule = () => {
  const activities = createWebhookStartActivities(new Webhooks(books.worker), client);
  return new MockActivityEnvironment().run(() => activities.startWebhooks({ graceMs: 10 * hourMs }));
};

/**
 * Pages of the database that a call of one of our functions touches. It is made twice on one connection, the first time
 * rolled back: that one also reads the catalogue, as every new connection does once.
 */
async function pagesOf(call: string, values: unknown[] = []): Promise<number> {
  await books.admin.query('ANALYZE event, webhook_delivery');
  const client = await books.admin.connect();
  const explained = () =>
    client.query<{ 'QUERY PLAN': [{ Plan: Record<string, number> }] }>(
      `EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) SELECT ${call}`,
      values,
    );
  try {
    await client.query('BEGIN');
    await explained();
    await client.query('ROLLBACK');
    const { rows } = await explained();
    const { Plan } = rows[0]?.['QUERY PLAN'][0] ?? { Plan: {} };
    return (Plan['Shared Hit Blocks'] ?? 0) + (Plan['Shared Read Blocks'] ?? 0);
  } finally {
    client.release();
  }
}

describe('an endpoint that is disabled or deleted', () => {
  it('is so at once, however much is on its way; the rest is recorded by the Schedule', async () => {
    const id = await register();
    const ids = await events(many);
    await deliveries(id, ids);
    expect(await pagesOf('webhook_endpoint_change($1, $2, $3, now())', [books.partnerId, id, { state: 'disabled' }])).toBeLessThan(fewPages); // prettier-ignore
    expect(await states(id)).toEqual({ pending: many });
    // Told as it is, whatever is recorded.
    const [first] =
      (await endpoints.webhooks.deliveries(books.partnerId, id, { state: null, before: null, limit: 1 })) ?? [];
    expect(first).toMatchObject({ state: 'failed', lastProblem: 'endpoint_disabled', nextAttemptAt: null });
    expect(
      await endpoints.webhooks.deliveries(books.partnerId, id, { state: 'pending', before: null, limit: 1 }),
    ).toEqual([]);
    await runSchedule();
    expect(await states(id)).toEqual({ failed: many });

    await deliveries(id, await events(many));
    expect(await pagesOf('webhook_endpoint_delete($1, $2)', [books.partnerId, id])).toBeLessThan(fewPages);
    expect(await endpoints.state(id)).toBeNull();
    expect(
      await endpoints.webhooks.deliveries(books.partnerId, id, { state: null, before: null, limit: 1 }),
    ).toBeNull();
    expect(await enable(id)).toEqual({ outcome: 'not_found' });
    await runSchedule();
    expect(await states(id)).toEqual({});
    const { rowCount } = await books.admin.query('SELECT FROM webhook_endpoint WHERE id = $1', [id]);
    expect(rowCount).toBe(0);
  });

  it('is not sent what was on its way before, also where it is enabled again at once; a replay brings it', async () => {
    const id = await register();
    const [before = '', replayed = '', ranged = ''] = await events(3, 'import.finished', Date.now() + 100 * hourMs);
    await deliveries(id, [before, replayed, ranged]);
    const key = (eventId: string) => ({ partnerId: books.partnerId, endpointId: id, eventId });
    expect(await endpoints.webhooks.beginAttempt(key(before), Date.now())).toMatchObject({ outcome: 'go' });
    await disable(id);
    await enable(id);
    expect(await endpoints.webhooks.beginAttempt(key(before), Date.now())).toEqual({ outcome: 'over' });
    expect(await endpoints.delivery(id, before)).toMatchObject({ state: 'failed', lastProblem: 'endpoint_disabled' });
    await endpoints.webhooks.replay(books.partnerId, id, replayed, Date.now());
    expect(await endpoints.webhooks.beginAttempt(key(replayed), Date.now())).toMatchObject({ outcome: 'go' });
    await endpoints.webhooks.changeEndpoint(books.partnerId, id, { eventTypes: null }, Date.now());
    const span = { from: Date.now() + 99 * hourMs, to: Date.now() + 101 * hourMs, undeliveredOnly: true, most: 10 };
    expect(await endpoints.webhooks.replayRange(books.partnerId, id, span, Date.now())).toMatchObject({
      deliveries: 2,
    });
    expect(await endpoints.webhooks.beginAttempt(key(ranged), Date.now())).toMatchObject({ outcome: 'go' });
    await runSchedule();
    expect(await states(id)).toEqual({ pending: 3 });
  });
});

describe('an event that fails for good at an endpoint that takes others', () => {
  const end = (id: string, eventId: string, decision: 'failed' | 'gone', failingMs = 1_000) =>
    endpoints.webhooks.endAttempt(
      { partnerId: books.partnerId, endpointId: id, eventId },
      { kind: 'answered', status: 500, retryAfterMs: null },
      { kind: decision },
      failingMs,
      Date.now(),
    );

  async function told(): Promise<Record<string, unknown>[]> {
    const { rows } = await books.admin.query<{ body: { data: Record<string, unknown> } }>(
      "SELECT body FROM event WHERE type = 'webhook_delivery.failed' ORDER BY position",
    );
    return rows.map(({ body }) => body.data);
  }

  it('is told, there and in the feed; that this cannot be delivered is not', async () => {
    const id = await register(null);
    const [eventId = ''] = await events(1, 'payment.paid');
    await deliveries(id, [eventId]);
    expect(await end(id, eventId, 'failed')).toEqual({ outcome: 'recorded', state: 'failed' });
    expect(await told()).toEqual([
      { endpointId: id, eventId, eventType: 'payment.paid', attempts: 1, lastStatus: 500, lastProblem: null },
    ]);
    const { rows } = await books.admin.query<{ event_id: string }>(
      "SELECT event_id FROM webhook_delivery WHERE endpoint_id = $1 AND state = 'pending'",
      [id],
    );
    expect(rows).toHaveLength(1);
    expect(await end(id, rows[0]?.event_id ?? '', 'failed')).toEqual({ outcome: 'recorded', state: 'failed' });
    expect(await told()).toHaveLength(1);
  });

  it('is not told apart where the endpoint is disabled: that says it', async () => {
    const id = await register(null);
    const [eventId = ''] = await events(1, 'payment.paid');
    await deliveries(id, [eventId]);
    const before = (await told()).length;
    expect(await end(id, eventId, 'failed', 0)).toEqual({ outcome: 'recorded', state: 'failed' });
    expect(await endpoints.state(id)).toMatchObject({ disabledReason: 'failing' });
    expect(await told()).toHaveLength(before);
  });
});

describe('what is read is what is asked for, among very many others', () => {
  it('a replay of a span goes on within a moment of many events, and finds a span without reading the rest', async () => {
    const id = await register(null);
    const then = Date.now() + 200 * hourMs;
    const ids = await events(250, 'import.finished', then);
    const asked: number[] = [];
    let after: { at: string; eventId: string } | undefined;
    for (;;) {
      const span = { from: then, to: then + 1, undeliveredOnly: false, most: 100, after };
      const answer = await endpoints.webhooks.replayRange(books.partnerId, id, span, Date.now());
      if (answer.outcome !== 'asked') throw new Error(answer.outcome);
      asked.push(answer.deliveries);
      if (answer.next === null) break;
      after = answer.next;
    }
    expect(asked).toEqual([100, 100, 50]);
    expect(await states(id)).toEqual({ pending: ids.length });
    const call = 'webhook_replay_range($1, $2, $3, $4, false, 10, now())';
    const span = [new Date(then + 1), new Date(then + hourMs)];
    expect(await pagesOf(call, [books.partnerId, id, ...span])).toBeLessThan(fewPages);
  });

  it('the feed of a rare type; and its next poll begins where this one looked', async () => {
    await events(many);
    expect(await pagesOf("event_feed($1, '0', 0, 'payment.cancelled', 50)", [books.partnerId])).toBeLessThan(fewPages);
    const { webhooks } = endpoints;
    const page = await webhooks.feed(books.partnerId, { xid: '0', position: 0 }, 'payment.cancelled', 50);
    expect(page.events).toEqual([]);
    const [late = ''] = await events(1, 'payment.cancelled');
    expect(BigInt(page.horizon)).toBeGreaterThan(0n);
    const { rows } = await books.admin.query<{ isNewer: boolean }>(
      'SELECT xid >= $2::xid8 AS "isNewer" FROM event WHERE id = $1',
      [late, page.horizon],
    );
    expect(rows).toEqual([{ isNewer: true }]);
  });

  it('deliveries by their state, and those to be taken up: the urgent first, of each endpoint a few', async () => {
    const [slow, other] = [await register(), await register()];
    await deliveries(slow, await events(many));
    const [urgent = ''] = await events(1, 'payment.paid');
    await deliveries(slow, [urgent], 1);
    await deliveries(other, (await events(3)).slice(0, 3));
    expect(await pagesOf("webhook_deliveries_read($1, $2, 'failed', NULL, 50)", [books.partnerId, slow])).toBeLessThan(
      fewPages,
    );
    const due = await new Webhooks(books.worker).takeUpDeliveries(
      { graceMs: 0, leaseMs: hourMs, each: 5, eachStruggling: 1, limit: 1_000 },
      Date.now(),
    );
    const of = (id: string) => due.filter(({ endpointId }) => endpointId === id);
    expect(of(slow)).toHaveLength(5);
    expect(of(slow)[0]).toMatchObject({ eventId: urgent, priority: 1 });
    expect(of(other)).toHaveLength(3);
    expect(await pagesOf('webhook_deliveries_take_up(0, 1000, 5, 1, 1000, now())')).toBeLessThan(2_000);
  });

  it('what is published is announced with its priority', async () => {
    await register(null);
    const { rows } = await books.admin.query<{ type: string; told: string }>(
      `SELECT type, split_part(split_part(current_setting('surety.deliveries'), ',', -1), ':', 4) AS told
       FROM unnest(ARRAY['payment.paid', 'points.expired', 'import.finished']) AS type,
         LATERAL (SELECT set_config('surety.partner', $1, false), event_publish($1::uuid, type, NULL, NULL, '{}', now())) AS published`,
      [books.partnerId],
    );
    expect(Object.fromEntries(rows.map(({ type, told }) => [type, told]))).toEqual({
      'payment.paid': '1',
      'points.expired': '4',
      'import.finished': '3',
    });
  });
});
