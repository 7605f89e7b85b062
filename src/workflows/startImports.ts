/** Starts imports that nobody works on. Started by a Schedule. */
import { proxyActivities } from '@temporalio/workflow';
import type * as importActivities from '../activities/startImports.js';

const { startImports: start } = proxyActivities<ReturnType<typeof importActivities.createImportStartActivities>>({
  startToCloseTimeout: '5 min',
  heartbeatTimeout: '30 s',
  retry: { maximumAttempts: 3 },
  summary: 'Start imports that nobody works on',
});

export async function startImports(ages: { readonly graceMs: number }): Promise<number> {
  return start(ages);
}
