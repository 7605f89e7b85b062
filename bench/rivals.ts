/**
 * The loyalty saga on other engines beside ours: the same steps by the same ledger functions, on the same Postgres and the same
 * twin, from the opening to the price and from the click to "paid", in turns.
 */
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
import { RivalsWorld, type Measured } from './rivalsRun.js';

/** How many payments make a measurement, by how many are paid at once. */
const paymentsOf = { 1: 16, 32: 160 } as const;
type AtOnce = keyof typeof paymentsOf;

/** Of pairs of measurements; above 1, ours is better. */
interface Ratios {
  readonly throughput: Spread;
  readonly clickP50: Spread;
  readonly clickP99: Spread;
  readonly cpu: Spread;
}

type Figures = { readonly [of in keyof Omit<Measured, 'cpuMsBy'>]: Spread } & {
  readonly cpuMsBy: Readonly<Record<string, number>>;
};

interface Match {
  readonly rival: string;
  readonly atOnce: AtOnce;
  readonly pairs: number;
  readonly ratios: Ratios;
  readonly ours: Figures;
  readonly theirs: Figures;
}

export async function benchRivals(options: BenchOptions): Promise<Report> {
  const ends: (() => Promise<unknown>)[] = [];
  try {
    const world = await RivalsWorld.open(ends);
    const machine = await describeMachine(world.databaseUrl);
    const matches: Match[] = [];
    for (const rival of world.rivals) {
      for (const atOnce of [1, 32] as const) {
        process.stderr.write(`bench … ours and ${rival.name}, ${atOnce} at once\n`);
        const measure = (who: typeof rival) => world.measure(who, paymentsOf[atOnce], atOnce);
        const pairs = await measurePairs(
          { pairs: options.pairs, boundMs: (options.seconds * 1_000) / 4 },
          () => measure(world.ours),
          () => measure(rival),
        );
        matches.push(matchOf(rival.name, atOnce, pairs));
      }
    }
    await world.assertBooksAgree();
    return {
      title: 'The loyalty saga on other engines, beside ours',
      rows: matches.flatMap(rowsOf),
      notes: [
        'Ratios of measurements that take turns, medians (least … most): above 1, ours is better. Invoicebox’s quota is off.',
        'Each engine waits for the buyer: the price is read and stored, the confirmation awaited, then hold, confirm (recorded before and after) and capture. Ours over Temporal’s client, DBOS over an HTTP handler in its process, Restate over its ingress.',
        'Postgres with fsync on, for the ledger and for DBOS; Restate with its default, an fsync of its log. Temporal’s dev server keeps its histories in memory and waits for no disk: an advantage that it would not have in production.',
        'CPU: of the engine, its worker, Postgres, the twin and the bench, a payment. Their steps stop at the first trouble; ours carry all that the product does in it.',
      ],
      figures: {
        rivals: Object.fromEntries(matches.map((match) => [`${match.rival}${match.atOnce}`, match])),
        machine,
      },
    };
  } finally {
    for (const end of ends.toReversed()) await end();
  }
}

function matchOf(rival: string, atOnce: AtOnce, pairs: readonly Pair<Measured, Measured>[]): Match {
  return {
    ...{ rival, atOnce, pairs: pairs.length },
    ratios: {
      throughput: pairedRatio(pairs, ({ paymentsPerSecond }) => paymentsPerSecond, 'more'),
      clickP50: pairedRatio(pairs, ({ clickP50Ms }) => clickP50Ms, 'less'),
      clickP99: pairedRatio(pairs, ({ clickP99Ms }) => clickP99Ms, 'less'),
      cpu: pairedRatio(pairs, ({ cpuMs }) => cpuMs, 'less'),
    },
    ours: figuresOf(pairs.map(({ a }) => a)),
    theirs: figuresOf(pairs.map(({ b }) => b)),
  };
}

function figuresOf(runs: readonly Measured[]): Figures {
  const of = (pick: (run: Measured) => number) => spreadOf(runs.map(pick));
  const processes = Object.keys(runs[0]?.cpuMsBy ?? {});
  return {
    paymentsPerSecond: of(({ paymentsPerSecond }) => paymentsPerSecond),
    clickP50Ms: of(({ clickP50Ms }) => clickP50Ms),
    clickP99Ms: of(({ clickP99Ms }) => clickP99Ms),
    openP50Ms: of(({ openP50Ms }) => openP50Ms),
    cpuMs: of(({ cpuMs }) => cpuMs),
    walBytes: of(({ walBytes }) => walBytes),
    cpuMsBy: Object.fromEntries(processes.map((name) => [name, of(({ cpuMsBy }) => cpuMsBy[name] ?? 0).median])),
  };
}

function rowsOf({ rival, atOnce, pairs, ratios, ours, theirs }: Match): (readonly [string, string])[] {
  const row = (name: string, ratio: Spread | null, pick: (figures: Figures) => Spread, digits = 0) =>
    [
      `  ${name}`,
      `${ratio === null ? '' : `${spreadText(ratio, 2)}   `}ours ${spreadText(pick(ours), digits)}, ${rival} ${spreadText(pick(theirs), digits)}`,
    ] as const;
  return [
    [`${rival}, ${atOnce} at once`, `${pairs} pairs`],
    row('payments a second', ratios.throughput, (of) => of.paymentsPerSecond, 1),
    row('click p50, ms', ratios.clickP50, (of) => of.clickP50Ms),
    row('click p99, ms', ratios.clickP99, (of) => of.clickP99Ms),
    row('open p50, ms', null, (of) => of.openP50Ms),
    row('CPU a payment, ms', ratios.cpu, (of) => of.cpuMs, 1),
    row('bytes of Postgres’s log', null, (of) => of.walBytes),
  ];
}
