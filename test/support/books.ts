/** A ledger of its own on the run's Postgres, and small makers for what stands in it. */
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { v7 as uuidv7 } from 'uuid';
import { loyaltyPartner } from '../../scripts/demoWorld.js';
import { applyPartner } from '../../scripts/partner.js';
import { postgresAt } from '../../scripts/stack.js';
import { passwords, prepareDatabase } from '../../scripts/surety.js';
import type { PaymentPolicy } from '../../src/domain/payment.js';
import { KeyRing } from '../../src/keyring.js';
import { Approvals } from '../../src/ledger/approvals.js';
import { Fund } from '../../src/ledger/fund.js';
import { Ledger, type PaymentKey } from '../../src/ledger/ledger.js';
import { Points } from '../../src/ledger/points.js';
import { Recovery } from '../../src/ledger/recovery.js';
import { Returns } from '../../src/ledger/returns.js';
import { Statement } from '../../src/ledger/statement.js';
import { readViolations } from '../../src/ledger/violations.js';
import { assertEventsFit } from './events.js';

export const postgres = postgresAt(Number(process.env['TEST_POSTGRES_PORT']));
export const testKeys = `test:${Buffer.alloc(32, 7).toString('base64')}`;
export const saga = { kind: 'saga', id: 'test' } as const;

export const policy: PaymentPolicy = {
  freshnessMs: 60_000,
  quoteTtlMs: 1_800_000,
  giveUpAfterMs: 900_000,
  pendingGapMs: 30_000,
  quietMs: 120_000,
  marginMs: 600_000,
  waitScale: 1,
  trustTemporalSignals: true,
};

export class Books {
  private constructor(
    readonly database: string,
    /** Everything, as the superuser. */
    readonly admin: pg.Pool,
    /** What the worker's role may. */
    readonly worker: pg.Pool,
    readonly monitor: pg.Pool,
    readonly partnerId: string,
  ) {}

  static async open(options: { fundMinor?: number; overdraftMinor?: number; slug?: string } = {}): Promise<Books> {
    const database = `books_${randomUUID().replaceAll('-', '')}`;
    await prepareDatabase(postgres, database);
    const pool = (role?: string, password?: string) =>
      new pg.Pool({
        connectionString: role === undefined ? postgres.url(database) : postgres.url(database, role, password),
        options: '-c search_path=surety,public',
        max: 20,
      });
    const admin = pool();
    const client = await admin.connect();
    const partner = loyaltyPartner('127.0.0.1:1');
    const [fund] = partner.funds;
    const applied = await applyPartner(
      client,
      {
        ...partner,
        funds: [
          {
            ...fund,
            overdraftMinor: options.overdraftMinor ?? 0,
            deposits: [{ amountMinor: options.fundMinor ?? 1_000_000, reference: 'bill-1' }],
          },
        ],
      },
      new KeyRing(testKeys),
      true,
    );
    client.release();
    const worker = pool('surety_worker', passwords.worker);
    return new Books(database, admin, worker, pool('surety_monitor', passwords.monitor), applied.partnerId);
  }

  get ledger(): Ledger {
    return new Ledger(this.admin);
  }

  get fund(): Fund {
    return new Fund(this.admin);
  }

  get statement(): Statement {
    return new Statement(this.admin);
  }

  get approvals(): Approvals {
    return new Approvals(this.admin);
  }

  get points(): Points {
    return new Points(this.admin);
  }

  get recovery(): Recovery {
    return new Recovery(this.admin);
  }

  get returns(): Returns {
    return new Returns(this.admin);
  }

  /** A second person's word on a return. */
  async decideReturn(
    { returnId, version, partnerId = this.partnerId }: { returnId: string; version: number; partnerId?: string },
    approve: boolean,
    at = Date.now(),
  ): Promise<{ outcome: string }> {
    const { rows } = await this.admin.query<{ answer: { outcome: string } }>({
      text: `SELECT payment_return_decide($1::uuid, $2, $3, $4, $5, $6) AS answer FROM set_config('surety.partner', $1::uuid::text, true)`,
      values: [partnerId, returnId, version, approve, { kind: 'api_key', id: 'second' }, new Date(at)],
    });
    return rows[0]?.answer ?? { outcome: 'unanswered' };
  }

  /** A payment of this member's that is paid. */
  async paid(memberId: string, price: { amountMinor: number; points: number }, at = Date.now()): Promise<PaymentKey> {
    const key = await this.payment(price);
    const outcomes = [
      await this.hold(key, memberId, price, randomUUID(), at),
      await this.ledger.beginAttempt(key, 't', false, policy.freshnessMs, at),
      await this.ledger.capture(key, 1, randomUUID(), null, at),
    ];
    const { outcome } = outcomes.at(-1) ?? {};
    if (outcome !== 'captured') throw new Error(`The payment was not paid: ${JSON.stringify(outcomes)}`);
    return key;
  }

  /** A member with a lot for each of these. */
  async member(externalId: string, ...lots: { points: number; expiresAt?: number }[]): Promise<string> {
    const memberId = await this.points.openMember(this.partnerId, externalId);
    for (const lot of lots) {
      await this.points.creditUntil({
        partnerId: this.partnerId,
        memberId,
        points: lot.points,
        expiresAt: lot.expiresAt ?? null,
        reference: randomUUID(),
        actor: saga,
        at: Date.now(),
      });
    }
    return memberId;
  }

  /** A payment, opened and quoted. */
  async payment(quote: { amountMinor: number; points: number; invoiceId?: string }): Promise<PaymentKey> {
    const invoiceId = quote.invoiceId ?? randomUUID();
    const opened = await this.ledger.openPayment({
      partnerId: this.partnerId,
      paymentId: uuidv7(),
      scheme: 'loyalty',
      invoiceId,
      memberId: null,
      openedBy: saga,
      policy,
      links: {},
      at: Date.now(),
    });
    if (opened.outcome === 'refused') throw new Error(opened.reason);
    const key = { partnerId: this.partnerId, paymentId: opened.paymentId, epoch: opened.epoch };
    await this.read(key, { amountMinor: quote.amountMinor }, quote.points);
    return key;
  }

  /** What the invoice says now; with points: a price too. */
  read(
    key: PaymentKey,
    invoice: { amountMinor?: number; status?: string; expiresAt?: number },
    points?: number,
    at = Date.now(),
  ) {
    const read = {
      status: invoice.status ?? 'pending',
      number: 'N-1',
      description: 'test',
      amountMinor: invoice.amountMinor ?? 100,
      vatAmountMinor: null,
      currency: 'RUB',
      expiresAt: new Date(invoice.expiresAt ?? Date.now() + 86_400_000).toISOString(),
      paymentUrl: null,
    };
    return this.ledger.quote(key, read, points === undefined ? null : { points, pricedAt: at }, 0, at);
  }

  hold(
    key: PaymentKey,
    memberId: string,
    seen: { amountMinor: number; points: number },
    confirmationId: string = randomUUID(),
    at = Date.now(),
  ) {
    return this.ledger.hold(
      key,
      { memberId, seen: { ...seen, currency: 'RUB' }, actor: { kind: 'member', id: memberId }, confirmationId },
      at,
    );
  }

  violations() {
    return readViolations(this.monitor);
  }

  /** @param events `made_up`: the test has written some itself, of no real shape */
  async close(events: 'real' | 'made_up' = 'real'): Promise<void> {
    if (events === 'real') await assertEventsFit(this.admin);
    await Promise.all([this.admin.end(), this.worker.end(), this.monitor.end()]);
  }
}
