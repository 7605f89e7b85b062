/** What a new run goes on from, and what a person may decide: the ledger alone says. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { AttemptClass } from '../../src/domain/confirmAnswer.js';
import type { ResolutionOutcome } from '../../src/domain/payment.js';
import type { PaymentKey } from '../../src/ledger/ledger.js';
import { Books, policy, saga } from '../support/books.js';

const price = { amountMinor: 100, points: 10 };
const operator = { kind: 'operator', id: 'olga' } as const;

let books: Books;
beforeAll(async () => {
  books = await Books.open();
});
afterAll(async () => {
  expect(await books.violations()).toEqual([]);
  await books.close();
});

async function held() {
  const member = await books.member(randomUUID(), { points: 10 });
  const key = await books.payment(price);
  await books.hold(key, member, price);
  return { key, member };
}

async function tried(key: PaymentKey, n: number, ended: AttemptClass | null, transactionId: string | null = null) {
  await books.admin.query(
    `INSERT INTO payment_attempt (payment_id, n, partner_id, epoch, started_at, finished_at, class, code, transaction_id)
     VALUES ($1, $2, $3, 1, now() - interval '1 hour', CASE WHEN $4::text IS NOT NULL THEN now() - interval '1 hour' END, $4, 'a_code', $5)`,
    [key.paymentId, n, key.partnerId, ended, transactionId],
  );
}

const balanceOf = (member: string) => books.points.balance(books.partnerId, member, Date.now());

describe('a new run', () => {
  it.each([
    ['no call was made', [], { kind: 'none' }],
    ['every call was turned away', ['not_executed', 'not_executed'], { kind: 'none' }],
    ['a call has no answer', ['not_executed', null], { kind: 'outstanding' }],
    ['a call is unknown, and a later one refused', ['unknown', 'refused'], { kind: 'outstanding' }],
    ['a call has no answer, and a later one was refused', [null, 'refused'], { kind: 'outstanding' }],
    ['the call was refused', ['refused'], { kind: 'refused', code: 'a_code' }],
    ['a call is unknown, and a later one paid', ['unknown', 'paid'], { kind: 'paid', n: 2, transactionId: 'T-2' }],
  ] as const)('goes on from what is recorded: %s', async (_, attempts, expected) => {
    const { key } = await held();
    for (const [index, ended] of attempts.entries()) {
      await tried(key, index + 1, ended, ended === 'paid' ? `T-${index + 1}` : null);
    }
    const resumed = await books.recovery.resume(key, null, Date.now());
    expect(resumed).toMatchObject({
      outcome: 'resumed',
      epoch: 2,
      state: 'settling',
      held: { ...price, currency: 'RUB' },
      released: false,
      attempt: expected,
    });
  });

  it('leaves nothing to the run before it', async () => {
    const { key, member } = await held();
    await books.recovery.resume(key, null, Date.now());
    await expect(books.recovery.resume(key, null, Date.now())).resolves.toEqual({ outcome: 'superseded' });
    const late = [
      books.hold(key, member, price),
      books.ledger.beginAttempt(key, 't', false, policy.freshnessMs, Date.now()),
      books.ledger.fence(key, 't'),
      books.ledger.capture(key, 1, randomUUID(), null, Date.now()),
      books.ledger.close(key, 'declined', 'x', null, saga, Date.now()),
      books.ledger.noteUnproven(key, { state: 'unknown', reason: 'x', lastProbe: null, nextProbeAt: 0 }, Date.now()),
      books.read(key, {}),
    ];
    expect((await Promise.all(late)).map(({ outcome }) => outcome)).toEqual(Array(late.length).fill('superseded'));
  });

  it('is not made for a payment that is over', async () => {
    const { key } = await held();
    await books.ledger.close(key, 'cancelled', 'x', null, saga, Date.now());
    await expect(books.recovery.resume(key, null, Date.now())).resolves.toEqual({
      outcome: 'over',
      state: 'cancelled',
    });
  });

  it('does not take over from a run that has begun anew meanwhile', async () => {
    const { key, member } = await held();
    await expect(books.recovery.resume(key, 60_000, Date.now())).resolves.toEqual({ outcome: 'superseded' });
    await books.ledger.close(key, 'awaiting_confirmation', 'amount_changed', null, saga, Date.now());
    await expect(books.recovery.resume(key, 0, Date.now())).resolves.toEqual({ outcome: 'superseded' });
    await books.hold(key, member, price);
    await expect(books.recovery.resume(key, 0, Date.now())).resolves.toMatchObject({ outcome: 'resumed' });
  });

  it('that proved the outcome to be "not executed" may ask the buyer again', async () => {
    const { key, member } = await held();
    await tried(key, 1, null);
    await books.ledger.noteUnproven(
      key,
      { state: 'unknown', reason: 'outcome_unknown', lastProbe: null, nextProbeAt: 0 },
      Date.now(),
    );
    await books.admin.query(`UPDATE payment_attempt SET class = 'not_executed' WHERE payment_id = $1`, [key.paymentId]);
    await expect(
      books.ledger.close(key, 'awaiting_confirmation', 'amount_changed', null, saga, Date.now()),
    ).resolves.toEqual({ outcome: 'closed' });
    expect(await balanceOf(member)).toEqual({ available: 10, held: 0 });
  });

  it.each([
    ['unknown', { state: 'unknown', outcome: 'noted' }],
    ['not_executed', { outcome: 'not_executed' }],
    ['refused', { outcome: 'refused', code: 'a_code' }],
    ['paid', { outcome: 'noted', paid: { n: 1, transactionId: 'T-late' } }],
  ] as const)('hears that no doubt is left, where an answer came late: %s', async (ended, expected) => {
    const { key } = await held();
    await tried(key, 1, null);
    const note = () =>
      books.ledger.noteUnproven(
        key,
        { state: 'unknown', reason: 'outcome_unknown', lastProbe: null, nextProbeAt: 0, goesBack: true },
        Date.now(),
      );
    await expect(note()).resolves.toMatchObject({ outcome: 'noted', state: 'unknown' });
    await books.admin.query('UPDATE payment_attempt SET class = $2, transaction_id = $3 WHERE payment_id = $1', [
      ...[key.paymentId, ended, ended === 'paid' ? 'T-late' : null],
    ]);
    await expect(note()).resolves.toMatchObject(expected);
    const { rows } = await books.admin.query('SELECT state FROM payment WHERE id = $1', [key.paymentId]);
    expect(rows).toEqual([{ state: ended === 'not_executed' || ended === 'refused' ? 'settling' : 'unknown' }]);
  });

  it('that has forgotten everything hears from the ledger how it stands', async () => {
    const { key } = await held();
    await tried(key, 1, 'unknown');
    await tried(key, 2, 'paid', 'T-forgotten');
    const note = (state: 'unknown' | 'in_review', reason: string) =>
      books.ledger.noteUnproven(key, { state, reason, lastProbe: null, nextProbeAt: 0 }, Date.now());
    await note('in_review', 'unproven');
    await expect(note('unknown', 'outcome_unknown')).resolves.toEqual({
      outcome: 'noted',
      state: 'in_review',
      reason: 'unproven',
      held: { ...price, currency: 'RUB' },
      released: false,
      paid: { n: 2, transactionId: 'T-forgotten', requestId: null },
    });
  });

  it('is offered to the sweeper once the grace is over, and after each further one only in twice the time', async () => {
    const { key } = await held();
    const isOffered = async (graceMs: number) =>
      (await books.recovery.paymentsToSweep(null, 10_000, { graceMs, holdAgeMs: 0 })).some(
        ({ paymentId, mustSettle }) => paymentId === key.paymentId && mustSettle,
      );
    const age = (column: string, ms: number) =>
      books.admin.query(`UPDATE payment SET ${column} = clock_timestamp() - $2 * interval '1 ms' WHERE id = $1`, [
        key.paymentId,
        ms,
      ]);
    await age('created_at', 1_500);
    expect([await isOffered(60_000), await isOffered(1_000)]).toEqual([false, true]);
    await books.recovery.resume(key, null, Date.now());
    expect(await isOffered(1_000)).toBe(false);
    await age('resumed_at', 1_500);
    expect(await isOffered(1_000)).toBe(false);
    await age('resumed_at', 2_500);
    expect(await isOffered(1_000)).toBe(true);
  });
});

describe('a namespace of Temporal', () => {
  it('is ours when it is the first that asked', async () => {
    const own = await Books.open();
    expect(await own.recovery.isOurNamespace('one')).toBe(true);
    expect(await own.recovery.isOurNamespace('another')).toBe(false);
    expect(await own.recovery.isOurNamespace('one')).toBe(true);
    await own.close();
  });
});

/** In review after an unknown outcome, an hour after the last call. */
async function inReview(invoice: { status?: string; expiresAt?: number; amountMinor?: number }) {
  const { key, member } = await held();
  await tried(key, 1, 'unknown');
  await books.ledger.noteUnproven(
    key,
    { state: 'in_review', reason: 'unproven', lastProbe: null, nextProbeAt: Date.now() },
    Date.now(),
  );
  await books.read(key, invoice);
  return { key, member };
}

async function decide(key: PaymentKey, outcome: ResolutionOutcome, transactionId: string | null = null) {
  const resolutionId = randomUUID();
  await expect(
    books.recovery.openResolution({
      partnerId: key.partnerId,
      paymentId: key.paymentId,
      resolutionId,
      outcome,
      transactionId,
      reason: 'statement',
      comment: 'seen in the statement',
      reference: 'S-1',
      actor: operator,
      at: Date.now(),
    }),
  ).resolves.toEqual({ outcome: 'recorded' });
  return books.ledger.resolve(key, resolutionId, 60_000, Date.now());
}

describe('a person decides', () => {
  it('paid: captured and drawn under the transaction that he names', async () => {
    const { key, member } = await inReview({ status: 'paid' });
    await expect(decide(key, 'paid', randomUUID())).resolves.toMatchObject({ outcome: 'resolved', state: 'paid' });
    expect(await balanceOf(member)).toEqual({ available: 0, held: 0 });
  });

  it('paid elsewhere: given back, declined', async () => {
    const { key, member } = await inReview({ status: 'paid' });
    await expect(decide(key, 'paid_elsewhere')).resolves.toMatchObject({
      outcome: 'resolved',
      state: 'declined',
      reason: 'paid_elsewhere',
    });
    expect(await balanceOf(member)).toEqual({ available: 10, held: 0 });
  });

  it.each([
    ['canceled', { status: 'canceled' }, 'declined', 'invoice_canceled'],
    ['expired with margin', { expiresAt: Date.now() - 3_600_000 }, 'expired', 'invoice_expired'],
    ['pending', {}, 'in_review', 'released_by_person'],
    ['partial', { status: 'partial' }, 'in_review', 'released_by_person'],
  ])('not paid, and the invoice is %s: given back', async (_, invoice, state, reason) => {
    const { key, member } = await inReview(invoice);
    await expect(decide(key, 'not_paid')).resolves.toMatchObject({ outcome: 'resolved', state, reason });
    expect(await balanceOf(member)).toEqual({ available: 10, held: 0 });
  });

  it.each([
    ['not_paid', { status: 'paid' }, 'invoice_reads_paid'],
    ['paid', {}, 'invoice_reads_not_paid'],
    ['paid_elsewhere', {}, 'invoice_reads_not_paid'],
    ['not_paid', { status: 'unknown' }, 'invoice_status_unknown'],
  ] as const)(
    '%s is refused when the invoice says otherwise (%p), and nothing changes',
    async (outcome, invoice, why) => {
      const { key, member } = await inReview(invoice);
      await expect(decide(key, outcome, outcome === 'paid' ? randomUUID() : null)).resolves.toEqual({
        outcome: 'refused',
        why,
      });
      expect(await balanceOf(member)).toEqual({ available: 0, held: 10 });
    },
  );

  it('a transaction that pays another payment is refused', async () => {
    const first = await inReview({ status: 'paid' });
    const transaction = randomUUID();
    await decide(first.key, 'paid', transaction);
    const second = await inReview({ status: 'paid' });
    await expect(decide(second.key, 'paid', transaction)).resolves.toEqual({
      outcome: 'refused',
      why: 'transaction_pays_another_payment',
    });
  });

  it('nothing is given back while the last call may still be executing, or once it is proven that we paid', async () => {
    const recent = await inReview({});
    await tried(recent.key, 2, null);
    await books.admin.query(
      'UPDATE payment_attempt SET started_at = clock_timestamp() WHERE payment_id = $1 AND n = 2',
      [recent.key.paymentId],
    );
    await expect(decide(recent.key, 'not_paid')).resolves.toMatchObject({ why: 'too_soon_after_the_last_call' });
    const proven = await inReview({ status: 'paid' });
    await tried(proven.key, 2, 'paid', randomUUID());
    await expect(decide(proven.key, 'paid_elsewhere')).resolves.toMatchObject({ why: 'paid_by_us_is_proven' });
  });

  it('what is known to be paid is booked under that transaction alone, also when the merchant has taken it back since', async () => {
    const { key, member } = await inReview({ status: 'canceled' });
    const transaction = randomUUID();
    await tried(key, 2, 'paid', transaction);
    await expect(decide(key, 'not_paid')).resolves.toMatchObject({ why: 'paid_by_us_is_proven' });
    await expect(decide(key, 'paid', randomUUID())).resolves.toMatchObject({ why: 'another_transaction_is_proven' });
    await expect(decide(key, 'paid', transaction)).resolves.toMatchObject({ outcome: 'resolved', state: 'paid' });
    expect(await balanceOf(member)).toEqual({ available: 0, held: 0 });
  });

  it('the same resolution twice is one', async () => {
    const { key } = await inReview({});
    const resolutionId = randomUUID();
    const resolution = {
      ...{ partnerId: key.partnerId, paymentId: key.paymentId, resolutionId, outcome: 'not_paid' as const },
      ...{ transactionId: null, reason: 'r', comment: 'c', reference: 'f', actor: operator, at: Date.now() },
    };
    await books.recovery.openResolution(resolution);
    await expect(books.recovery.openResolution(resolution)).resolves.toEqual({
      outcome: 'already_recorded',
      result: null,
    });
    const decided = await books.ledger.resolve(key, resolutionId, 60_000, Date.now());
    await expect(books.ledger.resolve(key, resolutionId, 60_000, Date.now())).resolves.toEqual({
      outcome: 'already_decided',
      result: decided,
    });
  });
});

describe('a proof that comes after a person has released the payment', () => {
  it('never raises: the fund is drawn, the points stay with the member, and a person is asked again', async () => {
    const { key, member } = await inReview({});
    await decide(key, 'not_paid');
    const before = (await books.ledger.fundBalance(books.partnerId))[0];
    const transaction = randomUUID();
    for (let time = 0; time < 2; time++) {
      await expect(books.ledger.capture(key, 1, transaction, 'R-1', Date.now())).resolves.toEqual({
        outcome: 'captured_late',
      });
    }
    expect((await books.ledger.fundBalance(books.partnerId))[0]).toMatchObject({
      drawnMinor: (before?.drawnMinor ?? 0) + 100,
      availableMinor: (before?.availableMinor ?? 0) - 100,
    });
    expect(await balanceOf(member)).toEqual({ available: 10, held: 0 });
    expect(await books.violations()).toEqual([]);
    await expect(books.ledger.close(key, 'declined', 'x', null, saga, Date.now())).resolves.toEqual({
      outcome: 'attempt_outstanding',
    });
    await books.read(key, { status: 'paid' });
    await expect(decide(key, 'paid', transaction)).resolves.toMatchObject({ outcome: 'resolved', state: 'paid' });
    expect(await balanceOf(member)).toEqual({ available: 10, held: 0 });
  });

  it('keeps the invoice from a second payment until then', async () => {
    const invoiceId = randomUUID();
    const key = await books.payment({ ...price, invoiceId });
    const member = await books.member(randomUUID(), { points: 10 });
    await books.hold(key, member, price);
    await tried(key, 1, 'unknown');
    await books.ledger.noteUnproven(
      key,
      { state: 'in_review', reason: 'unproven', lastProbe: null, nextProbeAt: 0 },
      Date.now(),
    );
    await books.read(key, {});
    await decide(key, 'not_paid');
    expect((await books.payment({ ...price, invoiceId })).paymentId).toBe(key.paymentId);
    // Only a paid invoice may be asked about: nothing is held that a new call could pay with.
    await expect(books.ledger.beginAttempt(key, 't', true, 60_000, Date.now())).resolves.toEqual({ outcome: 'stale' });
    await books.read(key, { status: 'paid' });
    await expect(books.ledger.beginAttempt(key, 't', true, 60_000, Date.now())).resolves.toMatchObject({
      outcome: 'go',
      ambiguousBefore: true,
    });
  });
});
