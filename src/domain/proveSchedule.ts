/**
 * When an unknown outcome is read again (design.md, section 2): 5 s, 15 s, 1 min, 5 min, 15 min, 1 h,
 * then hourly for a day, then daily while a person is asked.
 */
const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;

const firstDelaysMs = [5 * second, 15 * second, minute, 5 * minute, 15 * minute, hour] as const;
const hourlyProbes = 23;

/** Probes after which a payment is shown to a person: the first ones, then hourly until a day is over. */
export const probesBeforeReview = firstDelaysMs.length + hourlyProbes;

/**
 * @param probe how many probes were made already
 * @param scale shrinks all waits, for tests: 1 in production
 * @returns milliseconds until the next one
 */
export function proveDelayMs(probe: number, scale: number): number {
  const delayMs = firstDelaysMs[probe] ?? (probe < probesBeforeReview ? hour : 24 * hour);
  return Math.max(1, Math.round(delayMs * scale));
}
