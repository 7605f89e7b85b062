/** Whatever is done, in whatever order and at once: nothing is lost, nothing is spent twice, nothing is released that may be paid. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { PaymentKey } from '../../src/ledger/ledger.js';
import { Books, policy, saga } from '../support/books.js';

const members = 3;
const payments = 4;
const price = { amountMinor: 700, points: 7 };

type Step =
  | { readonly kind: 'credit'; readonly member: number; readonly points: number }
  | { readonly kind: 'hold'; readonly payment: number; readonly member: number }
  | { readonly kind: 'begin' | 'capture'; readonly payment: number }
  | { readonly kind: 'end'; readonly payment: number; readonly as: 'not_executed' | 'refused' | 'unknown' }
  | {
      readonly kind: 'close';
      readonly payment: number;
      readonly to: 'awaiting_confirmation' | 'declined' | 'cancelled' | 'expired';
    };

const payment = fc.nat({ max: payments - 1 });
const member = fc.nat({ max: members - 1 });
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('credit' as const), member, points: fc.integer({ min: 1, max: 20 }) }),
  { arbitrary: fc.record({ kind: fc.constant('hold' as const), payment, member }), weight: 3 },
  { arbitrary: fc.record({ kind: fc.constantFrom('begin' as const, 'capture' as const), payment }), weight: 3 },
  fc.record({
    kind: fc.constant('end' as const),
    payment,
    as: fc.constantFrom('not_executed' as const, 'refused' as const, 'unknown' as const),
  }),
  {
    arbitrary: fc.record({
      kind: fc.constant('close' as const),
      payment,
      to: fc.constantFrom(
        'awaiting_confirmation' as const,
        'declined' as const,
        'cancelled' as const,
        'expired' as const,
      ),
    }),
    weight: 2,
  },
);

/** What a payment went through, as the ledger answered. */
interface Seen {
  readonly key: PaymentKey;
  captured: number;
  closed: number;
  /** Attempts of which nobody knows yet, or ever, what they did. */
  attempts: number;
}

let books: Books;
beforeAll(async () => {
  books = await Books.open({ fundMinor: 1_000_000 });
});
afterAll(async () => {
  await books.close();
});

it('keeps its books whatever happens at once', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(step, { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 8 }),
      async (rounds) => {
        const people = await Promise.all(
          Array.from({ length: members }, () => books.member(randomUUID(), { points: 10 })),
        );
        const seen = await Promise.all(
          Array.from({ length: payments }, async (): Promise<Seen> => ({
            key: await books.payment(price),
            captured: 0,
            closed: 0,
            attempts: 0,
          })),
        );
        const credited = people.map(() => 10);
        // Steps of a round run at once, on connections of their own.
        for (const round of rounds) await Promise.all(round.map((one) => run(one, people, seen, credited)));

        expect(await books.violations()).toEqual([]);
        for (const [index, person] of people.entries()) {
          const { available, held } = await books.ledger.memberBalance(books.partnerId, person, Date.now());
          const { rows } = await books.admin.query<{ spent: number }>(
            `SELECT coalesce(sum(hold.points), 0)::int AS spent FROM hold WHERE member_id = $1 AND state = 'captured'`,
            [person],
          );
          expect(available + held + (rows[0]?.spent ?? 0)).toBe(credited[index]);
        }
        for (const { captured, closed } of seen) expect(captured + closed).toBeLessThanOrEqual(1);
      },
    ),
    { numRuns: 60 },
  );
}, 120_000);

async function run(one: Step, people: readonly string[], seen: readonly Seen[], credited: number[]): Promise<void> {
  const { ledger, partnerId } = books;
  switch (one.kind) {
    case 'credit': {
      credited[one.member] = (credited[one.member] ?? 0) + one.points;
      await ledger.creditPoints({
        partnerId,
        memberId: people[one.member] ?? '',
        points: one.points,
        expiresAt: null,
        reference: randomUUID(),
        actor: saga,
        at: Date.now(),
      });
      return;
    }
    case 'hold': {
      const { key } = at(seen, one.payment);
      await books.hold(key, people[one.member] ?? '', price);
      return;
    }
    case 'begin': {
      const payment = at(seen, one.payment);
      const begun = await ledger.beginAttempt(payment.key, randomUUID(), false, policy.freshnessMs, Date.now());
      if (begun.outcome === 'go') payment.attempts = Math.max(payment.attempts, begun.n);
      return;
    }
    case 'end': {
      const payment = at(seen, one.payment);
      const end = { class: one.as, code: 'x', message: null, requestId: null, flag: null };
      await ledger.endAttempt(payment.key, payment.attempts, end, Date.now());
      return;
    }
    case 'capture': {
      const payment = at(seen, one.payment);
      const { outcome } = await ledger.capture(
        payment.key,
        payment.attempts,
        `T-${payment.key.paymentId}`,
        null,
        Date.now(),
      );
      if (outcome === 'captured') payment.captured += 1;
      return;
    }
    case 'close': {
      const payment = at(seen, one.payment);
      const { outcome } = await ledger
        .close(payment.key, one.to, 'test', null, saga, Date.now())
        .catch(refusedTransition);
      if (outcome === 'closed' && one.to !== 'awaiting_confirmation') payment.closed += 1;
      return;
    }
  }
}

function at(seen: readonly Seen[], index: number): Seen {
  const found = seen[index];
  if (found === undefined) throw new Error('no such payment');
  return found;
}

/** Back to the buyer is not legal from everywhere: the database refuses, and has changed nothing. */
function refusedTransition(error: unknown): { outcome: 'refused' } {
  if (error instanceof Error && /cannot go from/.test(error.message)) return { outcome: 'refused' };
  throw error;
}
