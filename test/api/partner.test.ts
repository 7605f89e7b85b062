/** The partner's side of the API: members, credits, exports, the programme's settings, keys, lists. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { World, eventually } from '../support/world.js';

let world: World;
beforeAll(async () => {
  world = await World.open();
});
afterAll(async () => {
  await world.assertBooksAgree();
  await world.close();
});

/** What the API answers, loosely: each test says what it expects of it. */
interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Readonly<Record<string, unknown>>;
}

const call = async (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) =>
  (await world.call(world.keys.loyalty, method, path, body, headers)) as unknown as Answer;
const post = (path: string, body?: unknown, headers?: Record<string, string>) => call('POST', path, body, headers);
const get = (path: string) => call('GET', path);
const idOf = ({ body }: Answer): string => String(body['id']);

const member = async (externalId: string) => idOf(await post('/v1/members', { externalId }));
const credit = (memberId: string, points: number, more: object = {}) =>
  post('/v1/credits', { memberId, points, reference: randomUUID(), ...more });

async function text(path: string): Promise<string> {
  const response = await fetch(world.surety.apiUrl + path, {
    headers: { authorization: `Bearer ${world.keys.loyalty}` },
  });
  expect(response.status).toBe(200);
  return response.text();
}

describe('a member', () => {
  it('is created once by his externalId, however it is spelled, and found by it', async () => {
    const first = await post('/v1/members', { externalId: 'Юлия ё', metadata: { tier: 'gold' } });
    expect([first.status, first.body]).toMatchObject([201, { externalId: 'Юлия ё', metadata: { tier: 'gold' } }]);
    // The same letters, decomposed, with spaces around.
    const again = await post('/v1/members', { externalId: '  Юлия е\u0308 ' });
    expect([again.status, again.body]).toMatchObject([200, { id: idOf(first), metadata: { tier: 'gold' } }]);
    const changed = await post('/v1/members', { externalId: 'Юлия ё', metadata: {} });
    expect(changed.body).toMatchObject({ id: idOf(first), metadata: {} });
    expect((await post('/v1/members/lookup', { externalId: 'Юлия ё' })).body).toMatchObject({ id: idOf(first) });
    expect((await post('/v1/members/lookup', { externalId: 'nobody' })).status).toBe(404);
  });

  it('has a balance now and at a date, entries, lots, and is told what expires soon', async () => {
    const id = await member(`books ${randomUUID()}`);
    const soon = new Date(Date.now() + 5 * 86_400_000).toISOString().slice(0, 10);
    await credit(id, 100, { expiresOn: soon, reference: `soon-${id}` });
    await credit(id, 50);
    expect((await get(`/v1/members/${id}`)).body).toMatchObject({
      balance: { available: 150, held: 0 },
      expiringSoon: [{ expiresOn: soon, points: 100 }],
    });
    expect((await get(`/v1/members/${id}/balance`)).body).toEqual({ available: 150, held: 0 });
    expect((await get(`/v1/members/${id}/balance?at=2020-01-01`)).body).toEqual({ available: 0, held: 0 });
    expect((await get(`/v1/members/${id}/balance?at=${soon}`)).body).toEqual({ available: 150, held: 0 });
    const nextDay = new Date(Date.parse(soon) + 86_400_000).toISOString().slice(0, 10);
    expect((await get(`/v1/members/${id}/balance?at=${nextDay}`)).body).toEqual({ available: 50, held: 0 });
    const { data } = (await get(`/v1/members/${id}/entries`)).body as unknown as { data: object[] };
    expect(data).toMatchObject([
      { kind: 'credit', points: 50 },
      { kind: 'credit', points: 100, reference: `soon-${id}` },
    ]);
    expect((await get(`/v1/members/${id}/lots`)).body).toMatchObject({
      data: [
        { granted: 100, remaining: 100, expiresOn: soon },
        { granted: 50, remaining: 50, expiresOn: null },
      ],
    });
  });

  it('is paged by cursors that lead through all entries once', async () => {
    const id = await member(`pages ${randomUUID()}`);
    for (let points = 1; points <= 7; points++) await credit(id, points);
    const seen: number[] = [];
    let path = `/v1/members/${id}/entries?limit=3`;
    for (;;) {
      const { data, next } = (await get(path)).body as unknown as { data: { points: number }[]; next: string | null };
      seen.push(...data.map(({ points }) => points));
      if (next === null) break;
      path = `/v1/members/${id}/entries?limit=3&after=${next}`;
    }
    expect(seen).toEqual([7, 6, 5, 4, 3, 2, 1]);
  });

  it('is made nobody on request: his name goes everywhere, his entries and points stay', async () => {
    const externalId = `+7 900 ${randomUUID()}`;
    const key = { 'idempotency-key': randomUUID() };
    const id = idOf(await post('/v1/members', { externalId, metadata: { note: 'Анна' } }, key));
    await credit(id, 30);
    expect((await post(`/v1/members/${id}/erase`)).body).toMatchObject({ externalId: null, metadata: {} });
    expect((await get(`/v1/members/${id}`)).body).toMatchObject({ externalId: null, balance: { available: 30 } });
    expect((await get(`/v1/members/${id}/entries`)).body).toMatchObject({ data: [{ points: 30 }] });
    expect((await credit(id, 1)).body).toMatchObject({ code: 'conflict', refusal: 'member_erased' });
    expect(await text('/v1/exports/members')).not.toContain(externalId);
    const traces = await world.surety.admin.query(
      `SELECT table_name FROM information_schema.tables WHERE table_schema = 'surety' AND table_type = 'BASE TABLE'`,
    );
    for (const { table_name: table } of traces.rows as { table_name: string }[]) {
      const found = await world.surety.admin.query(`SELECT FROM surety.${table} AS row WHERE row::text LIKE $1`, [
        `%${externalId}%`,
      ]);
      expect([table, found.rowCount]).toEqual([table, 0]);
    }
    // Whoever has this name later is somebody else.
    expect(await member(externalId)).not.toBe(id);
  });
});

describe('a credit', () => {
  it('is booked once by its reference, whatever key it comes with', async () => {
    const id = await member(`once ${randomUUID()}`);
    const body = { memberId: id, points: 10, reference: `order-${id}` };
    const answers = await Promise.all([1, 2, 3].map(() => post('/v1/credits', body)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 200, 201]);
    expect(new Set(answers.map(idOf)).size).toBe(1);
    const other = await post('/v1/credits', { ...body, points: 11 });
    expect([other.status, other.body]).toMatchObject([409, { code: 'reference_conflict' }]);
    expect((await get(`/v1/members/${id}/balance`)).body).toEqual({ available: 10, held: 0 });
  });

  it('makes a member of an externalId that nobody has had', async () => {
    const externalId = `new ${randomUUID()}`;
    const made = await post('/v1/credits', { memberExternalId: externalId, points: 5, reference: randomUUID() });
    expect(made.status).toBe(201);
    expect((await post('/v1/members/lookup', { externalId })).body).toMatchObject({
      id: made.body['memberId'],
      balance: { available: 5 },
    });
  });

  it('that is refused leaves no member behind', async () => {
    const taken = randomUUID();
    await credit(await member('has it'), 5, { reference: taken });
    for (const change of [{ expiresOn: '2020-01-01' }, { reference: taken }, { reference: taken, points: 6 }]) {
      const memberExternalId = `refused ${randomUUID()}`;
      const wish = { memberExternalId, points: 5, reference: randomUUID(), ...change };
      expect([409, 422]).toContain((await post('/v1/credits', wish)).status);
      expect((await post('/v1/members/lookup', { externalId: memberExternalId })).status).toBe(404);
    }
  });

  it('is refused for a day that is over, naming the field', async () => {
    const answer = await credit(await member('late'), 5, { expiresOn: '2020-01-01' });
    expect([answer.status, answer.body]).toMatchObject([
      422,
      { code: 'invalid_request', fields: [{ field: 'expiresOn' }] },
    ]);
  });

  it('is taken back in parts, never more than is left of it', async () => {
    const id = await member(`reversed ${randomUUID()}`);
    const made = idOf(await credit(id, 10));
    const reverse = (points: number | null, reference = randomUUID()) =>
      post(`/v1/credits/${made}/reverse`, { points, reference });
    expect((await reverse(4)).body).toMatchObject({ points: 4, credit: { remaining: 6, reversed: 4 } });
    const tooMuch = await reverse(7);
    expect([tooMuch.status, tooMuch.body]).toMatchObject([409, { code: 'insufficient_points', remaining: 6 }]);
    expect((await reverse(null)).body).toMatchObject({ code: 'insufficient_points' });
    expect((await reverse(6)).body).toMatchObject({ credit: { remaining: 0, reversed: 10 } });
    expect((await get(`/v1/members/${id}/balance`)).body).toEqual({ available: 0, held: 0 });
  });
});

describe('a payment that is refused', () => {
  it.each(['credentials_failed_at', 'fund_doubted_at'])(
    'for the partner’s %s leaves no member behind',
    async (flag) => {
      const memberExternalId = `refused ${randomUUID()}`;
      const invoiceId = (await world.invoice()).id;
      const open = () => post('/v1/payments', { scheme: 'loyalty', invoiceId, memberExternalId });
      await world.surety.admin.query(`UPDATE partner SET ${flag} = now() WHERE id = $1`, [world.partnerIds.loyalty]);
      const refused = await open();
      await world.surety.admin.query(`UPDATE partner SET ${flag} = NULL WHERE id = $1`, [world.partnerIds.loyalty]);
      expect([refused.status, refused.body]).toMatchObject([409, { code: 'partner_not_ready' }]);
      expect((await post('/v1/members/lookup', { externalId: memberExternalId })).status).toBe(404);
      const opened = await open();
      const found = await post('/v1/members/lookup', { externalId: memberExternalId });
      expect([opened.status, opened.body['memberId']]).toEqual([201, idOf(found)]);
    },
  );
});

describe('points a payment', () => {
  it('are kept within the programme’s limits, which the partner sets itself', async () => {
    const limits = (body: object) => call('PATCH', '/v1/programme', body);
    expect((await limits({ minPoints: 100, maxPoints: 20_000 })).body).toMatchObject({
      minPoints: 100,
      maxPoints: 20_000,
    });
    expect((await limits({ minPoints: 30_000 })).body).toMatchObject({ fields: [{ field: 'minPoints' }] });
    // The worker keeps a partner's settings for ten seconds.
    const reasonOf = async (amountMinor: number) =>
      (await world.open((await world.invoice({ amountMinor })).id)).body.reason;
    await eventually(async () => (await reasonOf(99_00)) === 'too_few_points', () => 'a small invoice is still taken'); // prettier-ignore
    expect(await reasonOf(20_001_00)).toBe('too_many_points');
    expect(await reasonOf(20_000_00)).toBeNull();
    await limits({ minPoints: null, maxPoints: null });
    await eventually(async () => (await reasonOf(99_00)) === null, () => 'a small invoice is still refused'); // prettier-ignore
  });
});

describe('points expire by themselves', () => {
  it('when the Schedule comes round: booked, and told', async () => {
    const id = await member(`expired ${randomUUID()}`);
    await credit(id, 12, { expiresOn: new Date(Date.now() + 86_400_000).toISOString().slice(0, 10) });
    // Three days go by for this lot alone.
    await world.surety.admin.query("UPDATE lot SET expires_at = expires_at - interval '3 days' WHERE member_id = $1", [
      id,
    ]);
    await world.client.schedule.getHandle('expire-points').trigger();
    await eventually(
      async () => ((await get(`/v1/members/${id}/entries`)).body as unknown as { data: object[] }).data.length === 2,
      () => world.worker?.output ?? '',
    );
    const { rows } = await world.surety.admin.query<{ body: { data: object } }>(
      "SELECT body FROM event WHERE type = 'points.expired'",
    );
    expect(rows.map(({ body }) => body.data)).toContainEqual(expect.objectContaining({ memberId: id, points: 12 }));
  });
});

describe('exports', () => {
  it('stream every member and every entry, past a page, as lines of JSON and as CSV', async () => {
    await world.surety.admin.query(
      `INSERT INTO member (partner_id, external_id) SELECT $1, 'export "' || n || '";' FROM generate_series(1, 2500) AS n`,
      [world.partnerIds.loyalty],
    );
    const lines = (await text('/v1/exports/members')).trimEnd().split('\n');
    const ids = lines.map((line) => (JSON.parse(line) as { id: string }).id);
    expect(ids.length).toBeGreaterThan(2_500);
    expect(new Set(ids).size).toBe(ids.length);
    const csv = (await text('/v1/exports/members?format=csv')).trimEnd().split('\n');
    expect(csv).toHaveLength(ids.length + 1);
    expect(csv[0]).toBe('id,externalId,available,held,nextExpiresOn,createdAt,erasedAt');
    expect(csv.some((line) => line.includes('"export ""7"";"'))).toBe(true);
    // What a member calls himself is a formula in no spreadsheet; JSON has it as it is.
    const formulas = ['=HYPERLINK("x")', '+7 900 111-22-33', '-1+1', '@SUM(A1)'];
    for (const name of formulas)
      await credit(await member(name), 5, { reference: `${name.slice(0, 1)}${randomUUID()}` });
    const reversible = idOf(await credit(await member('=HYPERLINK("x")'), 5));
    await post(`/v1/credits/${reversible}/reverse`, { points: 4, reference: '=1+1' });
    // Of what may still be being written, an export tells nothing yet.
    await eventually(
      async () => (await text('/v1/exports/entries?format=csv')).includes(",reversal,-4,'=1"),
      () => 'the reversal is never exported',
    );
    const sheets = [await text('/v1/exports/members?format=csv'), await text('/v1/exports/entries?format=csv')];
    for (const line of sheets.flatMap((sheet) => sheet.split('\n'))) {
      expect(line).not.toMatch(/(^|,)"?([=+@]|-(?!\d+,))/);
    }
    expect(sheets[0]).toContain("'+7 900 111-22-33");
    expect(sheets[1]).toMatch(/,reversal,-4,'=1\+1,/);
    expect(await text('/v1/exports/members')).toContain('"externalId":"+7 900 111-22-33"');
    const entries = async (query = '') => {
      const lines = (await text(`/v1/exports/entries${query}`)).trimEnd().split('\n');
      return lines.map((line) => JSON.parse(line) as { points: number; reference: string });
    };
    await eventually(
      async () => {
        const { rows } = await world.surety.admin.query<{ sum: string }>(
          "SELECT sum(balance) FROM account WHERE kind = 'member.available' AND partner_id = $1",
          [world.partnerIds.loyalty],
        );
        return (await entries()).reduce((sum, { points }) => sum + points, 0) === Number(rows[0]?.sum);
      },
      () => 'the entries are never those of the balances',
    );
  });

  it('of entries go on where the one before ended', async () => {
    const id = await member('goes on');
    const end = await fetch(`${world.surety.apiUrl}/v1/exports/entries`, {
      headers: { authorization: `Bearer ${world.keys.loyalty}` },
    });
    const whole = (await end.text()).trimEnd().split('\n');
    const after = encodeURIComponent(end.headers.get('surety-next') ?? '');
    const reference = randomUUID();
    await post('/v1/credits', { memberId: id, points: 1, reference });
    await eventually(
      async () => (await text(`/v1/exports/entries?after=${after}`)).includes(reference),
      () => 'the new entry never comes',
    );
    const since = (await text(`/v1/exports/entries?after=${after}`)).trimEnd().split('\n');
    expect(since.length).toBeLessThan(whole.length);
    expect((await get('/v1/exports/entries?after=made.up')).status).toBe(422);
  });
});

describe('the list of payments', () => {
  it('filters by state and invoice, newest first, by pages', async () => {
    const opened = [];
    for (let turn = 0; turn < 3; turn++) opened.push(await world.open((await world.invoice()).id));
    const [first] = opened;
    if (first === undefined) throw new Error('nothing was opened');
    await world.confirm(first);
    const list = async (query: string) =>
      ((await get(`/v1/payments?${query}`)).body as unknown as { data: { id: string }[] }).data.map(({ id }) => id);
    expect((await list('state=paid&limit=1'))[0]).toBe(first.body.id);
    expect((await list('state=awaiting_confirmation&limit=2')).sort()).toEqual(
      opened.slice(1).map(({ body }) => body.id).sort(), // prettier-ignore
    );
    const { invoice } = opened[2]?.body as unknown as { invoice: { id: string } };
    expect(await list(`invoiceId=${invoice.id.toUpperCase()}`)).toEqual([opened[2]?.body.id]);
    expect(await list('openedBefore=2020-01-01T00:00:00Z')).toEqual([]);
  });
});
