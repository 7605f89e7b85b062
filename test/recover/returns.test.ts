/** What a restored ledger makes of a return that it is told of: once, behind its payment, and never more than was paid. */
import { createHash, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { v7 as uuidv7 } from 'uuid';
import type { PaymentKey } from '../../src/ledger/ledger.js';
import { Recoveries, type ReturnBooked } from '../../src/ledger/recoveries.js';
import type { ReturnMade } from '../../src/ledger/returns.js';
import { Books } from '../support/books.js';

const price = { amountMinor: 100, points: 10 };
const asked = { kind: 'api_key', id: 'first' } as const;
const agreed = { kind: 'api_key', id: 'second' } as const;

let books: Books;
let recoveries: Recoveries;
beforeAll(async () => {
  books = await Books.open();
  recoveries = new Recoveries(books.admin);
});
afterAll(async () => {
  expect(await books.violations()).toEqual([]);
  await books.close();
});

const digest = (reference: string) => `sha256:${createHash('sha256').update(reference).digest('hex')}`;
const now = () => new Date().toISOString();

/** What its history tells of a return that was approved, of which the ledger need know nothing. */
function made({ paymentId }: PaymentKey, reference: string, change: Partial<ReturnMade> = {}): ReturnMade {
  return {
    ...{ paymentId, version: 1, referenceDigest: digest(reference), amountMinor: 50, fundRestored: true },
    ...{ openedBy: asked, openedAt: now(), requestedBy: asked, requestedAt: now(), requestedUntil: now() },
    ...{ decidedBy: agreed, decidedAt: now(), ...change },
  };
}

const tell = (
  told: ReturnMade,
  booked: ReturnBooked | null,
  { returnId = uuidv7(), partnerId = books.partnerId }: { returnId?: string; partnerId?: string } = {},
) => recoveries.recoverReturn({ partnerId, returnId }, told, booked);
const booked = (): ReturnBooked => ({ at: Date.now(), read: { status: 'paid', readAt: Date.now() } });

const member = (points = 10) => books.member(randomUUID(), { points });
const balanceOf = async (memberId: string) =>
  (await books.points.balance(books.partnerId, memberId, Date.now())).available;
const drawn = async () => (await books.ledger.fundBalance(books.partnerId))[0]?.drawnMinor ?? 0;
const listed = ({ paymentId }: PaymentKey) => books.returns.list(books.partnerId, paymentId, null, 10);
const ask = ({ paymentId }: PaymentKey, reference: string, change: object = {}) =>
  books.returns.request({
    ...{ partnerId: books.partnerId, paymentId, amountMinor: 50, fundRestored: true, reference, reason: 'too small' },
    ...{ actor: asked, at: Date.now(), ...change },
  });

async function asking(key: PaymentKey, reference: string, change: object = {}) {
  const opened = await ask(key, reference, change);
  if (opened.outcome !== 'opened') throw new Error(`Not opened: ${JSON.stringify(opened)}`);
  return opened;
}

describe('a return that was booked', () => {
  it('and of which the ledger knows nothing is booked as it was, once', async () => {
    const anna = await member();
    const key = await books.paid(anna, price);
    const before = await drawn();
    const [told, once] = [made(key, 'R-1'), { returnId: uuidv7() }];
    expect(await tell(told, booked(), once)).toEqual({ outcome: 'recovered', state: 'returned', points: 5 });
    expect(await tell(told, booked(), once)).toEqual({ outcome: 'known', state: 'returned' });
    expect([await balanceOf(anna), before - (await drawn())]).toEqual([5, 50]);
    expect(await listed(key)).toMatchObject([
      { id: once.returnId, state: 'returned', requestedBy: asked, decidedBy: agreed, invoiceStatus: 'paid', points: 5 },
    ]);
  });

  it('is the same when its refund is asked for again, in whose words it is known then', async () => {
    const key = await books.paid(await member(), price);
    const { returnId } = { returnId: uuidv7() };
    await tell(made(key, 'R-2'), booked(), { returnId });
    expect(await ask(key, 'R-2', { amountMinor: 49 })).toEqual({ outcome: 'conflict', returnId });
    expect(await ask(key, 'R-2')).toMatchObject({ outcome: 'existing', returnId, state: 'returned' });
    expect(await listed(key)).toMatchObject([{ reference: 'R-2', reason: 'too small' }]);
    expect(await ask(key, 'R-2', { reason: 'another' })).toEqual({ outcome: 'conflict', returnId });
  });

  it.each([
    ['requested', true],
    ['rejected', false],
  ])(
    'and stands as %s in the restored ledger is brought forward, and what waited for it is over',
    async (_, isOpen) => {
      const anna = await member();
      const key = await books.paid(anna, price);
      const { returnId } = await asking(key, 'R-3');
      if (!isOpen) await books.decideReturn({ returnId, version: 1 }, false);
      const version = isOpen ? 1 : 2;
      expect(await tell(made(key, 'R-3', { version }), booked(), { returnId })).toMatchObject({ state: 'returned' });
      expect(await balanceOf(anna)).toBe(5);
      expect(await listed(key)).toMatchObject([{ id: returnId, reference: 'R-3', state: 'returned', version }]);
      const { rows } = await books.admin.query("SELECT state FROM approval WHERE subject = $1 AND state = 'pending'", [
        returnId,
      ]);
      expect(rows).toEqual([]);
    },
  );

  it('before what was asked for besides, and does not fit any more: that is not granted in vain', async () => {
    const key = await books.paid(await member(), price);
    const whole = await asking(key, 'whole', { amountMinor: 100 });
    expect(await tell(made(key, 'R-4'), booked())).toMatchObject({ state: 'returned' });
    expect(await books.decideReturn(whole, true, Date.now() + 1_000)).toEqual({ outcome: 'stale' });
  });
});

it('a return that was approved and not booked is booked by its saga', async () => {
  const anna = await member();
  const key = await books.paid(anna, price);
  const one = { returnId: uuidv7() };
  expect(await tell(made(key, 'R-5'), null, one)).toEqual({ outcome: 'recovered', state: 'approved', points: null });
  expect(await tell(made(key, 'R-5'), null, one)).toEqual({ outcome: 'known', state: 'approved' });
  const toBook = await books.returns.toBook(0, 100, Date.now() + 1_000);
  expect(toBook).toContainEqual({ partnerId: books.partnerId, ...one });
  expect(await books.returns.book({ partnerId: books.partnerId, ...one }, null, Date.now())).toMatchObject({
    points: 5,
  });
  expect(await balanceOf(anna)).toBe(5);
});

it('parts that were booked come to the whole again', async () => {
  const anna = await member();
  const key = await books.paid(anna, price);
  for (const [n, amountMinor] of [33, 33, 34].entries())
    expect(await tell(made(key, `part ${n}`, { amountMinor }), booked())).toMatchObject({ state: 'returned' });
  expect(await balanceOf(anna)).toBe(10);
});

describe('nothing is changed', () => {
  it('where its refund was asked for anew', async () => {
    const key = await books.paid(await member(), price);
    const { returnId } = await asking(key, 'R-6');
    expect(await tell(made(key, 'R-6'), booked())).toEqual({ outcome: 'other_return', returnId });
    expect(await listed(key)).toMatchObject([{ state: 'requested' }]);
  });

  it('where less is left of the payment', async () => {
    const key = await books.paid(await member(), price);
    await tell(made(key, 'R-7', { amountMinor: 60 }), booked());
    expect(await tell(made(key, 'R-8'), booked())).toEqual({ outcome: 'too_much', leftMinor: 40 });
  });

  it('where its payment is not paid, or not there, or nor is its partner', async () => {
    const key = await books.payment(price);
    expect(await tell(made(key, 'R-9'), booked())).toEqual({ outcome: 'not_paid', state: 'awaiting_confirmation' });
    const nowhere = { ...key, paymentId: uuidv7() };
    expect(await tell(made(nowhere, 'R-9'), booked())).toEqual({ outcome: 'unknown_payment' });
    const stranger = { partnerId: uuidv7() };
    expect(await tell(made(key, 'R-9'), booked(), stranger)).toEqual({ outcome: 'unknown_partner' });
  });
});

it('what a saga goes by tells all of it, and no words', async () => {
  const key = await books.paid(await member(), price);
  const opened = await asking(key, 'in somebody’s words');
  await books.decideReturn(opened, true);
  const work = await books.returns.work({ partnerId: books.partnerId, returnId: opened.returnId });
  expect(work?.made).toMatchObject({
    ...{ paymentId: key.paymentId, version: 1, referenceDigest: digest('in somebody’s words'), amountMinor: 50 },
    ...{ fundRestored: true, openedBy: asked, requestedBy: asked, decidedBy: agreed },
  });
  expect(JSON.stringify(work)).not.toMatch(/somebody|too small/);
});
