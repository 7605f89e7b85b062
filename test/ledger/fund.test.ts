/** The fund's mirror in the ledger: corrections, the mark and who is told, the runway, guard and currencies, doubt. */
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { v7 as uuidv7 } from 'uuid';
import type { FundChange } from '../../src/domain/approval.js';
import type { FundMirror } from '../../src/ledger/fund.js';
import { Books, policy, saga } from '../support/books.js';

const dayMs = 86_400_000;
const asker = { kind: 'api_key', id: 'asker' } as const;

let books: Books;
let memberId: string;
beforeAll(async () => {
  books = await Books.open({ fundMinor: 1_000 });
  memberId = await books.member('anna', { points: 1_000_000_000 });
  await books.admin.query('UPDATE partner SET approvals = $1', [
    { waived: ['fund.deposit', 'fund.repayment', 'fund.correction'] },
  ]);
});
afterEach(async () => {
  expect(await books.violations()).toEqual([]);
});
afterAll(async () => {
  await books.close();
});

async function change(kind: FundChange, amountMinor: number, currency = 'RUB', at = Date.now()): Promise<void> {
  const wish = { partnerId: books.partnerId, approvalId: uuidv7(), kind, currency, amountMinor };
  const answer = await books.fund.requestChange({ ...wish, reference: randomUUID(), reason: 'test', actor: asker, at });
  expect(answer.outcome).toBe('performed');
}

async function mirror(currency = 'RUB', at = Date.now()): Promise<FundMirror> {
  const found = (await books.fund.read(books.partnerId, at)).find((fund) => fund.currency === currency);
  if (found === undefined) throw new Error(`There is no fund of ${currency}`);
  return found;
}

/** Brings what is available to this. */
async function availableIs(amountMinor: number): Promise<void> {
  const { availableMinor } = await mirror();
  if (availableMinor !== amountMinor) await change('correction', amountMinor - availableMinor);
}

const markAt = (lowWaterMinor: number | null, currency = 'RUB') =>
  books.fund.setLowWater({ partnerId: books.partnerId, currency, lowWaterMinor, actor: asker, at: Date.now() });

const contract = (guard: 'enforce' | 'warn', overdraftMinor: number) =>
  books.admin.query(`UPDATE fund SET guard = $1, overdraft_minor = $2 WHERE currency = 'RUB'`, [guard, overdraftMinor]);

async function told(type: string): Promise<Record<string, unknown>[]> {
  const { rows } = await books.admin.query<{ data: Record<string, unknown> }>(
    `SELECT body -> 'data' AS data FROM event WHERE type = $1 ORDER BY position`,
    [type],
  );
  return rows.map(({ data }) => data);
}

/** A payment that holds this much. */
async function held(amountMinor: number) {
  const payment = await books.payment({ amountMinor, points: 1 });
  const answer = await books.hold(payment, memberId, { amountMinor, points: 1 });
  return { payment, outcome: answer.outcome };
}

async function paid(amountMinor: number, at = Date.now()) {
  const { payment } = await held(amountMinor);
  await books.read(payment, { amountMinor });
  await books.ledger.beginAttempt(payment, randomUUID(), false, policy.freshnessMs, Date.now());
  const answer = await books.ledger.capture(payment, 1, randomUUID(), null, at);
  expect(answer.outcome).toBe('captured');
  return payment;
}

describe('the figures', () => {
  it('size − drawn − reserved is available, through deposits, repayments, corrections of both signs, holds and draws', async () => {
    const before = await mirror();
    await change('deposit', 10_000);
    await change('correction', -300);
    await change('correction', 40);
    await paid(700);
    await change('repayment', 500);
    const { payment } = await held(60);
    const now = await mirror();
    expect(now).toMatchObject({
      sizeMinor: before.sizeMinor + 10_000 - 300 + 40 + 500,
      repaidMinor: before.repaidMinor + 500,
      drawnMinor: before.drawnMinor + 700,
      reservedMinor: before.reservedMinor + 60,
    });
    expect(now.availableMinor).toBe(now.sizeMinor - now.drawnMinor - now.reservedMinor);
    await books.ledger.close(payment, 'cancelled', 'test', null, saga, Date.now());
    expect((await mirror()).reservedMinor).toBe(before.reservedMinor);
  });

  it('currencies stand side by side: what happens to one leaves the other alone', async () => {
    await books.admin.query("INSERT INTO fund (partner_id, currency) VALUES ($1, 'USD')", [books.partnerId]);
    const roubles = await mirror();
    await change('deposit', 5_000, 'USD');
    await markAt(6_000, 'USD');
    expect(await mirror('USD')).toMatchObject({ sizeMinor: 5_000, availableMinor: 5_000, isLow: true });
    expect(await mirror()).toEqual(roubles);
    await change('deposit', 100);
    expect((await mirror('USD')).availableMinor).toBe(5_000);
    expect((await books.fund.requestChange({
      partnerId: books.partnerId, approvalId: uuidv7(), kind: 'deposit', currency: 'EUR', amountMinor: 1,
      reference: 'x', reason: '', actor: asker, at: Date.now(),
    })).outcome).toBe('no_fund'); // prettier-ignore
  });
});

describe('the guard', () => {
  afterEach(() => contract('enforce', 0));

  it.each([
    ['enforce', 0, 101, 'insufficient_fund'],
    ['enforce', 0, 100, 'held'],
    ['enforce', 50, 150, 'held'],
    ['enforce', 50, 151, 'insufficient_fund'],
    ['warn', 0, 1_000, 'held'],
    ['warn', 50, 1_000, 'held'],
  ] as const)(
    '%s with an overdraft of %d: of 100, a payment of %d is %s',
    async (guard, overdraft, amount, outcome) => {
      await availableIs(100);
      await contract(guard, overdraft);
      const points = (await books.points.balance(books.partnerId, memberId, Date.now())).available;
      const { payment, outcome: seen } = await held(amount);
      expect(seen).toBe(outcome);
      const now = (await books.points.balance(books.partnerId, memberId, Date.now())).available;
      // Declined before a point is held.
      expect(now).toBe(outcome === 'held' ? points - 1 : points);
      expect((await mirror()).availableMinor).toBe(outcome === 'held' ? 100 - amount : 100);
      await books.ledger.close(payment, 'cancelled', 'test', null, saga, Date.now());
    },
  );
});

describe('the low-water mark', () => {
  beforeEach(async () => {
    await markAt(null);
    await availableIs(1_000);
  });
  afterEach(() => markAt(null));

  it('is told once by the hold that falls below it, and again only after it was above', async () => {
    await markAt(500);
    const before = (await told('fund.low')).length;
    const first = await held(500);
    // At the mark is not below it.
    expect(await told('fund.low')).toHaveLength(before);
    const second = await held(1);
    await held(1);
    expect((await told('fund.low')).slice(before)).toEqual([
      { currency: 'RUB', availableMinor: 499, lowWaterMinor: 500, overdraftMinor: 0, guard: 'enforce' },
    ]);
    // Back at the mark, and below it again: it was never above.
    await books.ledger.close(second.payment, 'cancelled', 'test', null, saga, Date.now());
    await change('deposit', 1);
    await held(1);
    expect(await told('fund.low')).toHaveLength(before + 1);
    await books.ledger.close(first.payment, 'cancelled', 'test', null, saga, Date.now());
    expect(await mirror()).toMatchObject({ isLow: false });
    await change('correction', -900);
    expect(await told('fund.low')).toHaveLength(before + 2);
  });

  it('is told at once when it is set above what is available, not again when the same is set', async () => {
    const before = (await told('fund.low')).length;
    await markAt(2_000);
    await markAt(2_000);
    expect(await told('fund.low')).toHaveLength(before + 1);
    const { rows } = await books.admin.query<{ body: unknown; actor: unknown }>(
      "SELECT body, actor FROM fund_act WHERE kind = 'low_water_set' ORDER BY id DESC LIMIT 1",
    );
    expect(rows).toEqual([{ body: { currency: 'RUB', beforeMinor: null, lowWaterMinor: 2_000 }, actor: asker }]);
  });

  it('is not told of a step that was undone', async () => {
    await markAt(500);
    const before = (await told('fund.low')).length;
    const client = await books.admin.connect();
    await client.query('BEGIN');
    await client.query("SELECT fund_book($1, 'correction', 'RUB', -900, 'undone', $2, now())", [
      books.partnerId,
      asker,
    ]);
    await client.query('ROLLBACK');
    client.release();
    expect(await told('fund.low')).toHaveLength(before);
    expect(await mirror()).toMatchObject({ isLow: false, availableMinor: 1_000 });
  });

  it('is told exactly at each crossing, whatever comes, also at once', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: -500, max: 1_500 }),
        fc.array(
          fc.integer({ min: -400, max: 400 }).filter((amount) => amount !== 0),
          { minLength: 1, maxLength: 12 },
        ),
        async (mark, steps) => {
          await markAt(null);
          await availableIs(1_000);
          const before = (await told('fund.low')).length;
          let [expected, isLow, available] = [mark > 1_000 ? 1 : 0, mark > 1_000, 1_000];
          await markAt(mark);
          for (const step of steps) {
            available += step;
            if (available < mark && !isLow) [expected, isLow] = [expected + 1, true];
            else if (available > mark) isLow = false;
            await change('correction', step);
          }
          expect([(await told('fund.low')).length - before, (await mirror()).isLow]).toEqual([expected, isLow]);
        },
      ),
      { numRuns: 15 },
    );
  });

  it('of twenty holds at once one tells', async () => {
    await markAt(500);
    const before = (await told('fund.low')).length;
    const payments = await Promise.all(Array.from({ length: 20 }, () => books.payment({ amountMinor: 40, points: 1 })));
    await Promise.all(payments.map((payment) => books.hold(payment, memberId, { amountMinor: 40, points: 1 })));
    expect((await told('fund.low')).slice(before)).toMatchObject([{ availableMinor: 480 }]);
  });
});

describe('the runway', () => {
  it('is what is available, with the overdraft, by the average of the draws; null where nothing was drawn', async () => {
    const own = await Books.open({ fundMinor: 1_000_000, overdraftMinor: 1_000 });
    const member = await own.member('anna', { points: 1_000 });
    const now = Date.now();
    const read = async (at: number) => (await own.fund.read(own.partnerId, at))[0]?.runway;
    expect(await read(now)).toEqual({ over7DaysSeconds: null, over30DaysSeconds: null });
    const draw = async (amountMinor: number, at: number) => {
      const payment = await own.payment({ amountMinor, points: 1 });
      await own.hold(payment, member, { amountMinor, points: 1 });
      await own.ledger.beginAttempt(payment, randomUUID(), false, policy.freshnessMs, now);
      expect((await own.ledger.capture(payment, 1, randomUUID(), null, at)).outcome).toBe('captured');
    };
    await draw(7_000, now - 20 * dayMs);
    // 994,000 by 7,000 in 30 days.
    expect(await read(now)).toEqual({
      over7DaysSeconds: null,
      over30DaysSeconds: Math.floor((994_000 * 30 * 86_400) / 7_000),
    });
    await draw(3_000, now - 3 * dayMs);
    expect(await read(now)).toEqual({
      over7DaysSeconds: Math.floor((991_000 * 7 * 86_400) / 3_000),
      over30DaysSeconds: Math.floor((991_000 * 30 * 86_400) / 10_000),
    });
    // A month later all of it is long ago.
    expect(await read(now + 40 * dayMs)).toEqual({ over7DaysSeconds: null, over30DaysSeconds: null });
    expect(await own.violations()).toEqual([]);
    await own.close();
  });
});

describe('when Invoicebox contradicts the mirror', () => {
  it('is told at once; payments are refused until a person has looked, who is on record', async () => {
    await availableIs(1_000);
    const { payment } = await held(100);
    await books.read(payment, { amountMinor: 100 });
    const begun = await books.ledger.beginAttempt(payment, randomUUID(), false, policy.freshnessMs, Date.now());
    if (begun.outcome !== 'go') throw new Error(begun.outcome);
    const before = (await told('fund.difference')).length;
    const end = { class: 'refused', code: 'insufficient_funds', message: null, requestId: null, flag: 'fund' } as const;
    await books.ledger.endAttempt(payment, begun.n, end, Date.now());
    expect((await told('fund.difference')).slice(before)).toEqual([
      {
        kind: 'refused_for_want_of_money',
        currency: 'RUB',
        amountMinor: 100,
        paymentId: payment.paymentId,
        code: 'insufficient_funds',
        differenceId: null,
      },
    ]);
    expect((await mirror()).doubtedAt).not.toBeNull();
    await expect(books.payment({ amountMinor: 1, points: 1 })).rejects.toThrow('fund_unavailable');
    const clear = () =>
      books.fund.clearDoubt({ partnerId: books.partnerId, actor: asker, reason: 'the bank was late', at: Date.now() });
    expect((await Promise.all([clear(), clear(), clear()])).map(({ outcome }) => outcome).sort()).toEqual([
      'cleared',
      'not_doubted',
      'not_doubted',
    ]);
    expect((await mirror()).doubtedAt).toBeNull();
    await books.payment({ amountMinor: 1, points: 1 });
    const { rows } = await books.admin.query<{ reason: string; actor: unknown }>(
      "SELECT body ->> 'reason' AS reason, actor FROM fund_act WHERE kind = 'doubt_cleared'",
    );
    expect(rows).toEqual([{ reason: 'the bank was late', actor: asker }]);
    await expect(books.admin.query('DELETE FROM fund_act')).rejects.toThrow('append-only');
    await books.ledger.close(payment, 'declined', 'refused', null, saga, Date.now());
  });
});
