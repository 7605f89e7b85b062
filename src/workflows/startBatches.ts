/** Starts batches that nobody works on. Started by a Schedule. */
import { proxyActivities } from '@temporalio/workflow';
import type * as batchActivities from '../activities/startBatches.js';

const { startBatches: start } = proxyActivities<ReturnType<typeof batchActivities.createBatchStartActivities>>({
  startToCloseTimeout: '5 min',
  heartbeatTimeout: '30 s',
  retry: { maximumAttempts: 3 },
  summary: 'Start batches that nobody works on',
});

export async function startBatches(ages: { readonly graceMs: number }): Promise<number> {
  return start(ages);
}
