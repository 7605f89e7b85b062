/** The switch that lets no new payment begin: whom it stops, whom it does not, and that nobody slips through. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { v7 as uuidv7 } from 'uuid';
import { organisationPartner } from '../../scripts/demoWorld.js';
import { applyPartner } from '../../scripts/partner.js';
import { KeyRing } from '../../src/keyring.js';
import { Pauses } from '../../src/ledger/pauses.js';
import { Books, policy, saga, testKeys } from '../support/books.js';

const operator = { kind: 'operator', id: 'eve' } as const;

let books: Books;
let other: string;
let pauses: Pauses;
beforeAll(async () => {
  books = await Books.open({ fundMinor: 1_000_000 });
  const client = await books.admin.connect();
  const partner = organisationPartner('127.0.0.1:1');
  other = (await applyPartner(client, partner, new KeyRing(testKeys), true)).partnerId;
  client.release();
  pauses = new Pauses(books.admin);
});
afterAll(async () => {
  expect(await books.violations()).toEqual([]);
  await books.close();
});

const open = (partnerId = books.partnerId, named?: string, invoiceId: string = randomUUID()) =>
  books.ledger.openPayment({
    ...{ partnerId, paymentId: uuidv7(), scheme: 'loyalty', invoiceId, memberId: null, memberExternalId: named },
    ...{ openedBy: saga, policy, links: {}, at: Date.now() },
  });

async function counted(sql: string): Promise<number> {
  const { rows } = await books.admin.query<{ count: string }>(sql);
  return Number(rows[0]?.count);
}

describe.each([
  ['of one partner', () => books.partnerId],
  ['of all', () => null],
])('a pause %s', (_, whose) => {
  it('refuses what is new, and changes nothing for what is under way', async () => {
    const member = await books.member('anna', { points: 1_000 });
    const price = { amountMinor: 1_000, points: 10 };
    const invoiceId = randomUUID();
    const waiting = await books.payment({ ...price, invoiceId });
    expect(await pauses.pause(whose(), 'the fund moves', operator, Date.now())).toMatchObject({ outcome: 'paused' });

    expect(await open()).toEqual({ outcome: 'refused', reason: 'paused' });
    expect(await open(books.partnerId, undefined, invoiceId)).toMatchObject({
      outcome: 'existing',
      paymentId: waiting.paymentId,
    });
    expect(await books.hold(waiting, member, price)).toMatchObject({ outcome: 'held' });
    await books.ledger.beginAttempt(waiting, 't', false, policy.freshnessMs, Date.now());
    const captured = await books.ledger.capture(waiting, 1, randomUUID(), null, Date.now());
    expect(captured).toEqual({ outcome: 'captured' });

    expect(await pauses.resume(whose(), operator, Date.now())).toMatchObject({ outcome: 'resumed' });
    expect(await open()).toMatchObject({ outcome: 'opened' });
  });

  it('leaves no member behind whom a refused payment named', async () => {
    await pauses.pause(whose(), 'the fund moves', operator, Date.now());
    expect(await open(books.partnerId, 'nobody yet')).toEqual({ outcome: 'refused', reason: 'paused' });
    expect(await counted("SELECT count(*) FROM member WHERE external_id = 'nobody yet'")).toBe(0);
    await pauses.resume(whose(), operator, Date.now());
  });

  it('is told to the release before in a word that it knows', async () => {
    await pauses.pause(whose(), 'the fund moves', operator, Date.now());
    const { rows } = await books.admin.query<{ answer: unknown }>(
      `SELECT payment_open($1, uuidv7(), 'loyalty', $2, NULL, '{}', '{}', '{}', now()) AS answer`,
      [books.partnerId, randomUUID()],
    );
    expect(rows[0]?.answer).toEqual({ outcome: 'refused', reason: 'fund_unavailable' });
    await pauses.resume(whose(), operator, Date.now());
  });

  it('lets nothing open that was not open when it had answered, whatever comes at once', async () => {
    const inserted = 'SELECT count(*) FROM payment';
    let isOver = false;
    const opening = Array.from({ length: 8 }, async () => {
      // Each until it is refused: some are always on their way.
      for (let outcome = 'opened'; outcome === 'opened' && !isOver;) outcome = (await open()).outcome;
    });
    const before = await counted(inserted);
    while ((await counted(inserted)) < before + 20) await open();
    await pauses.pause(whose(), 'the fund moves', operator, Date.now());
    const then = await counted(inserted);
    await Promise.all(opening);
    isOver = true;
    expect(await counted(inserted)).toBe(then);
    await pauses.resume(whose(), operator, Date.now());
  });
});

it('a pause of one partner is nobody else’s', async () => {
  await pauses.pause(other, 'theirs', operator, Date.now());
  expect(await open()).toMatchObject({ outcome: 'opened' });
  expect(await open(other)).toEqual({ outcome: 'refused', reason: 'paused' });
  await pauses.resume(other, operator, Date.now());
});

it('two are two: a partner’s own stays when that of all is over, and both are told', async () => {
  await pauses.pause(null, 'everything moves', operator, Date.now());
  await pauses.pause(books.partnerId, 'his fund moves', operator, Date.now());
  expect(await pauses.open(books.partnerId)).toMatchObject([
    { ofAll: false, reason: 'his fund moves', by: operator },
    { ofAll: true, reason: 'everything moves' },
  ]);
  expect(await pauses.open(other)).toMatchObject([{ ofAll: true }]);
  await pauses.resume(null, operator, Date.now());
  expect(await open()).toEqual({ outcome: 'refused', reason: 'paused' });
  await pauses.resume(books.partnerId, operator, Date.now());
  expect(await pauses.open(books.partnerId)).toEqual([]);
});

it('the same again changes nothing, and who, when and why stays on record', async () => {
  const first = await pauses.pause(books.partnerId, 'one', operator, Date.now());
  expect(await pauses.pause(books.partnerId, 'two', operator, Date.now())).toEqual({
    ...first,
    outcome: 'already_paused',
  });
  await pauses.resume(books.partnerId, { kind: 'operator', id: 'adam' }, Date.now());
  expect(await pauses.resume(books.partnerId, operator, Date.now())).toEqual({ outcome: 'not_paused' });
  expect(await pauses.pause(randomUUID(), 'nobody', operator, Date.now())).toEqual({ outcome: 'not_found' });
  const { rows } = await books.admin.query('SELECT reason, by, ended_by FROM pause WHERE reason = $1', ['one']);
  expect(rows).toEqual([{ reason: 'one', by: operator, ended_by: { kind: 'operator', id: 'adam' } }]);
  await expect(books.admin.query("UPDATE pause SET reason = 'three'")).rejects.toThrow('not changed');
  await expect(books.admin.query('DELETE FROM pause')).rejects.toThrow('append-only');
});
