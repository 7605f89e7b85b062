/**
 * A hold and a capture by our functions, and by TypeORM transactions that lock a row, look at it and write it: two databases
 * of one server, in turns. Where all pay from one member's points; from one fund, by many members; and from many of both.
 */
import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { Not, type DataSource } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { loyaltyPartner } from '../scripts/demoWorld.js';
import { applyPartner } from '../scripts/partner.js';
import { freePort, repository, startPostgres, type OwnPostgres } from '../scripts/stack.js';
import { passwords, prepareDatabase } from '../scripts/surety.js';
import { KeyRing } from '../src/keyring.js';
import { Ledger } from '../src/ledger/ledger.js';
import { Points } from '../src/ledger/points.js';
import { readViolations } from '../src/ledger/violations.js';
import { costBetween, Costs, countingFlags } from './costs.js';
import {
  describeMachine,
  inTurns,
  measurePairs,
  pairedRatio,
  spreadOf,
  spreadText,
  type BenchOptions,
  type Report,
  type Spread,
} from './harness.js';
import { capture, endow, holdPoints, naiveDataSource, openPayment, reserveFund } from './naive/books.js';
import { Payment } from './naive/entities.js';
import { createDatabase } from './naive/naive.js';
import { holdAndCapture, openQuoted } from './openQuoted.js';

const price = { points: 10, amountMinor: 10_00 } as const;
const programmes = 32;
const membersOfEach = 8;
const endowment = { lots: 5, points: 1_000_000, fundMinor: 100_000_000_00 } as const;
/** Payments a measurement, by how many are made at once; as many connections stand open on either side. */
const paymentsOf = { 1: 60, 8: 160, 32: 320 } as const;
type AtOnce = keyof typeof paymentsOf;
const allAtOnce: readonly AtOnce[] = [1, 8, 32];
const connections = 32;

interface Programme {
  readonly partnerId: string;
  readonly memberIds: readonly string[];
}

interface Buyer {
  readonly partnerId: string;
  readonly memberId: string;
}

/** Whose payments they are. */
const shapes = {
  'hot member': (all) => [buyersOf(all.slice(0, 1))[0]].filter((buyer) => buyer !== undefined),
  'hot fund': (all) => buyersOf(all.slice(0, 1)),
  'many members': (all) => buyersOf(all),
} as const satisfies Readonly<Record<string, (all: readonly Programme[]) => readonly Buyer[]>>;
type Shape = keyof typeof shapes;

/** Neighbours are of different programmes. */
function buyersOf(all: readonly Programme[]): Buyer[] {
  return Array.from({ length: membersOfEach }, (_, n) =>
    all.map(({ partnerId, memberIds }) => ({ partnerId, memberId: memberIds[n] ?? '' })),
  ).flat();
}

/** One of the two ways to keep the books. */
interface Way {
  readonly database: string;
  /** Something to hold and capture; not measured. */
  open(buyer: Buyer): Promise<() => Promise<void>>;
  /** Whoever is fast and wrong has won nothing. */
  assertRight(): Promise<void>;
}

interface Measured {
  readonly paymentsPerSecond: number;
  readonly statements: number;
  readonly walBytes: number;
}

interface Match {
  readonly shape: Shape;
  readonly atOnce: AtOnce;
  readonly pairs: number;
  readonly ratio: Spread;
  readonly ours: Figures;
  readonly naive: Figures;
}

type Figures = { readonly [of in keyof Measured]: Spread };

export async function benchLedgerTypeOrm(options: BenchOptions): Promise<Report> {
  const folder = join(repository, '.data/bench', randomUUID());
  const postgres = await startPostgres({
    ...{ dataFolder: join(folder, 'postgres'), port: await freePort(), flags: countingFlags },
  });
  const ends: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true }), () => postgres.stop()];
  try {
    const { way: ours, programmes: all } = await oursOn(postgres, ends);
    const naive = await naiveOn(postgres, all, ends);
    const costs = await Costs.open(postgres.url('postgres'), {});
    ends.push(() => costs.close());
    const machine = await describeMachine(postgres.url(ours.database));
    const matches: Match[] = [];
    for (const shape of Object.keys(shapes) as Shape[]) {
      const buyers = shapes[shape](all);
      for (const atOnce of allAtOnce) {
        process.stderr.write(`bench … ledger-typeorm: ${shape}, ${atOnce} at once\n`);
        const of = (way: Way) => () => measure(way, costs, buyers, atOnce);
        for (const way of [ours, naive]) await of(way)();
        const pairs = await measurePairs(
          { pairs: options.pairs, boundMs: options.seconds * 1_000 },
          ...([of(ours), of(naive)] as const),
        );
        matches.push({
          ...{ shape, atOnce, pairs: pairs.length },
          ratio: pairedRatio(pairs, ({ paymentsPerSecond }) => paymentsPerSecond, 'more'),
          ours: figuresOf(pairs.map(({ a }) => a)),
          naive: figuresOf(pairs.map(({ b }) => b)),
        });
      }
    }
    for (const way of [ours, naive]) await way.assertRight();
    const [hot32, one] = [ratioOf(matches, 'hot fund', 32), ratioOf(matches, 'hot fund', 1)];
    return {
      title: 'Hold and capture: our functions beside TypeORM transactions',
      rows: [
        ...matches.map(({ shape, atOnce, ratio, ours: by, naive: beside }): [string, string] => [
          `${shape}, ${atOnce} at once: payments/s ours, TypeORM, ratio`,
          `${by.paymentsPerSecond.median.toFixed(0)}   ${beside.paymentsPerSecond.median.toFixed(0)}   ${spreadText(ratio, 2)}`,
        ]),
        ['round trips a payment: ours, TypeORM', textOf(matches, ({ statements }) => statements, 1)],
        ['bytes of log a payment: ours, TypeORM', textOf(matches, ({ walBytes }) => walBytes, 0)],
        ...Object.entries(machine).map(([name, value]) => [name, String(value)] as const),
      ],
      notes: [
        `Ratios of measurements that take turns, medians (least … most): above 1, ours is better. ${Object.entries(
          paymentsOf,
        )
          .map(([atOnce, payments]) => `${payments} payments at ${atOnce}`)
          .join(', ')}.`,
        'Both keep double entry, lots first to expire first, what was taken from which, and an event a step; ours keeps besides what partners are told, and its audit trail. Opening and quoting are not measured.',
        'TypeORM: hold and reservation in one transaction, capture and draw in another; rows locked by `pessimistic_write` in one order, written by `update`. As many connections as payments at once on either side; round trips and bytes are of the hot fund, 32 at once, opening included.',
      ],
      figures: {
        ledger: {
          toNaiveTypeOrm: { hot32: hot32.median, one: one.median, spreads: { hot32, one }, matches },
          machine,
        },
      },
    };
  } finally {
    for (const end of ends.reverse()) await end();
  }
}

async function measure(way: Way, costs: Costs, buyers: readonly Buyer[], atOnce: AtOnce): Promise<Measured> {
  const payments = paymentsOf[atOnce];
  const wanted = Array.from({ length: payments }, (_, n) => buyers[n % buyers.length]).filter(
    (buyer) => buyer !== undefined,
  );
  const before = await costs.read();
  const opened = await inTurns(wanted, atOnce, (buyer) => way.open(buyer));
  const began = performance.now();
  await inTurns(opened, atOnce, (pay) => pay());
  const seconds = (performance.now() - began) / 1_000;
  const { statements, walBytes } = costBetween(before, await costs.read());
  return {
    paymentsPerSecond: payments / seconds,
    statements: (statements[way.database] ?? 0) / payments,
    walBytes: walBytes / payments,
  };
}

async function oursOn(
  postgres: OwnPostgres,
  ends: (() => Promise<unknown>)[],
): Promise<{ way: Way; programmes: Programme[] }> {
  const database = 'ours';
  await prepareDatabase(postgres, database);
  const admin = new pg.Pool({ connectionString: postgres.url(database), options: '-c search_path=surety,public' });
  const worker = new pg.Pool({
    connectionString: postgres.url(database, 'surety_worker', passwords.worker),
    options: '-c search_path=surety,public',
    max: connections,
  });
  for (const pool of [admin, worker]) {
    // Its connections say goodbye while the server is ended.
    pool.on('error', () => undefined);
    ends.push(() => pool.end());
  }
  const client = await admin.connect();
  const all: Programme[] = [];
  try {
    const keys = new KeyRing(`bench:${Buffer.alloc(32, 7).toString('base64')}`);
    for (let n = 0; n < programmes; n++) {
      const file = { ...loyaltyPartner('127.0.0.1:1'), slug: `programme-${n}` };
      const { partnerId } = await applyPartner(client, file, keys, true);
      all.push({ partnerId, memberIds: await creditedMembers(new Points(admin), partnerId) });
    }
  } finally {
    client.release();
  }
  const ledger = new Ledger(worker);
  return {
    way: {
      database,
      async open({ partnerId, memberId }) {
        const key = await openQuoted(ledger, partnerId, price);
        return () => holdAndCapture(ledger, key, memberId, price);
      },
      async assertRight() {
        const violations = await readViolations(admin);
        if (violations.length > 0) throw new Error(`The ledger is wrong: ${JSON.stringify(violations.slice(0, 3))}`);
      },
    },
    programmes: all,
  };
}

async function creditedMembers(books: Points, partnerId: string): Promise<string[]> {
  return inTurns(
    Array.from({ length: membersOfEach }, (_, n) => `member-${n}`),
    4,
    async (externalId) => {
      const memberId = await books.openMember(partnerId, externalId);
      for (let n = 0; n < endowment.lots; n++) {
        await books.creditUntil({
          ...{ partnerId, memberId, points: endowment.points, expiresAt: null, reference: `${externalId}-${n}` },
          ...{ actor: { kind: 'operator', id: 'bench' }, at: Date.now() },
        });
      }
      return memberId;
    },
  );
}

async function naiveOn(
  postgres: OwnPostgres,
  all: readonly Programme[],
  ends: (() => Promise<unknown>)[],
): Promise<Way> {
  const database = 'naive';
  await createDatabase(postgres.url('postgres'), database);
  const dataSource: DataSource = await naiveDataSource(postgres.url(database), connections);
  ends.push(() => dataSource.destroy());
  for (const { partnerId, memberIds } of all) await endow(dataSource.manager, partnerId, memberIds, endowment);
  return {
    database,
    async open({ partnerId, memberId }) {
      const id = uuidv7();
      await dataSource.transaction((manager) =>
        openPayment(manager, { id, partnerId, invoiceId: randomUUID(), ...price }),
      );
      return async () => {
        const isReserved = await dataSource.transaction(
          async (manager) => (await holdPoints(manager, id, memberId)) && (await reserveFund(manager, id)),
        );
        if (!isReserved) throw new Error('A naive payment found too little');
        await dataSource.transaction((manager) => capture(manager, id, randomUUID()));
      };
    },
    async assertRight() {
      const unpaid = await dataSource.manager.countBy(Payment, { state: Not('paid') });
      if (unpaid > 0) throw new Error(`${unpaid} of the naive payments are not paid`);
    },
  };
}

const figuresOf = (measured: readonly Measured[]): Figures => ({
  paymentsPerSecond: spreadOf(measured.map((of) => of.paymentsPerSecond)),
  statements: spreadOf(measured.map((of) => of.statements)),
  walBytes: spreadOf(measured.map((of) => of.walBytes)),
});

function matchOf(matches: readonly Match[], shape: Shape, atOnce: AtOnce): Match {
  const found = matches.find((each) => each.shape === shape && each.atOnce === atOnce);
  if (found === undefined) throw new Error(`Nothing was measured of a ${shape}, ${atOnce} at once`);
  return found;
}

const ratioOf = (...which: Parameters<typeof matchOf>): Spread => matchOf(...which).ratio;

function textOf(matches: readonly Match[], pick: (of: Figures) => Spread, digits: number): string {
  const { ours, naive } = matchOf(matches, 'hot fund', 32);
  return `${pick(ours).median.toFixed(digits)}   ${pick(naive).median.toFixed(digits)}`;
}
