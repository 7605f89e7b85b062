/** What a request is told when the database has trouble: what is known of its effect, and never more than that. */
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually, World, type ApiAnswer } from '../support/world.js';

let world: World;
let endpointId: string;
beforeAll(async () => {
  // One connection for each of the API's two pools.
  world = await World.open({ environment: { DATABASE_POOL_SIZE: '1' } });
  await world.surety.admin.query(`CREATE FUNCTION in_trouble() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION USING ERRCODE = TG_ARGV[0], MESSAGE = 'trouble'; END $$`);
  endpointId = (await call('POST', '/v1/webhook-endpoints', { url: `${world.twin.url}/webhook` })).body.id;
});
afterEach(async () => {
  for (const { table } of operations) await world.surety.admin.query(`DROP TRIGGER IF EXISTS in_trouble ON ${table}`);
  await world.surety.admin.query('DROP TRIGGER IF EXISTS in_trouble ON idempotency_key');
});
afterAll(async () => {
  await world.assertBooksAgree();
  await world.close();
});

const call = (method: string, path: string, body?: unknown, headers?: Record<string, string>) =>
  world.call(world.keys.loyalty, method, path, body, headers);

/** Whatever changes this table has trouble of this kind. */
const trouble = (table: string, code: string, event = 'INSERT OR UPDATE') =>
  world.surety.admin.query(
    `CREATE TRIGGER in_trouble BEFORE ${event} ON ${table} FOR EACH ROW EXECUTE FUNCTION in_trouble('${code}')`,
  );

const operations = [
  {
    label: 'POST /v1/credits',
    table: 'transfer',
    send: (key: Record<string, string>) =>
      call('POST', '/v1/credits', { memberExternalId: 'anna', points: 1, reference: key['idempotency-key'] }, key),
  },
  {
    label: 'POST /v1/api-keys',
    table: 'api_key',
    send: (key: Record<string, string>) => call('POST', '/v1/api-keys', { name: 'x', scopes: ['fund:read'] }, key),
  },
  {
    label: 'PATCH /v1/webhook-endpoints/{id}',
    table: 'webhook_endpoint',
    send: () => call('PATCH', `/v1/webhook-endpoints/${endpointId}`, { description: randomUUID() }),
  },
] as const;

const detailOf = ({ body }: ApiAnswer) => (body as unknown as { detail: string }).detail;

describe.each(operations)('$label', ({ table, send }) => {
  it.each(['57014', '40P01', '40001', '55P03'])(
    'that the database gave up (%s): 503, and at once again',
    async (code) => {
      const key = { 'idempotency-key': randomUUID() };
      await trouble(table, code, table === 'api_key' ? 'INSERT' : undefined);
      const refused = await send(key);
      expect([refused.status, refused.body.code, refused.headers.get('retry-after')]).toEqual([
        503,
        'unavailable',
        '2',
      ]);
      await world.surety.admin.query(`DROP TRIGGER in_trouble ON ${table}`);
      expect(Math.floor((await send(key)).status / 100)).toBe(2);
    },
  );

  it('in which the connection is lost: 503, and it is not known whether it took effect', async () => {
    await trouble(table, '57P01', table === 'api_key' ? 'INSERT' : undefined);
    const lost = await send({ 'idempotency-key': randomUUID() });
    expect([lost.status, lost.body.code]).toEqual([503, 'unavailable']);
    expect(detailOf(lost)).toMatch(/not known whether/);
    expect(detailOf(lost)).not.toMatch(/nothing was/i);
  });
});

it('a credit that is booked when the connection is lost is not said to be none; the same key finds it', async () => {
  const key = { 'idempotency-key': randomUUID() };
  const wish = { memberExternalId: `lost ${randomUUID()}`, points: 7, reference: randomUUID() };
  await trouble('idempotency_key', '57P01', 'UPDATE');
  const lost = await call('POST', '/v1/credits', wish, key);
  expect(lost.status).toBe(503);
  expect(detailOf(lost)).toMatch(/not known whether/);
  const member = await call('POST', '/v1/members/lookup', { externalId: wish.memberExternalId });
  expect(member.body).toMatchObject({ balance: { available: 7 } });
  await world.surety.admin.query('DROP TRIGGER in_trouble ON idempotency_key');
  expect((await call('POST', '/v1/credits', wish, key)).body.code).toBe('idempotency_in_flight');
  await world.surety.admin.query("UPDATE idempotency_key SET lease_until = '-infinity' WHERE status IS NULL");
  expect((await call('POST', '/v1/credits', wish, key)).status).toBe(200);
});

it('what never got a connection has changed nothing, and says so', async () => {
  const other = await world.surety.admin.connect();
  try {
    await other.query('BEGIN; LOCK TABLE surety.lot IN ACCESS EXCLUSIVE MODE');
    const wish = { memberExternalId: 'anna', points: 1, reference: randomUUID() };
    const holding = call('POST', '/v1/credits', wish);
    await eventually(
      async () => {
        // Not by the connection in the transaction: what it has seen once of the others it sees until its end.
        const waiting = await world.surety.admin.query(
          "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%points_credit%'",
        );
        return waiting.rowCount === 1;
      },
      () => 'nobody waits for the lots',
    );
    const externalId = `unheard ${randomUUID()}`;
    const unheard = await call('POST', '/v1/members', { externalId });
    expect([unheard.status, unheard.body.code]).toEqual([503, 'unavailable']);
    expect(detailOf(unheard)).toMatch(/nothing was changed by this request/);
    await other.query('ROLLBACK');
    expect((await holding).status).toBe(201);
    expect((await call('POST', '/v1/members/lookup', { externalId })).status).toBe(404);
  } finally {
    other.release();
  }
});
