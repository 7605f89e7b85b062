/** What all members have together at the end of any day, from the nearest day that was closed: the same as by adding all up. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Statement } from '../../src/ledger/statement.js';
import { Books, saga } from '../support/books.js';

const dayMs = 86_400_000;
/** Noon in Moscow; long ago, so that a closing is nearer than today. */
const beginMs = Date.parse('2020-03-01T09:00:00Z');

let books: Books;
let statement: Statement;
beforeAll(async () => {
  books = await Books.open();
  statement = new Statement(books.admin);
});
afterAll(async () => {
  expect(await books.violations()).toEqual([]);
  await books.close();
});

const days = Array.from({ length: 45 }, (_, n) => new Date(beginMs + (n - 3) * dayMs).toISOString().slice(0, 10));
const told = async () => {
  const all = await Promise.all(days.map((day) => statement.outstanding(books.partnerId, day)));
  return all.map(({ points }) => points);
};

/** Every entry, one by one. */
async function addedUp(): Promise<number[]> {
  const { rows } = await books.admin.query<{ points: number }>(
    `SELECT (
       (SELECT coalesce(sum(CASE WHEN debit.owner IS NULL THEN amount ELSE 0 END - CASE WHEN credit.owner IS NULL THEN amount ELSE 0 END), 0)
        FROM transfer JOIN account debit ON debit.id = debit JOIN account credit ON credit.id = credit
        WHERE transfer.partner_id = $1 AND debit.asset = 'points' AND at < ends_at)
       - (SELECT coalesce(sum(remaining), 0) FROM lot WHERE lot.partner_id = $1 AND expires_at < ends_at))::int AS points
     FROM (SELECT (day::date + 1)::timestamp AT TIME ZONE 'Europe/Moscow' AS ends_at FROM unnest($2::text[]) AS day) AS asked
     ORDER BY ends_at`,
    [books.partnerId, days],
  );
  return rows.map(({ points }) => points);
}

const step = fc.record({
  hours: fc.integer({ min: 1, max: 80 }),
  points: fc.integer({ min: 1, max: 9 }),
  lastsDays: fc.option(fc.nat({ max: 4 })),
  then: fc.constantFrom('nothing' as const, 'close' as const, 'close' as const, 'expire' as const),
});

it('whatever was closed, and expired long after its day', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 12 }), async (steps) => {
      await books.admin.query('DELETE FROM points_closing');
      const memberId = await books.member(randomUUID());
      let at = beginMs;
      for (const { hours, points, lastsDays, then } of steps) {
        at += hours * 3_600_000;
        const expiresOn = lastsDays === null ? null : new Date(at + lastsDays * dayMs).toISOString().slice(0, 10);
        const { partnerId } = books;
        await books.points.credit({ partnerId, memberId, points, expiresOn, reference: randomUUID(), actor: saga, at });
        if (then === 'close') await books.points.closeDay(partnerId, at);
        if (then === 'expire') await books.points.expire(partnerId, 500, at);
      }
      expect(await told()).toEqual(await addedUp());
    }),
    { numRuns: 15 },
  );
});

it('is reckoned from the day that was closed, once a day is over for a day', async () => {
  const { partnerId } = books;
  const at = beginMs + 30 * dayMs;
  await books.admin.query('DELETE FROM points_closing');
  const outcomes = [at, at + 1_000, at + dayMs].map((now) => () => books.points.closeDay(partnerId, now));
  expect([await outcomes[0]?.(), await outcomes[1]?.(), await outcomes[2]?.()]).toEqual([
    { outcome: 'closed' },
    { outcome: 'nothing' },
    { outcome: 'closed' },
  ]);
  const before = await told();
  await books.admin.query('UPDATE points_closing SET points = points + 1000');
  expect((await told()).map((points, index) => points - (before[index] ?? 0))).toEqual(days.map(() => 1_000));
});
