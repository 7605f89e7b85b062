/** Returns of paid payments in the ledger: what goes back to whom, once, and never more than was taken. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { pointsOfReturns } from '../../src/domain/returns.js';
import type { PaymentKey } from '../../src/ledger/ledger.js';
import type { ReturnOpening } from '../../src/ledger/returns.js';
import { Books, saga } from '../support/books.js';

const dayMs = 86_400_000;
const person = { kind: 'api_key', id: 'first' } as const;
const price = { amountMinor: 100, points: 10 };

let books: Books;
beforeAll(async () => {
  books = await Books.open();
});
afterAll(async () => {
  expect(await books.violations()).toEqual([]);
  await books.close();
});

interface Wish {
  amountMinor: number;
  reference?: string;
  fundRestored?: boolean;
  reason?: string;
  at?: number;
}

const refundOf = ({ paymentId }: PaymentKey, wish: Wish) => ({
  ...{
    partnerId: books.partnerId,
    paymentId,
    fundRestored: true,
    reference: randomUUID(),
    reason: 'broken',
    actor: person,
  },
  ...{ at: Date.now(), ...wish },
});
const request = (key: PaymentKey, wish: Wish) => books.returns.request(refundOf(key, wish));
const propose = (key: PaymentKey, wish: Wish) => books.returns.propose({ ...refundOf(key, wish), actor: saga });

function opened(opening: ReturnOpening) {
  if (opening.outcome !== 'opened') throw new Error(`Not opened: ${JSON.stringify(opening)}`);
  return opening;
}

async function book({ returnId }: { returnId: string }, at = Date.now()) {
  return books.returns.book({ partnerId: books.partnerId, returnId }, { status: 'paid', readAt: at }, at);
}

/** Asked for, approved, booked. */
async function give(key: PaymentKey, wish: Wish) {
  const one = opened(await request(key, wish));
  expect(await books.decideReturn(one, true, wish.at)).toEqual({ outcome: 'approved' });
  return book(one, wish.at);
}

const balanceOf = (member: string, at = Date.now()) => books.points.balance(books.partnerId, member, at);
const fund = async () => {
  const [figures] = await books.ledger.fundBalance(books.partnerId);
  if (figures === undefined) throw new Error('There is no fund');
  return { drawn: figures.drawnMinor, available: figures.availableMinor };
};
const lotsOf = async (member: string) => {
  const { rows } = await books.admin.query<{ remaining: string }>(
    'SELECT remaining FROM lot WHERE member_id = $1 ORDER BY expires_at NULLS LAST, id',
    [member],
  );
  return rows.map(({ remaining }) => Number(remaining));
};

describe('a return', () => {
  it('gives all points back to the buyer and the sum to the fund, and tells the partner', async () => {
    const member = await books.member('whole', { points: 10 });
    const before = await fund();
    const key = await books.paid(member, price);
    await expect(give(key, { amountMinor: 100 })).resolves.toEqual({ outcome: 'returned', points: 10 });
    expect(await balanceOf(member)).toEqual({ available: 10, held: 0 });
    expect(await fund()).toEqual(before);
    const { rows } = await books.admin.query<{ body: unknown }>(
      "SELECT body -> 'data' AS body FROM event WHERE payment_id = $1 AND type = 'payment.returned'",
      [key.paymentId],
    );
    expect(rows).toEqual([
      {
        body: expect.objectContaining({
          ...{ paymentId: key.paymentId, memberId: member, amountMinor: 100, currency: 'RUB', points: 10 },
          ...{ fundRestored: true, returnedMinor: 100, returnedPoints: 10, invoiceStatus: 'paid' },
        }),
      },
    ]);
  });

  it('leaves the fund as it is where the money did not come back into it', async () => {
    const member = await books.member('outside', { points: 10 });
    const key = await books.paid(member, price);
    const before = await fund();
    await give(key, { amountMinor: 40, fundRestored: false });
    expect(await fund()).toEqual(before);
    expect(await balanceOf(member)).toEqual({ available: 4, held: 0 });
  });

  it('is booked once, however often its saga says so', async () => {
    const member = await books.member('once', { points: 10 });
    const key = await books.paid(member, price);
    const one = opened(await request(key, { amountMinor: 50 }));
    await books.decideReturn(one, true);
    const booked = await Promise.all(Array.from({ length: 5 }, () => book(one)));
    expect(booked.map(({ outcome }) => outcome).sort()).toEqual([
      ...Array<string>(4).fill('already_returned'),
      'returned',
    ]);
    expect(await balanceOf(member)).toEqual({ available: 5, held: 0 });
  });

  it('of a refund that is asked for again is the same; of other content it is refused', async () => {
    const key = await books.paid(await books.member('again', { points: 10 }), price);
    const wish = { amountMinor: 50, reference: 'R-1' };
    const one = opened(await request(key, wish));
    await expect(request(key, wish)).resolves.toEqual({ ...one, outcome: 'existing' });
    for (const other of [{ amountMinor: 51 }, { fundRestored: false }, { reason: 'other' }])
      await expect(request(key, { ...wish, ...other })).resolves.toEqual({
        outcome: 'conflict',
        returnId: one.returnId,
      });
    await books.decideReturn(one, true);
    await book(one);
    await expect(request(key, wish)).resolves.toEqual({ ...one, outcome: 'existing', state: 'returned' });
  });

  it('books nothing before a second person has approved it, nor once he has rejected it', async () => {
    const member = await books.member('unapproved', { points: 10 });
    const key = await books.paid(member, price);
    const one = opened(await request(key, { amountMinor: 50, reference: 'R' }));
    await expect(book(one)).resolves.toEqual({ outcome: 'conflict', state: 'requested' });
    await expect(books.decideReturn(one, false)).resolves.toEqual({ outcome: 'rejected' });
    await expect(book(one)).resolves.toEqual({ outcome: 'conflict', state: 'rejected' });
    await expect(books.decideReturn(one, true)).resolves.toEqual({ outcome: 'conflict', state: 'rejected' });
    // Asked for anew it is another version: what was said of the first does not count for it.
    const anew = opened(await request(key, { amountMinor: 60, reference: 'R' }));
    expect(anew).toMatchObject({ returnId: one.returnId, version: one.version + 1, state: 'requested' });
    await expect(books.decideReturn(one, true)).resolves.toEqual({ outcome: 'stale' });
    await expect(books.decideReturn(anew, true)).resolves.toEqual({ outcome: 'approved' });
    await expect(book(anew)).resolves.toEqual({ outcome: 'returned', points: 6 });
    expect(await balanceOf(member)).toEqual({ available: 6, held: 0 });
  });

  it('that nobody decides about within a day keeps nothing from others, and can be asked for again', async () => {
    const key = await books.paid(await books.member('undecided', { points: 10 }), price);
    const now = Date.now();
    const first = opened(await request(key, { amountMinor: 100, reference: 'R-1', at: now }));
    await expect(request(key, { amountMinor: 1, at: now + dayMs - 1 })).resolves.toEqual({
      outcome: 'too_much',
      leftMinor: 0,
    });
    const other = opened(await request(key, { amountMinor: 70, at: now + dayMs }));
    await expect(books.decideReturn(first, true, now + dayMs)).resolves.toEqual({ outcome: 'stale' });
    await expect(request(key, { amountMinor: 100, reference: 'R-1', at: now + dayMs })).resolves.toEqual({
      outcome: 'too_much',
      leftMinor: 30,
    });
    await books.decideReturn(other, false, now + dayMs);
    const again = opened(await request(key, { amountMinor: 100, reference: 'R-1', at: now + dayMs }));
    expect(again).toMatchObject({ returnId: first.returnId, version: 2 });
  });

  it('is possible of a paid payment alone', async () => {
    const member = await books.member('not paid', { points: 10 });
    const key = await books.payment(price);
    await expect(request(key, { amountMinor: 1 })).resolves.toEqual({
      outcome: 'not_paid',
      state: 'awaiting_confirmation',
    });
    await books.hold(key, member, price);
    await books.ledger.noteUnproven(
      key,
      { state: 'in_review', reason: 'unproven', lastProbe: null, nextProbeAt: 0 },
      Date.now(),
    );
    await expect(request(key, { amountMinor: 1 })).resolves.toEqual({ outcome: 'not_paid', state: 'in_review' });
    await expect(request({ ...key, paymentId: randomUUID() }, { amountMinor: 1 })).resolves.toEqual({
      outcome: 'not_found',
    });
  });

  it('[case hyperswitch#13182] of less than one kopeck is refused by the database itself', async () => {
    const key = await books.paid(await books.member('negative', { points: 10 }), price);
    for (const amountMinor of [0, -1, -100])
      await expect(request(key, { amountMinor })).rejects.toMatchObject({ code: '23514' });
  });
});

describe('a proposal', () => {
  it('and a request for the same refund are one return', async () => {
    const member = await books.member('proposed', { points: 10 });
    const key = await books.paid(member, price);
    const found = opened(await propose(key, { amountMinor: 30, reference: 'R', fundRestored: false }));
    expect(found.state).toBe('proposed');
    await expect(propose(key, { amountMinor: 30, reference: 'R' })).resolves.toMatchObject({ outcome: 'existing' });
    await expect(book(found)).resolves.toEqual({ outcome: 'conflict', state: 'proposed' });
    // Whoever asks for it says how it was; the proposal keeps nothing from him.
    const asked = opened(await request(key, { amountMinor: 50, reference: 'R' }));
    expect(asked).toMatchObject({ returnId: found.returnId, state: 'requested' });
    await expect(propose(key, { amountMinor: 30, reference: 'R' })).resolves.toEqual({ ...asked, outcome: 'existing' });
    await books.decideReturn(asked, true);
    await expect(book(asked)).resolves.toEqual({ outcome: 'returned', points: 5 });
    const [told, ...others] = await books.returns.list(books.partnerId, key.paymentId, null, 10);
    expect(others).toEqual([]);
    expect(told).toMatchObject({
      ...{ id: found.returnId, state: 'returned', amountMinor: 50, points: 5, fundRestored: true, openedBy: saga },
      ...{ requestedBy: person, decidedBy: { kind: 'api_key', id: 'second' } },
    });
  });

  it('and a request, made at once, are one return', async () => {
    const key = await books.paid(await books.member('proposed at once', { points: 10 }), price);
    const wish = { amountMinor: 30, reference: 'R' };
    await Promise.all([propose(key, wish), request(key, wish), propose(key, wish), request(key, wish)]);
    const all = await books.returns.list(books.partnerId, key.paymentId, null, 10);
    expect(all.map(({ state }) => state)).toEqual(['requested']);
  });
});

describe('returns in parts', () => {
  it('[case hyperswitch#13182] at once never come to more than was paid', async () => {
    const member = await books.member('at once', { points: 10 });
    const key = await books.paid(member, price);
    const before = await fund();
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => request(key, { amountMinor: 30 })));
    expect(outcomes.filter(({ outcome }) => outcome === 'opened')).toHaveLength(3);
    expect(outcomes.filter(({ outcome }) => outcome === 'too_much')).toHaveLength(17);
    const taken = outcomes.filter(({ outcome }) => outcome === 'opened').map(opened);
    await Promise.all(taken.map((one) => books.decideReturn(one, true)));
    await Promise.all([...taken, ...taken].map((one) => book(one)));
    expect(await balanceOf(member)).toEqual({ available: 9, held: 0 });
    expect(await fund()).toEqual({ drawn: before.drawn - 90, available: before.available + 90 });
    await expect(request(key, { amountMinor: 11 })).resolves.toEqual({ outcome: 'too_much', leftMinor: 10 });
    await expect(give(key, { amountMinor: 10 })).resolves.toEqual({ outcome: 'returned', points: 1 });
    expect(await balanceOf(member)).toEqual({ available: 10, held: 0 });
  });

  it('[case hyperswitch#13182] of thirds, and any others, leave no residue: as the domain’s rounding says', async () => {
    const rounded = fc
      .record({
        amountMinor: fc.integer({ min: 3, max: 100_000 }),
        points: fc.integer({ min: 1, max: 2_000 }),
        cuts: fc.oneof(
          fc.constant<number[]>([1 / 3, 2 / 3]),
          fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 5 }),
        ),
      })
      .map(({ cuts, ...cut }) => {
        const inner = cuts.map((share) => Math.floor(share * cut.amountMinor));
        return {
          ...cut,
          marks: [...new Set([...inner, cut.amountMinor])].filter((mark) => mark > 0).sort((a, b) => a - b),
        };
      });
    await fc.assert(
      fc.asyncProperty(rounded, async ({ amountMinor, points, marks }) => {
        const lots = [Math.ceil(points / 3), Math.ceil(points / 3), Math.ceil(points / 3)].map((some) => ({
          points: some,
        }));
        const member = await books.member(randomUUID(), ...lots);
        const before = (await balanceOf(member)).available;
        const key = await books.paid(member, { amountMinor, points });
        let given = 0;
        for (const [index, mark] of marks.entries()) {
          const due = pointsOfReturns(points, amountMinor, mark) - given;
          const outcome = await give(key, { amountMinor: mark - (marks[index - 1] ?? 0) });
          expect(outcome).toEqual({ outcome: 'returned', points: due });
          given += due;
        }
        expect(await balanceOf(member)).toEqual({ available: before, held: 0 });
      }),
      { numRuns: 25 },
    );
  });

  it('give back first what was spent last, as if the payment had been smaller from the beginning', async () => {
    const soon = Date.now() + dayMs;
    const lots = [{ points: 4, expiresAt: soon }, { points: 4, expiresAt: soon + dayMs }, { points: 4 }];
    const member = await books.member('last first', ...lots);
    const key = await books.paid(member, { amountMinor: 100, points: 10 });
    expect(await lotsOf(member)).toEqual([0, 0, 2]);
    await give(key, { amountMinor: 20 });
    expect(await lotsOf(member)).toEqual([0, 0, 4]);
    await give(key, { amountMinor: 30 });
    expect(await lotsOf(member)).toEqual([0, 3, 4]);
    await give(key, { amountMinor: 50 });
    expect(await lotsOf(member)).toEqual([4, 4, 4]);
  });
});

describe('points of lots that have expired since', () => {
  const soon = () => Date.now() + 60_000;
  const grace = (days: number) =>
    books.admin.query(
      `UPDATE partner SET programme = programme || jsonb_build_object('releaseGraceDays', $1::integer)`,
      [days],
    );

  it('follow the partner’s grace: a fresh lot for so many days', async () => {
    await grace(3);
    try {
      const expiresAt = soon();
      const member = await books.member('grace', { points: 6, expiresAt }, { points: 4 });
      const key = await books.paid(member, price);
      const later = expiresAt + dayMs;
      await give(key, { amountMinor: 70, at: later });
      expect(await balanceOf(member, later)).toEqual({ available: 7, held: 0 });
      expect(await balanceOf(member, later + 5 * dayMs)).toEqual({ available: 4, held: 0 });
      await give(key, { amountMinor: 30, at: later });
      expect(await balanceOf(member, later)).toEqual({ available: 10, held: 0 });
    } finally {
      await grace(0);
    }
  });

  it('without a grace expire with their lot, and the books have that when it became true', async () => {
    const expiresAt = soon();
    const member = await books.member('no grace', { points: 10, expiresAt });
    const key = await books.paid(member, price);
    const returnedAt = expiresAt + dayMs;
    await give(key, { amountMinor: 100, at: returnedAt });
    expect(await balanceOf(member, returnedAt)).toEqual({ available: 0, held: 0 });
    await books.points.expire(books.partnerId, 1_000, returnedAt + 1_000);
    const balanceAt = async (at: number) => {
      const { rows } = await books.admin.query<{ balance: unknown }>(
        'SELECT member_balance_at($1, $2, $3) AS balance',
        [...[books.partnerId, member, new Date(at)]],
      );
      return rows[0]?.balance;
    };
    expect(await balanceAt(expiresAt + 1)).toEqual({ available: 0, held: 0 });
    expect(await balanceAt(returnedAt + 2_000)).toEqual({ available: 0, held: 0 });
  });
});

it('a member who was erased has his points on the books again: nobody spends them', async () => {
  const member = await books.member('to be erased', { points: 10 });
  const key = await books.paid(member, price);
  await books.admin.query('SELECT member_erase($1, $2, $3)', [books.partnerId, member, new Date()]);
  await expect(give(key, { amountMinor: 100 })).resolves.toEqual({ outcome: 'returned', points: 10 });
  expect(await balanceOf(member)).toEqual({ available: 10, held: 0 });
});

it('a payment whose points a person had given back before it was proven paid has none to return', async () => {
  const member = await books.member('late proof', { points: 10 });
  const key = await books.payment(price);
  await books.hold(key, member, price);
  await books.ledger.beginAttempt(key, 't', false, 60_000, Date.now());
  const at = Date.now();
  await books.ledger.noteUnproven(key, { state: 'in_review', reason: 'unproven', lastProbe: null, nextProbeAt: 0 }, at);
  await books.admin.query(`UPDATE payment_attempt SET started_at = started_at - interval '1 h' WHERE payment_id = $1`, [
    key.paymentId,
  ]);
  const say = async (outcome: 'not_paid' | 'paid', transactionId: string | null, status: string) => {
    const resolutionId = randomUUID();
    const words = { reason: 'r', comment: 'c', reference: 'f', actor: saga };
    await books.recovery.openResolution({ ...key, resolutionId, outcome, transactionId, ...words, at });
    await books.read(key, { status });
    return books.ledger.resolve(key, resolutionId, 60_000, Date.now());
  };
  await expect(say('not_paid', null, 'pending')).resolves.toMatchObject({ outcome: 'resolved', state: 'in_review' });
  await expect(say('paid', 'T-late-proof', 'paid')).resolves.toMatchObject({ outcome: 'resolved', state: 'paid' });
  await expect(give(key, { amountMinor: 100 })).resolves.toEqual({ outcome: 'returned', points: 0 });
  expect(await balanceOf(member)).toEqual({ available: 10, held: 0 });
});

it('only the worker books, and an approved return that nobody books is found', async () => {
  const key = await books.paid(await books.member('to book', { points: 10 }), price);
  const one = opened(await request(key, { amountMinor: 50 }));
  const due = async (at: number) =>
    (await books.returns.toBook(60_000, 100, at)).some(({ returnId }) => returnId === one.returnId);
  const at = Date.now();
  await books.decideReturn(one, true, at);
  expect([await due(at + 60_000), await due(at + 60_001)]).toEqual([false, true]);
  const booking = {
    text: 'SELECT payment_return_decide($1, $2, 1, true, $3, now())',
    values: [books.partnerId, one.returnId, {}],
  };
  await expect(books.worker.query(booking)).rejects.toMatchObject({ code: '42501' });
  await book(one, at);
  expect(await due(at + 60_001)).toBe(false);
});
