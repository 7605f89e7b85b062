/** One kind of request, by autocannon, from many connections: each must be answered 2xx, or nothing was measured. */
import { once } from 'node:events';
import autocannon from 'autocannon';
import { spreadOf } from './harness.js';

export interface Fired {
  readonly requests: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** @param shot `connections`, `duration` or `amount`, and what is sent */
export async function fire(shot: autocannon.Options): Promise<Fired> {
  const tookMs: number[] = [];
  const refused = new Map<number, number>();
  const errors: unknown[] = [];
  const began = performance.now();
  const cannon = autocannon({ timeout: 30, ...shot }, () => undefined);
  cannon.on('response', (_client, status, _bytes, ms) => {
    tookMs.push(ms);
    if (status < 200 || status > 299) refused.set(status, (refused.get(status) ?? 0) + 1);
  });
  cannon.on('reqError', (error) => {
    errors.push(error);
  });
  await once(cannon, 'done');
  const seconds = (performance.now() - began) / 1_000;
  if (refused.size > 0 || errors.length > 0 || tookMs.length === 0) {
    const counts = [...refused].map(([status, count]) => `${count} × ${status}`).join(', ');
    throw new Error(
      `${shot.url}: ${tookMs.length} answers, of them ${counts || 'all 2xx'}; ${errors.length} errors, first ${String(errors[0])}`,
    );
  }
  return {
    requests: tookMs.length,
    perSecond: rounded(tookMs.length / seconds),
    p50Ms: rounded(fineQuantile(tookMs, 0.5)),
    p99Ms: rounded(fineQuantile(tookMs, 0.99)),
  };
}

/** To a tenth, where a millisecond is too coarse. */
export const rounded = (value: number): number => Math.round(value * 10) / 10;

export function fineQuantile(values: readonly number[], share: number): number {
  if (share === 0.5) return spreadOf(values).median;
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
