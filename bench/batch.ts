/**
 * An organisation's batch beside buyers, at Invoicebox's quota: two partners share one account of the twin, which turns
 * away what is more than 100 requests in any 30 s. The batch would take all of it for the whole run; meanwhile buyers come
 * at random, look, and confirm. What is measured: how much of the quota was used, and how long buyers waited for it.
 */
import { buyerEveryMs, Run } from './batchRun.js';
import { describeMachine, quantile, type BenchOptions, type Report } from './harness.js';
import { startedSurety } from './startedSurety.js';

const longestRunMs = 180_000;

export async function benchBatch(options: BenchOptions): Promise<Report> {
  const ends: (() => Promise<unknown>)[] = [];
  try {
    const { surety, databaseUrl } = await startedSurety(ends);
    const run = await Run.prepare(surety, ends);
    const machine = await describeMachine(databaseUrl);
    const runMs = Math.min(options.seconds * 1_000, longestRunMs);
    const measured = await run.measure(runMs);
    const { waitsMs, travelsMs, confirmsMs, ...figures } = measured;
    const all = {
      ...figures,
      buyerQuotaWaitP50Ms: quantile(waitsMs, 0.5),
      buyerQuotaWaitP99Ms: quantile(waitsMs, 0.99),
      buyerQuotaWaitMaxMs: quantile(waitsMs, 1),
      callTravelP99Ms: quantile(travelsMs, 0.99),
      callTravelMaxMs: quantile(travelsMs, 1),
      buyerConfirmP99Ms: quantile(confirmsMs, 0.99),
      machine,
    };
    return {
      title: 'A batch beside buyers, at the quota of one Invoicebox account',
      rows: [
        ['quota used', `${(all.quotaUtilisation * 100).toFixed(1)} %`],
        ['requests; most in any 30 s', `${all.requests}; ${all.worstWindow} of ${all.limit}`],
        ['429', String(all.tooManyRequests)],
        ['paid by the batch meanwhile', String(all.batchPayments)],
        ['paid by buyers', String(all.buyerPayments)],
        ['a buyer’s wait for the quota, a call: p50, p99, most, ms', `${all.buyerQuotaWaitP50Ms}, ${all.buyerQuotaWaitP99Ms}, ${all.buyerQuotaWaitMaxMs}`],
        ['from a call’s start to the twin: p99, most, ms', `${all.callTravelP99Ms}, ${all.callTravelMaxMs}`],
        ['from a buyer’s click to "paid": p99, ms', String(all.buyerConfirmP99Ms)],
      ], // prettier-ignore
      notes: [
        `${(runMs / 1_000).toFixed(0)} s, after a warm-up and a pause; the batch always has more to do. Buyers come at random, one in ${buyerEveryMs} ms on average.`,
        'Quota used: requests that the twin received during the run ÷ 100 for each 30 s of it. 429s are counted from the warm-up to the last payment.',
        'The wait: from the order of a call to its start, as the workflow’s history has it; both calls of each buyer.',
        'At the end the twin’s books and ours are compared, and the ledger’s violations read: a difference fails the bench.',
      ],
      figures: all,
    };
  } finally {
    for (const end of ends.reverse()) await end();
  }
}
