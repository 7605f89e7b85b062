/** Starts the sagas of approved returns that nobody books. Started by a Schedule. */
import { proxyActivities } from '@temporalio/workflow';
import type * as returnActivities from '../activities/startReturns.js';

const { startReturns: start } = proxyActivities<ReturnType<typeof returnActivities.createReturnStartActivities>>({
  startToCloseTimeout: '5 min',
  heartbeatTimeout: '30 s',
  retry: { maximumAttempts: 3 },
  summary: 'Start the sagas of approved returns that nobody books',
});

export async function startReturns(ages: { readonly graceMs: number }): Promise<number> {
  return start(ages);
}
