/**
 * Books that look as if a programme had run for years: members with credits, one of them spent by a paid payment, and all
 * that a payment leaves behind. Written as a superuser without triggers, in sets, in the order in which it would have come
 * about: each round of credits meets all members, in no order of theirs, so that indexes are as scattered as real ones.
 */
import pg from 'pg';

const creditsAMember = 6;
/** Of a payment: hold, reserve, capture, draw. */
const transfersAPayment = 4;
const transfersAMember = creditsAMember + transfersAPayment;
const pointsACredit = 1_000;
const amountMinor = 100;

/** So many transfers at once, as a chunk of an import has them; each a transaction. */
const transfersAChunk = 10_000;
/** Coprime with any round number: neighbours are far apart. */
const step = 7_368_787;

const members = `
  CREATE TABLE bench.member AS SELECT n, uuidv7() AS member, uuidv7() AS available, uuidv7() AS held, NULL::uuid AS lot
    FROM generate_series(0, $1 - 1) AS n;
  ALTER TABLE bench.member ADD PRIMARY KEY (n);
  INSERT INTO member (id, partner_id, external_id) SELECT member, '$2', 'member-' || n FROM bench.member ORDER BY n;
  INSERT INTO account (id, partner_id, kind, owner, asset, balance)
    SELECT a.id, '$2', a.kind, member, 'points', a.balance FROM bench.member CROSS JOIN LATERAL (VALUES
      (available, 'member.available', ${(creditsAMember - 1) * pointsACredit}), (held, 'member.held', 0)) AS a(id, kind, balance)
    ORDER BY n`;

/** $1 partner, $2 programme.issued, $3 round, $4 first, $5 how many, $6 members. */
const credits = `
  WITH one AS MATERIALIZED (
    SELECT n, member, available, uuidv7() AS id FROM generate_series($4::bigint, $4::bigint + $5 - 1) AS i
    JOIN bench.member ON n = i * ${step} % $6
  ), booked AS (
    INSERT INTO transfer (id, partner_id, kind, debit, credit, amount, reference, actor, at)
    SELECT id, $1, 'credit', $2, available, ${pointsACredit}, 'credit-' || $3::int || '-' || n, '{"kind": "api_key", "id": "import"}', now() FROM one
  ), kept AS (
    UPDATE bench.member SET lot = one.id FROM one WHERE $3 = 0 AND bench.member.n = one.n
  )
  INSERT INTO lot (id, partner_id, member_id, granted, remaining, spent, transfer_id, expires_at)
  SELECT id, $1, member, ${pointsACredit}, CASE $3 WHEN 0 THEN 0 ELSE ${pointsACredit} END, $3 = 0, id, now() + interval '1 year' FROM one`;

/** $1 partner, $2 first, $3 how many, $4 members, $5 programme.redeemed, $6 fund.available, $7 fund.reserved, $8 fund.drawn. */
const payments = `
  WITH one AS MATERIALIZED (
    SELECT uuidv7() AS id, uuidv7() AS hold, uuidv7() AS t1, uuidv7() AS t2, uuidv7() AS t3, uuidv7() AS t4, gen_random_uuid() AS invoice,
      member, available, held, lot, json_build_object('kind', 'member', 'id', member)::jsonb AS actor
    FROM generate_series($2::bigint, $2::bigint + $3 - 1) AS i JOIN bench.member ON n = i * ${step} % $4
  ), opened AS (
    INSERT INTO payment (id, partner_id, scheme, invoice_id, state, member_id, member_named, opened_by, policy, read_at,
      read_began_at, invoice_status, read_amount_minor, read_currency, read_points, invoice_number, description,
      invoice_expires_at, amount_minor, currency, points, priced_at, confirmation, transaction_id, paid_at, opened_at, closed_at, event_seq)
    SELECT id, $1, 'loyalty', invoice::text, 'paid', member, false, actor, '{"freshnessMs": 60000, "quoteTtlMs": 1800000,
      "giveUpAfterMs": 900000, "pendingGapMs": 30000, "quietMs": 120000, "marginMs": 600000, "waitScale": 1, "trustTemporalSignals": true}',
      now(), now(), 'pending', ${amountMinor}, 'RUB', ${pointsACredit}, 'N-' || id, 'a stay', now() + interval '1 day', ${amountMinor}, 'RUB',
      ${pointsACredit}, now(), json_build_object('confirmationId', hold, 'memberId', member, 'actor', actor), left(id::text, 36),
      now(), now(), now(), 3
    FROM one
  ), entries AS (
    INSERT INTO transfer (id, partner_id, payment_id, kind, debit, credit, amount, reference, actor, at)
    SELECT t.id, $1, one.id, t.kind, t.debit, t.credit, t.amount, one.hold::text, one.actor, now()
    FROM one CROSS JOIN LATERAL (VALUES (t1, 'hold', available, held, ${pointsACredit}::bigint), (t2, 'reserve', $6::uuid, $7::uuid, ${amountMinor}),
      (t3, 'capture', held, $5::uuid, ${pointsACredit}), (t4, 'draw', $7::uuid, $8::uuid, ${amountMinor})) AS t(id, kind, debit, credit, amount)
  ), held AS (
    INSERT INTO hold (id, partner_id, payment_id, confirmation_id, state, member_id, points, amount_minor, currency, at, closed_at)
    SELECT hold, $1, id, hold, 'captured', member, ${pointsACredit}, ${amountMinor}, 'RUB', now(), now() FROM one
  ), tried AS (
    INSERT INTO payment_attempt (payment_id, n, partner_id, epoch, started_at, finished_at, class, transaction_id)
    SELECT id, 1, $1, 1, now(), now(), 'paid', left(id::text, 36) FROM one
  ), taken AS (
    INSERT INTO hold_lot (hold_id, lot_id, partner_id, points) SELECT hold, lot, $1, ${pointsACredit} FROM one
  ), happened AS (
    INSERT INTO payment_event (partner_id, payment_id, seq, type, body, at)
    SELECT $1, id, seq, type, json_build_object('confirmedBy', actor, 'amountMinor', ${amountMinor}, 'currency', 'RUB')::jsonb, now()
    FROM one, (VALUES (1, 'payment.awaiting_confirmation'), (2, 'payment.settling'), (3, 'payment.paid')) AS e(seq, type)
  )
  INSERT INTO event (id, partner_id, type, payment_id, sequence, body, at)
  SELECT uuidv7(), $1, type, id, seq, json_build_object('id', id, 'type', type, 'timestamp', now(), 'sequence', seq, 'data', json_build_object(
    'paymentId', id, 'scheme', 'loyalty', 'state', 'paid', 'invoiceId', invoice, 'amountMinor', ${amountMinor}, 'currency', 'RUB', 'memberId', member)), now()
  FROM one, (VALUES (1, 'payment.awaiting_confirmation'), (3, 'payment.paid')) AS e(seq, type)`;

const accounts = `
  SELECT kind, ledger_account($1, kind, NULL, CASE WHEN kind LIKE 'fund.%' THEN 'RUB' ELSE 'points' END) AS id
  FROM unnest(ARRAY['programme.issued', 'programme.redeemed', 'fund.available', 'fund.reserved', 'fund.drawn']) AS kind`;

const balances = `UPDATE account SET balance = balance + CASE kind
    WHEN 'programme.issued' THEN -$2::bigint * ${creditsAMember * pointsACredit} WHEN 'programme.redeemed' THEN $2::bigint * ${pointsACredit}
    WHEN 'fund.available' THEN -$2::bigint * ${amountMinor} WHEN 'fund.drawn' THEN $2::bigint * ${amountMinor} ELSE 0 END
  WHERE partner_id = $1 AND owner IS NULL`;

/** @param transfers so many in all @param onProgress how many of them there are @returns how many members there are */
export async function fill(
  connectionString: string,
  partnerId: string,
  transfers: number,
  onProgress: (done: number) => void,
): Promise<number> {
  const count = Math.round(transfers / transfersAMember);
  const connections = await Promise.all([connect(connectionString), connect(connectionString)]);
  const [first] = connections;
  try {
    await first.query('CREATE SCHEMA bench');
    await first.query(members.replaceAll('$1', String(count)).replaceAll('$2', partnerId));
    await first.query('ANALYZE bench.member');
    const { rows } = await first.query<{ kind: string; id: string }>(accounts, [partnerId]);
    const account = (kind: string) => rows.find((row) => row.kind === kind)?.id;
    const chunks: { readonly text: string; readonly values: unknown[]; readonly transfers: number }[] = [];
    for (let round = 0; round < creditsAMember; round++) {
      for (let from = 0; from < count; from += transfersAChunk) {
        const size = Math.min(transfersAChunk, count - from);
        const values = [partnerId, account('programme.issued'), round, from, size, count];
        chunks.push({ text: credits, values, transfers: size });
      }
    }
    for (let from = 0; from < count; from += transfersAChunk / transfersAPayment) {
      const size = Math.min(transfersAChunk / transfersAPayment, count - from);
      const kinds = ['programme.redeemed', 'fund.available', 'fund.reserved', 'fund.drawn'].map(account);
      chunks.push({
        text: payments,
        values: [partnerId, from, size, count, ...kinds],
        transfers: size * transfersAPayment,
      });
    }
    let done = 0;
    // In their order, two at a time: a payment's credit is there long before it.
    const queue = chunks.values();
    await Promise.all(
      connections.map(async (client) => {
        for (const chunk of queue) {
          await client.query({ name: chunk.text === credits ? 'credits' : 'payments', ...chunk });
          onProgress((done += chunk.transfers));
        }
      }),
    );
    await first.query(balances, [partnerId, count]);
    return count;
  } finally {
    await Promise.all(connections.map((client) => client.end()));
  }
}

async function connect(connectionString: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString, options: '-c search_path=surety,public' });
  await client.connect();
  // Foreign keys are kept by what is written; a crash begins anew.
  await client.query('SET session_replication_role = replica');
  await client.query('SET synchronous_commit = off');
  return client;
}
