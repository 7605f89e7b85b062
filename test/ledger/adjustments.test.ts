/** Points that appear or vanish by a person's word: booked when a second one agrees, once by their reference. */
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { v7 as uuidv7 } from 'uuid';
import type { Actor } from '../../src/domain/payment.js';
import { Adjustments, type Adjustment } from '../../src/ledger/adjustments.js';
import type { Approval } from '../../src/ledger/approvals.js';
import { Books, saga } from '../support/books.js';

const asker: Actor = { kind: 'operator', id: 'olga' };
const second: Actor = { kind: 'operator', id: 'alla' };
const credit: Adjustment = { kind: 'credit', points: 500, expiresOn: '2099-12-31' };

let books: Books;
let adjustments: Adjustments;
let members = 0;
beforeAll(async () => {
  books = await Books.open();
  adjustments = new Adjustments(books.admin);
});
afterEach(async () => {
  expect(await books.violations()).toEqual([]);
});
afterAll(async () => {
  await books.close();
});

const member = (...lots: { points: number; expiresAt?: number }[]) => books.member(`member-${++members}`, ...lots);
const balanceOf = (memberId: string) => books.points.balance(books.partnerId, memberId, Date.now());

const ask = (memberId: string, adjustment: Adjustment, reference: string = randomUUID(), at = Date.now()) =>
  adjustments.request(
    { partnerId: books.partnerId, memberId, approvalId: uuidv7(), reference, reason: 'test', actor: asker, at },
    adjustment,
  );

async function asked(memberId: string, adjustment: Adjustment, reference?: string): Promise<Approval> {
  const answer = await ask(memberId, adjustment, reference);
  if (answer.outcome !== 'requested') throw new Error(answer.outcome);
  return answer.approval;
}

const approve = (approval: Approval, actor = second) =>
  books.approvals.decide({
    partnerId: books.partnerId,
    approvalId: approval.id,
    version: approval.version,
    decision: 'approve',
    actor,
    reason: 'looked',
    at: Date.now(),
  });

async function creditOf(memberId: string): Promise<string> {
  const [lot] = await books.points.lots(books.partnerId, memberId, null, 1);
  return lot?.creditId ?? '';
}

describe('an adjustment of points', () => {
  it('credits nothing until a second person agrees, then a lot with its day; both stand in the entry', async () => {
    const memberId = await member();
    const approval = await asked(memberId, credit);
    expect(await balanceOf(memberId)).toEqual({ available: 0, held: 0 });
    await expect(approve(approval, asker)).resolves.toMatchObject({ outcome: 'own_request' });
    await expect(approve(approval)).resolves.toMatchObject({ outcome: 'decided' });
    expect(await balanceOf(memberId)).toEqual({ available: 500, held: 0 });
    const [lot] = await books.points.lots(books.partnerId, memberId, null, 1);
    expect(lot).toMatchObject({ granted: 500, expiresOn: '2099-12-31', reference: approval.subject });
    const { rows } = await books.admin.query<{ actor: object }>('SELECT actor FROM transfer WHERE id = $1', [
      lot?.creditId,
    ]);
    expect(rows).toMatchObject([
      { actor: { kind: 'approval', id: approval.id, requestedBy: asker, decidedBy: second } },
    ]);
  });

  it('takes back what is left of a credit, and never more', async () => {
    const memberId = await member({ points: 300 });
    const creditId = await creditOf(memberId);
    await expect(ask(memberId, { kind: 'reverse', points: 301, creditId })).resolves.toEqual({
      outcome: 'insufficient',
      remaining: 300,
    });
    const [first, other] = await Promise.all(
      [200, 200].map((points) => asked(memberId, { kind: 'reverse', points, creditId })),
    );
    if (first === undefined || other === undefined) throw new Error('nothing was asked for');
    // Both could be asked for; of both at once one finds too little.
    const decided = await Promise.all([approve(first), approve(other)]);
    expect(decided.map(({ outcome }) => outcome).sort()).toEqual(['decided', 'refused']);
    expect(decided.find(({ outcome }) => outcome === 'refused')).toMatchObject({ why: 'not_enough_left' });
    expect(await balanceOf(memberId)).toEqual({ available: 100, held: 0 });
  });

  it('is once by its reference: the same again is the same wish, another is refused, whoever has booked it', async () => {
    const memberId = await member();
    const approval = await asked(memberId, credit);
    await expect(ask(memberId, credit, approval.subject)).resolves.toMatchObject({
      outcome: 'already_requested',
      approval: { id: approval.id },
    });
    await expect(ask(memberId, { ...credit, points: 501 }, approval.subject)).resolves.toMatchObject({
      outcome: 'conflict',
    });
    await approve(approval);
    await expect(approve(approval)).resolves.toMatchObject({ outcome: 'already_decided' });
    await expect(ask(memberId, credit, approval.subject)).resolves.toMatchObject({ outcome: 'already_requested' });
    expect(await balanceOf(memberId)).toEqual({ available: 500, held: 0 });

    const reference = randomUUID();
    const late = await asked(memberId, credit, reference);
    const wish = { partnerId: books.partnerId, memberId, points: 500, reference, actor: saga, at: Date.now() };
    await books.points.credit({ ...wish, expiresOn: '2099-12-31' });
    await expect(approve(late)).resolves.toMatchObject({ outcome: 'refused', why: 'reference_is_booked' });
    await expect(ask(memberId, credit, reference)).resolves.toMatchObject({ outcome: 'conflict' });
    expect(await balanceOf(memberId)).toEqual({ available: 1_000, held: 0 });
  });

  it('of one wish that two approve at once is booked once', async () => {
    const memberId = await member();
    const approval = await asked(memberId, credit);
    const others = Array.from({ length: 6 }, (_, index): Actor => ({ kind: 'operator', id: `approver-${index}` }));
    const decided = await Promise.all(others.map((actor) => approve(approval, actor)));
    expect(decided.filter(({ outcome }) => outcome === 'decided')).toHaveLength(1);
    expect(await balanceOf(memberId)).toEqual({ available: 500, held: 0 });
  });

  it.each([
    ['a day that is past', { ...credit, expiresOn: '2020-01-01' }, 'already_over'],
    ['a credit of nobody', { kind: 'reverse', points: 1, creditId: uuidv7() }, 'no_such_credit'],
  ] as const)('is refused for %s', async (_, adjustment, outcome) => {
    await expect(ask(await member(), adjustment)).resolves.toMatchObject({ outcome });
  });

  it('is refused for a credit of another member, and for nobody', async () => {
    const [his, anothers] = [await member({ points: 10 }), await member()];
    const reverse = { kind: 'reverse', points: 1, creditId: await creditOf(his) } as const;
    await expect(ask(anothers, reverse)).resolves.toEqual({ outcome: 'no_such_credit' });
    await expect(ask(uuidv7(), credit)).resolves.toEqual({ outcome: 'not_found' });
  });

  it('of a member who was erased: nothing is credited any more', async () => {
    const memberId = await member();
    const approval = await asked(memberId, credit);
    await books.points.eraseMember(books.partnerId, memberId, Date.now());
    await expect(ask(memberId, credit)).resolves.toEqual({ outcome: 'erased' });
    await expect(approve(approval)).resolves.toMatchObject({ outcome: 'refused', why: 'member_is_erased' });
  });

  it('never waits for payments in a circle: approvals and holds of one member at once', async () => {
    const memberId = await member({ points: 10_000 });
    const creditId = await creditOf(memberId);
    const approvals = await Promise.all(
      Array.from({ length: 8 }, (_, index) =>
        asked(memberId, index % 2 === 0 ? credit : { kind: 'reverse', points: 10, creditId }),
      ),
    );
    const payments = Array.from({ length: 8 }, () => books.paid(memberId, { amountMinor: 100, points: 100 }));
    const decided = await Promise.all(approvals.map((approval) => approve(approval)));
    await Promise.all(payments);
    expect(decided.map(({ outcome }) => outcome)).toEqual(approvals.map(() => 'decided'));
    expect(await balanceOf(memberId)).toEqual({ available: 10_000 + 4 * 500 - 4 * 10 - 8 * 100, held: 0 });
  });
});
