/**
 * What the books say at this moment, read as surety_monitor from the views of src/ledger/sql/gauges.sql: at most every 10 s,
 * however often Prometheus asks, and a scrape waits for it only so long. A worker without the monitor's address tells none of it.
 */
import pg from 'pg';
import { Gauge, type Registry } from 'prom-client';
import { SteadyClient } from '../database/pool.js';
import type { Log } from '../log.js';

const readEveryMs = 10_000;
/** A scrape is answered with what was read before where the books take longer... */
const waitMs = 3_000;
/** ... unless that is too old to be told: no figure is better than one that stands still. */
const staleMs = 60_000;
const queryMs = 5_000;

type Row = Readonly<Record<string, string | number | null>>;
type Labels = Readonly<Record<string, string>>;

interface Source {
  readonly name: string;
  readonly help: string;
  readonly view: string;
  /** The label's name, and the view's column that it is from. */
  readonly labels: Readonly<Record<string, string>>;
  readonly value: string | 1;
  /** Told as 0 where the view has no row of them. */
  readonly always?: readonly Labels[];
}

const each = (label: string, values: readonly string[]): Labels[] => values.map((value) => ({ [label]: value }));
const ofFund = { view: 'gauge_funds', labels: { partner: 'slug', currency: 'currency' } } as const;

const sources: readonly Source[] = [
  {
    name: 'surety_payments',
    help: 'Live payments by state',
    view: 'gauge_live_payments',
    labels: { state: 'state' },
    value: 'payments',
    always: each('state', [
      'opening',
      'awaiting_confirmation',
      'awaiting_approval',
      'settling',
      'unknown',
      'in_review',
    ]),
  },
  {
    name: 'surety_oldest_unknown_payment_age_seconds',
    help: 'Of the payment whose outcome has been unknown longest: since its confirmation was held. 0: there is none',
    view: 'gauge_oldest_unknown',
    labels: {},
    value: 'age_seconds',
  },
  {
    name: 'surety_review_items',
    help: 'Payments that wait for a person, by reason',
    view: 'gauge_review',
    labels: { reason: 'reason' },
    value: 'payments',
  },
  {
    name: 'surety_held_points',
    help: 'Points that payments hold',
    view: 'gauge_held_points',
    labels: { partner: 'slug' },
    value: 'points',
  },
  {
    ...ofFund,
    name: 'surety_fund_available_minor_units',
    help: 'What is left of the fund, without its overdraft, in minor units',
    value: 'available',
  },
  {
    ...ofFund,
    name: 'surety_fund_reserved_minor_units',
    help: 'What payments under way have reserved of the fund, in minor units',
    value: 'reserved',
  },
  {
    ...ofFund,
    name: 'surety_fund_runway_seconds',
    help: 'How long what is available, with the overdraft, lasts at the draws of the last 7 days; absent where there are none',
    value: 'runway_seconds',
  },
  {
    name: 'surety_reconciliation_differences',
    help: 'Open differences between the books and Invoicebox, by kind',
    view: 'gauge_differences',
    labels: { kind: 'kind' },
    value: 'differences',
    always: each('kind', ['ours_only', 'theirs_only', 'amount', 'state', 'duplicate', 'ambiguous']),
  },
  {
    name: 'surety_reconciliation_last_success_timestamp_seconds',
    help: 'Of the partner whose last complete reconciliation is the longest ago: when it was, or since when he is here',
    view: 'gauge_reconciled',
    labels: {},
    value: 'at_seconds',
  },
  {
    name: 'surety_webhook_oldest_pending_age_seconds',
    help: 'Of the delivery that has been on its way longest: since it was asked for. 0: there is none',
    view: 'gauge_oldest_delivery',
    labels: {},
    value: 'age_seconds',
  },
  {
    name: 'surety_partner_flagged',
    help: 'Partners whose new payments are refused: Invoicebox refuses the credentials, or the fund is doubted',
    view: 'gauge_flags',
    labels: { partner: 'slug', flag: 'flag' },
    value: 1,
  },
  {
    name: 'surety_paused',
    help: 'Partners whose new payments an operator has paused; * stands for all',
    view: 'gauge_pauses',
    labels: { partner: 'slug' },
    value: 1,
  },
  {
    name: 'surety_ledger_violations',
    help: 'What the last check of the books has found: anything but 0 is a defect',
    view: 'gauge_ledger_check',
    labels: {},
    value: 'violations',
  },
  {
    name: 'surety_ledger_checked_timestamp_seconds',
    help: 'When the books were last checked',
    view: 'gauge_ledger_check',
    labels: {},
    value: 'at_seconds',
  },
];

export const gaugeViews: readonly string[] = [...new Set(sources.map(({ view }) => view))];

/** What was read of each view; a view that could not be read is missing. */
type Reading = ReadonlyMap<string, readonly Row[]>;

export class BooksGauges {
  readonly #pool: pg.Pool;
  #read: { readonly reading: Reading; readonly atMs: number } | null = null;
  #reading: Promise<void> | null = null;

  /** @param monitorUrl of the role surety_monitor */
  constructor(
    monitorUrl: string,
    registry: Registry,
    private readonly log: Pick<Log, 'warn'>,
  ) {
    this.#pool = monitorPool(monitorUrl, queryMs, log);
    for (const source of sources) this.#register(source, registry);
  }

  end(): Promise<void> {
    return this.#pool.end();
  }

  #register({ name, help, view, labels, value, always = [] }: Source, registry: Registry): void {
    const latest = () => this.#latest();
    new Gauge({
      name,
      help,
      labelNames: Object.keys(labels),
      registers: [registry],
      async collect() {
        const rows = (await latest()).get(view);
        this.reset();
        // A gauge without labels is reset to a 0 that nobody has read.
        this.remove({});
        if (rows === undefined) return;
        for (const absent of always) this.set(absent, 0);
        for (const row of rows) {
          const figure = value === 1 ? 1 : row[value];
          if (figure === null || figure === undefined) continue;
          this.set(
            Object.fromEntries(Object.entries(labels).map(([label, column]) => [label, String(row[column])])),
            Number(figure),
          );
        }
      },
    });
  }

  async #latest(): Promise<Reading> {
    if (this.#read === null || performance.now() - this.#read.atMs > readEveryMs) {
      this.#reading ??= this.#readAll().finally(() => {
        this.#reading = null;
      });
      await atMost(waitMs, this.#reading);
    }
    const isFresh = this.#read !== null && performance.now() - this.#read.atMs < staleMs;
    return isFresh && this.#read !== null ? this.#read.reading : new Map();
  }

  async #readAll(): Promise<void> {
    const reading = new Map<string, readonly Row[]>();
    for (const view of gaugeViews) {
      try {
        reading.set(view, (await this.#pool.query<Row>(`SELECT * FROM surety.${view}`)).rows);
      } catch (error) {
        // The others are told all the same; an alert says that this one is missing.
        this.log.warn({ view, error: error instanceof Error ? error.message : 'unknown' }, 'a gauge could not be read');
      }
    }
    this.#read = { reading, atMs: performance.now() };
  }
}

/** Connections of surety_monitor, which reads all tenants and writes nothing. */
export function monitorPool(monitorUrl: string, statementMs: number, log: Pick<Log, 'warn'>): pg.Pool {
  const pool = new pg.Pool({
    connectionString: monitorUrl,
    max: 1,
    connectionTimeoutMillis: 2_000,
    options: `-c search_path=surety -c statement_timeout=${statementMs} -c timezone=UTC -c default_transaction_read_only=on`,
    application_name: 'surety-monitor',
    Client: SteadyClient,
  });
  pool.on('error', (error) => {
    log.warn({ error: error.message }, 'an idle connection to Postgres was lost');
  });
  return pool;
}

async function atMost(ms: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  await Promise.race([
    work,
    new Promise<void>((resolve) => {
      timer = setTimeout(resolve, ms);
    }),
  ]);
  clearTimeout(timer);
}
