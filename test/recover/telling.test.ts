/** What a restored ledger makes of what it is told: all of it in one transaction, once, and by its own rules. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { v7 as uuidv7 } from 'uuid';
import type { Evidence, RecordedAttempt } from '../../src/domain/evidence.js';
import { recoveryAction } from '../../src/domain/recovery.js';
import { Recoveries } from '../../src/ledger/recoveries.js';
import { Books, policy, saga } from '../support/books.js';

const points = 10;
const price = { amountMinor: 100, points };
const seen = { ...price, currency: 'RUB' };

let books: Books;
beforeAll(async () => {
  books = await Books.open();
});
afterAll(async () => {
  expect(await books.violations()).toEqual([]);
  await books.close();
});

const recoveries = () => new Recoveries(books.admin);
const aMember = (has: number) => books.member(randomUUID(), ...(has === 0 ? [] : [{ points: has }]));
const balanceOf = (member: string) => books.points.balance(books.partnerId, member, Date.now());
const drawn = async () => (await books.ledger.fundBalance(books.partnerId))[0]?.drawnMinor ?? 0;
const call = (
  n: number | null,
  ended: RecordedAttempt['class'],
  transactionId: string | null = null,
): RecordedAttempt => ({
  ...{ ticket: randomUUID(), n, class: ended, code: ended, requestId: null, transactionId },
  ...{ startedAt: Date.now(), finishedAt: ended === null ? null : Date.now() },
});

interface Change {
  readonly paymentId?: string;
  readonly invoiceId?: string;
  readonly state: Evidence['state'];
  readonly attempts?: readonly RecordedAttempt[];
  readonly transactionId?: string;
  readonly isHeld?: boolean;
  readonly confirmationId?: string;
  readonly released?: boolean;
  readonly partnerId?: string;
  readonly quote?: Evidence['quote'];
}

function evidenceOf(memberId: string, change: Change): Evidence {
  const { paymentId = uuidv7(), invoiceId = randomUUID(), isHeld = true, confirmationId = randomUUID() } = change;
  const at = Date.now();
  return {
    opening: {
      ...{ partnerId: change.partnerId ?? books.partnerId, paymentId, invoiceId, scheme: 'loyalty', epoch: 1, policy },
      ...{ by: saga, memberId: null, batchId: null },
    },
    ...{ openedAt: at, epoch: 3, stateAt: at, reason: null, state: change.state, outstanding: false },
    quote: change.quote === undefined ? { ...seen, pricedAt: at, readAt: at, expiresAt: at + 3_600_000 } : change.quote,
    held: isHeld ? { memberId, seen, actor: { kind: 'member', id: memberId }, confirmationId, at } : null,
    released: change.released ?? false,
    attempts: change.attempts ?? [],
    transactionId: change.transactionId ?? null,
  };
}

async function tell(evidence: Evidence) {
  const { partnerId, paymentId } = evidence.opening;
  const says = (await recoveries().rows(partnerId, [paymentId]))?.get(paymentId) ?? null;
  const action = recoveryAction(says, evidence);
  if (action.kind === 'nothing' || action.kind === 'contradiction') return action.kind;
  return recoveries().recover(evidence, action, null);
}

const rowOf = async (paymentId: string) =>
  (
    await books.admin.query<{ state: string; reason: string | null; epoch: number; transaction_id: string | null }>(
      'SELECT state, reason, epoch, transaction_id FROM payment WHERE id = $1',
      [paymentId],
    )
  ).rows[0];

describe('a payment that was paid', () => {
  const paid = (member: string, change: Partial<Change> = {}) => {
    const transactionId = randomUUID();
    return evidenceOf(member, { state: 'paid', transactionId, attempts: [call(1, 'paid', transactionId)], ...change });
  };

  it('and of which the ledger knows nothing is booked as it was, once', async () => {
    const member = await aMember(points);
    const before = await drawn();
    const evidence = paid(member);
    expect(await tell(evidence)).toMatchObject({ outcome: 'recovered', state: 'paid', points: 'booked' });
    expect(await tell(evidence)).toBe('nothing');
    expect(await balanceOf(member)).toEqual({ available: 0, held: 0 });
    expect((await drawn()) - before).toBe(price.amountMinor);
    const { paymentId } = evidence.opening;
    expect(await books.ledger.passport(books.partnerId, paymentId)).toMatchObject({
      ...{ state: 'paid', pointsCaptured: points, fundDrawnMinor: price.amountMinor },
      transactionId: evidence.transactionId,
    });
    const { rows } = await books.admin.query('SELECT type FROM event WHERE payment_id = $1', [paymentId]);
    expect(rows).toEqual([{ type: 'payment.paid' }]);
  });

  it('and holds in the restored ledger is captured from that hold', async () => {
    const member = await aMember(points);
    const key = await books.payment(price);
    const confirmationId = randomUUID();
    await books.hold(key, member, price, confirmationId);
    const { paymentId } = key;
    const invoiceId = await invoiceOf(paymentId);
    expect(await tell(paid(member, { paymentId, invoiceId, confirmationId }))).toMatchObject({
      state: 'paid',
      points: 'booked',
    });
    expect(await balanceOf(member)).toEqual({ available: 0, held: 0 });
  });

  it('by another member than it is held for in the restored ledger: his points go back, hers are taken', async () => {
    const [boris, anna] = [await aMember(points), await aMember(points)];
    const key = await books.payment(price);
    await books.hold(key, boris, price);
    const { paymentId } = key;
    expect(await tell(paid(anna, { paymentId, invoiceId: await invoiceOf(paymentId) }))).toMatchObject({
      state: 'paid',
    });
    expect([await balanceOf(boris), await balanceOf(anna)]).toEqual([
      { available: points, held: 0 },
      { available: 0, held: 0 },
    ]);
  });

  it('with points that are not in the restored books: the fund is drawn, a person is asked, and later they are taken', async () => {
    const member = await aMember(points - 1);
    const before = await drawn();
    const evidence = paid(member);
    const { paymentId, partnerId } = evidence.opening;
    expect(await tell(evidence)).toMatchObject({ outcome: 'recovered', state: 'in_review', points: 'missing' });
    expect(await rowOf(paymentId)).toMatchObject({
      reason: 'paid_after_release',
      transaction_id: evidence.transactionId,
    });
    expect((await drawn()) - before).toBe(price.amountMinor);
    const take = () => recoveries().takePoints(partnerId, paymentId, Date.now());
    expect(await take()).toEqual({ outcome: 'missing', available: points - 1, needed: points });
    await books.points.creditUntil({
      ...{
        partnerId,
        memberId: member,
        points: 1,
        expiresAt: null,
        reference: randomUUID(),
        actor: saga,
        at: Date.now(),
      },
    });
    expect(await recoveries().pointsOwed(null, 100)).toContainEqual({ partnerId, paymentId });
    expect([await take(), await take()]).toEqual([{ outcome: 'taken', points }, { outcome: 'not_owed' }]);
    expect(await rowOf(paymentId)).toMatchObject({ state: 'paid', reason: null });
    expect([await balanceOf(member), (await drawn()) - before]).toEqual([{ available: 0, held: 0 }, price.amountMinor]);
  });

  it('by a member who is not there any more: the fund is drawn, a person is asked', async () => {
    const evidence = paid(uuidv7());
    expect(await tell(evidence)).toMatchObject({ state: 'in_review', points: 'missing' });
  });

  it('after a person had released it, and then on his word: as it was, without points', async () => {
    const member = await aMember(points);
    const evidence = paid(member, { released: true });
    expect(await tell(evidence)).toMatchObject({ state: 'paid', points: 'missing' });
    expect(await balanceOf(member)).toEqual({ available: points, held: 0 });
  });
});

describe('a payment that is not over', () => {
  it('and may be paid is held again, its call kept, and captured by a proof', async () => {
    const member = await aMember(points);
    const evidence = evidenceOf(member, { state: 'unknown', attempts: [call(1, 'unknown')] });
    expect(await tell(evidence)).toMatchObject({ state: 'unknown', epoch: 3, points: 'booked' });
    expect(await tell(evidence)).toMatchObject({ state: 'unknown', points: 'booked' });
    expect(await balanceOf(member)).toEqual({ available: 0, held: points });
    const key = { partnerId: books.partnerId, paymentId: evidence.opening.paymentId, epoch: 3 };
    expect(await books.ledger.close(key, 'cancelled', 'x', null, saga, Date.now())).toEqual({
      outcome: 'attempt_outstanding',
    });
    expect(await books.ledger.capture(key, 1, randomUUID(), null, Date.now())).toEqual({ outcome: 'captured' });
    expect(await balanceOf(member)).toEqual({ available: 0, held: 0 });
  });

  it('keeps a call of which nobody knows the number apart from those that the ledger knows', async () => {
    const member = await aMember(points);
    const key = await books.payment(price);
    const confirmationId = randomUUID();
    await books.hold(key, member, price, confirmationId);
    await books.ledger.beginAttempt(key, 'first', false, policy.freshnessMs, Date.now());
    await books.ledger.endAttempt(
      key,
      1,
      { class: 'not_executed', code: 'http_429', message: null, requestId: null, flag: null },
      Date.now(),
    );
    const { paymentId } = key;
    const known = { ...call(null, null), ticket: 'first' };
    const change = { paymentId, invoiceId: await invoiceOf(paymentId), confirmationId, state: 'settling' } as const;
    await tell(evidenceOf(member, { ...change, attempts: [known, { ...call(null, null), ticket: 'second' }] }));
    const { rows } = await books.admin.query('SELECT n, class FROM payment_attempt WHERE payment_id = $1 ORDER BY n', [
      paymentId,
    ]);
    expect(rows).toEqual([
      { n: 1, class: 'not_executed' },
      { n: 2, class: null },
    ]);
  });

  it('and may be paid, with points that are not in the restored books: in review, nothing held, a proof draws the fund', async () => {
    const member = await aMember(0);
    const evidence = evidenceOf(member, { state: 'unknown', attempts: [call(1, null)] });
    const { paymentId, partnerId } = evidence.opening;
    expect(await tell(evidence)).toMatchObject({ state: 'in_review', points: 'missing' });
    expect(await rowOf(paymentId)).toMatchObject({ reason: 'hold_not_restored', transaction_id: null });
    expect(await recoveries().takePoints(partnerId, paymentId, Date.now())).toEqual({ outcome: 'not_paid' });
    const before = await drawn();
    const key = { partnerId, paymentId, epoch: 3 };
    expect(await books.ledger.capture(key, 1, randomUUID(), null, Date.now())).toEqual({ outcome: 'captured_late' });
    expect((await drawn()) - before).toBe(price.amountMinor);
  });

  it('and was never called, with points that are not in the restored books: the buyer is asked again', async () => {
    const evidence = evidenceOf(await aMember(0), { state: 'settling' });
    expect(await tell(evidence)).toMatchObject({ state: 'awaiting_confirmation', points: 'missing' });
    expect(await rowOf(evidence.opening.paymentId)).toMatchObject({ reason: 'insufficient_points' });
  });

  it('waits again at the price that was read', async () => {
    const evidence = evidenceOf(await aMember(0), { state: 'awaiting_confirmation', isHeld: false });
    expect(await tell(evidence)).toMatchObject({ state: 'awaiting_confirmation', points: 'none' });
  });

  it('released by a person, stays so', async () => {
    const member = await aMember(points);
    const evidence = evidenceOf(member, { state: 'in_review', released: true, attempts: [call(1, 'unknown')] });
    expect(await tell(evidence)).toMatchObject({ state: 'in_review' });
    expect(await rowOf(evidence.opening.paymentId)).toMatchObject({ reason: 'released_by_person' });
    expect(await balanceOf(member)).toEqual({ available: points, held: 0 });
  });
});

describe('a payment that was closed unpaid', () => {
  it('gives back what the restored ledger holds for it', async () => {
    const member = await aMember(points);
    const key = await books.payment(price);
    await books.hold(key, member, price);
    const { paymentId } = key;
    const evidence = evidenceOf(member, {
      paymentId,
      invoiceId: await invoiceOf(paymentId),
      state: 'cancelled',
      isHeld: false,
    });
    expect(await tell(evidence)).toMatchObject({ state: 'cancelled' });
    expect(await balanceOf(member)).toEqual({ available: points, held: 0 });
  });

  it('leaves its invoice to the payment that came after it', async () => {
    const member = await aMember(points);
    const invoiceId = randomUUID();
    const transactionId = randomUUID();
    expect(await tell(evidenceOf(member, { invoiceId, state: 'expired', isHeld: false }))).toMatchObject({
      state: 'expired',
    });
    const paid = evidenceOf(member, {
      invoiceId,
      state: 'paid',
      transactionId,
      attempts: [call(1, 'paid', transactionId)],
    });
    expect(await tell(paid)).toMatchObject({ state: 'paid' });
  });
});

describe('nothing is changed', () => {
  it.each([
    ['for a partner whom the ledger does not know', { partnerId: uuidv7() }, 'unknown_partner'],
    ['for a sum that no history tells', { isHeld: false, quote: null }, 'unknown_sum'],
  ])('%s', async (_, change, outcome) => {
    const evidence = evidenceOf(await aMember(points), { state: 'paid', transactionId: randomUUID(), ...change });
    expect(await tell(evidence)).toEqual({ outcome });
    expect(await rowOf(evidence.opening.paymentId)).toBeUndefined();
  });

  it('for an invoice that another payment has', async () => {
    const key = await books.payment(price);
    const evidence = evidenceOf(await aMember(points), {
      ...{ state: 'paid', transactionId: randomUUID(), invoiceId: await invoiceOf(key.paymentId) },
    });
    expect(await tell(evidence)).toEqual({ outcome: 'other_payment', paymentId: key.paymentId });
    expect(await rowOf(evidence.opening.paymentId)).toBeUndefined();
  });
});

async function invoiceOf(paymentId: string): Promise<string> {
  const { rows } = await books.admin.query<{ invoice_id: string }>('SELECT invoice_id FROM payment WHERE id = $1', [
    paymentId,
  ]);
  return rows[0]?.invoice_id ?? '';
}
