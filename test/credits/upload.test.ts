/** Files of credits by the real way: API, Temporal, worker, each its own process. */
import { randomUUID } from 'node:crypto';
import { request } from 'node:http';
import { eventually, World } from '../support/world.js';

let world: World;
beforeAll(async () => {
  world = await World.open();
}, 120_000);
afterAll(async () => {
  await world.close();
});

interface Told {
  readonly id: string;
  readonly state: string;
  readonly [name: string]: unknown;
}

const header = 'memberExternalId,points,expiresOn,reference';
const path = '/v1/credits/imports';

async function send(
  body: string | Uint8Array<ArrayBuffer>,
  options: { key?: string; query?: string; type?: string; apiKey?: string } = {},
) {
  const response = await fetch(`${world.surety.apiUrl}${path}${options.query ?? ''}`, {
    method: 'POST',
    body,
    headers: {
      authorization: `Bearer ${options.apiKey ?? world.keys.loyalty}`,
      'content-type': options.type ?? 'text/csv',
      'idempotency-key': options.key ?? randomUUID(),
    },
  });
  return { status: response.status, headers: response.headers, body: (await response.json()) as Told };
}

async function read(id: string, below = ''): Promise<Told> {
  return (await world.call(world.keys.loyalty, 'GET', `${path}/${id}${below}`)).body;
}

async function ended(id: string): Promise<Told> {
  await eventually(
    async () => ['finished', 'failed'].includes((await read(id)).state),
    () => `the import ${id} does not end\n${world.worker?.output.slice(-3_000) ?? ''}`,
  );
  return read(id);
}

it('a file is taken, worked on and told of: CSV with a BOM, NDJSON, and what of it was rejected', async () => {
  const sent = await send(`\ufeff${header}\r\nолег,10,2037-12-31,up-1\r\nолег,1.5,,up-2\r\n`);
  expect(sent.status).toBe(202);
  expect(sent.headers.get('location')).toBe(`${path}/${sent.body.id}`);
  await expect(ended(sent.body.id)).resolves.toMatchObject({
    state: 'finished',
    creditedLines: 1,
    creditedPoints: 10,
    rejectedLines: 1,
    totalLines: 3,
  });
  await expect(read(sent.body.id, '/rejections')).resolves.toEqual({
    data: [{ line: 3, reason: 'fractional_points', field: 'points' }],
    next: null,
  });
  const second = await send('{"memberExternalId":"олег","points":5,"reference":"up-3"}', {
    type: 'application/x-ndjson',
  });
  await expect(ended(second.body.id)).resolves.toMatchObject({ format: 'ndjson', creditedLines: 1 });
  expect((await world.balance('олег')).available).toBe(15);
  const list = (await world.call(world.keys.loyalty, 'GET', path)).body as unknown as { data: Told[] };
  expect(list.data.slice(0, 2).map(({ id }) => id)).toEqual([second.body.id, sent.body.id]);
  await world.assertBooksAgree();
});

it('the same key is one import: the same file is answered as it stands, another file is refused', async () => {
  const key = randomUUID();
  const body = `${header}\npavel,7,,same-1\n`;
  const first = await send(body, { key });
  await ended(first.body.id);
  const again = await send(body, { key });
  expect([again.status, again.body.id, again.body.state]).toEqual([200, first.body.id, 'finished']);
  expect(again.headers.get('idempotency-replayed')).toBe('true');
  const other = await send(`${body}pavel,8,,same-2\n`, { key });
  expect([other.status, other.body['code']]).toEqual([422, 'idempotency_other_body']);
  const dry = await send(body, { key, query: '?dryRun=true' });
  expect(dry.status).toBe(422);
  expect((await world.balance('pavel')).available).toBe(7);
});

it('a cut upload credits nothing, and comes again whole under its key', async () => {
  const key = randomUUID();
  const lines = Array.from({ length: 60_000 }, (_, index) => `rosa,1,,cut-${index}\n`);
  const outgoing = request(`${world.surety.apiUrl}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${world.keys.loyalty}`, 'content-type': 'text/csv', 'idempotency-key': key },
  });
  const cut = new Promise<void>((resolve) => {
    outgoing.on('error', () => undefined).once('close', resolve);
  });
  outgoing.write(`${header}\n${lines.slice(0, 40_000).join('')}`);
  const chunks = async () => {
    const { rows } = await world.surety.admin.query<{ chunks: string }>(
      "SELECT count(*) AS chunks FROM credit_import_chunk JOIN credit_import ON id = import_id WHERE state = 'receiving'",
    );
    return Number(rows[0]?.chunks);
  };
  await eventually(
    async () => (await chunks()) > 0,
    () => 'nothing arrives',
  );
  outgoing.destroy();
  await cut;
  await eventually(
    async () => (await chunks()) === 0,
    () => 'what was cut off stays',
  );
  const again = await send(`${header}\n${lines.join('')}`, { key });
  await expect(ended(again.body.id)).resolves.toMatchObject({ state: 'finished', creditedLines: 60_000 });
  expect((await world.balance('rosa')).available).toBe(60_000);
});

it('a killed worker’s import goes on elsewhere, each line once', async () => {
  const count = 200_000;
  const lines = Array.from({ length: count }, (_, index) => `k-${index % 5_000},1,,kill-${index}\n`);
  const sent = await send(`${header}\n${lines.join('')}`);
  await eventually(
    async () => Number((await read(sent.body.id))['linesDone']) > 0,
    () => 'the import does not begin',
  );
  await world.worker?.kill();
  const half = await read(sent.body.id);
  expect(half.state).toBe('running');
  expect(half['linesDone']).toBeLessThan(count);
  await world.startWorker();
  await expect(ended(sent.body.id)).resolves.toMatchObject({
    state: 'finished',
    creditedLines: count,
    creditedPoints: count,
  });
  const { rows } = await world.surety.admin.query<{ lines: string; points: string }>(
    "SELECT count(*) AS lines, sum(amount) AS points FROM transfer WHERE reference LIKE 'kill-%'",
  );
  expect(rows[0]).toEqual({ lines: String(count), points: String(count) });
  await world.assertBooksAgree();
}, 120_000);

it('what cannot be an import is refused with its reason', async () => {
  const huge = await new Promise<number>((resolve, reject) => {
    const outgoing = request(`${world.surety.apiUrl}${path}`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${world.keys.loyalty}`,
        'content-type': 'text/csv',
        'idempotency-key': randomUUID(),
        'content-length': String(256 * 1_048_576 + 1),
      },
    });
    outgoing.once('response', (response) => {
      resolve(response.statusCode ?? 0);
      outgoing.destroy();
    });
    outgoing.once('error', reject);
    outgoing.write('x');
  });
  expect(huge).toBe(413);
  expect((await send('{}', { type: 'application/json' })).status).toBe(415);
  expect((await send('<x/>', { type: 'text/xml' })).status).toBe(415);
  const failed = await send('name,points\nanna,5\n');
  await expect(ended(failed.body.id)).resolves.toMatchObject({ state: 'failed', failure: 'column_unknown' });
  const foreign = await world.call(world.keys.organisation, 'GET', `${path}/${failed.body.id}`);
  expect(foreign.status).toBe(404);
});
