/**
 * Whether memory grows: payments at half of what the machine can do, hour after hour if need be, and the resident memory of
 * API and worker beside them. Slopes are of what comes after a warm-up, a third of the time.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { freePort } from '../scripts/stack.js';
import type { Surety } from '../scripts/surety.js';
import { describeMachine, quantile, residentMiB, spreadOf, type BenchOptions, type Report } from './harness.js';
import { apiEnvironment, Shop, startedUntil } from './shop.js';
import { grouped, slopeOf, stretches, type Slope } from './slope.js';
import { startedSurety } from './startedSurety.js';

const sampleEveryMs = 3_000;
const stretchMinutes = 0.5;
const capacity = { warmUpMs: 10_000, measureMs: 20_000, atOnce: 32 } as const;
const warmUpShare = 1 / 3;
/** So many under way at once are not half of capacity. */
const mostUnderWay = 500;
const minutesAnHour = 60;

type Watched = 'api' | 'worker';
const watched: readonly Watched[] = ['api', 'worker'];

interface Sample {
  readonly minute: number;
  readonly residentMiB: Readonly<Record<Watched, number>>;
  /** Of V8; what a collection has not taken yet is part of it. */
  readonly heapMiB: Readonly<Record<Watched, number>>;
}

interface Growth {
  readonly slopeMiBPerHour: number;
  readonly withinMiBPerHour: number;
  /** A leak goes on as it began; what only fills up grows more slowly in the second half. */
  readonly firstHalfMiBPerHour: number;
  readonly secondHalfMiBPerHour: number;
  readonly heapFloorMiBPerHour: number;
  readonly heapFloorWithinMiBPerHour: number;
  readonly firstMiB: number;
  readonly lastMiB: number;
}

export async function benchSoak(options: BenchOptions): Promise<Report> {
  const ends: (() => Promise<unknown>)[] = [];
  try {
    const { surety, databaseUrl } = await startedSurety(ends, { unlimited: true });
    const shop = await Shop.open(surety, ends);
    const memory = await startMemory(surety, ends);
    const machine = await describeMachine(databaseUrl);
    await shop.payFor(capacity.warmUpMs, capacity.atOnce);
    const most = (await shop.payFor(capacity.measureMs, capacity.atOnce)).perSecond;
    const perSecond = options.rate === 0 ? most / 2 : options.rate;
    const run = await soak(shop, memory, { perSecond, minutes: options.minutes });
    await assertBooksAgree(surety, { allPaid: run.failures.length === 0 });

    const kept = run.samples.filter(({ minute }) => minute >= run.minutes * warmUpShare);
    const [api, worker] = [growthOf(kept, 'api'), growthOf(kept, 'worker')];
    const both = slope(kept, ({ residentMiB }) => residentMiB.api + residentMiB.worker);
    const rounded = (value: number) => Math.round(value * 10) / 10;
    const figures = {
      bench: 'soak',
      slopeMiBPerHour: rounded(both.slope),
      withinMiBPerHour: rounded(both.within),
      ...{ api, worker },
      minutes: rounded(run.minutes),
      warmUpMinutes: rounded(run.minutes * warmUpShare),
      capacityPerSecond: rounded(most),
      perSecond: rounded(perSecond),
      payments: run.confirmsMs.length,
      repeats: shop.repeats,
      failures: run.failures,
      confirmP50Ms: quantile(run.confirmsMs, 0.5),
      confirmP99Ms: quantile(run.confirmsMs, 0.99),
      samples: kept.length,
      curve: curveOf(run.samples),
      machine,
    };
    const grown = ({ slopeMiBPerHour, withinMiBPerHour, firstMiB, lastMiB }: Growth) =>
      `${slopeMiBPerHour} ± ${withinMiBPerHour}   (${firstMiB} MiB … ${lastMiB} MiB)`;
    return {
      title: `${figures.minutes} minutes at half of capacity: does memory grow?`,
      rows: [
        ['API and worker, MiB an hour', `${figures.slopeMiBPerHour} ± ${figures.withinMiBPerHour}`],
        ['  API', grown(api)],
        ['    its halves', `${api.firstHalfMiBPerHour}, then ${api.secondHalfMiBPerHour}`],
        ['    floor of its heap', `${api.heapFloorMiBPerHour} ± ${api.heapFloorWithinMiBPerHour}`],
        ['  worker', grown(worker)],
        ['    its halves', `${worker.firstHalfMiBPerHour}, then ${worker.secondHalfMiBPerHour}`],
        ['    floor of its heap', `${worker.heapFloorMiBPerHour} ± ${worker.heapFloorWithinMiBPerHour}`],
        ['capacity; asked for, payments a second', `${figures.capacityPerSecond}; ${figures.perSecond}`],
        ['paid', String(figures.payments)],
        ['requests made again after a 503 or 429', String(figures.repeats)],
        ...run.failures.map((failure) => ['ended early by', failure] as const),
        ['from the click to "paid": p50, p99, ms', `${figures.confirmP50Ms}, ${figures.confirmP99Ms}`],
      ],
      notes: [
        `Resident memory every ${sampleEveryMs / 1_000} s; the first third warms up. Slopes by least squares over means of ${stretchMinutes * 60} s, ± two standard errors.`,
        'A slope within its ± is not told from 0. Of the heap the least of each stretch counts: what is left after a collection.',
        'Capacity: 32 buyers at once, just before. The load comes at a steady pace, however long answers take.',
      ],
      figures,
    };
  } finally {
    for (const end of ends.toReversed()) await end();
  }
}

/** Starts API and worker. @returns what reads their memory */
async function startMemory(
  surety: Surety,
  ends: (() => Promise<unknown>)[],
): Promise<(minute: number) => Promise<Sample>> {
  const metricsPort = await freePort();
  const api = await startedUntil(
    ends,
    surety.startApi(undefined, { ...apiEnvironment, METRICS_PORT: String(metricsPort) }),
  );
  const worker = await startedUntil(ends, surety.startWorker());
  const [apiUrl, workerUrl] = [metricsPort, surety.options.ports.worker].map(
    (port) => `http://127.0.0.1:${port}/metrics`,
  );
  return async (minute) => ({
    minute,
    residentMiB: { api: await residentMiB([api.pid]), worker: await residentMiB([worker.pid]) },
    heapMiB: { api: await heapMiB(apiUrl ?? ''), worker: await heapMiB(workerUrl ?? '') },
  });
}

async function heapMiB(url: string): Promise<number> {
  return found(/^nodejs_heap_size_used_bytes (\S+)/m, await (await fetch(url)).text()) / 2 ** 20;
}

function found(pattern: RegExp, text: string): number {
  const value = Number(pattern.exec(text)?.[1]);
  if (!Number.isFinite(value)) throw new Error(`No ${pattern.source} in ${text.slice(0, 200)}`);
  return value;
}

interface Soaked {
  readonly samples: readonly Sample[];
  readonly confirmsMs: readonly number[];
  readonly minutes: number;
  /** The first one ends it; what was seen until then is told all the same. */
  readonly failures: readonly string[];
}

async function soak(
  shop: Shop,
  memory: (minute: number) => Promise<Sample>,
  { perSecond, minutes }: { readonly perSecond: number; readonly minutes: number },
): Promise<Soaked> {
  const began = performance.now();
  const minute = () => (performance.now() - began) / 60_000;
  const samples: Sample[] = [];
  const confirmsMs: number[] = [];
  const failures: unknown[] = [];
  const underWay = new Set<Promise<void>>();
  let come = 0;
  let toldAt = 0;
  let sampled = Promise.resolve();
  let nextSampleMs = began;
  while (minute() < minutes && failures.length === 0) {
    await pause(5);
    while (come < (performance.now() - began) * (perSecond / 1_000) && underWay.size < mostUnderWay) {
      come += 1;
      const one = shop.pay().then(
        ({ confirmMs }) => {
          confirmsMs.push(confirmMs);
        },
        (error: unknown) => {
          failures.push(error);
        },
      );
      underWay.add(one);
      void one.then(() => underWay.delete(one));
    }
    if (underWay.size >= mostUnderWay) throw new Error(`${perSecond.toFixed(1)} a second are more than can be paid`);
    if (performance.now() < nextSampleMs) continue;
    nextSampleMs += sampleEveryMs;
    await sampled;
    sampled = memory(minute()).then(
      (sample) => {
        samples.push(sample);
      },
      (error: unknown) => {
        failures.push(error);
      },
    );
    if (Math.floor(minute()) <= toldAt) continue;
    toldAt = Math.floor(minute());
    const { api = 0, worker = 0 } = samples.at(-1)?.residentMiB ?? {};
    process.stderr.write(
      `bench … ${toldAt} of ${minutes} min, ${confirmsMs.length} paid; API ${api.toFixed(0)} MiB, worker ${worker.toFixed(0)} MiB\n`,
    );
  }
  await Promise.all([...underWay, sampled]);
  return { samples, confirmsMs, minutes: minute(), failures: failures.map(String) };
}

async function assertBooksAgree(surety: Surety, { allPaid }: { readonly allPaid: boolean }): Promise<void> {
  const violations = await surety.violations();
  if (violations.length > 0) throw new Error(`The ledger is wrong: ${JSON.stringify(violations)}`);
  const { rowCount } = await surety.admin.query("SELECT FROM payment WHERE state <> 'paid'");
  if (allPaid && rowCount !== 0) throw new Error(`${rowCount ?? 0} payments are not paid`);
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/** MiB an hour. */
function slope(
  samples: readonly Sample[],
  of: (sample: Sample) => number,
  pick: (values: readonly number[]) => number = mean,
): Slope {
  const points = samples.map((sample) => ({ x: sample.minute, y: of(sample) }));
  const { slope: aMinute, within } = slopeOf(stretches(points, stretchMinutes, pick));
  return { slope: aMinute * minutesAnHour, within: within * minutesAnHour };
}

function growthOf(samples: readonly Sample[], which: Watched): Growth {
  const resident = ({ residentMiB: { [which]: value } }: Sample): number => value;
  const middle = samples.length / 2;
  const all = slope(samples, resident);
  const floor = slope(
    samples,
    ({ heapMiB: { [which]: value } }) => value,
    (values) => Math.min(...values),
  );
  const few = Math.max(1, Math.floor(samples.length / 10));
  const around = (some: readonly Sample[]) => spreadOf(some.map(resident)).median;
  const rounded = (value: number) => Math.round(value * 10) / 10;
  return {
    slopeMiBPerHour: rounded(all.slope),
    withinMiBPerHour: rounded(all.within),
    firstHalfMiBPerHour: rounded(slope(samples.slice(0, middle), resident).slope),
    secondHalfMiBPerHour: rounded(slope(samples.slice(middle), resident).slope),
    heapFloorMiBPerHour: rounded(floor.slope),
    heapFloorWithinMiBPerHour: rounded(floor.within),
    firstMiB: rounded(around(samples.slice(0, few))),
    lastMiB: rounded(around(samples.slice(-few))),
  };
}

/** Of each minute the medians, for whoever wants to see the shape. */
function curveOf(samples: readonly Sample[]) {
  return [...grouped(samples, ({ minute }) => Math.floor(minute))].map(([minute, inside]) => {
    const median = (of: (sample: Sample) => number) => Math.round(spreadOf(inside.map(of)).median * 10) / 10;
    return {
      minute,
      ...Object.fromEntries(
        watched.flatMap((which) => [
          [`${which}MiB`, median(({ residentMiB }) => residentMiB[which])],
          [`${which}HeapMiB`, median(({ heapMiB: heap }) => heap[which])],
        ]),
      ),
    };
  });
}
