/** The accountant's figures against the ledger: months of the fund, points outstanding at the end of days. */
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { v7 as uuidv7 } from 'uuid';
import type { StatementEntry } from '../../src/ledger/statement.js';
import { Books, policy, saga } from '../support/books.js';

const zones = ['Asia/Kamchatka', 'Europe/Kaliningrad', 'Europe/Moscow', 'UTC', 'Asia/Kolkata'];
const hourMs = 3_600_000;

let books: Books;
let memberId: string;
beforeAll(async () => {
  books = await Books.open({ fundMinor: 100_000_000 });
  memberId = await books.member('anna', { points: 1_000_000 });
  await books.admin.query('UPDATE partner SET approvals = $1', [{ waived: ['fund.correction', 'fund.repayment'] }]);
  await books.admin.query("INSERT INTO fund (partner_id, currency) VALUES ($1, 'USD')", [books.partnerId]);
});
afterEach(async () => {
  expect(await books.violations()).toEqual([]);
});
afterAll(async () => {
  await books.close();
});

const inZone = (timeZone: string) =>
  books.admin.query(`UPDATE partner SET settings = settings || jsonb_build_object('timeZone', $1::text)`, [timeZone]);

async function correct(
  amountMinor: number,
  at: number,
  currency = 'RUB',
  kind: 'correction' | 'repayment' = 'correction',
) {
  const wish = { partnerId: books.partnerId, approvalId: uuidv7(), kind, currency, amountMinor };
  const actor = { kind: 'api_key', id: 'asker' } as const;
  const answer = await books.fund.requestChange({ ...wish, reference: randomUUID(), reason: 'x', actor, at });
  expect(answer.outcome).toBe('performed');
}

async function draw(amountMinor: number, at: number): Promise<string> {
  const payment = await books.payment({ amountMinor, points: 1 });
  await books.hold(payment, memberId, { amountMinor, points: 1 });
  await books.ledger.beginAttempt(payment, randomUUID(), false, policy.freshnessMs, Date.now());
  const transaction = randomUUID();
  expect((await books.ledger.capture(payment, 1, transaction, null, at)).outcome).toBe('captured');
  return transaction;
}

/** All of a month, read in pages of so many. */
async function month(name: string, currency = 'RUB', limit = 1_000) {
  const begun = await books.statement.begin(books.partnerId, currency, name);
  if (begun === null) throw new Error('There is no such fund');
  const entries: StatementEntry[] = [];
  for (;;) {
    const page = await books.statement.page(books.partnerId, currency, begun, entries.at(-1) ?? null, limit);
    entries.push(...page);
    if (page.length < limit) break;
  }
  const turnover = entries.reduce((total, { amountMinor }) => total + amountMinor, 0);
  return { ...begun, entries, closingMinor: begun.openingMinor + turnover };
}

const months = (year: number) => Array.from({ length: 12 }, (_, n) => `${year}-${String(n + 1).padStart(2, '0')}`);

describe('a month of the fund', () => {
  it.each(zones)(
    'in %s begins where the one before ended, and the last ends with the balance of the books',
    async (zone) => {
      await inZone(zone);
      // On both sides of every zone's month borders, to the microsecond's neighbour.
      const border = Date.parse('2031-04-01T00:00:00Z');
      await fc.assert(
        fc.asyncProperty(
          fc.array(
            fc.record({
              amountMinor: fc.integer({ min: -5_000, max: 5_000 }).filter((amount) => amount !== 0),
              hours: fc.integer({ min: -40 * 24, max: 40 * 24 }),
              shiftMs: fc.constantFrom(-1, 0, 1, 30 * 60_000),
              isDraw: fc.boolean(),
            }),
            { minLength: 1, maxLength: 5 },
          ),
          async (steps) => {
            for (const { amountMinor, hours, shiftMs, isDraw } of steps) {
              const at = border + hours * hourMs + shiftMs;
              if (isDraw) await draw(Math.abs(amountMinor), at);
              else await correct(amountMinor, at);
            }
            const year = await Promise.all(months(2031).map((name) => month(name)));
            for (const [n, one] of year.entries()) {
              const next = year[n + 1];
              if (next !== undefined) expect([next.openingMinor, next.from]).toEqual([one.closingMinor, one.before]);
              const inside = one.entries.every(({ at }) => at >= one.from && at < one.before);
              expect(inside && one.entries.every(({ localTime }) => localTime.startsWith(months(2031)[n] ?? ''))).toBe(
                true,
              );
            }
            const [fund] = (await books.fund.read(books.partnerId, Date.now())).filter(
              ({ currency }) => currency === 'RUB',
            );
            expect((await month('2035-01')).openingMinor).toBe((fund?.sizeMinor ?? 0) - (fund?.drawnMinor ?? 0));
          },
        ),
        { numRuns: 5 },
      );
    },
  );

  it.each([
    // A month's first moment there, in UTC.
    ['Asia/Kamchatka', '2033-02-28T12:00:00.000Z'],
    ['Europe/Kaliningrad', '2033-02-28T22:00:00.000Z'],
    ['Europe/Moscow', '2033-02-28T21:00:00.000Z'],
  ])('begins in %s with the zone’s own midnight', async (zone, first) => {
    await inZone(zone);
    const before = await Promise.all(['2033-02', '2033-03'].map((name) => month(name)));
    await correct(11, Date.parse(first) - 1);
    await correct(22, Date.parse(first));
    const after = await Promise.all(['2033-02', '2033-03'].map((name) => month(name)));
    const fresh = after.map(({ entries }, n) =>
      entries
        .filter(({ id }) => !before[n]?.entries.some((one) => one.id === id))
        .map(({ amountMinor, localTime }) => [amountMinor, localTime]),
    );
    expect(fresh).toEqual([[[11, '2033-02-28T23:59:59']], [[22, '2033-03-01T00:00:00']]]);
  });

  it('tells of each entry what an accountant looks for, and of reservations nothing', async () => {
    await inZone('Europe/Moscow');
    const at = Date.parse('2034-05-05T09:00:00Z');
    const transaction = await draw(1_200, at);
    await correct(500, at + 1_000, 'RUB', 'repayment');
    await books.hold(
      await books.payment({ amountMinor: 77, points: 1 }),
      memberId,
      { amountMinor: 77, points: 1 },
      randomUUID(),
      at,
    );
    const { entries } = await month('2034-05');
    expect(entries).toMatchObject([
      { kind: 'draw', amountMinor: -1_200, invoiceNumber: 'N-1', transactionId: transaction, reference: null, localTime: '2034-05-05T12:00:00' },
      { kind: 'repayment', amountMinor: 500, invoiceNumber: null, transactionId: null, vatAmountMinor: null, paymentId: null },
    ]); // prettier-ignore
    expect(entries[1]?.reference).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('is the same in pages of any size, entries of one moment included', async () => {
    const at = Date.parse('2034-07-07T09:00:00Z');
    for (let n = 1; n <= 7; n++) await correct(n, at);
    const whole = await month('2034-07');
    for (const limit of [1, 2, 3, 7]) expect((await month('2034-07', 'RUB', limit)).entries).toEqual(whole.entries);
  });

  it('is of one currency; there is none of a currency without a fund', async () => {
    const roubles = await month('2034-09');
    await correct(9_00, Date.parse('2034-09-09T09:00:00Z'), 'USD');
    expect((await month('2034-09', 'USD')).entries).toMatchObject([{ amountMinor: 9_00 }]);
    expect(await month('2034-09')).toEqual(roubles);
    expect(await books.statement.begin(books.partnerId, 'EUR', '2034-09')).toBeNull();
  });
});

describe('points outstanding at the end of a day', () => {
  it('are all members’ points then, held ones included, whatever happened before and after', async () => {
    await inZone('Asia/Kamchatka');
    const own = await Promise.all(['vera', 'gleb', 'boris'].map((name) => books.member(name)));
    const start = Date.parse('2032-01-10T00:00:00Z');
    const act = fc.record({
      member: fc.integer({ min: 0, max: 2 }),
      hours: fc.integer({ min: 0, max: 96 }),
      points: fc.integer({ min: 1, max: 500 }),
      do: fc.constantFrom('credit', 'expiring', 'hold', 'pay', 'release'),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(act, { minLength: 1, maxLength: 6 }), async (acts) => {
        // In the order of time, as it happens.
        for (const { member, hours, points, do: what } of [...acts].sort((one, other) => one.hours - other.hours)) {
          const at = start + hours * hourMs;
          const who = own[member] ?? '';
          if (what === 'credit' || what === 'expiring') {
            const wish = {
              partnerId: books.partnerId,
              memberId: who,
              points,
              reference: randomUUID(),
              actor: saga,
              at,
            };
            await books.points.creditUntil({ ...wish, expiresAt: what === 'credit' ? null : at + 30 * hourMs });
          } else {
            const payment = await books.payment({ amountMinor: 100, points });
            const held = await books.hold(payment, who, { amountMinor: 100, points }, randomUUID(), at);
            if (held.outcome !== 'held') continue;
            if (what === 'release') await books.ledger.close(payment, 'cancelled', 'x', null, saga, at + hourMs);
            if (what === 'pay') await books.ledger.capture(payment, 1, randomUUID(), null, at + hourMs);
          }
        }
        await books.points.expire(books.partnerId, 500, start + 200 * hourMs);
        const everybody = (await books.points.exportMembers(books.partnerId, null, 100, start)).map(({ id }) => id);
        for (let n = 9; n <= 20; n++) {
          const day = `2032-01-${String(n).padStart(2, '0')}`;
          const { points } = await books.statement.outstanding(books.partnerId, day);
          let sum = 0;
          for (const id of everybody) {
            const { rows } = await books.admin.query<{ answer: { available: number; held: number } }>(
              'SELECT member_balance_on($1, $2, $3) AS answer',
              [books.partnerId, id, day],
            );
            sum += (rows[0]?.answer.available ?? 0) + (rows[0]?.answer.held ?? 0);
          }
          expect([day, points]).toEqual([day, sum]);
        }
      }),
      { numRuns: 8 },
    );
  });

  it('end with the day where the programme is', async () => {
    await inZone('Asia/Kamchatka');
    const at = Date.parse('2036-03-11T11:59:59.999Z');
    const member = await books.member('zone');
    const on = async (day: string) => (await books.statement.outstanding(books.partnerId, day)).points;
    const before = [await on('2036-03-11'), await on('2036-03-12')];
    for (const [points, when] of [[1, at], [10, at + 1]] as const) {
      const wish = { partnerId: books.partnerId, memberId: member, points, reference: randomUUID(), actor: saga, at: when };
      await books.points.creditUntil({ ...wish, expiresAt: null });
    } // prettier-ignore
    expect([await on('2036-03-11'), await on('2036-03-12')]).toEqual([(before[0] ?? 0) + 1, (before[1] ?? 0) + 11]);
    expect((await books.statement.outstanding(books.partnerId, '2036-03-11')).before).toContain('2036-03-11T12:00:00');
  });
});
