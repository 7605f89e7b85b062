/**
 * The operators' console in the books of a programme that has run for years: each view opened again and again by an operator
 * of all partners, one page at a time, over HTTP, by an API of its own. What of the payments needs somebody is there too.
 */
import { createHash, randomBytes } from 'node:crypto';
import pg from 'pg';
import { z } from 'zod';
import { demo } from '../scripts/demoWorld.js';
import { benchedViews, type Sights } from './consoleViews.js';
import { fill } from './fill.js';
import { describeMachine, quantile, type BenchOptions, type Report } from './harness.js';
import { startedSurety } from './startedSurety.js';

const defaultPayments = 1_000_000;
/** Of the fill: credits and what a payment books. */
const transfersAPayment = 10;
const warmUps = 5;
const looks = 60;
const mostMs = 150;
const flags = ['-c', 'shared_buffers=1GB', '-c', 'max_wal_size=8GB', '-c', 'checkpoint_timeout=30min'];

export async function benchConsole(options: BenchOptions): Promise<Report> {
  const ends: (() => Promise<unknown>)[] = [];
  try {
    const payments = options.lines === 0 ? defaultPayments : options.lines;
    const { surety, databaseUrl } = await startedSurety(ends, { flags });
    const { loyaltyId } = await surety.applyPartners();
    let toldAt = performance.now();
    await fill(databaseUrl, loyaltyId, payments * transfersAPayment, (done) => {
      if (performance.now() - toldAt < 10_000) return;
      toldAt = performance.now();
      process.stderr.write(`bench … ${done} of ${payments * transfersAPayment} transfers\n`);
    });
    const sights = await vary(databaseUrl, loyaltyId);
    const cookie = await logIn(databaseUrl);
    const api = await surety.startApi();
    ends.push(() => api.stop(2_000));
    const machine = await describeMachine(databaseUrl);
    const views: { name: string; p50Ms: number; p95Ms: number }[] = [];
    for (const { name, path } of benchedViews) {
      const address = surety.apiUrl + path(sights);
      const took: number[] = [];
      for (let look = -warmUps; look < looks; look++) {
        const began = performance.now();
        const response = await fetch(address, { headers: { cookie }, redirect: 'manual' });
        const html = await response.text();
        if (response.status !== 200) throw new Error(`${name}: ${response.status} ${html.slice(0, 2_000)}`);
        if (look >= 0) took.push(performance.now() - began);
      }
      views.push({ name, p50Ms: quantile(took, 0.5), p95Ms: quantile(took, 0.95) });
    }
    const slow = views.filter(({ p95Ms }) => p95Ms > mostMs);
    return {
      title: `The console in books of ${payments} payments`,
      rows: views.map(({ name, p50Ms, p95Ms }) => [name, `p50 ${p50Ms} ms, p95 ${p95Ms} ms`]),
      notes: [
        `Each view ${looks} times, one page at a time, after ${warmUps} that do not count: from the request to the last byte.`,
        slow.length === 0
          ? `No p95 is over ${mostMs} ms.`
          : `Over ${mostMs} ms at p95: ${slow.map(({ name }) => name).join(', ')}.`,
        `The machine’s load when the measurement began: ${machine.loadBefore}.`,
      ],
      figures: { bench: 'console', payments, views, machine },
    };
  } finally {
    for (const end of ends.toReversed()) await end();
  }
}

const sightsRow = z.object({
  payment: z.uuid(),
  unknownPayment: z.uuid(),
  member: z.uuid(),
  middle: z.uuid(),
  endpoint: z.uuid(),
  approval: z.uuid(),
  difference: z.uuid(),
});

/** Not all payments are paid, some outcomes are not known, and what ended is counted. */
async function vary(connectionString: string, partnerId: string): Promise<Sights> {
  const client = new pg.Client({ connectionString, options: '-c search_path=surety,public' });
  await client.connect();
  try {
    await client.query('SET session_replication_role = replica');
    await client.query(`
      UPDATE payment SET state = CASE byte % 3 WHEN 0 THEN 'declined' WHEN 1 THEN 'expired' ELSE 'cancelled' END,
        reason = CASE byte % 3 WHEN 0 THEN 'paid_elsewhere' WHEN 1 THEN 'invoice_expired' ELSE NULL END, transaction_id = NULL
      FROM (SELECT id AS one, get_byte(uuid_send(id), 15) AS byte FROM payment) AS of WHERE one = id AND byte < 24;
      UPDATE payment SET state = CASE get_byte(uuid_send(id), 15) % 2 WHEN 0 THEN 'unknown' ELSE 'in_review' END,
        reason = 'unproven', transaction_id = NULL, closed_at = NULL, next_probe_at = now() + interval '1 hour', last_probe = 'pending'
      FROM (SELECT id AS one FROM payment WHERE state = 'paid' LIMIT 200) AS of WHERE one = id;
      UPDATE hold SET state = 'held', closed_at = NULL FROM payment WHERE payment.id = payment_id AND payment.state IN ('unknown', 'in_review');
      INSERT INTO payment_outcome (day, partner_id, state, payments)
        SELECT current_date - n, partner_id, state, payments
        FROM generate_series(0, 29) AS n, (SELECT partner_id, state, count(*) AS payments FROM payment
          WHERE state IN ('paid', 'declined', 'expired', 'cancelled') GROUP BY 1, 2) AS ended`);
    await client.query(besides(partnerId));
    await client.query('VACUUM (ANALYZE)');
    const { rows } = await client.query(
      `SELECT (SELECT id FROM payment WHERE state = 'paid' LIMIT 1) AS payment,
         (SELECT id FROM payment WHERE state = 'unknown' LIMIT 1) AS "unknownPayment",
         (SELECT id FROM member ORDER BY id LIMIT 1) AS member,
         (SELECT id FROM payment ORDER BY id OFFSET (SELECT count(*) / 2 FROM payment WHERE partner_id = $1) LIMIT 1) AS middle,
         (SELECT id FROM webhook_endpoint ORDER BY id LIMIT 1) AS endpoint,
         (SELECT id FROM approval WHERE state = 'pending' LIMIT 1) AS approval,
         (SELECT id FROM fund_difference WHERE state = 'open' LIMIT 1) AS difference`,
      [partnerId],
    );
    return { partner: demo.loyalty.slug, ...sightsRow.parse(rows[0]) };
  } finally {
    await client.end();
  }
}

/** What years leave behind besides payments: of each list mostly what nobody looks for. */
const besides = (partnerId: string): string => `
  INSERT INTO webhook_endpoint (id, partner_id, url, secret_sealed)
    SELECT uuidv7(), '${partnerId}', 'https://shop.example/hooks/' || n, 'sealed' FROM generate_series(1, 20) AS n;
  INSERT INTO webhook_delivery (event_id, endpoint_id, partner_id, state, attempts, last_status, last_attempt_at, delivered_at)
    SELECT event.id, endpoint.id, '${partnerId}', told.state, 1, 200, now(), CASE told.state WHEN 'delivered' THEN now() END
    FROM event CROSS JOIN LATERAL (SELECT CASE WHEN get_byte(uuid_send(event.id), 15) = 7 THEN 'failed' ELSE 'delivered' END AS state) AS told,
      (SELECT id FROM webhook_endpoint ORDER BY id LIMIT 1) AS endpoint
    WHERE sequence = 3;
  INSERT INTO operator_act (n, at, operator, roles, partner_id, action, subject_kind, subject, outcome, detail, request_id, previous_hash, hash)
    SELECT n, now(), CASE WHEN n % 100000 = 7 THEN 'rare' ELSE 'olga' END, '{operator}', '${partnerId}', 'payment.' || chr(97 + n % 20),
      'payment', 'subject-' || n, 'done', '{}', 'request', sha256(n::text::bytea), sha256(n::text::bytea)
    FROM generate_series(1, 300000) AS n;
  INSERT INTO approval (partner_id, action, subject, version, body, reason, state, requested_by, requested_at, expires_at, decided_by, decided_at, result)
    SELECT '${partnerId}', 'fund.deposit', 'bill-bench-' || n, 1, '{"currency": "RUB", "amountMinor": 100, "reference": "bill"}', 'bench',
      CASE WHEN n % 1000 = 0 THEN 'pending' ELSE 'approved' END, '{"kind": "operator", "id": "olga"}', now(), now() + interval '1 day',
      CASE WHEN n % 1000 = 0 THEN NULL ELSE '{"kind": "operator", "id": "alla"}'::jsonb END, CASE WHEN n % 1000 = 0 THEN NULL ELSE now() END,
      CASE WHEN n % 1000 = 0 THEN NULL ELSE '{}'::jsonb END
    FROM generate_series(1, 100000) AS n;
  INSERT INTO fund_difference (partner_id, kind, subject, currency, amount_minor, first_seen_at, last_seen_at, state, closed_at)
    SELECT '${partnerId}', CASE WHEN n % 50000 = 1 THEN 'ambiguous' ELSE 'theirs_only' END, 'line:' || n, 'RUB', -100, now(), now(),
      CASE WHEN n % 1000 = 0 THEN 'open' ELSE 'closed' END, CASE WHEN n % 1000 = 0 THEN NULL ELSE now() END
    FROM generate_series(1, 100000) AS n;
  INSERT INTO reconciliation (partner_id, wanted_by, actor, state, created_at, started_at, finished_at)
    SELECT '${partnerId}', 'schedule', '{}', 'finished', now(), now(), now() FROM generate_series(1, 20000)`;

/** A session as a login makes one. @returns its cookie */
async function logIn(connectionString: string): Promise<string> {
  const client = new pg.Client({ connectionString, options: '-c search_path=surety,public' });
  await client.connect();
  try {
    const id = randomBytes(32).toString('base64url');
    await client.query(
      `INSERT INTO operator_session (id_hash, operator, name, roles, partners, csrf_secret, authenticated_at, seen_at, expires_at)
       VALUES ($1, 'bench', 'Bench', '{viewer,operator,approver}', '{*}', 'bench', now(), now(), now() + interval '9 hours')`,
      [createHash('sha256').update(id).digest()],
    );
    return `__Host-surety-console=${id}`;
  } finally {
    await client.end();
  }
}
