/** `/v1/api-keys`: shown once, replaced without locking anybody out, at most so many. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { scopes } from '../../src/api/auth/apiKeys.js';
import { World } from '../support/world.js';

let world: World;
beforeAll(async () => {
  world = await World.open();
});
afterAll(async () => {
  await world.close();
});

/** What the API answers, loosely: each test says what it expects of it. */
interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

const post = async (path: string, body?: unknown, headers: Record<string, string> = {}) =>
  (await world.call(world.keys.loyalty, 'POST', path, body, headers)) as unknown as Answer;
const get = async (path: string) => (await world.call(world.keys.loyalty, 'GET', path)) as unknown as Answer;
const idOf = ({ body }: Answer): string => String(body['id']);
const use = async (key: string, path: string) => (await world.call(key, 'GET', path)).status;

const works = async (key: string) => (await world.call(key, 'GET', '/v1/programme')).status === 200;
/** Ended all but the one that asks. */
const clear = () =>
  world.surety.admin.query("UPDATE api_key SET revoked_at = now() WHERE partner_id = $1 AND name <> 'first'", [
    world.partnerIds.loyalty,
  ]);
const keyNamed = (name: string, change: object = {}) =>
  post('/v1/api-keys', { name, scopes: ['points:read'], ...change });
const firstId = async () =>
  (
    await world.surety.admin.query<{ id: string }>("SELECT id FROM api_key WHERE partner_id = $1 AND name = 'first'", [
      world.partnerIds.loyalty,
    ])
  ).rows[0]?.id ?? '';

describe('API keys', () => {
  it('are shown once, work by their scopes, and end at once when revoked', async () => {
    const wish = { 'idempotency-key': randomUUID() };
    const body = { name: 'till', scopes: ['points:read'] };
    const made = await post('/v1/api-keys', body, wish);
    const key = String(made.body['key']);
    expect(key).toMatch(/^sk_test_/);
    expect((await post('/v1/api-keys', body, wish)).body).toMatchObject({ id: idOf(made), key: null });
    expect(JSON.stringify((await get('/v1/api-keys')).body)).not.toContain(key);
    expect([await use(key, '/v1/programme'), await use(key, '/v1/fund'), await use(key, '/v1/api-keys')]).toEqual([
      200, 403, 403,
    ]);
    await post(`/v1/api-keys/${idOf(made)}/revoke`);
    expect(await use(key, '/v1/programme')).toBe(401);
    const stored = await world.surety.admin.query('SELECT FROM idempotency_key WHERE body::text LIKE $1', [`%${key}%`]);
    expect(stored.rowCount).toBe(0);
  });

  it('are replaced with an overlap, and the last one that can make others stays', async () => {
    const made = await post('/v1/api-keys', { name: 'other', scopes });
    const rotated = await post(`/v1/api-keys/${idOf(made)}/rotate`, { overlapHours: 1 });
    expect(rotated.status).toBe(201);
    const [old, fresh] = [String(made.body['key']), String(rotated.body['key'])];
    expect([await use(old, '/v1/fund'), await use(fresh, '/v1/fund')]).toEqual([200, 200]);
    const { data } = (await get('/v1/api-keys')).body as unknown as { data: { id: string; name: string }[] };
    for (const { id, name } of data) if (name !== 'first') await post(`/v1/api-keys/${id}/revoke`);
    const first = data.find(({ name }) => name === 'first');
    const refused = await post(`/v1/api-keys/${first?.id ?? ''}/revoke`);
    expect([refused.status, refused.body]).toMatchObject([409, { refusal: 'last_full_key' }]);
  });

  it('that are replaced work for some minutes more, whatever was asked: the answer may have been lost', async () => {
    await clear();
    const made = await keyNamed('replaced');
    const rotated = await post(`/v1/api-keys/${idOf(made)}/rotate`, { overlapHours: 0 });
    expect([await works(String(made.body['key'])), await works(String(rotated.body['key']))]).toEqual([true, true]);
    const { data } = (await get('/v1/api-keys')).body as unknown as { data: { id: string; expiresAt: string }[] };
    const endsInMs = Date.parse(data.find(({ id }) => id === idOf(made))?.expiresAt ?? '') - Date.now();
    expect([endsInMs > 5 * 60_000, endsInMs <= 10 * 60_000]).toEqual([true, true]);
  });

  it('that are replaced twice, since an answer was lost, have successors of the life that they had themselves', async () => {
    await clear();
    const lifeMs = 40 * 86_400_000;
    const made = await keyNamed('mortal', { expiresAt: new Date(Date.now() + lifeMs).toISOString() });
    const forEver = await keyNamed('for ever');
    for (let time = 1; time <= 2; time++) {
      const mortal = await post(`/v1/api-keys/${idOf(made)}/rotate`, {});
      const livesMs = Date.parse(String(mortal.body['expiresAt'])) - Date.parse(String(mortal.body['createdAt']));
      expect(Math.round(livesMs / 86_400_000)).toBe(40);
      expect((await post(`/v1/api-keys/${idOf(forEver)}/rotate`, {})).body['expiresAt']).toBeNull();
    }
  });

  it('the last that can make others is not replaced without an hour in which another can be made', async () => {
    await clear();
    const id = await firstId();
    const path = `/v1/api-keys/${id}/rotate`;
    const refused = await post(path, { overlapHours: 0 });
    expect([refused.status, refused.body]).toMatchObject([409, { refusal: 'last_full_key' }]);
    const { data } = (await get('/v1/api-keys')).body as unknown as { data: object[] };
    expect(data).toContainEqual(expect.objectContaining({ id, expiresAt: null, revokedAt: null }));
    await keyNamed('another', { scopes });
    const rotated = await post(path, { overlapHours: 0 });
    expect([rotated.status, await works(String(rotated.body['key']))]).toEqual([201, true]);
    await world.surety.admin.query('UPDATE api_key SET expires_at = NULL WHERE id = $1', [id]);
    await world.surety.admin.query("UPDATE api_key SET name = 'successor' WHERE id = $1", [idOf(rotated)]);
  });

  it('whose replacement was made but never told are replaced by a repetition, also when they are over by then', async () => {
    await clear();
    const made = await keyNamed('untold');
    const wish = { 'idempotency-key': randomUUID() };
    const rotate = () => post(`/v1/api-keys/${idOf(made)}/rotate`, { overlapHours: 1 }, wish);
    const untold = await rotate();
    await world.surety.admin.query(
      "UPDATE idempotency_key SET status = NULL, body = NULL, lease_until = '-infinity' WHERE route LIKE '%' || $1 || '%'",
      [idOf(made)],
    );
    await world.surety.admin.query('UPDATE api_key SET expires_at = now() WHERE id = $1', [idOf(made)]);
    // Its successor lives as long as it was to live itself, not as long as it was left.
    const told = await rotate();
    expect(told.body['expiresAt']).toBeNull();
    expect([told.status, await works(String(told.body['key']))]).toEqual([201, true]);
    expect(await works(String(untold.body['key']))).toBe(false);
  });

  it('are at most 50 that work, made at once or one by one; the list leads through all there ever were', async () => {
    await clear();
    const answers = await Promise.all(Array.from({ length: 55 }, (_, n) => keyNamed(`n${n}`)));
    const refused = answers.filter(({ status }) => status !== 201);
    expect(refused.map(({ status, body }) => [status, body['refusal']])).toEqual(
      Array.from({ length: 6 }, () => [409, 'too_many_keys']),
    );
    const [one, other] = answers.filter(({ status }) => status === 201);
    if (one === undefined || other === undefined) throw new Error('none was made');
    // One that leaked can be replaced all the same, though not for ever anew.
    expect((await post(`/v1/api-keys/${idOf(one)}/rotate`, {})).status).toBe(201);
    expect((await keyNamed('late')).status).toBe(409);
    await post(`/v1/api-keys/${idOf(one)}/revoke`);
    await post(`/v1/api-keys/${idOf(other)}/revoke`);
    expect((await keyNamed('late')).status).toBe(201);
    const seen: string[] = [];
    for (let path: string | null = '/v1/api-keys?limit=20'; path !== null;) {
      const { data, next } = (await get(path)).body as unknown as { data: { id: string }[]; next: string | null };
      seen.push(...data.map(({ id }) => id));
      path = next === null ? null : `/v1/api-keys?limit=20&after=${next}`;
    }
    const { rows } = await world.surety.admin.query<{ id: string }>(
      'SELECT id FROM api_key WHERE partner_id = $1 ORDER BY id DESC',
      [world.partnerIds.loyalty],
    );
    expect(seen).toEqual(rows.map(({ id }) => id));
    expect(seen.length).toBeGreaterThan(50);
  });
});
