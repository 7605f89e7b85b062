/** Compares live payments with their workflows and takes up again what was lost (design.md, section 2). Started by a Schedule. */
import { proxyActivities } from '@temporalio/workflow';
import type * as sweepActivities from '../activities/sweep.js';
import type { SweepAges } from '../activities/sweep.js';

const { sweepPayments: sweep } = proxyActivities<ReturnType<typeof sweepActivities.createSweepActivities>>({
  startToCloseTimeout: '5 min',
  heartbeatTimeout: '30 s',
  retry: { maximumAttempts: 3 },
  summary: 'Compare live payments with their workflows',
});

export async function sweepPayments(ages: SweepAges): Promise<sweepActivities.Sweep> {
  return sweep(ages);
}
