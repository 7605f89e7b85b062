/**
 * One, two, four workers with the same load: up and down again, so that what else the machine does meets each number twice.
 * Where cores are fewer than processes this shows what more workers cost, not what they bring; who used the cores is told beside.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { freePort, type Program } from '../scripts/stack.js';
import type { Surety } from '../scripts/surety.js';
import { rounded } from './cannon.js';
import { cpuMsOf, describeMachine, quantile, spreadOf, spreadText, type Report } from './harness.js';
import { apiEnvironment, Shop, startedUntil } from './shop.js';
import { startedSurety } from './startedSurety.js';

const steps = [1, 2, 4, 2, 1] as const;
const load = { atOnce: 32, warmUpMs: 4_000, measureMs: 9_000 } as const;
/** Sticky queues of those who have left are given up. */
const settleMs = 2_500;

interface Measured {
  readonly workers: number;
  readonly perSecond: number;
  readonly confirmP50Ms: number;
  readonly confirmP99Ms: number;
  /** Of all workers together, a payment. */
  readonly workersCpuMs: number;
}

export async function benchScale(): Promise<Report> {
  const ends: (() => Promise<unknown>)[] = [];
  const workers: Program[] = [];
  try {
    const { surety, databaseUrl } = await startedSurety(ends, { unlimited: true });
    const shop = await Shop.open(surety, ends);
    await startedUntil(ends, surety.startApi(undefined, apiEnvironment));
    ends.push(() => Promise.all(workers.map((worker) => worker.stop())));
    const machine = await describeMachine(databaseUrl);
    const measured: Measured[] = [];
    for (const count of steps) {
      await beSoMany(surety, workers, count);
      await shop.payFor(load.warmUpMs, load.atOnce);
      measured.push(await measure(shop, workers));
    }
    const numbers = [...new Set(steps)].map((count) => {
      const runs = measured.filter(({ workers: n }) => n === count);
      const of = (pick: (run: Measured) => number) => spreadOf(runs.map(pick));
      return {
        workers: count,
        perSecond: of(({ perSecond }) => perSecond),
        confirmP50Ms: of(({ confirmP50Ms }) => confirmP50Ms).median,
        confirmP99Ms: of(({ confirmP99Ms }) => confirmP99Ms).median,
        workersCpuMs: of(({ workersCpuMs }) => workersCpuMs).median,
      };
    });
    const alone = numbers[0]?.perSecond.median ?? Number.NaN;
    return {
      title: 'Workers beside each other',
      rows: numbers.map(({ workers: count, perSecond, confirmP50Ms, confirmP99Ms, workersCpuMs }) => [
        `${count}`,
        `${spreadText(perSecond, 1)} payments a second; click p50 ${confirmP50Ms} ms, p99 ${confirmP99Ms} ms; workers' CPU ${workersCpuMs.toFixed(1)} ms a payment`,
      ]),
      notes: [
        `${load.atOnce} buyers at once over one API, ${load.measureMs / 1_000} s a measurement after ${load.warmUpMs / 1_000} s, in the order ${steps.join(', ')}; each process serves all queues.`,
        machine.cores <= 4
          ? `This machine has ${machine.cores} cores for the load, the API, the twin, Postgres, Temporal and all workers: not even one worker has a core of its own, so more of them cannot bring more. What is shown is that they share the work correctly, and what each further one costs.`
          : `This machine has ${machine.cores} cores.`,
      ],
      figures: {
        bench: 'scale',
        steps: measured,
        workers: numbers.map((number) => ({
          ...number,
          toOne: Math.round((100 * number.perSecond.median) / alone) / 100,
        })),
        machine,
      },
    };
  } finally {
    for (const end of ends.toReversed()) await end();
  }
}

async function beSoMany(surety: Surety, workers: Program[], count: number): Promise<void> {
  while (workers.length < count) workers.push(await surety.startWorker(await freePort()));
  if (workers.length === count) return;
  await Promise.all(workers.splice(count).map((worker) => worker.stop()));
  await pause(settleMs);
}

async function measure(shop: Shop, workers: readonly Program[]): Promise<Measured> {
  const cpu = async () => {
    const each = await Promise.all(workers.map(({ pid }) => cpuMsOf(pid)));
    return each.reduce((sum, one) => sum + one, 0);
  };
  const before = await cpu();
  const { perSecond, paid } = await shop.payFor(load.measureMs, load.atOnce);
  const confirmsMs = paid.map(({ confirmMs }) => confirmMs);
  return {
    workers: workers.length,
    perSecond: rounded(perSecond),
    confirmP50Ms: quantile(confirmsMs, 0.5),
    confirmP99Ms: quantile(confirmsMs, 0.99),
    workersCpuMs: rounded(((await cpu()) - before) / paid.length),
  };
}
