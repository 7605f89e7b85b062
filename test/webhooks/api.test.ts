/** The API of webhooks and of the feed, as a partner's backend uses it. */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { repository } from '../../scripts/stack.js';
import { eventSchemas, eventTypes, jsonSchemaOf, type EventType } from '../../src/api/events/eventSchemas.js';
import { untilTold } from '../support/horizon.js';
import { eventually, World } from '../support/world.js';
import { Receiver, verifies, type ReceivedEvent } from './receiver.js';

interface Body {
  readonly id: string;
  readonly secret: string | null;
  readonly state: string;
  readonly eventTypes: string[] | null;
  readonly previousSecretUntil: string | null;
  readonly eventId: string;
  readonly deliveries: number;
  readonly complete: boolean;
  readonly code: string;
  readonly refusal: string;
  readonly fields: readonly { field: string; problem: string }[];
  readonly next: string;
  readonly data: readonly (ReceivedEvent & { eventId: string; state: string; url: string })[];
}

let world: World;
let receiver: Receiver;
beforeAll(async () => {
  world = await World.open({
    // No schedule in the way: what is started, is started by whoever made it due.
    temporalSetup: { WEBHOOK_START_EVERY_MS: '3600000' },
  });
  receiver = await Receiver.open();
});
afterAll(async () => {
  await receiver.close();
  await world.close();
});

async function call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
  const { key = world.keys.loyalty, ...others } = headers;
  const response = await fetch(world.surety.apiUrl + path, {
    method,
    headers: {
      authorization: `Bearer ${key}`,
      ...(method === 'POST' ? { 'idempotency-key': randomUUID() } : {}),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...others,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body: (text === '' ? {} : JSON.parse(text)) as Body,
  };
}

const make = (change: object = {}, headers: Record<string, string> = {}) =>
  call('POST', '/v1/webhook-endpoints', { url: `${receiver.url}/hooks`, ...change }, headers);

/** As a partner credits, over the API. */
async function credit(points = 10): Promise<void> {
  const wish = { memberExternalId: 'anna', points, reference: randomUUID() };
  expect((await call('POST', '/v1/credits', wish)).status).toBe(201);
}

async function arrived(what: (event: ReceivedEvent) => boolean, count = 1) {
  await eventually(
    () => Promise.resolve(receiver.received.filter(({ event }) => what(event)).length >= count),
    () => `never came; ${world.api?.output.slice(-2_000) ?? ''}`,
  );
  return receiver.received.filter(({ event }) => what(event));
}

describe('an endpoint', () => {
  it('is registered, changed, read and deleted; its secret is shown once, and stands nowhere in the database', async () => {
    const key = { 'idempotency-key': randomUUID() };
    const made = await make({ eventTypes: ['points.credited'], description: 'our hooks' }, key);
    expect(made.status).toBe(201);
    expect(made.body.secret).toMatch(/^whsec_[A-Za-z0-9+/]{32}$/);
    const again = await make({ eventTypes: ['points.credited'], description: 'our hooks' }, key);
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    expect(again.body).toEqual({ ...made.body, secret: null });
    const { rows } = await world.surety.admin.query<{ text: string }>(
      `SELECT string_agg(text, ' ') AS text FROM (SELECT to_jsonb(webhook_endpoint)::text AS text FROM webhook_endpoint
       UNION ALL SELECT to_jsonb(idempotency_key)::text FROM idempotency_key) AS everything`,
    );
    expect(rows[0]?.text).toContain(made.body.id);
    expect(rows[0]?.text).not.toContain(made.body.secret?.slice(6) ?? 'no secret');

    const path = `/v1/webhook-endpoints/${made.body.id}`;
    const changed = await call('PATCH', path, { eventTypes: null, state: 'disabled' });
    expect(changed.body).toMatchObject({ eventTypes: null, state: 'disabled', disabledReason: 'by_partner' });
    expect((await call('GET', path)).body).toEqual(changed.body);
    expect((await call('POST', `${path}/test`)).body).toMatchObject({ code: 'conflict', refusal: 'endpoint_disabled' });
    expect((await call('GET', '/v1/webhook-endpoints')).body.data.map(({ id }) => id)).toContain(made.body.id);
    expect((await call('DELETE', path)).status).toBe(204);
    expect((await call('GET', path)).status).toBe(404);
    expect((await call('DELETE', path)).status).toBe(404);
  });

  it.each([
    [{ url: 'https://10.0.0.1/' }, 'url', 'must lead to a public address'],
    [{ url: 'https://[::ffff:a9fe:a9fe]/' }, 'url', 'must lead to a public address'],
    [{ url: 'https://user@example.org/' }, 'url', 'must not carry credentials'],
    [{ eventTypes: [] }, 'eventTypes', ''],
    [{ eventTypes: ['test'] }, 'eventTypes.0', ''],
    [{ secret: 'mine' }, '(whole)', 'unknown field: secret'],
  ])('%j is refused, naming the field', async (change, field, problem) => {
    const refused = await make(change);
    expect(refused.status).toBe(422);
    expect(refused.body.fields[0]).toMatchObject({ field });
    expect(refused.body.fields[0]?.problem).toContain(problem);
  });

  it('is tried again by the same key where its name did not resolve; what is wrong for ever is told again', async () => {
    for (const [url, replayed] of [
      ['https://hooks.invalid/', null],
      ['https://10.0.0.1/', 'true'],
    ] as const) {
      const key = { 'idempotency-key': randomUUID() };
      const [first, again] = [await make({ url }, key), await make({ url }, key)];
      expect([url, first.status, again.status]).toEqual([url, 422, 422]);
      expect(again.body.fields).toEqual(first.body.fields);
      expect(again.headers.get('idempotency-replayed')).toBe(replayed);
    }
  });

  it('of another partner is not there, whatever is asked of it', async () => {
    const { body } = await make();
    const key = world.keys.organisation;
    const path = `/v1/webhook-endpoints/${body.id}`;
    for (const [method, place, sent] of [
      ['GET', path],
      ['PATCH', path, { description: 'mine' }],
      ['DELETE', path],
      ['POST', `${path}/test`],
      ['POST', `${path}/rotate-secret`],
      ['GET', `${path}/deliveries`],
      ['POST', `${path}/deliveries/${randomUUID()}/replay`],
      ['POST', `${path}/replay`, { from: '2026-01-01T00:00:00Z', to: '2026-01-02T00:00:00Z' }],
    ] as const) {
      const answer = await call(method, place, sent, { key });
      expect(`${method} ${place}: ${answer.status}`).toBe(`${method} ${place}: 404`);
    }
    await call('DELETE', path);
  });

  it('is tried by a test event, which goes to it alone and stands in no feed', async () => {
    const { body } = await make();
    const before = receiver.received.length;
    const asked = await call('POST', `/v1/webhook-endpoints/${body.id}/test`);
    expect(asked.status).toBe(200);
    const [came] = await arrived(({ id }) => id === asked.body.eventId);
    expect(came?.event).toMatchObject({ type: 'test', data: { endpointId: body.id } });
    expect(receiver.received.length).toBe(before + 1);
    const feed = await call('GET', '/v1/events?limit=200');
    expect(feed.body.data.map(({ id }) => id)).not.toContain(asked.body.eventId);
    await call('DELETE', `/v1/webhook-endpoints/${body.id}`);
  });

  it('gets a new secret; the old one signs beside it for a day, also when the request is repeated', async () => {
    const { body } = await make();
    const path = `/v1/webhook-endpoints/${body.id}`;
    const key = { 'idempotency-key': randomUUID() };
    const rotated = await call('POST', `${path}/rotate-secret`, undefined, key);
    expect(rotated.status).toBe(201);
    expect(Date.parse(rotated.body.previousSecretUntil ?? '') - Date.now()).toBeGreaterThan(23 * 3_600_000);
    expect((await call('POST', `${path}/rotate-secret`, undefined, key)).body.secret).toBeNull();
    const { eventId } = (await call('POST', `${path}/test`)).body;
    const [came] = await arrived(({ id }) => id === eventId);
    if (came === undefined) throw new Error('nothing came');
    expect(verifies(came, body.secret ?? '')).toBe(true);
    expect(verifies(came, rotated.body.secret ?? '')).toBe(true);
    await call('DELETE', path);
  });
});

describe('deliveries', () => {
  it('start with the commit, are listed by state and page, and are sent again: one, or all of a span', async () => {
    const { body } = await make({ eventTypes: ['points.credited'] });
    const path = `/v1/webhook-endpoints/${body.id}`;
    const from = new Date(Date.now() - 1_000).toISOString();
    const before = receiver.received.length;
    for (let i = 0; i < 3; i++) await credit();
    await eventually(
      async () => (await call('GET', `${path}/deliveries?state=delivered`)).body.data.length === 3,
      () => 'three were never delivered',
    );
    const ids = receiver.received.slice(before).map(({ id }) => id);
    const first = await call('GET', `${path}/deliveries?limit=2`);
    const second = await call('GET', `${path}/deliveries?limit=2&after=${first.body.next}`);
    const listed = [...first.body.data, ...second.body.data];
    expect(listed.map(({ eventId }) => eventId).sort()).toEqual([...ids].sort());
    expect(listed[0]).toMatchObject({ eventType: 'points.credited', state: 'delivered', attempts: 1, lastStatus: 204 });
    expect(second.body.next).toBeNull();

    const [one] = ids;
    expect((await call('POST', `${path}/deliveries/${one ?? ''}/replay`)).status).toBe(200);
    const [was, again] = await arrived(({ id }) => id === one, 2);
    expect(again?.body.equals(was?.body ?? Buffer.alloc(0))).toBe(true);

    const to = new Date(Date.now() + 1_000).toISOString();
    await eventually(
      async () => (await call('GET', `${path}/deliveries?state=pending`)).body.data.length === 0,
      () => 'the replay never ended',
    );
    const replayed = await call('POST', `${path}/replay`, { from, to });
    expect(replayed.body).toEqual({ deliveries: 3, complete: true, to, next: null });
    const forged = await call('POST', `${path}/replay`, { from, to, after: 'made.up' });
    expect([forged.status, forged.body.fields[0]?.field]).toEqual([422, 'after']);
    for (const id of ids) await arrived((event) => event.id === id, id === one ? 3 : 2);
    const none = await call('POST', `${path}/replay`, { from: to, to: '2099-01-01T00:00:00Z' });
    expect(none.body.deliveries).toBe(0);
    expect((await call('POST', `${path}/replay`, { from: to, to: from })).body.fields[0]?.field).toBe('to');
    expect((await call('POST', `${path}/deliveries/${randomUUID()}/replay`)).status).toBe(404);
    await call('DELETE', path);
  });

  it('go on when Temporal was away at the commit: the Schedule starts them', async () => {
    const { body } = await make();
    const handle = world.client.schedule.getHandle('start-webhooks');
    await world.surety.creditPoints(world.partnerIds.loyalty, 'anna', 5, randomUUID());
    const { rows } = await world.surety.admin.query<{ id: string }>(
      'SELECT id FROM event ORDER BY position DESC LIMIT 1',
    );
    // As if half a minute had passed.
    await world.surety.admin.query(
      "UPDATE webhook_delivery SET due_at = due_at - interval '1 minute' WHERE endpoint_id = $1",
      [body.id],
    );
    await handle.trigger();
    await arrived(({ id }) => id === rows[0]?.id);
    await call('DELETE', `/v1/webhook-endpoints/${body.id}`);
  });
});

/** What the feed tells after a cursor, once it tells what is waited for: it waits for whatever is written beside it. */
async function fed(after: string, isWhole: (told: Body['data']) => boolean): Promise<Body['data']> {
  let told: Body['data'] = [];
  await eventually(
    async () => {
      told = (await call('GET', `/v1/events?limit=200&after=${after}`)).body.data;
      return isWhole(told);
    },
    () => `the feed tells only ${JSON.stringify(told.map(({ type }) => type))}`,
  );
  return told;
}

describe('the feed', () => {
  it('tells every event once, and goes on from its cursor', async () => {
    await untilTold(world.surety.admin);
    const seen: string[] = [];
    let after = '';
    for (;;) {
      const page = await call('GET', `/v1/events?limit=3&after=${after}`);
      expect(page.status).toBe(200);
      after = page.body.next;
      if (page.body.data.length === 0) break;
      seen.push(...page.body.data.map(({ id }) => id));
    }
    expect(new Set(seen).size).toBe(seen.length);
    await credit(7);
    const later = await fed(after, (told) => told.length > 0);
    expect(later).toHaveLength(1);
    expect(later[0]).toMatchObject({ type: 'points.credited', data: { points: 7 }, sequence: null });
    const others = await call('GET', '/v1/events', undefined, { key: world.keys.organisation });
    expect(others.body.data.map(({ id }) => id).filter((id) => seen.includes(id))).toEqual([]);
  });

  it('refuses a cursor that was changed, is another partner’s, or is of another type', async () => {
    const { body } = await call('GET', '/v1/events?limit=1');
    const changed = `${body.next.slice(0, -2)}xx`;
    for (const [path, key] of [
      [`/v1/events?after=${changed}`, world.keys.loyalty],
      [`/v1/events?after=${body.next}`, world.keys.organisation],
      [`/v1/events?after=${body.next}&type=payment.paid`, world.keys.loyalty],
      ['/v1/events?after=0', world.keys.loyalty],
    ] as const) {
      const refused = await call('GET', path, undefined, { key });
      expect(refused.status).toBe(422);
      expect(refused.body).toMatchObject({ code: 'invalid_request', fields: [{ field: 'after' }] });
    }
  });

  it('after a restore, says that the cursor is outdated and what to do', async () => {
    const { body } = await call('GET', '/v1/events?limit=1');
    await world.surety.admin.query('UPDATE ledger_epoch SET epoch = epoch + 1');
    const refused = await call('GET', `/v1/events?after=${body.next}`);
    expect(refused.status).toBe(409);
    expect(refused.body.code).toBe('cursor_outdated');
    expect((await call('GET', '/v1/events?limit=1')).status).toBe(200);
  });
});

describe('the schemas of events', () => {
  it.each(eventTypes)('%s: what is committed in docs/events is what the code says', (type) => {
    const committed: unknown = JSON.parse(readFileSync(join(repository, `docs/events/${type}.json`), 'utf8'));
    expect(committed).toEqual(JSON.parse(JSON.stringify(jsonSchemaOf(type))));
  });

  it('fit what is told, and nothing personal is in it', async () => {
    const paid = await world.open((await world.invoice({ description: 'Номер на двоих' })).id);
    await world.confirm(paid);
    const cancelled = await world.open((await world.invoice()).id);
    await call('POST', `/v1/payments/${cancelled.body.id}/cancel`, {});
    await world.until(paid.body.id, ['paid']);
    await world.until(cancelled.body.id, ['cancelled']);
    const told = await fed('', (events) =>
      [paid, cancelled].every(({ body: { id } }) =>
        events.some(({ type, data }) => data.paymentId === id && /paid|cancelled/.test(type)),
      ),
    );
    for (const event of told) {
      const schema = eventSchemas[event.type as EventType];
      expect(schema.safeParse(event).error).toBeUndefined();
    }
    const types = new Set(told.map(({ type }) => type));
    expect([...types]).toEqual(
      expect.arrayContaining(['payment.awaiting_confirmation', 'payment.paid', 'payment.cancelled', 'points.credited']),
    );
    const ofPayments = told.filter(({ type }) => type.startsWith('payment.'));
    expect(JSON.stringify(ofPayments)).not.toMatch(/anna|Номер/);
  });
});
