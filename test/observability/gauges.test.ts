/** What the metrics tell of the books, against books whose figures are known; and what reading them costs. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Registry } from 'prom-client';
import { demo } from '../../scripts/demoWorld.js';
import { postgresAt } from '../../scripts/stack.js';
import { passwords } from '../../scripts/surety.js';
import { Pauses } from '../../src/ledger/pauses.js';
import { LedgerChecks } from '../../src/ledger/violations.js';
import { createLog } from '../../src/log.js';
import { BooksGauges, gaugeViews } from '../../src/metrics/gauges.js';
import { Books, policy, postgres } from '../support/books.js';
import { samplesIn, type Sample } from '../support/scrape.js';

let books: Books;
beforeAll(async () => {
  books = await Books.open({ fundMinor: 1_000_000, overdraftMinor: 50_000 });
});
afterAll(async () => {
  await books.close('made_up');
});

/** As a scrape would have it, by a reader of its own: nothing of it was read before. */
async function told(url = postgres.url(books.database, 'surety_monitor', passwords.monitor)): Promise<Told> {
  const registry = new Registry();
  const gauges = new BooksGauges(url, registry, createLog('test', 'silent'));
  try {
    return new Told(samplesIn(await registry.metrics()));
  } finally {
    await gauges.end();
  }
}

class Told {
  constructor(readonly samples: readonly Sample[]) {}

  value(name: string, labels: Readonly<Record<string, string>> = {}): number | undefined {
    return this.samples.find(
      (sample) => sample.name === name && Object.entries(labels).every(([label, is]) => sample.labels[label] === is),
    )?.value;
  }
}

const { slug } = demo.loyalty;

describe('the figures of the books', () => {
  it('are those of live payments, holds and funds, and nothing is left out because it is none', async () => {
    const member = await books.member('anna', { points: 1_000 });
    const before = await told();
    expect(before.value('surety_payments', { state: 'settling' })).toBe(0);
    expect(before.value('surety_oldest_unknown_payment_age_seconds')).toBe(0);
    expect(before.value('surety_held_points', { partner: slug })).toBe(0);
    expect(before.value('surety_fund_runway_seconds', { partner: slug })).toBeUndefined();
    expect(before.value('surety_webhook_oldest_pending_age_seconds')).toBe(0);
    expect(before.value('surety_reconciliation_differences', { kind: 'ours_only' })).toBe(0);
    expect(before.value('surety_ledger_violations')).toBeUndefined();

    await books.paid(member, { amountMinor: 100_000, points: 100 });
    const key = await books.payment({ amountMinor: 200_000, points: 200 });
    await books.hold(key, member, { amountMinor: 200_000, points: 200 });
    const after = await told();
    expect(after.value('surety_payments', { state: 'settling' })).toBe(1);
    expect(after.value('surety_held_points', { partner: slug })).toBe(200);
    expect(after.value('surety_fund_available_minor_units', { partner: slug, currency: 'RUB' })).toBe(700_000);
    expect(after.value('surety_fund_reserved_minor_units', { partner: slug, currency: 'RUB' })).toBe(200_000);
    // 750,000 with the overdraft, at 100,000 in 7 days.
    expect(after.value('surety_fund_runway_seconds', { partner: slug })).toBe(7.5 * 7 * 86_400);
  });

  it('tell of an outcome that is not known since when it is held, and of what waits for a person why', async () => {
    const member = await books.member('boris', { points: 1_000 });
    const price = { amountMinor: 1_000, points: 10 };
    const [unknown, review] = [await books.payment(price), await books.payment(price)];
    for (const [key, state] of [
      [unknown, 'unknown'],
      [review, 'in_review'],
    ] as const) {
      await books.hold(key, member, price);
      await books.ledger.beginAttempt(key, 't', false, policy.freshnessMs, Date.now());
      const note = {
        state,
        reason: state === 'unknown' ? 'no_answer' : 'unproven',
        lastProbe: null,
        nextProbeAt: Date.now(),
      };
      await books.ledger.noteUnproven(key, note, Date.now());
    }
    const now = await told();
    expect(now.value('surety_payments', { state: 'unknown' })).toBe(1);
    expect(now.value('surety_oldest_unknown_payment_age_seconds')).toBeGreaterThan(0);
    expect(now.value('surety_review_items', { reason: 'unproven' })).toBe(1);
  });

  it('tell of pauses and flags by slug, and of a pause of all by a star', async () => {
    const pauses = new Pauses(books.admin);
    const actor = { kind: 'operator', id: 'eve' } as const;
    await pauses.pause(books.partnerId, 'the fund is moved', actor, Date.now());
    await pauses.pause(null, 'maintenance', actor, Date.now());
    await books.admin.query('UPDATE partner SET credentials_failed_at = now(), fund_doubted_at = now()');
    const now = await told();
    expect(now.value('surety_paused', { partner: slug })).toBe(1);
    expect(now.value('surety_paused', { partner: '*' })).toBe(1);
    expect(now.value('surety_partner_flagged', { partner: slug, flag: 'credentials' })).toBe(1);
    expect(now.value('surety_partner_flagged', { partner: slug, flag: 'fund' })).toBe(1);
    await pauses.resume(books.partnerId, actor, Date.now());
    await pauses.resume(null, actor, Date.now());
    await books.admin.query('UPDATE partner SET credentials_failed_at = NULL, fund_doubted_at = NULL');
    const then = await told();
    expect(then.samples.filter(({ name }) => name === 'surety_paused' || name === 'surety_partner_flagged')).toEqual(
      [],
    );
  });

  it('have the last check of the books, and when that was', async () => {
    const checks = new LedgerChecks(books.worker);
    expect(await checks.count(books.monitor)).toEqual({});
    await checks.store(0, {}, 5, Date.parse('2026-01-01T00:00:00Z'));
    await checks.store(3, { lots_are_not_available_points: 3 }, 5, Date.parse('2026-01-01T01:00:00Z'));
    const now = await told();
    expect(now.value('surety_ledger_violations')).toBe(3);
    expect(now.value('surety_ledger_checked_timestamp_seconds')).toBe(Date.parse('2026-01-01T01:00:00Z') / 1_000);
  });

  it('are absent, not zero, when the database cannot be read', async () => {
    const nowhere = postgresAt(1).url(books.database, 'surety_monitor', passwords.monitor);
    expect((await told(nowhere)).samples).toEqual([]);
  });
});

describe('reading them', () => {
  it.each(gaugeViews.filter((view) => view !== 'gauge_flags' && view !== 'gauge_pauses'))(
    '%s reads no large table from end to end, however much is behind us',
    async (view) => {
      await fillOnce();
      const { rows } = await books.monitor.query<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>(
        `EXPLAIN (FORMAT JSON) SELECT * FROM surety.${view}`,
      );
      const plan = rows[0]?.['QUERY PLAN'][0].Plan;
      if (plan === undefined) throw new Error('no plan');
      const whole = nodesOf(plan)
        .filter((node) => node['Node Type'] === 'Seq Scan')
        .map((node) => node['Relation Name'] ?? '');
      expect(whole.filter((table) => large.includes(table))).toEqual([]);
    },
  );
});

interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly Plans?: readonly PlanNode[];
}

const nodesOf = (node: PlanNode): PlanNode[] => [node, ...(node.Plans ?? []).flatMap(nodesOf)];
const large = [
  'payment',
  'hold',
  'account',
  'transfer',
  'webhook_delivery',
  'reconciliation',
  'fund_flow',
  'fund_difference',
];

let filled: Promise<void> | null = null;
const fillOnce = (): Promise<void> => (filled ??= fill());

/** Payments that are over, what they held, and deliveries that were made: by the ten thousand. */
async function fill(): Promise<void> {
  const member = await books.member('clara');
  const endpoint = randomUUID();
  await books.admin.query(
    `INSERT INTO payment (id, partner_id, scheme, invoice_id, state, member_named, opened_by, policy, opened_at, closed_at)
     SELECT uuidv7(), $1, 'loyalty', gen_random_uuid(), 'cancelled', false, '{}', '{}', now(), now() FROM generate_series(1, 30000)`,
    [books.partnerId],
  );
  await books.admin.query(
    `INSERT INTO hold (partner_id, payment_id, confirmation_id, state, member_id, points, amount_minor, currency, at, closed_at)
     SELECT partner_id, id, gen_random_uuid(), 'released', $1, 0, 1, 'RUB', now(), now() FROM payment WHERE state = 'cancelled'`,
    [member],
  );
  await books.admin.query(
    `INSERT INTO webhook_endpoint (id, partner_id, url, secret_sealed) VALUES ($1, $2, 'https://a.example', 'x')`,
    [endpoint, books.partnerId],
  );
  await books.admin.query(
    `WITH told AS (INSERT INTO event (id, partner_id, type, body, at)
       SELECT uuidv7(), $1, 'test', json_build_object('type', 'test'), now() FROM generate_series(1, 20000) RETURNING id)
     INSERT INTO webhook_delivery (event_id, endpoint_id, partner_id, state) SELECT id, $2, $1, 'delivered' FROM told`,
    [books.partnerId, endpoint],
  );
  await books.admin.query(
    `INSERT INTO reconciliation (partner_id, wanted_by, actor, state, created_at, finished_at)
     SELECT $1, 'schedule', '{}', 'finished', now(), now() FROM generate_series(1, 5000)`,
    [books.partnerId],
  );
  await books.admin.query(
    `WITH many AS (INSERT INTO member (partner_id, external_id) SELECT $1, 'm' || n FROM generate_series(1, 10000) AS n RETURNING id)
     INSERT INTO account (partner_id, kind, owner, asset) SELECT $1, 'member.available', id, 'points' FROM many`,
    [books.partnerId],
  );
  await books.admin.query(
    `INSERT INTO fund_flow (partner_id, currency, kind, quarter, incoming_minor, outgoing_minor)
     SELECT $1, 'RUB', 'deposit', timestamptz '2000-01-01' + n * interval '15 minutes', 1, 0 FROM generate_series(1, 20000) AS n`,
    [books.partnerId],
  );
  await books.admin.query(
    `INSERT INTO fund_difference (partner_id, kind, subject, state, currency, amount_minor, first_seen_at, last_seen_at, closed_at)
     SELECT $1, 'ours_only', 'entry:' || n, 'closed', 'RUB', 1, now(), now(), now() FROM generate_series(1, 10000) AS n`,
    [books.partnerId],
  );
  await books.admin.query('ANALYZE');
}
