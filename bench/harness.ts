/**
 * How every figure is measured: after a warm-up, in pairs that take turns (A B, B A, A B …), so that what else the machine
 * does meets both; told as the median with the spread, within a bounded time, beside the machine that it was measured on.
 */
import { readFile } from 'node:fs/promises';
import { cpus, totalmem } from 'node:os';
import pg from 'pg';
import { statOf } from './costs.js';

export interface BenchOptions {
  /** 0: the bench's own number. */
  readonly lines: number;
  /** How long a soak takes. */
  readonly minutes: number;
  readonly pairs: number;
  /** Payments a second of a soak; 0: half of capacity. */
  readonly rate: number;
  /** No measurement begins after so many seconds. */
  readonly seconds: number;
  /** Of the lines, in `credits`: `grouped` by member, or `shuffled`. */
  readonly order: string;
}

/** What a bench has found: rows for people, and one object for programs. */
export interface Report {
  readonly title: string;
  /** What was measured how, in sentences. */
  readonly notes: readonly string[];
  readonly rows: readonly (readonly [name: string, value: string])[];
  readonly figures: Readonly<Record<string, unknown>>;
}

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly node: string;
  readonly postgres: string;
  readonly fsync: string;
  readonly synchronousCommit: string;
  readonly sharedBuffers: string;
  /** Of the last minute, when it began: others who used the machine. */
  readonly loadBefore: number;
}

export async function describeMachine(connectionString: string): Promise<Machine> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    const { rows } = await client.query<Record<'version' | 'fsync' | 'commit' | 'buffers', string>>(
      `SELECT current_setting('server_version') AS version, current_setting('fsync') AS fsync,
         current_setting('synchronous_commit') AS commit, current_setting('shared_buffers') AS buffers`,
    );
    const [row] = rows;
    return {
      cpu: cpus()[0]?.model.trim() ?? 'unknown',
      cores: cpus().length,
      memoryGiB: Math.round(totalmem() / 2 ** 30),
      node: process.version,
      postgres: row?.version ?? 'unknown',
      fsync: row?.fsync ?? 'unknown',
      synchronousCommit: row?.commit ?? 'unknown',
      sharedBuffers: row?.buffers ?? 'unknown',
      loadBefore: Number((await readFile('/proc/loadavg', 'utf8')).split(' ')[0]),
    };
  } finally {
    await client.end();
  }
}

export interface Pair<A, B> {
  readonly a: A;
  readonly b: B;
}

/** @param boundMs no pair begins after this; the first always does */
export async function measurePairs<A, B>(
  options: { readonly pairs: number; readonly boundMs: number },
  measureA: (pair: number) => Promise<A>,
  measureB: (pair: number) => Promise<B>,
): Promise<Pair<A, B>[]> {
  const began = performance.now();
  const pairs: Pair<A, B>[] = [];
  for (let n = 0; n < options.pairs && (n === 0 || performance.now() - began < options.boundMs); n++) {
    if (n % 2 === 0) {
      const a = await measureA(n);
      pairs.push({ a, b: await measureB(n) });
    } else {
      const b = await measureB(n);
      pairs.push({ a: await measureA(n), b });
    }
  }
  return pairs;
}

export interface Spread {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((left, right) => left - right);
  const at = (index: number): number => sorted[index] ?? Number.NaN;
  const middle = (sorted.length - 1) / 2;
  return {
    median: (at(Math.floor(middle)) + at(Math.ceil(middle))) / 2,
    least: at(0),
    most: at(sorted.length - 1),
  };
}

/** How much better A is, pair by pair: above 1, it is. @param better whether more of the figure is better, or less */
export function pairedRatio<T>(
  pairs: readonly Pair<T, T>[],
  figure: (of: T) => number,
  better: 'more' | 'less',
): Spread {
  return spreadOf(pairs.map(({ a, b }) => (better === 'more' ? figure(a) / figure(b) : figure(b) / figure(a))));
}

export const spreadText = ({ median, least, most }: Spread, digits = 0): string =>
  `${median.toFixed(digits)}  (${least.toFixed(digits)} … ${most.toFixed(digits)})`;

/** In whole numbers; of nothing, 0. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((left, right) => left - right);
  return Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);
}

/** Samples the resident memory of processes until stopped. @returns by how much it grew at most, in MiB, all together */
export async function watchResident(pids: readonly number[]): Promise<{ stop(): Promise<number> }> {
  const before = await residentMiB(pids);
  let most = before;
  let isStopped = false;
  const sample = async (): Promise<void> => {
    while (!isStopped) {
      most = Math.max(most, await residentMiB(pids));
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  };
  const sampling = sample();
  return {
    stop: async () => {
      isStopped = true;
      await sampling;
      return most - before;
    },
  };
}

export async function residentMiB(pids: readonly number[]): Promise<number> {
  const each = await Promise.all(
    pids.map(async (pid) => {
      const status = await readFile(`/proc/${pid}/status`, 'utf8');
      return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) / 1024;
    }),
  );
  return each.reduce((sum, one) => sum + one, 0);
}

/** So many at once, until all are done. */
export async function inTurns<T, R>(all: readonly T[], atOnce: number, work: (one: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  const queue = all.values();
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (const one of queue) results.push(await work(one));
    }),
  );
  return results;
}

/** User and system time that a process has used. */
export async function cpuMsOf(pid: number): Promise<number> {
  return statOf(pid, await readFile(`/proc/${pid}/stat`, 'utf8')).ownMs;
}
