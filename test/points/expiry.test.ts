/** Days, expiry, holds across it, grace, and what the books had then. The ledger's functions on a real Postgres. */
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Books, saga } from '../support/books.js';

let books: Books;
beforeAll(async () => {
  books = await Books.open();
});
afterEach(async () => {
  expect(await books.violations()).toEqual([]);
});
afterAll(async () => {
  await books.close();
});

const at = (text: string): number => Date.parse(text);

async function inZone(timeZone: string, settings: Record<string, unknown> = {}): Promise<void> {
  await books.admin.query(
    `UPDATE partner SET settings = settings || jsonb_build_object('timeZone', $2::text)
       || jsonb_build_object('loyalty', settings -> 'loyalty' || $3::jsonb) WHERE id = $1`,
    [books.partnerId, timeZone, JSON.stringify(settings)],
  );
}

async function credited(memberId: string, points: number, expiresOn: string | null, now: number): Promise<string> {
  const reference = randomUUID();
  const { partnerId } = books;
  const answer = await books.points.credit({ partnerId, memberId, points, expiresOn, reference, actor: saga, at: now });
  if (!('creditId' in answer)) throw new Error(answer.outcome);
  return answer.creditId;
}

const available = async (memberId: string, now: number) =>
  (await books.points.balance(books.partnerId, memberId, now)).available;
const expire = (now: number) => books.points.expire(books.partnerId, 500, now);

describe('[case kademi-dev#4759] "expires on the 11th" is the whole 11th where the programme is', () => {
  it.each([
    // The last moment of that day, in UTC.
    ['Asia/Kamchatka', '2027-03-11T11:59:59.999Z'],
    ['Europe/Kaliningrad', '2027-03-11T21:59:59.999Z'],
    ['Europe/Moscow', '2027-03-11T20:59:59.999Z'],
    ['UTC', '2027-03-11T23:59:59.999Z'],
  ])('in %s', async (zone, lastMoment) => {
    await inZone(zone);
    const member = await books.member(`day in ${zone}`);
    const credit = await credited(member, 5, '2027-03-11', at('2027-03-01T00:00:00Z'));
    expect(await available(member, at(lastMoment))).toBe(5);
    expect(await expire(at(lastMoment))).toEqual({ lots: 0, points: 0, members: 0 });
    expect(await available(member, at(lastMoment) + 1)).toBe(0);
    expect(await expire(at(lastMoment) + 1)).toEqual({ lots: 1, points: 5, members: 1 });

    expect((await books.points.readCredit(books.partnerId, credit))?.expiresOn).toBe('2027-03-11');
  });

  it('a day that is over is refused, today is not', async () => {
    await inZone('Asia/Kamchatka');
    const member = await books.member('today');
    // In Kamchatka it is the 12th already.
    const now = at('2027-03-11T12:00:00Z');
    const wish = { partnerId: books.partnerId, memberId: member, points: 1, actor: saga, at: now };
    const credit = (expiresOn: string) => books.points.credit({ ...wish, expiresOn, reference: randomUUID() });
    expect((await credit('2027-03-11')).outcome).toBe('already_over');
    expect((await credit('2027-03-12')).outcome).toBe('credited');
  });
});

describe('expiry', () => {
  const dayBefore = at('2027-05-10T12:00:00Z');
  const dayAfter = at('2027-05-12T12:00:00Z');
  const price = { amountMinor: 100, points: 10 };

  async function heldBeforeExpiry(name: string) {
    const member = await books.member(name);
    await credited(member, 10, '2027-05-11', dayBefore);
    const key = await books.payment({ ...price, invoiceId: randomUUID() });
    await expect(books.hold(key, member, price, undefined, dayBefore)).resolves.toEqual({ outcome: 'held' });
    return { member, key };
  }

  it('[case flexprice PR#2818] leaves held points alone: a later capture captures them', async () => {
    await inZone('Europe/Moscow');
    const { member, key } = await heldBeforeExpiry('captured');
    await expire(dayAfter);
    expect(await books.points.balance(books.partnerId, member, dayAfter)).toEqual({ available: 0, held: 10 });
    await books.ledger.beginAttempt(key, 't', false, 60_000, dayBefore);
    await expect(books.ledger.capture(key, 1, randomUUID(), null, dayAfter)).resolves.toEqual({ outcome: 'captured' });
    expect(await books.points.balance(books.partnerId, member, dayAfter)).toEqual({ available: 0, held: 0 });
  });

  it('[case flexprice PR#2818] released after their day without grace, they expire with it', async () => {
    await inZone('Europe/Moscow', { releaseGraceDays: 0 });
    const { member, key } = await heldBeforeExpiry('no grace');
    await books.ledger.close(key, 'cancelled', 'test', null, saga, dayAfter);
    expect(await available(member, dayAfter)).toBe(0);
    expect(await expire(dayAfter)).toEqual({ lots: 1, points: 10, members: 1 });
    // They were his, held, when the day ended: the books let them go when they came back.
    expect(await books.points.balanceAt(books.partnerId, member, at('2027-05-12T00:00:00Z'))).toEqual({
      available: 0,
      held: 10,
    });
    expect(await books.points.balanceAt(books.partnerId, member, dayAfter)).toEqual({ available: 0, held: 0 });
  });

  it('[case flexprice PR#2818] released after their day with grace, they live to the end of the last day of it', async () => {
    await inZone('Europe/Moscow', { releaseGraceDays: 3 });
    const { member, key } = await heldBeforeExpiry('grace');
    await books.ledger.close(key, 'cancelled', 'test', null, saga, dayAfter);
    const lots = await books.points.lots(books.partnerId, member, null, 10);
    expect(lots).toMatchObject([{ remaining: 10, expiresOn: '2027-05-15', creditId: null }]);
    expect(await available(member, at('2027-05-15T20:59:59Z'))).toBe(10);
    expect(await available(member, at('2027-05-15T21:00:00Z'))).toBe(0);
    await expire(at('2027-05-15T21:00:00Z'));
  });

  it('is booked at the moment of the day’s end, however late; the balance of any date is what could be spent then', async () => {
    await inZone('Europe/Moscow');
    const member = await books.member('history');
    await credited(member, 7, '2027-06-10', at('2027-06-01T09:00:00Z'));
    await credited(member, 4, null, at('2027-06-05T09:00:00Z'));
    const on = (day: string) => books.points.balanceOn(books.partnerId, member, day);
    const asItWas = async () => [
      await on('2027-05-31'),
      await on('2027-06-01'),
      await on('2027-06-10'),
      await on('2027-06-11'),
    ];
    const expected = [0, 7, 11, 4].map((points) => ({ available: points, held: 0 }));
    expect(await asItWas()).toEqual(expected);
    await expire(at('2027-07-01T00:00:00Z'));
    expect(await asItWas()).toEqual(expected);
    const [expiry] = await books.points.entries(books.partnerId, member, null, 1);
    expect(expiry).toMatchObject({ kind: 'expiry', points: -7 });
    expect(new Date(expiry?.at ?? 0).toISOString()).toBe('2027-06-10T21:00:00.000Z');
  });

  it('tells each member’s loss once, by its day', async () => {
    await inZone('Europe/Moscow');
    const member = await books.member('told');
    const now = at('2027-08-01T09:00:00Z');
    for (const [points, day] of [[2, '2027-08-03'], [3, '2027-08-03'], [5, '2027-08-04']] as const) await credited(member, points, day, now); // prettier-ignore
    await expire(at('2027-08-09T00:00:00Z'));
    await expire(at('2027-08-09T00:00:00Z'));
    const { rows } = await books.admin.query<{ body: { data: unknown } }>(
      "SELECT body FROM event WHERE type = 'points.expired' AND body -> 'data' ->> 'memberId' = $1 ORDER BY body -> 'data' ->> 'expiredOn'",
      [member],
    );
    expect(rows.map(({ body }) => body.data)).toEqual([
      { memberId: member, points: 5, expiredOn: '2027-08-03' },
      { memberId: member, points: 5, expiredOn: '2027-08-04' },
    ]);
  });

  it('takes many members in steps, beside payments that hold at the same time', async () => {
    await inZone('Europe/Moscow');
    const now = at('2027-09-01T09:00:00Z');
    const members = await Promise.all(Array.from({ length: 60 }, (_, index) => books.member(`crowd ${index}`)));
    for (const member of members) {
      await credited(member, 10, '2027-09-02', now);
      await credited(member, 10, null, now);
    }
    const keys = await Promise.all(members.map(() => books.payment(price)));
    const late = at('2027-09-05T00:00:00Z');
    const [expired] = await Promise.all([
      Promise.all([1, 2, 3].map(() => books.points.expire(books.partnerId, 25, late))),
      Promise.all(keys.map((key, index) => books.hold(key, members[index] ?? '', price, undefined, late))),
    ]);
    let lots = expired.reduce((total, step) => total + step.lots, 0);
    for (;;) {
      const step = await books.points.expire(books.partnerId, 25, late);
      if (step.lots === 0) break;
      lots += step.lots;
    }
    expect(lots).toBe(60);
    for (const member of members) {
      expect(await books.points.balance(books.partnerId, member, late)).toEqual({ available: 0, held: 10 });
    }
  });
});
