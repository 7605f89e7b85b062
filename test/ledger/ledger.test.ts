/** The ledger's functions, on a real Postgres, under the roles that production uses. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { v7 as uuidv7 } from 'uuid';
import { Ledger, type PaymentKey } from '../../src/ledger/ledger.js';
import type { AttemptClass } from '../../src/domain/confirmAnswer.js';
import { legalTransitions, paymentStates } from '../../src/domain/payment.js';
import { Books, policy, postgres, saga } from '../support/books.js';
import { passwords, prepareDatabase } from '../../scripts/surety.js';
import { eventually } from '../support/world.js';

let books: Books;
beforeAll(async () => {
  books = await Books.open();
});
afterAll(async () => {
  expect(await books.violations()).toEqual([]);
  await books.close();
});

const price = { amountMinor: 100, points: 10 };

describe('holding', () => {
  it('takes points from the lot that expires first, and puts them back there', async () => {
    const soon = Date.now() + 3_600_000;
    const member = await books.member(
      'lots',
      { points: 50 },
      { points: 7, expiresAt: soon },
      { points: 20, expiresAt: soon + 1 },
    );
    const key = await books.payment(price);
    await expect(books.hold(key, member, price)).resolves.toEqual({ outcome: 'held' });
    const left = async () =>
      (
        await books.admin.query<{ remaining: string }>(
          'SELECT remaining FROM lot WHERE member_id = $1 ORDER BY expires_at NULLS LAST',
          [member],
        )
      ).rows.map((lot) => Number(lot.remaining));
    expect(await left()).toEqual([0, 17, 50]);
    await expect(books.ledger.close(key, 'cancelled', 'test', null, saga, Date.now())).resolves.toEqual({
      outcome: 'closed',
    });
    expect(await left()).toEqual([7, 20, 50]);
  });

  it('holds once a confirmation, however often it is asked', async () => {
    const member = await books.member('twice', { points: 10 });
    const key = await books.payment(price);
    const confirmation = randomUUID();
    const outcomes = await Promise.all(Array.from({ length: 10 }, () => books.hold(key, member, price, confirmation)));
    expect(outcomes.map(({ outcome }) => outcome).sort()).toEqual(
      [...Array<string>(9).fill('already_held'), 'held'].sort(),
    );
    expect(await books.points.balance(books.partnerId, member, Date.now())).toEqual({ available: 0, held: 10 });
  });

  it('lets 50 payments spend one balance exactly once', async () => {
    const member = await books.member('fifty', { points: 40 }, { points: 13 });
    const keys = await Promise.all(Array.from({ length: 50 }, () => books.payment(price)));
    const outcomes = await Promise.all(keys.map((key) => books.hold(key, member, price)));
    expect(outcomes.filter(({ outcome }) => outcome === 'held')).toHaveLength(5);
    expect(outcomes.filter(({ outcome }) => outcome === 'insufficient_points')).toHaveLength(45);
    expect(await books.points.balance(books.partnerId, member, Date.now())).toEqual({ available: 3, held: 50 });
  });

  it('never spends points that have expired', async () => {
    const member = await books.member('expired', { points: 10, expiresAt: Date.now() - 1 });
    await expect(books.hold(await books.payment(price), member, price)).resolves.toEqual({
      outcome: 'insufficient_points',
      available: 0,
      needed: 10,
    });
  });

  it('holds nothing when the invoice is not what the buyer saw', async () => {
    const member = await books.member('changed', { points: 100 });
    const key = await books.payment(price);
    await books.read(key, { amountMinor: 200 }, 20);
    await expect(books.hold(key, member, price)).resolves.toEqual({ outcome: 'changed' });
    expect((await books.points.balance(books.partnerId, member, Date.now())).held).toBe(0);
  });

  it('binds the payment to the first who holds', async () => {
    const [anna, boris] = [await books.member('anna', { points: 10 }), await books.member('boris', { points: 10 })];
    const key = await books.payment(price);
    const at = Date.now();
    const outcomes = await Promise.all([
      books.hold(key, anna, price, randomUUID(), at),
      books.hold(key, boris, price, randomUUID(), at),
    ]);
    // Told at the same moment, neither is newer.
    expect(outcomes.map(({ outcome }) => outcome).sort()).toEqual(['conflict', 'held']);
  });

  it('goes on with the hold of a lost task: the same member’s is kept, another member’s gives way to the newer task alone', async () => {
    const [anna, boris] = [await books.member('lost-a', { points: 10 }), await books.member('lost-b', { points: 10 })];
    const key = await books.payment(price);
    const now = Date.now();
    await books.hold(key, anna, price, randomUUID(), now);
    await expect(books.hold(key, anna, price, randomUUID(), now + 1)).resolves.toEqual({ outcome: 'already_held' });
    const conflict = { outcome: 'conflict', state: 'settling' };
    await expect(books.hold(key, boris, price, randomUUID(), now - 1)).resolves.toEqual(conflict);
    await expect(books.hold(key, boris, price, randomUUID(), now + 1)).resolves.toEqual({ outcome: 'held' });
    const balances = async () =>
      Promise.all([anna, boris].map((member) => books.points.balance(books.partnerId, member, Date.now())));
    expect(await balances()).toEqual([
      { available: 10, held: 0 },
      { available: 0, held: 10 },
    ]);
    // Once something was tried with a hold, it stays.
    await books.ledger.beginAttempt(key, '1', false, policy.freshnessMs, Date.now());
    await expect(books.hold(key, anna, price, randomUUID(), now + 2)).resolves.toEqual(conflict);
    expect((await balances())[1]).toEqual({ available: 0, held: 10 });
  });

  it('does not hold after the confirmation was given up, even when the hold comes late', async () => {
    const member = await books.member('late', { points: 10 });
    const key = await books.payment(price);
    const confirmation = randomUUID();
    await books.ledger.close(key, 'awaiting_confirmation', 'invoicebox_unavailable', confirmation, saga, Date.now());
    await expect(books.hold(key, member, price, confirmation)).resolves.toEqual({ outcome: 'given_up' });
    await expect(books.hold(key, member, price)).resolves.toEqual({ outcome: 'held' });
  });

  it('knows no member of another partner, and none that does not exist', async () => {
    const key = await books.payment(price);
    await expect(books.hold(key, randomUUID(), price)).resolves.toEqual({ outcome: 'other_member' });
  });

  it('keeps the price that was confirmed while it is held', async () => {
    const { key } = await held();
    const shown = async () => {
      const sql = 'SELECT amount_minor, points FROM payment WHERE id = $1';
      return (await books.admin.query<{ amount_minor: string; points: string }>(sql, [key.paymentId])).rows;
    };
    await books.read(key, { amountMinor: 990 }, 99);
    expect(await shown()).toEqual([{ amount_minor: '100', points: '10' }]);
    // Back at the buyer it is the new price, sum and points together.
    await books.ledger.close(key, 'awaiting_confirmation', 'amount_changed', null, saga, Date.now());
    expect(await shown()).toEqual([{ amount_minor: '990', points: '99' }]);
  });

  it('guards the fund down to its overdraft, whoever comes at once', async () => {
    const poor = await Books.open({ fundMinor: 250, overdraftMinor: 100 });
    const keys = await Promise.all(Array.from({ length: 10 }, () => poor.payment(price)));
    const members = await Promise.all(keys.map((_, index) => poor.member(`m${index}`, { points: 10 })));
    const outcomes = await Promise.all(keys.map((key, index) => poor.hold(key, members[index] ?? '', price)));
    expect(outcomes.filter(({ outcome }) => outcome === 'held')).toHaveLength(3);
    expect(outcomes.filter(({ outcome }) => outcome === 'insufficient_fund')).toHaveLength(7);
    expect(await poor.ledger.fundBalance(poor.partnerId)).toMatchObject([{ availableMinor: -50, reservedMinor: 300 }]);
    expect(await poor.violations()).toEqual([]);
    await poor.close();
  });
});

async function held(points = 10) {
  const member = await books.member(randomUUID(), { points });
  const key = await books.payment(price);
  await books.hold(key, member, price);
  return { key, member };
}

const end = (
  key: PaymentKey,
  how: { class: AttemptClass; code?: string; requestId?: string; transactionId?: string },
  n = 1,
) => books.ledger.endAttempt(key, n, { code: 'x', message: null, requestId: null, flag: null, ...how }, Date.now());

describe('the pivot call', () => {
  const begin = (key: Awaited<ReturnType<typeof held>>['key'], ticket: number, proving = false) =>
    books.ledger.beginAttempt(key, String(ticket), proving, policy.freshnessMs, Date.now());

  it('is allowed once a ticket, and says whether an earlier one may have paid', async () => {
    const { key } = await held();
    await expect(begin(key, 1)).resolves.toEqual({ outcome: 'go', n: 1, ambiguousBefore: false });
    await expect(begin(key, 1)).resolves.toEqual({ outcome: 'superseded' });
    await expect(begin(key, 2)).resolves.toEqual({ outcome: 'prove' });
  });

  it('is repeated while the invoice reads pending only after the quiet time, by this one clock', async () => {
    const { key } = await held();
    await begin(key, 1);
    await books.read(key, {});
    await expect(begin(key, 2, true)).resolves.toEqual({ outcome: 'stale' });
    await books.admin.query(
      `UPDATE payment_attempt SET started_at = started_at - interval '121 s' WHERE payment_id = $1`,
      [key.paymentId],
    );
    await expect(begin(key, 2, true)).resolves.toEqual({ outcome: 'go', n: 2, ambiguousBefore: true });
  });

  it('is not made again once an answer is known, whatever the invoice says later', async () => {
    const { key } = await held();
    await begin(key, 1);
    await end(key, { class: 'paid', requestId: 'R-1', transactionId: 'T-1' });
    for (const status of ['pending', 'paid', 'canceled']) {
      await books.read(key, { status });
      for (const proving of [false, true]) {
        await expect(begin(key, 2, proving)).resolves.toEqual({
          outcome: 'paid',
          n: 1,
          transactionId: 'T-1',
          requestId: 'R-1',
        });
      }
    }
    await expect(
      books.ledger.close(key, 'declined', 'invoice_canceled', null, saga, Date.now() + 86_400_000),
    ).resolves.toEqual({ outcome: 'attempt_outstanding' });
  });

  it('is not ambiguous after attempts that were proven not executed', async () => {
    const { key } = await held();
    await begin(key, 1);
    await end(key, { class: 'not_executed' });
    await expect(begin(key, 2)).resolves.toEqual({ outcome: 'go', n: 2, ambiguousBefore: false });
  });

  it.each([
    ['the read is too old', { freshnessMs: 0 }, {}],
    ['the amount has changed', {}, { amountMinor: 101 }],
    ['it is not pending', {}, { status: 'canceled' }],
    ['it has expired', {}, { expiresAt: Date.now() - 1 }],
    ['it reads paid and nothing was tried', { proving: true }, { status: 'paid' }],
  ])(
    'is stale, and nothing is sent, when %s',
    async (_, call: { freshnessMs?: number; proving?: boolean }, invoice) => {
      const { key } = await held();
      await books.read(key, invoice);
      await expect(
        books.ledger.beginAttempt(key, '1', call.proving ?? false, call.freshnessMs ?? policy.freshnessMs, Date.now()),
      ).resolves.toEqual({ outcome: 'stale' });
      expect(
        (await books.admin.query('SELECT FROM payment_attempt WHERE payment_id = $1', [key.paymentId])).rowCount,
      ).toBe(0);
    },
  );

  it('may be repeated for proof while the invoice reads paid', async () => {
    const { key } = await held();
    await begin(key, 1);
    await books.read(key, { status: 'paid' });
    await expect(begin(key, 2)).resolves.toEqual({ outcome: 'prove' });
    await expect(begin(key, 2, true)).resolves.toEqual({ outcome: 'go', n: 2, ambiguousBefore: true });
  });

  it('never begins once it was fenced', async () => {
    const { key } = await held();
    await expect(books.ledger.fence(key, '1')).resolves.toEqual({ outcome: 'not_started' });
    await expect(begin(key, 1)).resolves.toEqual({ outcome: 'superseded' });
    await begin(key, 2);
    await expect(books.ledger.fence(key, '2')).resolves.toEqual({ outcome: 'started' });
  });
});

describe('leaving', () => {
  it('captures once, and says so again', async () => {
    const { key, member } = await held();
    await books.ledger.beginAttempt(key, '1', false, policy.freshnessMs, Date.now());
    const before = (await books.ledger.fundBalance(books.partnerId))[0]?.drawnMinor ?? 0;
    const outcomes = await Promise.all(
      Array.from({ length: 5 }, () => books.ledger.capture(key, 1, 'T-1', 'R-1', Date.now())),
    );
    expect(outcomes.map(({ outcome }) => outcome).sort()).toEqual([
      ...Array<string>(4).fill('already_captured'),
      'captured',
    ]);
    expect(await books.points.balance(books.partnerId, member, Date.now())).toEqual({ available: 0, held: 0 });
    expect((await books.ledger.fundBalance(books.partnerId))[0]?.drawnMinor).toBe(before + 100);
    await expect(books.ledger.close(key, 'declined', 'refused', null, saga, Date.now())).resolves.toEqual({
      outcome: 'already_closed',
      state: 'paid',
    });
  });

  it.each(['unknown', null] as const)('releases nothing after an attempt of class %p', async (attemptClass) => {
    const { key, member } = await held();
    await books.ledger.beginAttempt(key, '1', false, policy.freshnessMs, Date.now());
    if (attemptClass !== null) {
      await books.ledger.endAttempt(
        key,
        1,
        { class: attemptClass, code: 'timeout', message: null, requestId: null, flag: null },
        Date.now(),
      );
    }
    for (const way of ['cancelled', 'declined', 'expired', 'awaiting_confirmation'] as const) {
      await expect(books.ledger.close(key, way, 'test', null, saga, Date.now())).resolves.toEqual({
        outcome: 'attempt_outstanding',
      });
    }
    expect(await books.points.balance(books.partnerId, member, Date.now())).toEqual({ available: 0, held: 10 });
  });

  it('releases after an ambiguous attempt only when a read past all margins proves it', async () => {
    const { key } = await held();
    await books.ledger.beginAttempt(key, '1', false, policy.freshnessMs, Date.now());
    const close = () => books.ledger.close(key, 'declined', 'invoice_canceled', null, saga, Date.now());
    const attemptedAgo = (ms: number) =>
      books.admin.query(
        "UPDATE payment_attempt SET started_at = clock_timestamp() - $2 * interval '1 millisecond' WHERE payment_id = $1",
        [key.paymentId, ms],
      );
    const outstanding = { outcome: 'attempt_outstanding' };
    await attemptedAgo(policy.marginMs - 5_000);
    await books.read(key, { status: 'canceled' });
    await expect(close()).resolves.toEqual(outstanding);
    await attemptedAgo(policy.marginMs + 5_000);
    for (const status of ['paid', 'partial', 'unknown', 'pending']) {
      await books.read(key, { status });
      await expect(close()).resolves.toEqual(outstanding);
    }
    await books.read(key, { status: 'pending', expiresAt: Date.now() - policy.marginMs + 5_000 });
    await expect(close()).resolves.toEqual(outstanding);
    // An expiry that could not be read proves nothing.
    await books.admin.query('UPDATE payment SET invoice_expires_at = NULL WHERE id = $1', [key.paymentId]);
    await expect(close()).resolves.toEqual(outstanding);
    await books.read(key, { status: 'canceled' });
    await expect(close()).resolves.toEqual({ outcome: 'closed' });
  });

  it('a late repeat of giving up one confirmation leaves the hold of the next alone', async () => {
    const member = await books.member('repeat', { points: 10 });
    const key = await books.payment(price);
    const first = randomUUID();
    const giveUp = () =>
      books.ledger.close(key, 'awaiting_confirmation', 'invoicebox_unavailable', first, saga, Date.now());
    await giveUp();
    await expect(books.hold(key, member, price)).resolves.toEqual({ outcome: 'held' });
    await expect(giveUp()).resolves.toEqual({ outcome: 'closed' });
    expect((await books.points.balance(books.partnerId, member, Date.now())).held).toBe(10);
  });

  it('lets nobody of an older epoch touch the payment', async () => {
    const { key, member } = await held();
    await books.admin.query('UPDATE payment SET epoch = 2 WHERE id = $1', [key.paymentId]);
    const superseded = { outcome: 'superseded' };
    await expect(books.hold(key, member, price)).resolves.toEqual(superseded);
    await expect(books.ledger.beginAttempt(key, '1', false, 60_000, Date.now())).resolves.toEqual(superseded);
    await expect(books.ledger.capture(key, 1, 'T', null, Date.now())).resolves.toEqual(superseded);
    await expect(books.ledger.close(key, 'declined', 'x', null, saga, Date.now())).resolves.toEqual(superseded);
    await expect(books.read(key, {}, 10)).resolves.toEqual(superseded);
  });
});

describe('opening', () => {
  it('gives one live-or-paid payment an invoice, whoever opens it at once and in whatever case', async () => {
    const invoiceId = 'ABCDEF00-1a57-f184-dee3-ebeb91dded76';
    const keys = await Promise.all(
      Array.from({ length: 10 }, (_, index) =>
        books.payment({ ...price, invoiceId: index % 2 ? invoiceId : invoiceId.toLowerCase() }),
      ),
    );
    expect(new Set(keys.map((key) => key.paymentId)).size).toBe(1);
  });

  it('refuses nobody for a flag while another, who came before it, opens the same invoice', async () => {
    const wish = {
      ...{ partnerId: books.partnerId, scheme: 'loyalty' as const, memberId: null, openedBy: saga, policy, links: {} },
      invoiceId: '00000000-0000-0000-0000-00000000f1a9',
    };
    const key = await books.payment(price);
    const first = await books.admin.connect();
    const untilWaiting = (count: number) =>
      eventually(
        async () => {
          const { rows } = await books.admin.query<{ count: number }>(
            `SELECT count(*)::int FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
          );
          return rows[0]?.count === count;
        },
        () => 'nobody waited',
      );
    try {
      await first.query('BEGIN');
      const opened = await first.query<{ answer: { paymentId: string } }>(
        `SELECT payment_open($1, uuidv7(), 'loyalty', $2, NULL, $3, $4, '{}', now()) AS answer`,
        [wish.partnerId, wish.invoiceId, saga, policy],
      );
      const end = { class: 'refused', code: 'unauthorized', message: null, requestId: null } as const;
      const flagging = books.ledger.endAttempt(key, 1, { ...end, flag: 'credentials' }, Date.now());
      await Promise.race([flagging, untilWaiting(1)]);
      const second = books.ledger.openPayment({ ...wish, paymentId: uuidv7(), at: Date.now() });
      await Promise.race([second, untilWaiting(2)]);
      await first.query('COMMIT');
      await expect(second).resolves.toMatchObject({
        outcome: 'existing',
        paymentId: opened.rows[0]?.answer.paymentId,
      });
      await flagging;
    } finally {
      await first.query('ROLLBACK');
      first.release();
      await books.admin.query('UPDATE partner SET credentials_failed_at = NULL');
    }
  });
});

describe('credits and deposits', () => {
  it('are booked once by their reference, and refuse another content under it', async () => {
    const member = await books.member('credit');
    const credit = {
      partnerId: books.partnerId,
      memberId: member,
      points: 5,
      expiresAt: null,
      reference: 'once',
      actor: saga,
      at: Date.now(),
    };
    const outcomes = await Promise.all([1, 2, 3].map(() => books.points.creditUntil(credit)));
    expect(outcomes.map(({ outcome }) => outcome).sort()).toEqual(['already_credited', 'already_credited', 'credited']);
    await expect(books.points.creditUntil({ ...credit, points: 6 })).resolves.toMatchObject({ outcome: 'conflict' });
    await expect(books.points.creditUntil({ ...credit, expiresAt: Date.now() + 86_400_000 })).resolves.toMatchObject({
      outcome: 'conflict',
    });
  });
});

describe('what the database itself refuses', () => {
  it('knows the same transitions as the code', async () => {
    const { rows } = await books.admin.query<{ from_state: string; to_state: string }>(
      'SELECT from_state, to_state FROM payment_transition',
    );
    const inCode = paymentStates.flatMap((from) => legalTransitions[from].map((to) => `${from}→${to}`));
    expect(rows.map((row) => `${row.from_state}→${row.to_state}`).sort()).toEqual(inCode.sort());
  });

  it.each([
    'UPDATE transfer SET amount = 1',
    'DELETE FROM transfer',
    'TRUNCATE transfer CASCADE',
    'DELETE FROM payment_event',
  ])('%s, even by its owner', async (sql) => {
    await expect(books.admin.query(sql)).rejects.toThrow(/append-only/);
  });

  it.each([
    'UPDATE account SET balance = 1',
    'INSERT INTO transfer (partner_id, kind, debit, credit, amount, reference, actor, at) SELECT partner_id, kind, debit, credit, 1, reference, actor, at FROM transfer',
    "UPDATE payment SET state = 'paid'",
    'SELECT invoicebox_token_sealed FROM partner',
    "SELECT ledger_transfer(uuidv7(), null, 'hold', uuidv7(), uuidv7(), 1, '', '{}', now())",
  ])('lets the worker not do: %s', async (sql) => {
    await expect(books.worker.query(sql)).rejects.toThrow(/permission denied/);
  });

  it('shows one partner nothing of another', async () => {
    const { key } = await held();
    const api = new pg.Pool({
      connectionString: postgres.url(books.database, 'surety_api', passwords.api),
      options: '-c search_path=surety',
    });
    await expect(api.query('SELECT id FROM payment')).resolves.toMatchObject({ rowCount: 0 });
    await expect(new Ledger(api).passport(randomUUID(), key.paymentId)).resolves.toBeNull();
    await expect(new Ledger(api).passport(books.partnerId, key.paymentId)).resolves.toMatchObject({
      paymentId: key.paymentId,
    });
    // The setting ended with its statement.
    await expect(api.query('SELECT id FROM payment')).resolves.toMatchObject({ rowCount: 0 });
    await api.end();
  });
});

it('[case kodus-ai PR#1298] four migrators at once apply each migration once', async () => {
  const database = `migrated_${randomUUID().replaceAll('-', '')}`;
  const server = new pg.Client({ connectionString: postgres.url('postgres') });
  await server.connect();
  await server.query(`CREATE DATABASE ${database}`);
  await server.end();
  await expect(Promise.all([1, 2, 3, 4].map(() => prepareDatabase(postgres, database)))).resolves.toHaveLength(4);
});

it('[case kodus-ai PR#1298] eight databases of one cluster are migrated at once, although their roles are the same', async () => {
  const databases = Array.from({ length: 8 }, () => `migrated_${randomUUID().replaceAll('-', '')}`);
  await expect(Promise.all(databases.map((database) => prepareDatabase(postgres, database)))).resolves.toHaveLength(8);
});
