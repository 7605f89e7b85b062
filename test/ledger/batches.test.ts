/** What the ledger keeps of a batch, where two tries of one step meet in it. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { v7 as uuidv7 } from 'uuid';
import { Batches } from '../../src/ledger/batches.js';
import { Books, policy } from '../support/books.js';
import { eventually } from '../support/world.js';

let books: Books;
let batches: Batches;
beforeAll(async () => {
  books = await Books.open({ fundMinor: 1_000_000 });
  batches = new Batches(books.admin);
});
afterAll(async () => {
  expect(await books.violations()).toEqual([]);
  await books.close();
});

describe('an invoice of a batch', () => {
  it('that a worker which had stood still starts again, while another starts it, is one payment, and the batch knows it as its own', async () => {
    const key = { partnerId: books.partnerId, batchId: uuidv7() };
    const invoiceId = randomUUID();
    await batches.open(key, { invoiceIds: [invoiceId] }, { kind: 'api_key', id: 'test' }, Date.now());
    // The list does not tell it: its payment reads it alone.
    await batches.renew(key, [], [invoiceId], 0, Date.now());
    const paymentId = uuidv7();
    const slow = await books.admin.connect();
    await slow.query('BEGIN');
    const begun = await slow.query<{ answer: { outcome: string } }>(
      'SELECT payment_batch_start($1, $2, $3, $4, $5, 30000, now()) AS answer',
      [key.partnerId, key.batchId, invoiceId, paymentId, policy],
    );
    expect(begun.rows[0]?.answer).toMatchObject({ outcome: 'started', paymentId });
    const second = batches.start(key, invoiceId, uuidv7(), policy, 30_000, Date.now());
    await eventually(
      async () => {
        const { rows } = await books.admin.query(
          "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
        );
        return rows.length > 0;
      },
      () => 'the second try never waits for the first',
    );
    await slow.query('COMMIT');
    slow.release();
    expect(await second).toEqual({ outcome: 'not_waiting' });
    expect(await batches.items(key, null, 0, 10)).toMatchObject([
      { invoiceId, state: 'started', reason: null, paymentId },
    ]);
  });
});
