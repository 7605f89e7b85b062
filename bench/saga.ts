/**
 * The whole loyalty saga beside the one that tutorials show, and beside a payment that does nothing: start and click over
 * Temporal's client on all sides, so that the same border is measured, on the same Postgres, Temporal and twin, in turns.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Contender } from './contender.js';
import {
  describeMachine,
  measurePairs,
  pairedRatio,
  spreadOf,
  spreadText,
  type BenchOptions,
  type Pair,
  type Report,
  type Spread,
} from './harness.js';
import { SagaWorld, type History, type Measured } from './sagaRun.js';

/** How many payments make a measurement, by how many are paid at once: enough that the last ones, alone, do not count for much. */
const paymentsOf = { 1: 16, 8: 64, 32: 128, 64: 192 } as const;
type AtOnce = keyof typeof paymentsOf;
const besideNaive: readonly AtOnce[] = [1, 8, 32, 64];
const besideNoOp: readonly AtOnce[] = [1, 32];

/** Of pairs of measurements; above 1, ours is better. */
interface Ratios {
  readonly throughput: Spread;
  readonly clickP50: Spread;
  readonly clickP99: Spread;
  readonly cpu: Spread;
  readonly walBytes: Spread;
  readonly statements: Spread;
}

type Figures = { readonly [of in keyof Omit<Measured, 'cpuMs'>]: Spread } & {
  readonly cpuMs: { readonly [of in keyof Measured['cpuMs']]: Spread };
};

interface Match {
  readonly atOnce: AtOnce;
  readonly pairs: number;
  readonly ratios: Ratios;
  readonly ours: Figures;
  readonly other: Figures;
}

export async function benchSaga(options: BenchOptions): Promise<Report> {
  const ends: (() => Promise<unknown>)[] = [];
  try {
    const world = await SagaWorld.open(ends);
    const machine = await describeMachine(world.databaseUrl);
    const matchesWith = async (other: Contender, all: readonly AtOnce[]): Promise<Match[]> => {
      const matches: Match[] = [];
      for (const atOnce of all) matches.push(await match(world, other, atOnce, options));
      return matches;
    };
    const naive = await matchesWith(world.naive, besideNaive);
    const noOp = await matchesWith(world.noOp, besideNoOp);
    const histories = {
      ours: await world.historyOf(world.ours),
      naive: await world.historyOf(world.naive),
      noOp: await world.historyOf(world.noOp),
    };
    assertSameShape(histories.ours, histories.noOp);
    await world.assertBooksAgree();

    const throughput = ratioAt(naive, 32, 'throughput');
    const clickP50 = ratioAt(naive, 1, 'clickP50');
    const floor = ratioAt(noOp, 32, 'throughput');
    const shape = (history: History) => `${history.events.length} / ${history.workflowTasks}`;
    return {
      title: 'The loyalty saga, beside a naive one and a no-op of the same history',
      rows: [
        ['to the naive one, payments/s, 32 at once', spreadText(throughput, 2)],
        ['to the naive one, click p50, 1 at once', spreadText(clickP50, 2)],
        ['to the no-op, payments/s, 32 at once', spreadText(floor, 2)],
        ['events / workflow tasks: ours', shape(histories.ours)],
        ['events / workflow tasks: naive', shape(histories.naive)],
        ['events / workflow tasks: no-op', shape(histories.noOp)],
        ...naive.flatMap((each) => rowsOf('naive', each)),
        ...noOp.flatMap((each) => rowsOf('no-op', each)),
        ...Object.entries(machine).map(([name, value]) => [name, String(value)] as const),
      ],
      notes: [
        'Ratios of measurements that take turns, medians (least … most): above 1, ours is better. Invoicebox’s quota is off.',
        'A payment is opened, its price waited for, confirmed, and its answer waited for, by Temporal’s client in one process; of our API the code that does so, not HTTP. The naive one asks for the price by a query, ever more slowly, and awaits the result.',
        'Three workers stand beside each other, those not measured idle; ours does all that it does in production, its Schedules and events included. A statement is a round trip to Postgres, BEGIN and COMMIT included.',
      ],
      figures: {
        saga: {
          toNaive: {
            throughput: throughput.median,
            clickP50: clickP50.median,
            spreads: { throughput, clickP50 },
          },
          toFloor: floor.median,
          toFloorSpread: floor,
          naive,
          noOp,
          events: shapesOf(histories),
          machine,
        },
      },
    };
  } finally {
    for (const end of ends.reverse()) await end();
  }
}

async function match(world: SagaWorld, other: Contender, atOnce: AtOnce, options: BenchOptions): Promise<Match> {
  process.stderr.write(`bench … saga: ours and ${other.name}, ${atOnce} at once\n`);
  const payments = paymentsOf[atOnce];
  const pairs = await measurePairs(
    { pairs: options.pairs, boundMs: options.seconds * 1_000 },
    () => world.measure(world.ours, payments, atOnce),
    () => world.measure(other, payments, atOnce),
  );
  return {
    ...{ atOnce, pairs: pairs.length, ratios: ratiosOf(pairs) },
    ours: figuresOf(pairs.map(({ a }) => a)),
    other: figuresOf(pairs.map(({ b }) => b)),
  };
}

function ratiosOf(pairs: readonly Pair<Measured, Measured>[]): Ratios {
  return {
    throughput: pairedRatio(pairs, ({ paymentsPerSecond }) => paymentsPerSecond, 'more'),
    clickP50: pairedRatio(pairs, ({ clickP50Ms }) => clickP50Ms, 'less'),
    clickP99: pairedRatio(pairs, ({ clickP99Ms }) => clickP99Ms, 'less'),
    cpu: pairedRatio(pairs, ({ cpuMsOfAll }) => cpuMsOfAll, 'less'),
    walBytes: pairedRatio(pairs, ({ walBytes }) => walBytes, 'less'),
    statements: pairedRatio(pairs, ({ statements }) => statements, 'less'),
  };
}

function figuresOf(measured: readonly Measured[]): Figures {
  const spread = (pick: (of: Measured) => number): Spread => spreadOf(measured.map(pick));
  return {
    paymentsPerSecond: spread((of) => of.paymentsPerSecond),
    clickP50Ms: spread((of) => of.clickP50Ms),
    clickP99Ms: spread((of) => of.clickP99Ms),
    cpuMs: {
      worker: spread((of) => of.cpuMs.worker),
      temporal: spread((of) => of.cpuMs.temporal),
      postgres: spread((of) => of.cpuMs.postgres),
      twin: spread((of) => of.cpuMs.twin),
      bench: spread((of) => of.cpuMs.bench),
    },
    cpuMsOfAll: spread((of) => of.cpuMsOfAll),
    walBytes: spread((of) => of.walBytes),
    statements: spread((of) => of.statements),
    workerMiB: spread((of) => of.workerMiB),
  };
}

function rowsOf(other: string, { atOnce, pairs, ratios, ours, other: theirs }: Match): [string, string][] {
  const row = (name: string, ratio: Spread | null, pick: (of: Figures) => Spread, digits: number): [string, string] => [
    `  ${name}: ours, ${other}${ratio === null ? '' : ', ratio'}`,
    [pick(ours), pick(theirs)].map((of) => of.median.toFixed(digits)).join('   ') +
      (ratio === null ? '' : `   ${spreadText(ratio, 2)}`),
  ];
  return [
    [`beside the ${other}, ${atOnce} at once`, `${pairs} pairs`],
    row('payments/s', ratios.throughput, (of) => of.paymentsPerSecond, 1),
    row('click p50, ms', ratios.clickP50, (of) => of.clickP50Ms, 0),
    row('click p99, ms', ratios.clickP99, (of) => of.clickP99Ms, 0),
    row('CPU a payment, ms', ratios.cpu, (of) => of.cpuMsOfAll, 1),
    row('  worker', null, (of) => of.cpuMs.worker, 1),
    row('  Temporal', null, (of) => of.cpuMs.temporal, 1),
    row('  Postgres', null, (of) => of.cpuMs.postgres, 1),
    row('  twin', null, (of) => of.cpuMs.twin, 1),
    row('  bench', null, (of) => of.cpuMs.bench, 1),
    row('WAL a payment, bytes', ratios.walBytes, (of) => of.walBytes, 0),
    row('SQL round trips a payment', ratios.statements, (of) => of.statements, 1),
    row('worker’s resident memory, MiB', null, (of) => of.workerMiB, 0),
  ];
}

function ratioAt(matches: readonly Match[], atOnce: AtOnce, of: keyof Ratios): Spread {
  const found = matches.find((each) => each.atOnce === atOnce);
  if (found === undefined) throw new Error(`Nothing was measured at ${atOnce} at once`);
  return found.ratios[of];
}

const shapesOf = (histories: Readonly<Record<string, History>>) =>
  Object.fromEntries(
    Object.entries(histories).map(([name, { events, workflowTasks }]) => [
      name,
      { events: events.length, workflowTasks },
    ]),
  );

/** Otherwise the no-op is no floor of ours. */
function assertSameShape(ours: History, noOp: History): void {
  if (isDeepStrictEqual(ours.events, noOp.events)) return;
  throw new Error(`The no-op’s history is not ours:\nours   ${ours.events.join(' ')}\nno-op  ${noOp.events.join(' ')}`);
}
