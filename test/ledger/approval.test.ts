/** What takes effect when a second person agrees: in the ledger, in the transaction of his decision. */
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { v7 as uuidv7 } from 'uuid';
import type { FundChange } from '../../src/domain/approval.js';
import type { Actor } from '../../src/domain/payment.js';
import type { Approval } from '../../src/ledger/approvals.js';
import { Books } from '../support/books.js';

const dayMs = 86_400_000;
const asker: Actor = { kind: 'api_key', id: randomUUID() };
const second: Actor = { kind: 'api_key', id: randomUUID() };

let books: Books;
beforeAll(async () => {
  books = await Books.open({ fundMinor: 1_000 });
});
afterEach(async () => {
  expect(await books.violations()).toEqual([]);
});
afterAll(async () => {
  await books.close();
});

interface Wish {
  readonly kind?: FundChange;
  readonly amountMinor?: number;
  readonly reference?: string;
  readonly at?: number;
}

const ask = ({ kind = 'deposit', amountMinor = 100, reference = randomUUID(), at = Date.now() }: Wish = {}) =>
  books.fund.requestChange({
    partnerId: books.partnerId,
    approvalId: uuidv7(),
    kind,
    currency: 'RUB',
    amountMinor,
    reference,
    reason: 'test',
    actor: asker,
    at,
  });

async function asked(wish: Wish = {}): Promise<Approval> {
  const answer = await ask(wish);
  if (answer.outcome !== 'requested') throw new Error(answer.outcome);
  return answer.approval;
}

const decide = (
  { id, version }: Approval,
  decision: 'approve' | 'reject' = 'approve',
  change: { actor?: Actor; version?: number; at?: number } = {},
) =>
  books.approvals.decide({
    partnerId: books.partnerId,
    approvalId: id,
    version: change.version ?? version,
    decision,
    actor: change.actor ?? second,
    reason: 'looked',
    at: change.at ?? Date.now(),
  });

async function available(): Promise<number> {
  const [fund] = await books.ledger.fundBalance(books.partnerId);
  return fund?.availableMinor ?? 0;
}

async function waive(...actions: string[]): Promise<void> {
  await books.admin.query('UPDATE partner SET approvals = $1', [{ waived: actions }]);
}

describe('a wish that needs a second person', () => {
  it('moves nothing until he approves, and then at once; both stay readable, also in the entry', async () => {
    const before = await available();
    const approval = await asked({ amountMinor: 250 });
    expect(approval).toMatchObject({
      state: 'pending',
      waived: false,
      requestedBy: asker,
      decidedBy: null,
      result: null,
    });
    expect(await available()).toBe(before);
    const decided = await decide(approval);
    expect(decided).toMatchObject({
      outcome: 'decided',
      approval: { state: 'approved', requestedBy: asker, decidedBy: second, decisionReason: 'looked' },
    });
    expect(await available()).toBe(before + 250);
    const { rows } = await books.admin.query('SELECT actor, amount::int FROM transfer WHERE reference = $1', [
      approval.subject,
    ]);
    expect(rows).toEqual([
      { actor: { kind: 'approval', id: approval.id, requestedBy: asker, decidedBy: second }, amount: 250 },
    ]);
  });

  it('is not granted by who asked; he may take it back', async () => {
    const approval = await asked();
    const before = await available();
    expect((await decide(approval, 'approve', { actor: asker })).outcome).toBe('own_request');
    expect(await decide(approval, 'reject', { actor: asker })).toMatchObject({
      outcome: 'decided',
      approval: { state: 'rejected' },
    });
    expect(await available()).toBe(before);
  });

  it('is used once, however many decide at once', async () => {
    const before = await available();
    const approval = await asked({ amountMinor: 7 });
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, n) => decide(approval, n % 3 === 0 ? 'reject' : 'approve')),
    );
    expect(answers.filter(({ outcome }) => outcome === 'decided')).toHaveLength(1);
    expect(answers.filter(({ outcome }) => outcome === 'already_decided')).toHaveLength(11);
    const now = await books.approvals.read(books.partnerId, approval.id, Date.now());
    expect(await available()).toBe(before + (now?.state === 'approved' ? 7 : 0));
  });

  it.each([
    ['another version than the one that was read', { version: 2 }, 'stale'],
    ['somebody who comes after a day', { at: Date.now() + 2 * dayMs }, 'expired'],
  ])('is not decided by %s', async (_, change, outcome) => {
    const approval = await asked();
    const before = await available();
    expect((await decide(approval, 'approve', change)).outcome).toBe(outcome);
    expect((await decide(approval, 'reject', change)).outcome).toBe(outcome);
    expect(await available()).toBe(before);
  });

  it('can be asked for again once it has expired or was rejected', async () => {
    const reference = randomUUID();
    const first = await asked({ reference, at: Date.now() - dayMs - 1 });
    const later = await asked({ reference });
    expect(later.id).not.toBe(first.id);
    expect(await books.approvals.read(books.partnerId, first.id, Date.now())).toMatchObject({ state: 'expired' });
    await decide(later, 'reject');
    const last = await asked({ reference });
    expect((await decide(last)).outcome).toBe('decided');
    expect((await ask({ reference })).outcome).toBe('already_requested');
  });

  it('is one by its reference: the same again tells what is there, another content conflicts', async () => {
    const reference = randomUUID();
    const answers = await Promise.all(Array.from({ length: 8 }, () => ask({ reference, amountMinor: 5 })));
    expect(answers.map(({ outcome }) => outcome).sort()).toEqual([
      ...Array<string>(7).fill('already_requested'),
      'requested',
    ]);
    expect((await ask({ reference, amountMinor: 6 })).outcome).toBe('conflict');
    // Of another kind it is another reference.
    expect((await ask({ reference, amountMinor: 6, kind: 'repayment' })).outcome).toBe('requested');
  });

  it('stays open where it cannot be done: the operator has booked the bill meanwhile', async () => {
    const reference = randomUUID();
    const approval = await asked({ reference });
    const bill = { partnerId: books.partnerId, currency: 'RUB', amountMinor: 100, reference, at: Date.now() };
    await books.ledger.depositFund({ ...bill, actor: { kind: 'operator', id: 'test' } });
    const before = await available();
    expect(await decide(approval)).toMatchObject({
      outcome: 'refused',
      why: 'reference_is_booked',
      approval: { state: 'pending' },
    });
    expect((await decide(approval, 'reject')).outcome).toBe('decided');
    expect((await ask({ reference })).outcome).toBe('already_booked');
    expect((await ask({ reference, amountMinor: 101 })).outcome).toBe('conflict');
    expect(await available()).toBe(before);
  });

  it('gives way to a later version of itself; a decision on the older does nothing', async () => {
    const subject = randomUUID();
    const request = async (version: number, amountMinor: number) => {
      const { rows } = await books.admin.query<{ answer: { outcome: string; approval: Approval } }>(
        `SELECT approval_request($1, uuidv7(), 'fund.deposit', $2, $3, $4, 'test', $5, now()) AS answer`,
        [books.partnerId, subject, version, { currency: 'RUB', amountMinor, reference: subject }, asker],
      );
      const [row] = rows;
      if (row === undefined) throw new Error('No answer');
      return row.answer;
    };
    const first = await request(1, 10);
    const newer = await request(2, 20);
    expect(newer.outcome).toBe('requested');
    expect((await request(1, 10)).outcome).toBe('conflict');
    const before = await available();
    expect(await decide(first.approval)).toMatchObject({
      outcome: 'already_decided',
      approval: { state: 'superseded' },
    });
    expect((await decide(newer.approval, 'approve', { version: 1 })).outcome).toBe('stale');
    expect((await decide(newer.approval)).outcome).toBe('decided');
    expect(await available()).toBe(before + 20);
  });

  it('is never changed or removed once it is decided, whoever tries', async () => {
    const approval = await asked();
    await decide(approval);
    await expect(
      books.admin.query(`UPDATE approval SET decided_by = '{}' WHERE id = $1`, [approval.id]),
    ).rejects.toThrow('not decided again');
    await expect(books.admin.query('DELETE FROM approval WHERE id = $1', [approval.id])).rejects.toThrow('append-only');
  });
});

describe('where the partner waives approval', () => {
  it('it takes effect at once, recorded as waived; other actions still wait', async () => {
    await waive('fund.correction');
    const before = await available();
    const answer = await ask({ kind: 'correction', amountMinor: -30 });
    expect(answer).toMatchObject({
      outcome: 'performed',
      approval: { state: 'approved', waived: true, decidedBy: null },
    });
    expect(await available()).toBe(before - 30);
    expect((await ask()).outcome).toBe('requested');
    await waive();
  });

  it('many at once book it once', async () => {
    await waive('fund.deposit');
    const before = await available();
    const reference = randomUUID();
    const answers = await Promise.all(Array.from({ length: 12 }, () => ask({ reference, amountMinor: 9 })));
    expect(answers.filter(({ outcome }) => outcome === 'performed')).toHaveLength(1);
    expect(await available()).toBe(before + 9);
    await waive();
  });

  it('what cannot be done leaves nothing behind', async () => {
    await waive('fund.deposit');
    const { rows } = await books.admin.query<{ answer: unknown }>(
      `SELECT approval_request($1, uuidv7(), 'fund.deposit', 'bill-1', 1, $2, 'test', $3, now()) AS answer`,
      [books.partnerId, { currency: 'RUB', amountMinor: 5, reference: 'bill-1' }, asker],
    );
    expect(rows).toEqual([{ answer: { outcome: 'refused', why: 'reference_is_booked' } }]);
    expect((await books.admin.query("SELECT FROM approval WHERE subject = 'bill-1'")).rowCount).toBe(0);
    await waive();
  });
});

describe('the list', () => {
  it('is of one state, newest first, and tells what has expired as expired', async () => {
    const fresh = await asked();
    const old = await asked({ at: Date.now() - dayMs - 1 });
    const of = async (state: Approval['state'] | null) =>
      (await books.approvals.list(books.partnerId, { state, before: null, limit: 100 }, Date.now())).map(
        ({ id }) => id,
      );
    expect(await of('pending')).toContain(fresh.id);
    expect(await of('pending')).not.toContain(old.id);
    expect(await of('expired')).toContain(old.id);
    const all = await of(null);
    expect(all).toEqual([...all].sort().reverse());
  });
});
