/** Lines of statements against entries of the books: each used once, what is under way no difference, a repeated run the same. */
import { createHash, randomUUID } from 'node:crypto';
import { afterAll, beforeEach, describe, expect, it } from '@jest/globals';
import { MockActivityEnvironment } from '@temporalio/testing';
import { v7 as uuidv7 } from 'uuid';
import { createReconcileActivities } from '../../src/activities/reconcile.js';
import type { Partners } from '../../src/activities/partners.js';
import { type Movement } from '../../src/domain/statement.js';
import { identityOf } from '../../src/domain/statementBalances.js';
import { Reconciliations, type Difference } from '../../src/ledger/reconciliations.js';
import { Statements } from '../../src/ledger/statements.js';
import { mappingOf } from '../support/statements.js';
import { Books, saga } from '../support/books.js';

const books = await Books.open({ fundMinor: 1_000_000_000_000 });
let reconciliations: Reconciliations;
let statements: Statements;
/** A partner's history is its own: each test has another time, years apart, and another number of its invoices. */
let day: string;
let test = 0;
let number: string;

beforeEach(() => {
  reconciliations = new Reconciliations(books.admin);
  statements = new Statements(books.admin);
  test += 1;
  day = `20${String(test).padStart(2, '0')}-11-10`;
  number = `T${test}-`;
});
afterAll(async () => {
  expect(await books.violations()).toEqual([]);
  await books.close();
});

/** A moment of the test's day in Moscow. */
const at = (time: string, onDay = day): number => Date.parse(`${onDay}T${time}+03:00`);

interface Paid {
  readonly paymentId: string;
  readonly transactionId: string;
  readonly number: string;
}

async function paid(amountMinor: number, when: number, change: { number?: string } = {}): Promise<Paid> {
  const transactionId = randomUUID();
  const opened = await opening(amountMinor, change.number ?? number, when);
  await books.ledger.endAttempt(opened.key, 1, { ...done, class: 'paid', transactionId }, when);
  await books.ledger.capture(opened.key, 1, transactionId, null, when);
  return { paymentId: opened.key.paymentId, transactionId, number: change.number ?? number };
}

const done = { code: 'x', message: null, requestId: null, flag: null } as const;

/** A payment of an organisation whose call is under way. */
async function opening(amountMinor: number, invoiceNumber: string, when: number) {
  const paymentId = uuidv7();
  const invoiceId = randomUUID();
  const { partnerId, ledger } = books;
  const opened = await ledger.openPayment({
    ...{ partnerId, paymentId, invoiceId, scheme: 'organisation', memberId: null, openedBy: saga, links: {} },
    policy: { ...mostPatient },
    at: when,
  });
  if (opened.outcome === 'refused') throw new Error(opened.reason);
  const key = { partnerId, paymentId, epoch: opened.epoch };
  const invoice = {
    ...{ status: 'pending', number: invoiceNumber, description: 'x', vatAmountMinor: null, currency: 'RUB' },
    ...{ amountMinor, expiresAt: new Date(Date.now() + 1e12).toISOString(), paymentUrl: null },
  };
  await ledger.quote(key, invoice, { points: 0, pricedAt: when }, 0, when);
  const seen = { amountMinor, currency: 'RUB', points: 0 };
  await ledger.hold(key, { memberId: null, seen, actor: saga, confirmationId: randomUUID() }, when);
  const begun = await ledger.beginAttempt(key, randomUUID(), false, 60_000, when);
  expect(begun.outcome).toBe('go');
  return { key, invoiceId };
}

const mostPatient = {
  ...{
    freshnessMs: 60_000,
    quoteTtlMs: 1_800_000,
    giveUpAfterMs: 900_000,
    pendingGapMs: 30_000,
    quietMs: 0,
    marginMs: 0,
  },
  ...{ waitScale: 1, trustTemporalSignals: true },
};

type Line = Partial<Omit<Movement, 'kind'>> & { readonly amountMinor: number };

/** Uploads lines as one statement of the whole test's day, or of the days given. */
async function upload(lines: readonly Line[], period = { from: day, to: day }): Promise<string> {
  const { partnerId } = books;
  const opened = await statements.open(partnerId, {
    ...{
      keyHash: createHash('sha256').update(randomUUID()).digest(),
      mapping: mappingOf(),
      actor: saga,
      at: Date.now(),
    },
  });
  if (opened.outcome !== 'receiving') throw new Error(opened.outcome);
  const to = { partnerId, statementId: opened.statementId, reception: opened.reception };
  const movements = lines.map((line): Movement => ({
    ...{ kind: 'movement', moment: day, transactionId: null, operationId: null, invoiceNumber: null },
    ...{ currency: 'RUB', balanceMinor: null },
    ...line,
  }));
  await statements.receive(
    to,
    {
      identities: movements.map((one) => createHash('sha256').update(identityOf(one)).digest('hex').slice(0, 32)),
      lines: movements.map((_, index) => index + 2),
      moments: movements.map(({ moment }) => moment),
      transactions: movements.map(({ transactionId }) => transactionId),
      operations: movements.map(({ operationId }) => operationId),
      numbers: movements.map(({ invoiceNumber }) => invoiceNumber),
      amounts: movements.map(({ amountMinor }) => amountMinor),
      currencies: movements.map(({ currency }) => currency),
    },
    Date.now(),
  );
  const body = { period, currencies: ['RUB'], balances: [], totalLines: lines.length + 1, movements: lines.length };
  const started = await statements.start(to, { ...body, sha256: Buffer.from('x') }, Date.now());
  expect(started.outcome).toBe('received');
  return opened.statementId;
}

const nobody = {} as Partners;

async function run() {
  const environment = new MockActivityEnvironment({ currentAttemptScheduledTimestampMs: Date.now() });
  const activities = createReconcileActivities(statements, reconciliations, nobody);
  return environment.run((order) => activities.compareStatements(order), { partnerId: books.partnerId });
}

/** What is open about the test's own day. */
async function open(): Promise<Difference[]> {
  const all = await reconciliations.differences(books.partnerId, { state: 'open', kind: null }, null, 1_000);
  return all.filter(({ line, detail }) => (line?.day ?? String(detail['at'])).startsWith(day.slice(0, 4)));
}

const told = (differences: readonly Difference[]) =>
  differences
    .map(({ kind, amountMinor, paymentId }) => ({ kind, amountMinor, paymentId }))
    .sort((one, two) => one.kind.localeCompare(two.kind) || one.amountMinor - two.amountMinor);

async function matchedBy(statementId: string): Promise<(string | null)[]> {
  const { rows } = await books.admin.query<{ by: string | null }>(
    'SELECT matched_by AS by FROM statement_line WHERE statement_id = $1 ORDER BY line',
    [statementId],
  );
  return rows.map(({ by }) => by);
}

describe('a line is matched', () => {
  it('by the transaction, then by the operation, then by the number with sum and day; and then nothing is open', async () => {
    const one = await paid(100, at('10:00'));
    const two = await paid(200, at('11:00'));
    const three = await paid(300, at('12:00'));
    const deposit = { currency: 'RUB', amountMinor: 5_000, reference: `${number}bill`, actor: saga, at: at('13:00') };
    await books.ledger.depositFund({ partnerId: books.partnerId, ...deposit });
    const id = await upload([
      { amountMinor: -100, transactionId: one.transactionId },
      { amountMinor: -200, operationId: two.paymentId, transactionId: 'unknown-to-us' },
      { amountMinor: -300, invoiceNumber: three.number },
      { amountMinor: 5_000, invoiceNumber: `${number}bill` },
    ]);
    await expect(run()).resolves.toMatchObject({ matchedLines: 4, openedDifferences: 0 });
    expect(await matchedBy(id)).toEqual(['transaction', 'operation', 'invoice', 'reference']);
    expect(await open()).toEqual([]);
  });

  it('[case Budget#276] equal lines each to a draw of their own; one too many is theirs only', async () => {
    await paid(150, at('10:00'));
    await paid(150, at('10:05'));
    const equal = { amountMinor: -150, invoiceNumber: number };
    await upload([equal, equal]);
    await expect(run()).resolves.toMatchObject({ matchedLines: 2, openedDifferences: 0 });
    // The same file again adds nothing, an overlapping one with one more adds that one.
    await upload([equal, equal]);
    await expect(run()).resolves.toMatchObject({ matchedLines: 0, openedDifferences: 0 });
    const third = await upload([equal, equal, equal]);
    await expect(run()).resolves.toMatchObject({ matchedLines: 0, openedDifferences: 1 });
    expect(told(await open())).toEqual([{ kind: 'theirs_only', amountMinor: -150, paymentId: null }]);
    expect(await statements.get(books.partnerId, third)).toMatchObject({ movements: 3, newMovements: 1 });
  });

  it('[case axelor PR#14501] several lines never settle one entry, nor one line several', async () => {
    const one = await paid(400, at('10:00'));
    await upload([
      { amountMinor: -400, transactionId: one.transactionId },
      { amountMinor: -400, operationId: one.paymentId },
      { amountMinor: -400, invoiceNumber: one.number },
    ]);
    await run();
    expect(told(await open())).toEqual([
      { kind: 'duplicate', amountMinor: -400, paymentId: one.paymentId },
      { kind: 'theirs_only', amountMinor: -400, paymentId: null },
    ]);
    await expect(
      books.admin.query(
        `UPDATE statement_line SET transfer_id = (SELECT transfer_id FROM statement_line WHERE transaction_id = $1),
           matched_by = 'invoice' WHERE operation_id = $2`,
        [one.transactionId, one.paymentId],
      ),
    ).rejects.toThrow(/statement_line_of_entry/);
  });

  it('[case axelor PR#14501] what is ambiguous goes to a person: one line that two entries fit is neither', async () => {
    const one = await paid(500, at('10:00'));
    const two = await paid(500, at('11:00'));
    await upload([{ amountMinor: -500, invoiceNumber: number }]);
    await run();
    const [found, ...others] = await open();
    expect([found?.kind, others]).toEqual(['ambiguous', []]);
    const { rows } = await books.admin.query<{ payment: string }>(
      'SELECT payment_id AS payment FROM transfer WHERE id = ANY ($1::uuid[])',
      [found?.detail['candidates']],
    );
    expect(rows.map(({ payment }) => payment).sort()).toEqual([one.paymentId, two.paymentId].sort());
    // The other line comes: now both fit, and it ends by itself.
    await upload([
      { amountMinor: -500, invoiceNumber: number },
      { amountMinor: -500, invoiceNumber: number },
    ]);
    await expect(run()).resolves.toMatchObject({ matchedLines: 2, closedDifferences: 1 });
    expect(await open()).toEqual([]);
  });

  it('by an id although the sums differ: that is told with both', async () => {
    const one = await paid(700, at('10:00'));
    await upload([{ amountMinor: -770, transactionId: one.transactionId }]);
    await run();
    expect(told(await open())).toEqual([{ kind: 'amount', amountMinor: -70, paymentId: one.paymentId }]);
  });

  it('to the entry of the same direction: a refund is not its draw, and proposes a return', async () => {
    const one = await paid(800, at('10:00'));
    await upload([
      { amountMinor: 800, operationId: one.paymentId },
      { amountMinor: -800, operationId: one.paymentId },
    ]);
    await run();
    expect(told(await open())).toEqual([{ kind: 'theirs_only', amountMinor: 800, paymentId: one.paymentId }]);
    await run();
    const proposed = await books.admin.query<{ state: string; amount: string }>(
      'SELECT state, amount_minor AS amount FROM payment_return WHERE payment_id = $1',
      [one.paymentId],
    );
    expect(proposed.rows).toEqual([{ state: 'proposed', amount: '800' }]);
  });
});

describe('a difference', () => {
  it('is ours only where the statements cover the time, closes itself when its line comes, and opens again', async () => {
    const one = await paid(900, at('10:00'));
    await upload([]);
    await expect(run()).resolves.toMatchObject({ openedDifferences: 1 });
    const [found] = await open();
    expect(found).toMatchObject({ kind: 'ours_only', amountMinor: -900, paymentId: one.paymentId, reopened: 0 });
    await expect(run()).resolves.toMatchObject({ openedDifferences: 0, closedDifferences: 0 });
    await upload([{ amountMinor: -900, transactionId: one.transactionId }]);
    await expect(run()).resolves.toMatchObject({ matchedLines: 1, closedDifferences: 1 });
    const read = () => reconciliations.difference(books.partnerId, found?.id ?? '');
    await expect(read()).resolves.toMatchObject({ state: 'closed' });
  });

  it('[case firefly-iii#4670] is none for a draw a second before or after midnight, whatever zone the statement’s days are of', async () => {
    // 23:59:59 and 00:00:00 in Moscow.
    const before = await paid(1_000, Date.parse(`${day}T20:59:59Z`));
    const after = await paid(1_100, Date.parse(`${day}T21:00:00Z`), { number: `${number}after` });
    const lines = [{ amountMinor: -1_000, invoiceNumber: before.number }];
    await upload(lines);
    const again = { openedDifferences: 0, closedDifferences: 0 };
    await expect(run()).resolves.toMatchObject({ matchedLines: 1, ...again });
    // The later one is of a day that no statement covers yet: under way.
    await expect(run()).resolves.toMatchObject({ matchedLines: 0, ...again });
    expect(await open()).toEqual([]);
    const next = `${day.slice(0, 8)}11`;
    await upload([{ amountMinor: -1_100, invoiceNumber: after.number, moment: next }], { from: next, to: next });
    await expect(run()).resolves.toMatchObject({ matchedLines: 1, ...again });
    // Invoicebox may have counted a payment to the day before the one on which we heard of it.
    await paid(1_200, Date.parse(`${next}T21:00:00.300Z`), { number: `${number}late` });
    await upload([{ amountMinor: -1_200, invoiceNumber: `${number}late`, moment: next }], { from: next, to: next });
    await expect(run()).resolves.toMatchObject({ matchedLines: 1, ...again });
    expect(await open()).toEqual([]);
  });

  it('is none while the payment’s outcome is not known, and is one when it ends otherwise', async () => {
    const { key } = await opening(1_300, number, Date.now());
    await upload([{ amountMinor: -1_300, operationId: key.paymentId }]);
    await expect(run()).resolves.toMatchObject({ openedDifferences: 0, linesInFlight: 1 });
    await books.ledger.endAttempt(key, 1, { ...done, class: 'refused' }, Date.now());
    await books.ledger.close(key, 'declined', 'refused', null, saga, Date.now());
    await expect(run()).resolves.toMatchObject({ openedDifferences: 1, linesInFlight: 0 });
    const [found] = await open();
    expect(found).toMatchObject({ kind: 'state', paymentId: key.paymentId, detail: { ours: 'declined' } });
  });

  it('that a person explained stays explained, until its sum is another', async () => {
    const id = `${number}x`;
    await upload([{ amountMinor: -40, transactionId: id }]);
    await run();
    const [found] = await open();
    const said = { reason: 'комиссия', approvalId: null, actor: saga, at: Date.now() };
    const explain = (change = {}) => reconciliations.explain(books.partnerId, found?.id ?? '', { ...said, ...change });
    await expect(explain({ approvalId: randomUUID() })).resolves.toEqual({ outcome: 'no_approval' });
    await expect(explain()).resolves.toEqual({ outcome: 'explained' });
    await expect(run()).resolves.toMatchObject({ openedDifferences: 0 });
    expect(await open()).toEqual([]);
  });

  it('is told to the partner once, at once', async () => {
    const told = async () =>
      (await books.admin.query("SELECT FROM event WHERE type = 'fund.difference'")).rowCount ?? 0;
    const before = await told();
    await upload([{ amountMinor: -41, transactionId: `${number}told` }]);
    await run();
    await run();
    expect((await told()) - before).toBe(1);
  });
});

it('a file that covers other days than it was said to is refused, and nothing of it is there', async () => {
  await expect(upload([{ amountMinor: -1, moment: `${day.slice(0, 8)}12` }])).rejects.toThrow(/received/);
});
