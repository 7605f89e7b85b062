/** Checks the books by the views of violations and keeps what they say. Started by a Schedule. */
import { proxyActivities } from '@temporalio/workflow';
import type * as checkActivities from '../activities/checkLedger.js';

const { checkLedger: check } = proxyActivities<ReturnType<typeof checkActivities.createCheckActivities>>({
  startToCloseTimeout: '30 min',
  heartbeatTimeout: '30 s',
  retry: { maximumAttempts: 3 },
  summary: 'Check the books',
});

export async function checkLedger(): Promise<checkActivities.LedgerCheck> {
  return check();
}
