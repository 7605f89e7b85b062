/** What the books say of a time that is past, and what of them is exported: the same for ever, and all of it. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { PaymentKey } from '../../src/ledger/ledger.js';
import { Books, saga } from '../support/books.js';
import { eventually } from '../support/world.js';

const dayMs = 86_400_000;
/** Noon in Moscow, so that a step of half a day is never at a day's end. */
const beginMs = Date.parse('2027-03-01T09:00:00Z');

let books: Books;
beforeAll(async () => {
  books = await Books.open({ fundMinor: 1_000_000_000 });
});
afterAll(async () => {
  expect(await books.violations()).toEqual([]);
  await books.close();
});

const often = <T>(arbitrary: fc.Arbitrary<T>) => ({ arbitrary, weight: 3 });
const step = fc.oneof(
  often(fc.record({ do: fc.constant('credit' as const), points: fc.integer({ min: 5, max: 9 }), days: fc.option(fc.nat({ max: 3 }), { freq: 5 }) })),
  often(fc.record({ do: fc.constant('hold' as const), points: fc.integer({ min: 1, max: 12 }) })),
  often(fc.record({ do: fc.constant('release' as const), of: fc.nat({ max: 1 }) })),
  fc.record({ do: fc.constant('capture' as const), of: fc.nat({ max: 1 }) }),
  fc.record({ do: fc.constant('give_back' as const), of: fc.nat({ max: 1 }), amountMinor: fc.constantFrom(30, 100) }),
  fc.record({ do: fc.constant('expire' as const) }),
  fc.record({ do: fc.constant('grace' as const), days: fc.constantFrom(0, 2) }),
  often(fc.record({ do: fc.constant('wait' as const), halfDays: fc.integer({ min: 1, max: 5 }) })),
); // prettier-ignore
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** One member's life, and what he could spend at each moment of it, as it was told then. */
class Life {
  at = beginMs;
  readonly told: { at: number; balance: unknown }[] = [];
  readonly held: PaymentKey[] = [];
  readonly paid: PaymentKey[] = [];

  private constructor(readonly member: string) {}

  static async begin(): Promise<Life> {
    await grace(0);
    return new Life(await books.member(randomUUID()));
  }

  async take(one: Step): Promise<void> {
    // Each has its own moment.
    this.at += 1_000;
    const { partnerId } = books;
    switch (one.do) {
      case 'credit': {
        const expiresOn = one.days === null ? null : new Date(this.at + one.days * dayMs).toISOString().slice(0, 10);
        const wish = { partnerId, memberId: this.member, points: one.points, expiresOn, reference: randomUUID() };
        await books.points.credit({ ...wish, actor: saga, at: this.at });
        break;
      }
      case 'hold': {
        const price = { amountMinor: 100, points: one.points };
        const key = await books.payment(price);
        if ((await books.hold(key, this.member, price, undefined, this.at)).outcome === 'held') this.held.push(key);
        break;
      }
      case 'release': {
        const [key] = this.held.splice(one.of, 1);
        if (key !== undefined) await books.ledger.close(key, 'cancelled', 'test', null, saga, this.at);
        break;
      }
      case 'capture': {
        const [key] = this.held.splice(one.of, 1);
        if (key === undefined) break;
        await books.read(key, { amountMinor: 100, expiresAt: this.at + 30 * dayMs }, undefined, this.at);
        await books.ledger.beginAttempt(key, 't', false, 60_000, this.at);
        await books.ledger.capture(key, 1, randomUUID(), null, this.at);
        this.paid.push(key);
        break;
      }
      case 'give_back':
        await giveBack(this.paid[one.of], one.amountMinor, this.at);
        break;
      case 'expire':
        await books.points.expire(partnerId, 500, this.at);
        break;
      case 'grace':
        await grace(one.days);
        break;
      case 'wait':
        this.at += one.halfDays * (dayMs / 2);
        break;
    }
    this.told.push({ at: this.at, balance: await books.points.balance(partnerId, this.member, this.at) });
  }

  /** Of every moment so far the books say what was told then. */
  async expectTold(): Promise<void> {
    const { partnerId } = books;
    const now: unknown[] = [];
    for (const { at } of this.told) now.push({ at, balance: await books.points.balanceAt(partnerId, this.member, at) });
    expect(now).toEqual(this.told);
  }
}

const grace = (days: number) =>
  books.admin.query(
    `UPDATE partner SET settings = settings || '{"timeZone": "Europe/Moscow"}',
       programme = programme || jsonb_build_object('releaseGraceDays', $2::int) WHERE id = $1`,
    [books.partnerId, days],
  );

async function giveBack(key: PaymentKey | undefined, amountMinor: number, at: number): Promise<void> {
  if (key === undefined) return;
  const { partnerId } = books;
  const refund = { partnerId, paymentId: key.paymentId, amountMinor, fundRestored: true, reference: randomUUID() };
  const opened = await books.returns.request({ ...refund, reason: 'test', actor: saga, at });
  if (opened.outcome !== 'opened') return;
  await books.decideReturn(opened, true, at);
  await books.returns.book({ partnerId, returnId: opened.returnId }, null, at);
}

describe('the balance of any moment', () => {
  it('is what could be spent and what was held then, whatever has expired, come back and been booked since', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 6, maxLength: 16 }), async (steps) => {
        const life = await Life.begin();
        for (const one of steps) await life.take(one);
        await life.expectTold();
        await life.take({ do: 'wait', halfDays: 12 });
        await life.take({ do: 'expire' });
        await life.expectTold();
      }),
      { numRuns: 40 },
    );
  });

  it('is nothing between the end of a day and the release of what was held over it', async () => {
    const life = await Life.begin();
    await life.take({ do: 'credit', points: 10, days: 0 });
    await life.take({ do: 'hold', points: 10 });
    await life.take({ do: 'wait', halfDays: 2 });
    const between = life.at;
    await life.take({ do: 'release', of: 0 });
    const asked = () => books.points.balanceAt(books.partnerId, life.member, between);
    expect(await asked()).toEqual({ available: 0, held: 10 });
    await life.take({ do: 'expire' });
    expect(await asked()).toEqual({ available: 0, held: 10 });
  });
});

describe('exported entries', () => {
  const span = { from: null, to: null };
  const page = async (after: { xid: string; id: string } | null, limit = 10_000) =>
    books.points.exportEntries(books.partnerId, { after, until: null }, limit, span);

  it('of a release over two lots into grace: one, with the day that both end on', async () => {
    const life = await Life.begin();
    await life.take({ do: 'credit', points: 5, days: 0 });
    await life.take({ do: 'credit', points: 5, days: 0 });
    await life.take({ do: 'hold', points: 10 });
    await life.take({ do: 'wait', halfDays: 4 });
    await grace(3);
    await life.take({ do: 'release', of: 0 });
    const mine = async () => (await page(null)).entries.filter(({ memberId }) => memberId === life.member);
    await eventually(
      async () => (await mine()).length === 4,
      () => 'the entries do not come',
    );
    const [release] = (await mine()).filter(({ kind }) => kind === 'release');
    expect(release).toMatchObject({ points: 10, expiresOn: '2027-03-06' });
    expect(await books.points.lots(books.partnerId, life.member, null, 10)).toHaveLength(2);
  });

  it('from where the export before ended, none is missed: neither one that is booked late nor one that commits late', async () => {
    const life = await Life.begin();
    await life.take({ do: 'credit', points: 5, days: 0 });
    const other = await Life.begin();
    await other.take({ do: 'credit', points: 5, days: 0 });
    const late = await books.admin.connect();
    await late.query('BEGIN');
    const credit = 'SELECT points_credit($1, $2, 7, NULL, $3, $4, $5)';
    const early = new Date(beginMs - dayMs);
    await late.query(credit, [books.partnerId, life.member, randomUUID(), saga, early]);
    // Another's entry is committed meanwhile, and an export is made.
    await other.take({ do: 'hold', points: 3 });
    const of = [life.member, other.member];
    const seen: string[] = [];
    let next = { xid: '0', id: '00000000-0000-0000-0000-000000000000' };
    const more = async () => {
      const { entries, until } = await page(next);
      seen.push(...entries.filter(({ memberId }) => of.includes(memberId)).map(({ id }) => id));
      next = { xid: until, id: next.id };
    };
    await more();
    await late.query('COMMIT');
    late.release();
    // Booked at the day's end, which the export is long past.
    await life.take({ do: 'wait', halfDays: 6 });
    await life.take({ do: 'expire' });
    await eventually(
      async () => {
        await more();
        return seen.length >= 5;
      },
      () => `only ${seen.length} entries come`,
    );
    const { rows } = await books.admin.query<{ id: string }>(
      `SELECT transfer.id FROM transfer JOIN account ON account.id IN (debit, credit) AND owner = ANY ($1)
       AND account.kind = 'member.available'`,
      [of],
    );
    expect([...seen].sort()).toEqual(rows.map(({ id }) => id).sort());
  });
});
