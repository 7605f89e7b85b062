/** The order of the feed while transactions commit out of it. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import pg from 'pg';
import { Webhooks } from '../../src/ledger/webhooks.js';
import { Books, postgres } from '../support/books.js';
import { untilTold } from '../support/horizon.js';

const payments = 300;
const eventsEach = 4;

let books: Books;
let writers: pg.Pool;
beforeAll(async () => {
  books = await Books.open();
  writers = new pg.Pool({ connectionString: postgres.url(books.database), options: '-c search_path=surety', max: 100 });
});
afterAll(async () => {
  await writers.end();
  await books.close('made_up');
});

/** One event of a payment, in a transaction that stalls between the write and the commit, as a slow one does. */
async function write(payment: string, sequence: number): Promise<void> {
  const client = await writers.connect();
  try {
    await client.query('BEGIN');
    await client.query("SELECT set_config('surety.partner', $1, true)", [books.partnerId]);
    await client.query('SELECT event_publish($1, $2, NULL, $3, $4, now())', [
      books.partnerId,
      'payment.paid',
      sequence,
      { paymentId: payment },
    ]);
    await client.query('SELECT pg_sleep($1)', [Math.random() < 0.3 ? Math.random() * 0.4 : 0]);
    await client.query('COMMIT');
  } finally {
    client.release();
  }
}

async function pay(): Promise<void> {
  const payment = randomUUID();
  for (let sequence = 1; sequence <= eventsEach; sequence++) await write(payment, sequence);
}

/** What a feed ordered by a sequence would do. */
async function readByPosition(naive: { position: number; seen: number }): Promise<void> {
  const { rows } = await books.admin.query<{ position: string }>(
    "SELECT position FROM event WHERE type = 'payment.paid' AND position > $1 ORDER BY position",
    [naive.position],
  );
  naive.seen += rows.length;
  naive.position = Number(rows.at(-1)?.position ?? naive.position);
}

it('[case eventuous#222] a reader in a tight loop under 300 payments at once with stalled commits sees every event, once, each payment’s in order', async () => {
  const webhooks = new Webhooks(books.admin);
  const seen: { payment: unknown; sequence: number; position: number }[] = [];
  let place = { xid: '0', position: 0 };
  const naive = { position: 0, seen: 0 };
  const writing = { goesOn: true };
  const written = Promise.all(Array.from({ length: payments }, pay))
    .then(() => untilTold(books.admin))
    .then(() => {
      writing.goesOn = false;
    });
  for (let last = false; !last;) {
    // Once more after the last commit.
    last = !writing.goesOn;
    await readByPosition(naive);
    for (;;) {
      const { events } = await webhooks.feed(books.partnerId, place, null, 50);
      for (const { xid, position, body } of events) {
        const { sequence, data } = body as { sequence: number; data: { paymentId: string } };
        seen.push({ payment: data.paymentId, sequence, position });
        place = { xid, position };
      }
      if (events.length === 0) break;
    }
  }
  await written;
  const { rows } = await books.admin.query<{ count: number }>(
    "SELECT count(*)::int AS count FROM event WHERE type = 'payment.paid'",
  );
  expect(rows[0]?.count).toBe(payments * eventsEach);
  expect(seen).toHaveLength(payments * eventsEach);
  expect(new Set(seen.map(({ position }) => position)).size).toBe(seen.length);
  const lastOf = new Map<unknown, number>();
  for (const { payment, sequence } of seen) {
    expect(sequence).toBe((lastOf.get(payment) ?? 0) + 1);
    lastOf.set(payment, sequence);
  }
  // It was a race: a cursor over the sequence alone, read beside it, was overtaken by late commits.
  expect(naive.seen).toBeLessThan(payments * eventsEach);
}, 120_000);
