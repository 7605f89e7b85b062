/** The lease of an Idempotency-Key: of two requests with one key only the one that has it says what the answer is. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { v7 as uuidv7 } from 'uuid';
import { passwords } from '../../scripts/surety.js';
import { Idempotency, wishHash, type IdempotentRequest, type Worked } from '../../src/api/idempotency.js';
import { Problem } from '../../src/api/problem.js';
import { Pool } from '../../src/database/pool.js';
import { Books, postgres } from '../support/books.js';

let books: Books;
let pool: Pool;
let idempotency: Idempotency;
beforeAll(async () => {
  books = await Books.open();
  pool = new Pool({
    connectionString: postgres.url(books.database, 'surety_api', passwords.api),
    options: '-c search_path=surety',
  });
  idempotency = new Idempotency(pool);
});
afterAll(async () => {
  await pool.end();
  await books.close();
});

const wish = (): IdempotentRequest => ({
  partnerId: books.partnerId,
  actorId: 'key',
  route: 'POST /v1/things',
  key: randomUUID(),
  body: null,
  subjectId: uuidv7(),
});

/** A request whose work waits until it is told how it ends. */
function stalled(request: IdempotentRequest) {
  let goOn: (how: () => Worked) => void = () => undefined;
  const how = new Promise<() => Worked>((resolve) => (goOn = resolve));
  let begin: () => void = () => undefined;
  const atWork = new Promise<void>((resolve) => (begin = resolve));
  const answer = told(
    idempotency.once(
      request,
      async () => {
        begin();
        return (await how)();
      },
      tellNow,
    ),
  );
  return { atWork, answer, endBy: (end: () => Worked) => (goOn(end), answer) };
}

const tellNow = () => Promise.resolve({ status: 200, body: { as: 'it is now' } });
const answered =
  (by: string, status = 201) =>
  (): Worked => ({ status, body: { by }, subjectId: uuidv7() });
const failing = (error: Error) => (): never => {
  throw error;
};

/** What the caller gets: the answer's body, or the code of the problem. */
async function told(answer: Promise<{ status: number; body: object }>): Promise<unknown> {
  return answer.then(
    ({ body }) => body,
    (error: unknown) => (error instanceof Problem ? error.code : error),
  );
}

const once = (request: IdempotentRequest, end: () => Worked) =>
  told(idempotency.once(request, () => Promise.resolve().then(end), tellNow));

const outlive = (request: IdempotentRequest) =>
  books.admin.query("UPDATE idempotency_key SET lease_until = '-infinity' WHERE key_hash = $1", [wishHash(request)]);

const troubled = (code: string) => Object.assign(new Error('by the database'), { code });

/** Every way in which a request can end, late. */
const ends: readonly [string, () => Worked][] = [
  ['a final answer', answered('the first')],
  ['a 202', answered('the first', 202)],
  ['a final problem', failing(new Problem('not_found'))],
  ['a problem that is not final', failing(new Problem('unavailable'))],
  ['a lock that it did not get', failing(troubled('55P03'))],
];

describe.each(ends)('a request that outlived its lease and ends with %s', (_, end) => {
  it('leaves the frozen answer of the one that took over', async () => {
    const request = wish();
    const first = stalled(request);
    await first.atWork;
    await outlive(request);
    expect(await once(request, answered('the second'))).toEqual({ by: 'the second' });
    await first.endBy(end);
    expect(await once(request, answered('a third'))).toEqual({ by: 'the second' });
  });

  it('leaves the lease of the one that is at work', async () => {
    const request = wish();
    const first = stalled(request);
    await first.atWork;
    await outlive(request);
    const second = stalled(request);
    await second.atWork;
    await first.endBy(end);
    expect(await once(request, answered('a third'))).toBe('idempotency_in_flight');
    expect(await second.endBy(answered('the second'))).toEqual({ by: 'the second' });
    expect(await once(request, answered('a third'))).toEqual({ by: 'the second' });
  });
});

it('who has lost his lease is told to ask again, not what nobody will hear again', async () => {
  const request = wish();
  const first = stalled(request);
  await first.atWork;
  await outlive(request);
  await once(request, answered('the second'));
  expect(await first.endBy(answered('the first'))).toBe('idempotency_in_flight');
});

it('the release before freezes too, and unfreezes nothing', async () => {
  const request = wish();
  await once(request, answered('this release'));
  for (const [status, body] of [
    [null, null],
    [409, '{"by":"the release before"}'],
  ]) {
    await pool.query('SELECT idempotency_end($1, $2, $3, $4, $5, $6)', [
      request.partnerId,
      request.route,
      wishHash(request),
      uuidv7(),
      status,
      body,
    ]);
    expect(await once(request, answered('another'))).toEqual({ by: 'this release' });
  }
});

it('an erasure meanwhile, which forgets the key, keeps nobody from his answer', async () => {
  const request = wish();
  const first = stalled(request);
  await first.atWork;
  await books.admin.query('DELETE FROM idempotency_key WHERE key_hash = $1', [wishHash(request)]);
  expect(await first.endBy(answered('the first'))).toEqual({ by: 'the first' });
});

describe('work that the database', () => {
  it.each(['57014', '40P01', '40001', '55P03', '25P03'])(
    'rolled back (%s) is free to be tried again at once',
    async (code) => {
      const request = wish();
      expect(await once(request, failing(troubled(code)))).toMatchObject({ code });
      expect(await once(request, answered('the next'))).toEqual({ by: 'the next' });
    },
  );

  it.each(['57P01', '08006', '40003', 'XX000'])('may have done (%s) keeps its lease', async (code) => {
    const request = wish();
    expect(await once(request, failing(troubled(code)))).toMatchObject({ code });
    expect(await once(request, answered('the next'))).toBe('idempotency_in_flight');
  });
});
