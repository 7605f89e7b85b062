/** Bugs of others, reproduced against ours: idempotency, numbers, and what one request leaves to the next. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { passwords } from '../../scripts/surety.js';
import { Points } from '../../src/ledger/points.js';
import { postgres } from '../support/books.js';
import { everything } from '../support/everything.js';
import { problemOf, send } from '../support/rawHttp.js';
import { eventually, World, type ApiAnswer } from '../support/world.js';

let world: World;
beforeAll(async () => {
  // One connection for each of the API's two pools: whatever stays on it meets the next request.
  world = await World.open({ environment: { SURETY_KEY_REQUESTS_PER_SECOND: '10000', DATABASE_POOL_SIZE: '1' } });
});
afterAll(async () => {
  await world.assertBooksAgree();
  await world.close();
});

const post = (path: string, body: unknown, headers: Record<string, string> = {}, key = world.keys.loyalty) =>
  world.call(key, 'POST', path, body, headers);
const get = (path: string, key = world.keys.loyalty) => world.call(key, 'GET', path);
const codeOf = ({ status, body }: ApiAnswer): [number, string] => [status, body.code];
const credit = (points: number) => post('/v1/credits', { memberExternalId: 'vera', points, reference: randomUUID() });

describe('[case class-transformer#257, nest#13559] numbers are numbers', () => {
  it.each(['"100"', 'true', '[5]', '""', '1.5', '9007199254740993', '0', '-1', 'null', '1e2', '-0'])(
    'points of %s: 422 that names points, nothing credited',
    async (points) => {
      const before = await everything(world.surety.admin);
      const body = `{"memberExternalId":"vera","reference":"${randomUUID()}","points":${points}}`;
      const answer = await post('/v1/credits', body);
      expect(codeOf(answer)).toEqual([422, 'invalid_request']);
      expect(answer.body).toMatchObject({ fields: [{ field: 'points' }] });
      expect(await everything(world.surety.admin)).toEqual(before);
    },
  );

  it.each(['abc', '', '1.5', '-1', '0', '201', '1e1', '0x10', '%201', '9007199254740993', '1&limit=2'])(
    '?limit=%s: 422 that names limit',
    async (limit) => {
      const { id } = (await post('/v1/members/lookup', { externalId: 'anna' })).body;
      for (const list of ['/v1/payments', `/v1/members/${id}/entries`, `/v1/members/${id}/lots`]) {
        const answer = await get(`${list}?limit=${limit}`);
        expect(codeOf(answer)).toEqual([422, 'invalid_request']);
        expect(answer.body).toMatchObject({
          fields: expect.arrayContaining([expect.objectContaining({ field: 'limit' })]),
        });
      }
    },
  );
});

describe('cursors', () => {
  it('that were changed, made up, of another list, of other filters or of another partner: 422', async () => {
    for (let n = 0; n < 3; n++) await world.open((await world.invoice()).id);
    const page = (await get('/v1/payments?limit=1')).body as unknown as { next: string };
    expect((await get(`/v1/payments?limit=1&after=${page.next}`)).status).toBe(200);
    const { id } = (await post('/v1/members/lookup', { externalId: 'anna' })).body;
    const last = page.next.at(-1) === 'A' ? 'B' : 'A';
    for (const path of [
      `/v1/payments?after=${page.next.slice(0, -2)}${last}${last}`,
      `/v1/payments?after=${page.next.slice(0, -5)}`,
      '/v1/payments?after=x',
      '/v1/payments?after=',
      `/v1/payments?after=${'x'.repeat(5_000)}`,
      `/v1/payments?state=paid&after=${page.next}`,
      `/v1/members/${id}/entries?after=${page.next}`,
    ]) {
      expect([path, ...codeOf(await get(path))]).toEqual([path, 422, 'invalid_request']);
    }
    const foreign = await get(`/v1/payments?after=${page.next}`, world.keys.organisation);
    expect(codeOf(foreign)).toEqual([422, 'invalid_request']);
  });
});

describe('[case idempot-js PR#191, samples PR#166] Idempotency-Key', () => {
  it('with another body: 422 even while the first is in flight; with the same: 409', async () => {
    const [invoice, other] = [await world.invoice(), await world.invoice()];
    await world.twin.arrangeFault({ invoiceId: invoice.id, operation: 'read', kind: 'pause', when: 'before' });
    const header = { 'idempotency-key': randomUUID() };
    const first = world.open(invoice.id, header);
    await eventually(
      async () => (await world.twin.requests(invoice.id)).some(({ paused }) => paused),
      () => 'the invoice is not read',
    );
    expect(codeOf(await world.open(other.id, header))).toEqual([422, 'idempotency_other_body']);
    expect(codeOf(await world.open(invoice.id, header))).toEqual([409, 'idempotency_in_flight']);
    await world.twin.resume(invoice.id, 'read');
    expect((await first).status).toBe(201);
    expect(codeOf(await world.open(other.id, header))).toEqual([422, 'idempotency_other_body']);
  });

  it('on another route, for another thing, or by another partner is another key', async () => {
    const header = { 'idempotency-key': randomUUID() };
    const externalId = `twice-${randomUUID()}`;
    expect((await post('/v1/members', { externalId }, header)).status).toBe(201);
    expect((await post('/v1/members', { externalId }, header, world.keys.organisation)).status).toBe(201);
    const reference = randomUUID();
    const credits = [
      await post('/v1/credits', { memberExternalId: externalId, points: 7, reference }, header),
      await credit(7),
    ];
    for (const { body } of credits) {
      const reversed = await post(`/v1/credits/${body.id}/reverse`, { reference: `back-${body.id}` }, header);
      expect(reversed.status).toBe(201);
    }
  });
});

describe('[case hyperswitch#13182] reversals of a credit', () => {
  const reverse = (id: string, points: number | null) =>
    post(`/v1/credits/${id}/reverse`, { points, reference: randomUUID() });

  it('in parts, all at once: never more than the credit, and together exactly it', async () => {
    const { id } = (await credit(100)).body;
    const answers = await Promise.all(Array.from({ length: 20 }, () => reverse(id, 33)));
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(3);
    for (const answer of answers.filter(({ status }) => status !== 201))
      expect([codeOf(answer), answer.body]).toMatchObject([[409, 'insufficient_points'], { remaining: 1 }]);
    // Not the whole of it any more.
    expect(codeOf(await reverse(id, null))).toEqual([409, 'insufficient_points']);
    const rest = await reverse(id, 1);
    expect([rest.status, rest.body.points]).toEqual([201, 1]);
    expect((await get(`/v1/credits/${id}`)).body).toMatchObject({ points: 100, reversed: 100, remaining: 0 });
    expect(codeOf(await reverse(id, 1))).toEqual([409, 'insufficient_points']);
  });

  it.each([0, -1, -100])('of %p points: 422, nothing taken back', async (points) => {
    const { id } = (await credit(100)).body;
    expect(codeOf(await reverse(id, points))).toEqual([422, 'invalid_request']);
    expect((await get(`/v1/credits/${id}`)).body).toMatchObject({ reversed: 0, remaining: 100 });
  });
});

describe('two spellings of a member', () => {
  it('are one: NFC, without the spaces around', async () => {
    const [composed, decomposed] = ['zoë-й'.normalize('NFC'), 'zoë-й'.normalize('NFD')];
    const { id } = (await post('/v1/members', { externalId: composed })).body;
    for (const spelling of [decomposed, ` ${composed} `, `\u00a0${decomposed}\u2003`]) {
      expect((await post('/v1/members/lookup', { externalId: spelling })).body.id).toBe(id);
    }
  });

  it.each(['a\u200bb', '\ufeffa', 'a\u202eb', 'a\tb', 'a\u0000', '\ud800', 'a\u00adb', ' ', '\u00a0', ''])(
    'with what nobody sees (%j) are refused wherever a member is named',
    async (name) => {
      const before = await everything(world.surety.admin);
      const text = JSON.stringify(name);
      for (const [path, body] of [
        ['/v1/members', `{"externalId":${text}}`],
        ['/v1/members/lookup', `{"externalId":${text}}`],
        ['/v1/login-tokens', `{"memberExternalId":${text}}`],
        ['/v1/credits', `{"memberExternalId":${text},"points":1,"reference":"r"}`],
      ] as const) {
        expect([path, ...codeOf(await post(path, body))]).toEqual([path, 422, 'invalid_request']);
      }
      expect(await everything(world.surety.admin)).toEqual(before);
    },
  );
});

describe('[case node-postgres#2897] the tenant of a request', () => {
  it('is not left to the next on the same connection, also when its sender has gone', async () => {
    const { id } = (await world.open((await world.invoice()).id)).body;
    const foreign = () => get(`/v1/payments/${id}`, world.keys.organisation);
    for (let round = 0; round < 20; round++) {
      const gone = new AbortController();
      const left = fetch(`${world.surety.apiUrl}/v1/payments/${id}`, {
        headers: { authorization: `Bearer ${world.keys.loyalty}` },
        signal: gone.signal,
      }).catch(() => undefined);
      const next = foreign();
      gone.abort();
      expect([(await next).status, (await foreign()).status]).toEqual([404, 404]);
      await left;
    }
    const list = (await get('/v1/payments', world.keys.organisation)).body as unknown as { data: object[] };
    expect(list.data).toEqual([]);
  });

  it('ends with its transaction, also with one that failed', async () => {
    const { options, points: asAdmin } = world.surety;
    const pool = new pg.Pool({
      connectionString: postgres.url(options.database, 'surety_api', passwords.api),
      max: 1,
      options: '-c search_path=surety',
    });
    const points = new Points(pool);
    const partnerId = world.partnerIds.loyalty;
    const memberId = await asAdmin.openMember(partnerId, 'anna');
    const leftBehind = async () => {
      const { rows } = await pool.query<{ partner: string | null; members: string }>(
        "SELECT nullif(current_setting('surety.partner', true), '') AS partner, (SELECT count(*) FROM member) AS members",
      );
      return rows[0];
    };
    expect(await points.readMember(partnerId, memberId, 30, Date.now())).not.toBeNull();
    expect(await leftBehind()).toEqual({ partner: null, members: '0' });
    await expect(points.balanceOn(partnerId, memberId, 'no day')).rejects.toThrow();
    expect(await leftBehind()).toEqual({ partner: null, members: '0' });
    await pool.end();
  });
});

it('[case typeorm#9316] an id that is missing, null or empty in a body names nobody', async () => {
  const before = await everything(world.surety.admin);
  for (const memberId of ['null', '""', '"null"', '"undefined"', '{}', '[]', '0', 'false']) {
    const body = `{"memberId":${memberId},"points":5,"reference":"${randomUUID()}"}`;
    expect(codeOf(await post('/v1/credits', body))).toEqual([422, 'invalid_request']);
  }
  expect(codeOf(await post('/v1/credits', { points: 5, reference: 'r' }))).toEqual([422, 'invalid_request']);
  for (const query of ['memberId=', 'memberId=null', 'invoiceId=undefined', 'invoiceId='])
    expect(codeOf(await get(`/v1/payments?${query}`))).toEqual([422, 'invalid_request']);
  const headers = { authorization: `Bearer ${world.keys.loyalty}` };
  expect(problemOf(await send(world.surety.apiUrl, 'GET', '/v1/members/', headers)).status).toBe(404);
  expect(await everything(world.surety.admin)).toEqual(before);
});
