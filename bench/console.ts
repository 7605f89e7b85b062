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
    await client.query('VACUUM (ANALYZE)');
    const { rows } = await client.query(
      `SELECT (SELECT id FROM payment WHERE state = 'paid' LIMIT 1) AS payment,
         (SELECT id FROM payment WHERE state = 'unknown' LIMIT 1) AS "unknownPayment",
         (SELECT id FROM member ORDER BY id LIMIT 1) AS member,
         (SELECT id FROM payment ORDER BY id OFFSET (SELECT count(*) / 2 FROM payment WHERE partner_id = $1) LIMIT 1) AS middle`,
      [partnerId],
    );
    return { partner: demo.loyalty.slug, ...sightsRow.parse(rows[0]) };
  } finally {
    await client.end();
  }
}

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
