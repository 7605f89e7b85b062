/** What an import does to the ledger: chunks, lines, repetitions, others who credit in the same moment. */
import { randomBytes, randomUUID } from 'node:crypto';
import { MockActivityEnvironment } from '@temporalio/testing';
import { Client, Connection } from '@temporalio/client';
import { createImportActivities } from '../../src/activities/creditImport.js';
import { createImportStartActivities } from '../../src/activities/startImports.js';
import { ChunkCutter } from '../../src/api/credits/chunkCutter.js';
import { CreditImports, type CreditImport, type ImportFormat } from '../../src/ledger/creditImports.js';
import { Books, saga } from '../support/books.js';

let books: Books;
beforeAll(async () => {
  books = await Books.open({ fundMinor: 1_000_000_000 });
});
afterAll(async () => {
  await books.close();
});
afterEach(async () => {
  await expect(books.violations()).resolves.toEqual([]);
});

const bulk = () => new CreditImports(books.admin);
const work = () => createImportActivities(new Watched(books.worker));
const inActivity = <T>(run: () => Promise<T>): Promise<T> => new MockActivityEnvironment().run(run);
const header = 'memberExternalId;points;expiresOn;reference';

/** As the API receives a file, with chunks of a few lines. */
async function receive(text: string, options: { format?: ImportFormat; dryRun?: boolean; linesAChunk?: number } = {}) {
  const { format = 'csv', dryRun = false, linesAChunk = 3 } = options;
  const at = Date.now();
  const { partnerId } = books;
  const upload = { keyHash: randomBytes(32), format, dryRun, actor: saga, at };
  const opened = await bulk().open(partnerId, upload, { receiving: 100, running: 100 });
  if (opened.outcome !== 'receiving') throw new Error(opened.outcome);
  const to = { partnerId, ...opened };
  const bytes = Buffer.from(text);
  const cutter = new ChunkCutter(1_048_576, linesAChunk);
  for (const chunk of [...cutter.push(bytes), ...cutter.end()]) await bulk().receive(to, chunk, at);
  const body = { bytes: bytes.length, lines: cutter.lines, sha256: randomBytes(32), header: text.split('\n')[0] ?? '' };
  await bulk().start(to, body, at);
  return { partnerId, importId: opened.importId };
}

async function finish(key: { partnerId: string; importId: string }): Promise<CreditImport> {
  const failure = await inActivity(() => work().applyCreditImport(key));
  await inActivity(() => work().endCreditImport({ ...key, failure }));
  return read(key);
}

async function read({ partnerId, importId }: { partnerId: string; importId: string }): Promise<CreditImport> {
  const told = await bulk().get(partnerId, importId);
  if (told === null) throw new Error('no import');
  return told;
}

const importCsv = async (lines: readonly string[], options = {}) =>
  finish(await receive([header, ...lines].join('\n'), options));

const rejections = ({ id }: CreditImport) => bulk().rejections(books.partnerId, id, 0, 1_000);

async function balance(externalId: string): Promise<number> {
  const memberId = await books.points.openMember(books.partnerId, externalId);
  return (await books.points.balance(books.partnerId, memberId, Date.now())).available;
}

/** Counts what is applied, fails where it is told to, and keeps what Postgres refused. */
class Watched extends CreditImports {
  static readonly refusals: unknown[] = [];
  #calls = 0;

  constructor(
    pool: Books['worker'],
    private readonly failureOf: (call: number) => Error | null = () => null,
  ) {
    super(pool);
  }

  override async apply(...args: Parameters<CreditImports['apply']>) {
    this.#calls += 1;
    const failure = this.failureOf(this.#calls);
    if (failure !== null) throw failure;
    try {
      return await super.apply(...args);
    } catch (error) {
      Watched.refusals.push(error);
      throw error;
    }
  }
}

const isOfSameReference = (error: unknown): boolean =>
  error instanceof Error && 'constraint' in error && error.constraint === 'transfer_once_by_reference';

it('credits each line as a lot that ends with its day in the programme’s zone', async () => {
  const told = await importCsv(['anna;100;2030-12-31;o-1', 'boris;5;;o-2', 'anna;7;2031-01-01;o-3', '', 'anna;1;;o-4']);
  expect(told).toMatchObject({
    state: 'finished',
    totalLines: 6,
    linesDone: 6,
    creditedLines: 4,
    creditedPoints: 113,
    rejectedLines: 0,
    membersCreated: 2,
  });
  await expect(Promise.all(['anna', 'boris'].map(balance))).resolves.toEqual([108, 5]);
  const { rows } = await books.admin.query<{ reference: string; ends: Date | null; actor: object }>(
    `SELECT transfer.reference, lot.expires_at AS ends, transfer.actor FROM lot JOIN transfer ON transfer.id = lot.transfer_id
     WHERE transfer.reference LIKE 'o-%' ORDER BY transfer.reference`,
  );
  // Moscow, UTC+3 all year.
  expect(rows.map(({ ends }) => ends?.toISOString() ?? null)).toEqual([
    '2030-12-31T21:00:00.000Z',
    null,
    '2031-01-01T21:00:00.000Z',
    null,
  ]);
  expect(rows[0]?.actor).toEqual(saga);
});

it('tells the partner once, when it has ended', async () => {
  const told = await importCsv(['carl;1;;one-event']);
  await inActivity(() =>
    work().endCreditImport({
      partnerId: books.partnerId,
      importId: told.id,
      failure: null,
    }),
  );
  const { rows } = await books.admin.query<{ body: { data: object } }>(
    `SELECT body FROM event WHERE type = 'import.finished' AND body -> 'data' ->> 'id' = $1`,
    [told.id],
  );
  expect(rows).toHaveLength(1);
  expect(rows[0]?.body.data).toMatchObject({ id: told.id, state: 'finished', creditedLines: 1 });
});

it('counts a line once by its reference: in the file, in a second import, beside single credits', async () => {
  const member = await books.points.openMember(books.partnerId, 'dora');
  const single = { partnerId: books.partnerId, memberId: member, points: 3, actor: saga, at: Date.now() };
  await books.points.creditUntil({ ...single, expiresAt: null, reference: 'd-single' });
  const lines = [
    'dora;10;;d-1',
    'dora;10;;d-1', // the same again
    'dora;11;;d-1', // other points
    'dora;3;;d-single', // as credited before
    'dora;4;;d-single',
    'emil;10;;d-1', // another member, in another chunk
    'dora;10;2030-01-01;d-1', // another day
  ];
  // One chunk, so that the first of the file is the first to be booked.
  const told = await importCsv(lines, { linesAChunk: 100 });
  expect(told).toMatchObject({ creditedLines: 1, creditedPoints: 10, alreadyCreditedLines: 2, rejectedLines: 4 });
  await expect(rejections(told)).resolves.toEqual(
    [4, 6, 7, 8].map((line) => ({ line, reason: 'reference_conflict', field: 'reference' })),
  );
  await expect(importCsv(lines, { linesAChunk: 2 })).resolves.toMatchObject({
    creditedLines: 0,
    alreadyCreditedLines: 3,
    rejectedLines: 4,
  });
  await expect(balance('dora')).resolves.toBe(13);
  const credited = await books.points.creditUntil({ ...single, points: 10, expiresAt: null, reference: 'd-1' });
  expect(credited.outcome).toBe('already_credited');
  const other = await books.points.creditUntil({ ...single, points: 12, expiresAt: null, reference: 'd-1' });
  expect(other.outcome).toBe('conflict');
});

it('reports refused lines by number, reason and field, and credits the others', async () => {
  const long = 'x'.repeat(4_097);
  const bytes = Buffer.concat([
    Buffer.from(
      '{"memberExternalId":"f","points":1,"reference":"f-1"}\r\n\r\n{"memberExternalId":"f","points":1.5,"reference":"f-3"}\n',
    ),
    Buffer.from([0xff, 0x0a]),
    Buffer.from(
      `{"memberExternalId":"${long}","points":1,"reference":"f-5"}\n{"memberExternalId":"f","points":2,"reference":"f-6"}`,
    ),
  ]);
  const at = Date.now();
  const { partnerId } = books;
  const upload = { keyHash: randomBytes(32), format: 'ndjson', dryRun: false, actor: saga, at } as const;
  const opened = await bulk().open(partnerId, upload, { receiving: 100, running: 100 });
  if (opened.outcome !== 'receiving') throw new Error(opened.outcome);
  const cutter = new ChunkCutter();
  for (const chunk of [...cutter.push(bytes), ...cutter.end()])
    await bulk().receive({ partnerId, ...opened }, chunk, at);
  const body = { bytes: bytes.length, lines: cutter.lines, sha256: randomBytes(32), header: null };
  await bulk().start({ partnerId, ...opened }, body, at);
  const told = await finish({ partnerId, importId: opened.importId });
  expect(told).toMatchObject({ totalLines: 6, linesDone: 6, creditedLines: 2, rejectedLines: 3 });
  await expect(rejections(told)).resolves.toEqual([
    { line: 3, reason: 'fractional_points', field: 'points' },
    { line: 4, reason: 'not_utf8', field: null },
    { line: 5, reason: 'line_too_long', field: null },
  ]);
});

it('fails whole on a header that it cannot read, and credits nothing', async () => {
  const told = await finish(await receive('memberExternalId;points;name\ngrete;5;x'));
  expect(told).toMatchObject({ state: 'failed', failure: 'column_unknown', creditedLines: 0, linesDone: 0 });
  const { rowCount } = await books.admin.query('SELECT FROM credit_import_chunk WHERE import_id = $1', [told.id]);
  expect(rowCount).toBe(0);
});

it('a dry run says what would be, and changes nothing', async () => {
  await importCsv(['hans;5;;h-1']);
  const entries = () =>
    books.admin.query('SELECT id FROM transfer UNION ALL SELECT id FROM lot UNION ALL SELECT id FROM member');
  const before = (await entries()).rowCount;
  const lines = ['hans;5;;h-1', 'hans;6;;h-1', 'ida;1;;h-2', 'ida;1;;h-2', 'ida;2;;h-2', 'jan;1,5;;h-3', 'jan;3;;h-4'];
  const told = await importCsv(lines, { dryRun: true, linesAChunk: 100 });
  expect(told).toMatchObject({
    dryRun: true,
    creditedLines: 2,
    creditedPoints: 4,
    alreadyCreditedLines: 2,
    rejectedLines: 3,
    membersCreated: 2,
  });
  expect((await entries()).rowCount).toBe(before);
  const { rowCount } = await books.admin.query('SELECT FROM credit_import_rehearsal');
  expect(rowCount).toBe(0);
});

it('does not credit who was erased, by whatever name', async () => {
  const member = await books.points.openMember(books.partnerId, 'karl');
  await books.points.eraseMember(books.partnerId, member, Date.now());
  // What he is called now holds a control character, which no line may have; `erased:…` without it is somebody else's name.
  const told = await importCsv([`\u0001erased:${member};4;;k-0`, `erased:${member};5;;k-1`, 'karl;6;;k-2']);
  expect(told).toMatchObject({ creditedLines: 2, rejectedLines: 1, membersCreated: 2 });
  await expect(rejections(told)).resolves.toEqual([{ line: 2, reason: 'invalid_member', field: 'memberExternalId' }]);
  expect(await books.points.balance(books.partnerId, member, Date.now())).toEqual({ available: 0, held: 0 });
});

describe('uploads', () => {
  const most = { receiving: 2, running: 1 };
  const upload = (at: number, keyHash = randomBytes(32), atMost = most) =>
    bulk().open(books.partnerId, { keyHash, format: 'csv', dryRun: false, actor: saga, at }, atMost);

  it('only so many of a partner are received at once; what is here already is told all the same', async () => {
    const at = Date.now();
    const key = randomBytes(32);
    const first = await upload(at, key);
    if (first.outcome !== 'receiving') throw new Error(first.outcome);
    const { importId } = first;
    await expect(upload(at)).resolves.toMatchObject({ outcome: 'receiving' });
    await expect(upload(at)).resolves.toEqual({ outcome: 'too_many' });
    await expect(upload(at, key)).resolves.toMatchObject({ outcome: 'receiving', importId });
    // Of those nothing has come for long: they keep nobody out.
    await expect(upload(at + 120_000)).resolves.toMatchObject({ outcome: 'receiving' });

    const body = { bytes: 1, lines: 0, sha256: randomBytes(32), header };
    await bulk().start({ partnerId: books.partnerId, importId, reception: 2 }, body, at);
    await expect(upload(at + 300_000)).resolves.toEqual({ outcome: 'too_many' });
    await expect(upload(at + 300_000, key)).resolves.toMatchObject({ outcome: 'received' });
    await bulk().end(books.partnerId, importId, null, at);
    await expect(upload(at + 300_000)).resolves.toMatchObject({ outcome: 'receiving' });
  });

  it('one that was cut and does not come again is forgotten by the Schedule, names and all', async () => {
    const hourMs = 3_600_000;
    const at = Date.now() - 2 * hourMs;
    const many = { receiving: 100, running: 100 };
    const cut = await upload(at, undefined, many);
    const fresh = await upload(Date.now(), undefined, many);
    if (cut.outcome !== 'receiving' || fresh.outcome !== 'receiving') throw new Error('not received');
    const { partnerId } = books;
    const bytes = Buffer.from('ludmila;1;;cut-1\n');
    for (const [to, when] of [[cut, at], [fresh, Date.now()]] as const) await bulk().receive({ partnerId, ...to }, { n: 0, firstLine: 1, lines: 1, bytes }, when); // prettier-ignore
    const client = new Client({ connection: Connection.lazy() });
    const activities = createImportStartActivities(new CreditImports(books.worker), client);
    const now = Date.now();
    const schedule = new MockActivityEnvironment({
      scheduledTimestampMs: now,
      currentAttemptScheduledTimestampMs: now,
    });
    await schedule.run(() => activities.startImports({ graceMs: hourMs }));
    const { rows } = await books.admin.query<{ import_id: string }>('SELECT import_id FROM credit_import_chunk');
    expect(rows).toEqual([{ import_id: fresh.importId }]);
    await expect(bulk().get(partnerId, cut.importId)).resolves.toBeNull();
    await client.connection.close();
  });
});

it('goes on after a crash exactly where the last commit was', async () => {
  const lines = Array.from({ length: 40 }, (_, index) => `lara;1;;l-${index}`);
  const key = await receive([header, ...lines].join('\n'), { linesAChunk: 4 });
  const dying = createImportActivities(
    new Watched(books.worker, (call) => (call > 5 ? new Error('the worker dies') : null)),
  );
  const run = () => inActivity(() => dying.applyCreditImport(key));
  await expect(run()).rejects.toThrow('the worker dies');
  const half = await read(key);
  expect(half).toMatchObject({ state: 'running' });
  expect(half.linesDone).toBeGreaterThan(0);
  expect(half.linesDone).toBeLessThan(41);
  // Two workers at once, as when the first was only thought to be dead.
  await Promise.all([1, 2].map(() => inActivity(() => work().applyCreditImport(key))));
  await expect(finish(key)).resolves.toMatchObject({
    state: 'finished',
    linesDone: 41,
    creditedLines: 40,
    creditedPoints: 40,
  });
  await expect(balance('lara')).resolves.toBe(40);
});

it('keeps the books right while imports, single credits, reversals and holds meet the same members', async () => {
  const names = Array.from({ length: 12 }, (_, index) => `m-${index}`);
  const line = (index: number) => `${names[index % names.length] ?? ''};${1 + (index % 5)};;meet-${index}`;
  const lines = Array.from({ length: 600 }, (_, index) => line(index));
  const files = [lines, lines.toReversed(), lines.toSorted(() => 0.5 - Math.random())];
  const keys = await Promise.all(files.map((file) => receive([header, ...file].join('\n'), { linesAChunk: 40 })));
  const singles = async () => {
    for (let index = 0; index < 60; index += 2) {
      const memberId = await books.points.openMember(books.partnerId, names[index % names.length] ?? '');
      const credit = { partnerId: books.partnerId, memberId, points: 1 + (index % 5), expiresAt: null, actor: saga };
      await books.points.creditUntil({ ...credit, reference: `meet-${index}`, at: Date.now() });
      const own = await books.points.creditUntil({ ...credit, reference: `own-${index}`, at: Date.now() });
      if (own.outcome === 'credited') {
        const reversal = { partnerId: books.partnerId, creditId: own.creditId, points: 1, actor: saga, at: Date.now() };
        await books.points.reverse({ ...reversal, reference: `back-${index}` });
      }
    }
  };
  const holds = async () => {
    for (const name of names) {
      const memberId = await books.points.openMember(books.partnerId, name);
      const payment = await books.payment({ amountMinor: 100, points: 1 });
      await books.hold(payment, memberId, { amountMinor: 100, points: 1 });
      await books.ledger.close(payment, 'cancelled', randomUUID(), null, saga, Date.now());
    }
  };
  const [first, second, third] = await Promise.all([...keys.map(finish), singles(), holds()]);
  const told = [first, second, third].filter((one) => one !== undefined);
  expect(told.map(({ state }) => state)).toEqual(['finished', 'finished', 'finished']);
  expect(told.map(({ rejectedLines }) => rejectedLines)).toEqual([0, 0, 0]);
  const credited = told.reduce((sum, one) => sum + one.creditedLines, 0);
  // The even ones below 60 may have been credited singly first.
  expect(credited).toBeGreaterThanOrEqual(570);
  expect(credited).toBeLessThanOrEqual(600);
  const { rows } = await books.admin.query<{ count: string }>(
    "SELECT count(*) FROM transfer WHERE reference LIKE 'meet-%'",
  );
  expect(rows[0]?.count).toBe('600');
  // Everybody who credits locks in one order: nobody was turned away for a deadlock. That others have just booked the same
  // references, five times in a row, is a chunk's bad luck; it is tried again.
  expect(Watched.refusals.filter((error) => !isOfSameReference(error))).toEqual([]);
});
