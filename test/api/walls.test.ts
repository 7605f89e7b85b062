/**
 * Walls between partners, for every operation of docs/openapi.json: what belongs to another is answered as what does not
 * exist; the database holds where the code would not. An operation that is not told here
 * what to try fails.
 */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { applyPartner } from '../../scripts/partner.js';
import { loyaltyPartner, organisationPartner } from '../../scripts/demoWorld.js';
import { passwords } from '../../scripts/surety.js';
import { KeyRing } from '../../src/keyring.js';
import { Batches } from '../../src/ledger/batches.js';
import { postgres, testKeys } from '../support/books.js';
import { everything, tablesOfPartners } from '../support/everything.js';
import { operations, withLabel, type Operation } from '../support/operations.js';
import { problemOf, send, type RawAnswer } from '../support/rawHttp.js';
import { eventually, World } from '../support/world.js';

let world: World;
/** B: a loyalty programme too, so that nothing is refused for want of one; with nothing of its own. */
let other: { readonly key: string; readonly partnerId: string };
/** What A has, by the part of the address that names its kind. */
let ids: Readonly<Record<string, string>>;

beforeAll(async () => {
  world = await World.open({ environment: { SURETY_KEY_REQUESTS_PER_SECOND: '10000' } });
  const post = async (path: string, body: unknown) =>
    (await world.call(world.keys.loyalty, 'POST', path, body)).body.id;
  const opened = await world.open((await world.invoice()).id);
  await world.confirm(await world.open((await world.invoice()).id));
  ids = {
    payments: opened.body.id,
    'payment-batches': await batchOf(world.partnerIds.loyalty),
    imports: await importOf(world.keys.loyalty),
    eventId: await firstEvent(world.keys.loyalty),
    members: await post('/v1/members', { externalId: 'walls', metadata: { note: 'of A alone' } }),
    credits: await post('/v1/credits', { memberExternalId: 'walls', points: 100, reference: 'walls' }),
    'webhook-endpoints': await post('/v1/webhook-endpoints', { url: `${world.twin.url}/webhook` }),
    approvals: await approvalOf(world.keys.loyalty, 'walls'),
    ...(await reconciled(world.keys.loyalty, 'walls')),
    'api-keys': await post('/v1/api-keys', { name: 'walls', scopes: ['fund:read'] }),
  };
  await post('/v1/login-tokens', { memberExternalId: 'walls' });
  // Disabled, so that no delivery of its own changes anything meanwhile.
  await call(operationOf('PATCH /v1/webhook-endpoints/{id}'), world.keys.loyalty, ids, { state: 'disabled' });
  other = await anotherPartner();
});
afterAll(async () => {
  await world.assertBooksAgree();
  await world.close();
});

/** The least body that passes validation, with A's ids where a body carries ids. Operations that name one of A in the path. */
const bodies: Readonly<Record<string, () => object | null>> = {
  'GET /v1/payments/{id}': () => null,
  'GET /v1/payments/{id}/passport': () => null,
  'POST /v1/payments/{id}/confirm': () => ({
    memberExternalId: 'anna',
    seen: { amountMinor: 12_345_67, currency: 'RUB', points: 12_346 },
  }),
  'POST /v1/payments/{id}/cancel': () => ({}),
  'POST /v1/payments/{id}/refuse': () => ({}),
  'GET /v1/payment-batches/{id}': () => null,
  'GET /v1/payment-batches/{id}/items': () => null,
  'POST /v1/payment-batches/{id}/pause': () => null,
  'POST /v1/payment-batches/{id}/resume': () => null,
  'POST /v1/payment-batches/{id}/cancel': () => null,
  'GET /v1/payments/{id}/returns': () => null,
  'POST /v1/payments/{id}/returns': () => ({
    ...{ amountMinor: 1, fundRestored: true, reference: 'theirs', reason: 'theirs' },
  }),
  'GET /v1/members/{id}': () => null,
  'GET /v1/members/{id}/balance': () => null,
  'GET /v1/members/{id}/entries': () => null,
  'GET /v1/members/{id}/lots': () => null,
  'POST /v1/members/{id}/erase': () => null,
  'GET /v1/credits/{id}': () => null,
  'POST /v1/credits/{id}/reverse': () => ({ reference: 'theirs' }),
  'GET /v1/credits/imports/{id}': () => null,
  'GET /v1/credits/imports/{id}/rejections': () => null,
  'GET /v1/approvals/{id}': () => null,
  'POST /v1/approvals/{id}/approve': () => ({ version: 1, reason: 'theirs' }),
  'POST /v1/approvals/{id}/reject': () => ({ version: 1, reason: 'theirs' }),
  'GET /v1/fund/statements/{id}': () => null,
  'GET /v1/fund/differences/{id}': () => null,
  'POST /v1/fund/differences/{id}/explain': () => ({ reason: 'theirs' }),
  'GET /v1/reconciliations/{id}': () => null,
  'POST /v1/api-keys/{id}/rotate': () => ({}),
  'POST /v1/api-keys/{id}/revoke': () => null,
  'GET /v1/webhook-endpoints/{id}': () => null,
  'PATCH /v1/webhook-endpoints/{id}': () => ({ description: 'theirs' }),
  'DELETE /v1/webhook-endpoints/{id}': () => null,
  'POST /v1/webhook-endpoints/{id}/rotate-secret': () => null,
  'POST /v1/webhook-endpoints/{id}/test': () => null,
  'GET /v1/webhook-endpoints/{id}/deliveries': () => null,
  'POST /v1/webhook-endpoints/{id}/deliveries/{eventId}/replay': () => null,
  'POST /v1/webhook-endpoints/{id}/replay': () => ({ from: '2026-01-01T00:00:00Z', to: '2030-01-01T00:00:00Z' }),
};

/** Those without: what B is answered, and what of A it must not hold. Null: it tells what B made itself. */
const answers: Readonly<Record<string, (key: string) => Promise<void>>> = {
  'GET /v1/payments': async (key) => {
    expect(await read(key, '/v1/payments')).toEqual({ data: [], next: null });
    const query = `memberId=${ids['members'] ?? ''}`;
    expect(await read(key, `/v1/payments?${query}`)).toEqual({ data: [], next: null });
  },
  'POST /v1/payments': async (key) => {
    // An invoice is the partner's at Invoicebox: whether B's token reads it is decided there. Its payment is B's own.
    const body = { scheme: 'loyalty', invoiceId: (await world.invoice()).id };
    const ofA = await world.call(world.keys.loyalty, 'POST', '/v1/payments', body);
    const ofB = await world.call(key, 'POST', '/v1/payments', body);
    expect([ofB.status, ofB.body.id === ofA.body.id]).toEqual([201, false]);
  },
  'GET /v1/payment-batches': async (key) => {
    expect(await read(key, '/v1/payment-batches')).toEqual({ data: [], next: null });
  },
  'POST /v1/payment-batches': async (key) => {
    // Of an invoice that Invoicebox does not know: nothing is paid.
    const { body } = await world.call(key, 'POST', '/v1/payment-batches', { invoiceIds: [randomUUID()] });
    expect(JSON.stringify(await read(world.keys.loyalty, '/v1/payment-batches'))).not.toContain(body.id);
  },
  'POST /v1/login-tokens': async (key) => {
    const { status } = await world.call(key, 'POST', '/v1/login-tokens', { memberExternalId: 'walls' });
    expect(status).toBe(201);
    // For a member of its own that has the same name.
    expect((await memberOf(key, 'walls')).body.id).not.toBe(ids['members']);
  },
  'POST /v1/members': async (key) => {
    const made = await world.call(key, 'POST', '/v1/members', { externalId: 'walls' });
    expect(made.body.id).not.toBe(ids['members']);
    expect(made.body).toMatchObject({ metadata: {}, balance: { available: 0 } });
  },
  'POST /v1/members/lookup': async (key) => {
    expect((await memberOf(key, 'anna')).status).toBe(404);
  },
  'POST /v1/credits': async (key) => {
    const credit = (memberId: string | undefined) =>
      send(
        world.surety.apiUrl,
        'POST',
        '/v1/credits',
        writing(key),
        JSON.stringify({ memberId, points: 1, reference: 'x' }),
      );
    expectSame(await credit(ids['members']), await credit(randomUUID()));
  },
  'GET /v1/credits/imports': async (key) => {
    expect(await read(key, '/v1/credits/imports')).toEqual({ data: [], next: null });
  },
  'POST /v1/credits/imports': async (key) => {
    await importOf(key);
    // Its lines are for members of its own that have the same names.
    expect((await memberOf(key, 'walls')).body.id).not.toBe(ids['members']);
  },
  'GET /v1/exports/members': (key) => seesNothingOfA(key, '/v1/exports/members?format=csv'),
  'GET /v1/exports/entries': (key) => seesNothingOfA(key, '/v1/exports/entries'),
  'GET /v1/events': (key) => seesNothingOfA(key, '/v1/events'),
  'GET /v1/webhook-endpoints': async (key) => {
    expect(await read(key, '/v1/webhook-endpoints')).toEqual({ data: [] });
  },
  'POST /v1/webhook-endpoints': async (key) => {
    const { body } = await world.call(key, 'POST', '/v1/webhook-endpoints', { url: `${world.twin.url}/theirs` });
    expect(JSON.stringify(await read(world.keys.loyalty, '/v1/webhook-endpoints'))).not.toContain(body.id);
  },
  'GET /v1/programme': async (key) => {
    expect(JSON.stringify(await read(key, '/v1/programme'))).not.toContain('kafeteriy');
  },
  'PATCH /v1/programme': async (key) => {
    await world.call(key, 'PATCH', '/v1/programme', { support: 'B' }, { 'content-type': 'application/json' });
    expect(await read(world.keys.loyalty, '/v1/programme')).toMatchObject({ support: '8 800 000-00-00' });
  },
  'GET /v1/fund': async (key) => {
    expect(await read(key, '/v1/fund')).toMatchObject({ data: [{ currency: 'RUB', drawnMinor: 0 }] });
  },
  'GET /v1/fund/acts': (key) => seesNothingOfA(key, '/v1/fund/acts'),
  'GET /v1/fund/statement': (key) => seesNothingOfA(key, `/v1/fund/statement?month=${thisMonth()}&currency=RUB`),
  'GET /v1/points/outstanding': async (key) => {
    // Long after whatever the tests before have credited to B's own members.
    expect(await read(key, '/v1/points/outstanding?date=2020-01-01')).toMatchObject({ points: 0 });
    const ofB = (await read(key, '/v1/points/outstanding?date=2100-01-01')) as { points: number };
    const ofA = (await read(world.keys.loyalty, '/v1/points/outstanding?date=2100-01-01')) as { points: number };
    expect([ofB.points < 1_000, ofA.points > 1_000]).toEqual([true, true]);
  },
  'PUT /v1/fund/low-water': async (key) => {
    const body = { currency: 'RUB', lowWaterMinor: 1 };
    await world.call(key, 'PUT', '/v1/fund/low-water', body);
    expect(await read(world.keys.loyalty, '/v1/fund')).toMatchObject({ data: [{ lowWaterMinor: null }] });
  },
  'POST /v1/fund/doubt/clear': async (key) => {
    const doubt = (partnerId: string) =>
      world.surety.admin.query('UPDATE surety.partner SET fund_doubted_at = now() WHERE id = $1', [partnerId]);
    await Promise.all([doubt(world.partnerIds.loyalty), doubt(other.partnerId)]);
    const cleared = await world.call(key, 'POST', '/v1/fund/doubt/clear', { reason: 'looked' });
    expect(cleared.body).toMatchObject({ data: [{ doubtedAt: null }] });
    const ofA = { data: [{ doubtedAt: expect.any(String) as unknown }] };
    expect(await read(world.keys.loyalty, '/v1/fund')).toMatchObject(ofA);
    await world.call(world.keys.loyalty, 'POST', '/v1/fund/doubt/clear', { reason: 'looked' });
  },
  'POST /v1/fund/deposits': async (key) => {
    // The same bill as A's is B's own.
    expect(await approvalOf(key, 'walls')).not.toBe(ids['approvals']);
  },
  'POST /v1/fund/repayments': (key) => asksForItself(key, '/v1/fund/repayments'),
  'POST /v1/fund/corrections': (key) => asksForItself(key, '/v1/fund/corrections'),
  'GET /v1/fund/statement-mapping': async (key) => {
    expect((await world.call(key, 'GET', '/v1/fund/statement-mapping')).status).toBe(404);
  },
  'PUT /v1/fund/statement-mapping': async (key) => {
    await world.call(key, 'PUT', '/v1/fund/statement-mapping', { ...mapping, delimiter: '|' });
    expect(await read(world.keys.loyalty, '/v1/fund/statement-mapping')).toMatchObject({ delimiter: ';' });
  },
  'GET /v1/fund/statements': (key) => seesNothingOfA(key, '/v1/fund/statements'),
  'POST /v1/fund/statements': async (key) => {
    // The same line as A's is B's own, of its own difference.
    const of = await reconciled(key, 'walls');
    expect(Object.values(of).some((id) => Object.values(ids).includes(id))).toBe(false);
  },
  'GET /v1/fund/differences': (key) => seesNothingOfA(key, '/v1/fund/differences'),
  'GET /v1/reconciliations': (key) => seesNothingOfA(key, '/v1/reconciliations'),
  'POST /v1/reconciliations': async (key) => {
    const { body } = await world.call(key, 'POST', '/v1/reconciliations', {});
    expect(JSON.stringify(await read(world.keys.loyalty, '/v1/reconciliations'))).not.toContain(body.id);
  },
  'GET /v1/approvals': (key) => seesNothingOfA(key, '/v1/approvals'),
  'GET /v1/api-keys': async (key) => {
    expect(await read(key, '/v1/api-keys')).toMatchObject({ data: [{ name: 'first' }] });
  },
  'POST /v1/api-keys': async (key) => {
    const { body } = await world.call(key, 'POST', '/v1/api-keys', { name: 'of B', scopes: ['fund:read'] });
    expect(JSON.stringify(await read(world.keys.loyalty, '/v1/api-keys'))).not.toContain(body.id);
  },
};

describe("with another partner's key", () => {
  it('every operation is told here what to try', () => {
    expect([...Object.keys(bodies), ...Object.keys(answers)].sort()).toEqual(
      operations.map(({ label }) => label).sort(),
    );
  });

  it.each(withLabel(operations.filter(({ path }) => path.includes('{'))))(
    '%s answers as for an id that there is not, and changes nothing',
    async (label, operation) => {
      const before = await everything(world.surety.admin, world.partnerIds.loyalty);
      const body = bodies[label]?.() ?? null;
      const answer = await call(operation, other.key, ids, body);
      const unknown = Object.fromEntries(Object.keys(ids).map((kind) => [kind, randomUUID()]));
      expectSame(answer, await call(operation, other.key, unknown, body));
      expect(problemOf(answer).code).toBe('not_found');
      expect(await everything(world.surety.admin, world.partnerIds.loyalty)).toEqual(before);
    },
  );

  it.each(Object.entries(answers))('%s tells and touches nothing of another', async (_, attempt) => {
    await attempt(other.key);
  });
});

describe('row-level security', () => {
  it('shows the API no row of another, whatever it asks for, and lets it write none', async () => {
    const pool = new pg.Pool({
      connectionString: postgres.url(world.surety.options.database, 'surety_api', passwords.api),
      max: 1,
      options: '-c search_path=surety',
    });
    const seen = async (partnerId: string | null) => {
      const rows: string[] = [];
      await pool.query("SELECT set_config('surety.partner', $1, false)", [partnerId ?? '']);
      for (const { name, column } of await tablesOfPartners(world.surety.admin)) {
        const readable = await world.surety.admin.query<{ can: boolean }>(
          'SELECT has_column_privilege($1, $2, $3, $4) AS can',
          ['surety_api', `surety.${name}`, column, 'SELECT'],
        );
        if (readable.rows[0]?.can !== true) continue;
        const of = [world.partnerIds.loyalty];
        const sql = `SELECT FROM ${pg.escapeIdentifier(name)} WHERE ${pg.escapeIdentifier(column)} = $1`;
        if ((await pool.query(sql, of)).rowCount !== 0) rows.push(name);
      }
      return rows;
    };
    expect(await seen(world.partnerIds.loyalty)).toEqual(
      expect.arrayContaining(['api_key', 'lot', 'member', 'partner', 'payment', 'payment_event', 'transfer']),
    );
    expect(await seen(other.partnerId)).toEqual([]);
    expect(await seen(null)).toEqual([]);
    await pool.query("SELECT set_config('surety.partner', $1, false)", [other.partnerId]);
    await expect(
      pool.query(
        `INSERT INTO api_key (partner_id, name, prefix, hash, scopes) VALUES ($1, 'theirs', 'sk_test_xxxx', '\\x00', '{}')`,
        [world.partnerIds.loyalty],
      ),
    ).rejects.toThrow(/row-level security/);
    const { rowCount } = await pool.query('UPDATE api_key SET name = $1 WHERE partner_id = $2', [
      'b',
      world.partnerIds.loyalty,
    ]);
    expect(rowCount).toBe(0);
    await pool.end();
  });

  it('is on, and forced, for every table with rows of partners', async () => {
    const { rows } = await world.surety.admin.query<{ name: string }>(
      `SELECT relname AS name FROM pg_class
        WHERE relnamespace = 'surety'::regnamespace AND relkind IN ('r', 'p') AND relrowsecurity AND relforcerowsecurity`,
    );
    const tables = await tablesOfPartners(world.surety.admin);
    expect(rows.map(({ name }) => name)).toEqual(expect.arrayContaining(tables.map(({ name }) => name)));
  });
});

async function anotherPartner(): Promise<{ key: string; partnerId: string }> {
  const file = organisationPartner(world.surety.twin.host, world.surety.options.timings);
  const { loyalty } = loyaltyPartner(world.surety.twin.host).settings;
  const client = await world.surety.admin.connect();
  const settings = { ...file.settings, loyalty };
  const applied = await applyPartner(client, { ...file, slug: 'other', settings }, new KeyRing(testKeys), true);
  client.release();
  return { key: applied.apiKey ?? '', partnerId: applied.partnerId };
}

function writing(key: string): Record<string, string> {
  return { authorization: `Bearer ${key}`, 'content-type': 'application/json', 'idempotency-key': randomUUID() };
}

/** `{id}` is of the kind that stands before it in the address; other parameters have names of their own. */
function call(operation: Operation, key: string, known: typeof ids, body: object | null): Promise<RawAnswer> {
  const kind = /([^/]+)\/\{id\}/.exec(operation.path)?.[1] ?? '';
  const path = operation.path.replaceAll(/\{([^}]+)\}/g, (_, name: string) => {
    const id = known[name === 'id' ? kind : name];
    if (id === undefined) throw new Error(`${operation.label}: A has no ${name} of ${kind} here yet`);
    return id;
  });
  return send(world.surety.apiUrl, operation.method, path, writing(key), body === null ? '' : JSON.stringify(body));
}

function operationOf(label: string): Operation {
  const operation = operations.find((one) => one.label === label);
  if (operation === undefined) throw new Error(`There is no ${label}`);
  return operation;
}

/** Of one line, done. */
async function importOf(key: string): Promise<string> {
  const file = 'memberExternalId,points,reference\nwalls,5,line-1\n';
  const path = '/v1/credits/imports';
  const { text } = await send(world.surety.apiUrl, 'POST', path, { ...writing(key), 'content-type': 'text/csv' }, file);
  const { id } = JSON.parse(text) as { id: string };
  await eventually(
    async () => (await world.call(key, 'GET', `${path}/${id}`)).body.state === 'finished',
    () => `the import ${id} does not finish: ${text}`,
  );
  return id;
}

const thisMonth = (): string => new Date().toISOString().slice(0, 7);

async function approvalOf(key: string, reference: string): Promise<string> {
  const wish = { currency: 'RUB', amountMinor: 100, reference };
  const { body } = await world.call(key, 'POST', '/v1/fund/deposits', wish);
  return (body as unknown as { approval: { id: string } }).approval.id;
}

const mapping = {
  currency: 'RUB',
  columns: { date: 'date', amount: 'amount', transactionId: 'transaction' },
  direction: 'sign',
} as const;

/** A statement of one line that nobody knows of, compared: its run and its difference. */
async function reconciled(key: string, transactionId: string) {
  await world.call(key, 'PUT', '/v1/fund/statement-mapping', mapping);
  const file = `date;amount;transaction\n01.11.2026;-5,00;${transactionId}\n`;
  const path = '/v1/fund/statements';
  const { text } = await send(world.surety.apiUrl, 'POST', path, { ...writing(key), 'content-type': 'text/csv' }, file);
  const { id } = JSON.parse(text) as { id: string };
  const first = async (list: string): Promise<{ id: string; state: string } | undefined> =>
    ((await read(key, list)) as { data: { id: string; state: string }[] }).data[0];
  await eventually(
    async () => (await first('/v1/reconciliations'))?.state === 'finished',
    () => `the statement ${id} is not reconciled: ${text}\n${world.worker?.output.slice(-3_000) ?? ''}`,
  );
  const [run, difference] = [await first('/v1/reconciliations'), await first('/v1/fund/differences')];
  return { statements: id, reconciliations: run?.id ?? '', differences: difference?.id ?? '' };
}

async function asksForItself(key: string, path: string): Promise<void> {
  const wish = {
    currency: 'RUB',
    amountMinor: 100,
    reference: 'walls',
    ...(path.endsWith('corrections') ? { reason: 'x' } : {}),
  };
  const { status, body } = await world.call(key, 'POST', path, wish);
  expect(status).toBe(202);
  const { id } = (body as unknown as { approval: { id: string } }).approval;
  expect(JSON.stringify(await read(world.keys.loyalty, '/v1/approvals'))).not.toContain(id);
}

/** Paused, so that nobody works on it. */
async function batchOf(partnerId: string): Promise<string> {
  const key = { partnerId, batchId: randomUUID() };
  const batches = new Batches(world.surety.admin);
  await batches.open(key, { invoiceIds: [randomUUID()] }, { kind: 'operator', id: 'walls' }, Date.now());
  await batches.change(key, 'pause', 'by_partner', Date.now());
  return key.batchId;
}

async function firstEvent(key: string): Promise<string> {
  let first: string | undefined;
  // The feed waits for every transaction of the server that began before, other suites' too.
  await eventually(
    async () => {
      const { data } = (await read(key, '/v1/events')) as { data: { id: string }[] };
      first = data[0]?.id;
      return first !== undefined;
    },
    () => 'nothing has happened yet',
  );
  return first ?? '';
}

async function read(key: string, path: string): Promise<unknown> {
  return (await world.call(key, 'GET', path)).body;
}

const memberOf = (key: string, externalId: string) => world.call(key, 'POST', '/v1/members/lookup', { externalId });

async function seesNothingOfA(key: string, path: string): Promise<void> {
  const { status, text } = await send(world.surety.apiUrl, 'GET', path, { authorization: `Bearer ${key}` });
  expect(status).toBe(200);
  for (const id of Object.values(ids)) expect(text).not.toContain(id);
}

/** The same bytes and headers but for the request's id, and what is made of it or of the moment. */
function expectSame(one: RawAnswer, two: RawAnswer): void {
  const told = ({ status, text, headers: { date, etag, ...headers } }: RawAnswer) => {
    expect([typeof date, typeof etag]).toEqual(['string', 'string']);
    return [status, headers, text.replace(/"requestId":"[^"]*"/, '')];
  };
  expect(told(one)).toEqual(told(two));
}
