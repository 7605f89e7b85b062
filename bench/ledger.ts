/**
 * What a hold and a capture cost in books of ten million transfers, and in new ones: two databases of one server, in turns,
 * the same members' shapes, by the ledger's own functions and the worker's role.
 */
import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { totalmem } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { loyaltyPartner } from '../scripts/demoWorld.js';
import { applyPartner } from '../scripts/partner.js';
import { freePort, repository, startPostgres, type RunningPostgres } from '../scripts/stack.js';
import { passwords, prepareDatabase } from '../scripts/surety.js';
import { KeyRing } from '../src/keyring.js';
import { Audit } from '../src/ledger/audit.js';
import { Ledger } from '../src/ledger/ledger.js';
import { fill } from './fill.js';
import {
  describeMachine,
  inTurns,
  measurePairs,
  spreadOf,
  spreadText,
  type BenchOptions,
  type Report,
} from './harness.js';
import { holdAndCapture, openQuoted } from './openQuoted.js';

const defaultTransfers = 10_000_000;
/** Members of the new books: some must have points to spend. */
const transfersInEmpty = 10_000;
const paymentsAMeasurement = 400;
const warmUpPayments = 400;
const atOnce = 4;
const price = { points: 10, amountMinor: 100 } as const;
/** A pair takes a second or two: so many for one that is asked for. */
const pairsAPair = 7;
const blocksToSeal = 20;
const entriesABlock = 10_000;

/** A cache as Postgres's manual advises it, and a log that no checkpoint cuts short while the books are filled. */
const sharedBuffersMiB = Math.min(4_096, Math.floor(totalmem() / 2 ** 22));
const flags = [
  '-c',
  `shared_buffers=${sharedBuffersMiB}MB`,
  '-c',
  'max_wal_size=8GB',
  '-c',
  'checkpoint_timeout=30min',
];

interface Measured {
  readonly ms: number;
  /** The same again with synchronous_commit off: without the wait for the disk. */
  readonly unsyncedMs: number;
  /** What both wrote to the log, opening and quoting included. */
  readonly walBytes: number;
  readonly pageImages: number;
}

export async function benchLedger(options: BenchOptions): Promise<Report> {
  const transfers = options.lines === 0 ? defaultTransfers : options.lines;
  const folder = join(repository, '.data/bench', randomUUID());
  const postgres = await startPostgres({ dataFolder: join(folder, 'postgres'), port: await freePort(), flags });
  try {
    const began = performance.now();
    const full = await Books.open(postgres, 'full', transfers);
    const fillSeconds = (performance.now() - began) / 1_000;
    const empty = await Books.open(postgres, 'empty', Math.min(transfers, transfersInEmpty));
    const machine = await describeMachine(postgres.url('full'));
    await full.admin.query('CHECKPOINT');
    for (const books of [full, empty]) await books.measure(warmUpPayments);
    const pairs = await measurePairs(
      { pairs: options.pairs * pairsAPair, boundMs: options.seconds * 1_000 },
      () => full.measure(paymentsAMeasurement),
      () => empty.measure(paymentsAMeasurement),
    );
    const bytes = await full.bytes();
    const sealing = await full.seal();
    const each = (ms: number) => ms / paymentsAMeasurement;
    const ratio = spreadOf(pairs.map(({ a, b }) => b.ms / a.ms));
    const unsyncedRatio = spreadOf(pairs.map(({ a, b }) => b.unsyncedMs / a.unsyncedMs));
    const fullMs = spreadOf(pairs.map(({ a }) => each(a.ms)));
    const emptyMs = spreadOf(pairs.map(({ b }) => each(b.ms)));
    const twice = 2 * paymentsAMeasurement;
    const wal = {
      fullBytes: spreadOf(pairs.map(({ a }) => a.walBytes / twice)),
      emptyBytes: spreadOf(pairs.map(({ b }) => b.walBytes / twice)),
      fullPageImages: spreadOf(pairs.map(({ a }) => a.pageImages / twice)),
      emptyPageImages: spreadOf(pairs.map(({ b }) => b.pageImages / twice)),
    };
    const rounded = (value: number): number => Math.round(value * 1_000) / 1_000;
    await Promise.all([full.close(), empty.close()]);
    return {
      title: `Hold and capture: books of ${transfers} transfers against new ones`,
      rows: [
        ['full to empty, speed', spreadText(ratio, 3)],
        ['full to empty, without waiting for the disk', spreadText(unsyncedRatio, 3)],
        ['full, ms a payment', spreadText(fullMs, 2)],
        ['empty, ms a payment', spreadText(emptyMs, 2)],
        ['full, bytes of log a payment', spreadText(wal.fullBytes)],
        ['  of which images of pages', spreadText(wal.fullPageImages, 1)],
        ['empty, bytes of log a payment', spreadText(wal.emptyBytes)],
        ['  of which images of pages', spreadText(wal.emptyPageImages, 1)],
        ['filled in, s', fillSeconds.toFixed(0)],
        ['size of the full database, GiB', (bytes / 2 ** 30).toFixed(1)],
        ['sealed, entries a second', sealing.entriesPerSecond.toFixed(0)],
        ['  a block of 10,000, ms', spreadText(sealing.blockMs)],
        ...Object.entries(machine).map(([name, value]) => [name, String(value)] as const),
      ],
      notes: [
        `${pairs.length} pairs that take turns, ${paymentsAMeasurement} payments a measurement, ${atOnce} at once, of one partner; medians (least … most). Opening and quoting are not measured.`,
        'Both books are databases of one server with the same settings, shared_buffers a quarter of the memory (at most 4 GB); the members who pay are chosen at random among all, each with five open lots.',
        'Full: members, lots, payments, holds and events as many as those transfers come with; filled in sets, vacuumed, checkpointed.',
        'Each measurement is made with default durability, and again with synchronous_commit off, which shows more of what is not the disk.',
      ],
      figures: {
        bench: 'ledger',
        transfers,
        fullToEmpty: rounded(ratio.median),
        fullToEmptyWithoutDisk: rounded(unsyncedRatio.median),
        ratio,
        unsyncedRatio,
        fullMs,
        emptyMs,
        wal,
        pairs: pairs.length,
        fillSeconds: rounded(fillSeconds),
        gibibytes: rounded(bytes / 2 ** 30),
        sealedEntriesPerSecond: Math.round(sealing.entriesPerSecond),
        sealBlockMs: sealing.blockMs,
        machine,
      },
    };
  } finally {
    await postgres.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

class Books {
  private constructor(
    private readonly partnerId: string,
    readonly admin: pg.Pool,
    private readonly worker: pg.Pool,
    private readonly unsynced: pg.Pool,
    private readonly members: number,
  ) {}

  static async open(postgres: RunningPostgres, database: string, transfers: number): Promise<Books> {
    await prepareDatabase(postgres, database);
    const pool = (role: string | undefined, password: string | undefined, more = '') =>
      new pg.Pool({
        connectionString: postgres.url(database, role, password),
        options: `-c search_path=surety,public ${more}`,
        max: atOnce,
      });
    const admin = pool(undefined, undefined);
    const client = await admin.connect();
    const keys = new KeyRing(`bench:${Buffer.alloc(32, 7).toString('base64')}`);
    const { partnerId } = await applyPartner(client, loyaltyPartner('127.0.0.1:1'), keys, true);
    let toldAt = performance.now();
    const members = await fill(postgres.url(database), partnerId, transfers, (done) => {
      if (performance.now() - toldAt < 10_000) return;
      toldAt = performance.now();
      process.stderr.write(`bench … ${database}: ${done} of ${transfers} transfers\n`);
    });
    await client.query('VACUUM (ANALYZE)');
    client.release();
    return new Books(
      ...([partnerId, admin, pool('surety_worker', passwords.worker)] as const),
      pool('surety_worker', passwords.worker, '-c synchronous_commit=off'),
      members,
    );
  }

  async measure(count: number): Promise<Measured> {
    const before = await this.#wal();
    const [ms, unsyncedMs] = [await this.#pay(this.worker, count), await this.#pay(this.unsynced, count)];
    const after = await this.#wal();
    return { ms, unsyncedMs, walBytes: after.bytes - before.bytes, pageImages: after.images - before.images };
  }

  /** @returns how long the holds and captures took, in ms; opening and quoting come before */
  async #pay(pool: pg.Pool, count: number): Promise<number> {
    const ledger = new Ledger(pool);
    const buyers = await this.#anyMembers(count);
    const opening = new Ledger(this.unsynced);
    const payments = await inTurns(buyers, atOnce, async (memberId) => ({
      memberId,
      key: await openQuoted(opening, this.partnerId, price),
    }));
    const began = performance.now();
    await inTurns(payments, atOnce, ({ key, memberId }) => holdAndCapture(ledger, key, memberId, price));
    return performance.now() - began;
  }

  async #wal(): Promise<{ bytes: number; images: number }> {
    const { rows } = await this.admin.query<{ bytes: string; images: string }>(
      'SELECT wal_bytes AS bytes, wal_fpi AS images FROM pg_stat_wal',
    );
    return { bytes: Number(rows[0]?.bytes), images: Number(rows[0]?.images) };
  }

  async #anyMembers(count: number): Promise<string[]> {
    const numbers = Array.from({ length: count }, () => Math.floor(Math.random() * this.members));
    const { rows } = await this.admin.query<{ member: string }>(
      'SELECT member FROM unnest($1::int[]) AS wanted JOIN bench.member ON n = wanted',
      [numbers],
    );
    return rows.map(({ member }) => member);
  }

  async bytes(): Promise<number> {
    const { rows } = await this.admin.query<{ bytes: string }>('SELECT pg_database_size(current_database()) AS bytes');
    return Number(rows[0]?.bytes);
  }

  /** The oldest entries, a few blocks of them. */
  async seal(): Promise<{ entriesPerSecond: number; blockMs: ReturnType<typeof spreadOf> }> {
    const audit = new Audit(this.worker);
    const blocks: { ms: number; entries: number }[] = [];
    for (let n = 0; n < blocksToSeal; n++) {
      const began = performance.now();
      const sealed = await audit.seal(this.partnerId, entriesABlock, Date.now());
      if (sealed.outcome !== 'sealed') break;
      blocks.push({ ms: performance.now() - began, entries: sealed.entries });
    }
    const total = blocks.reduce((sum, { ms, entries }) => ({ ms: sum.ms + ms, entries: sum.entries + entries }), {
      ...{ ms: 0, entries: 0 },
    });
    return { entriesPerSecond: (total.entries * 1_000) / total.ms, blockMs: spreadOf(blocks.map(({ ms }) => ms)) };
  }

  async close(): Promise<void> {
    await Promise.all([this.admin.end(), this.worker.end(), this.unsynced.end()]);
  }
}
